"""Records of people: written twice they are written once; what contradicts them is refused."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from config.errors import Misconfigured, Rejected
from storage.people import (
    assign_device,
    put_device,
    put_enrolment,
    put_organisation,
    put_patient,
    put_pause,
    put_prescription,
    put_staff,
)
from tests.batches import a_patient
from tests.prescriptions import AEROBIC

JANUARY, MARCH = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)


def write_everything(conn):
    put_organisation(conn, kind="district", code="d", name="District")
    return [
        put_organisation(conn, kind="centre", code="east", name="East", parent="d"),
        put_staff(conn, organisation="east", code="dr", role="family_doctor", name="Dr"),
        put_patient(conn, pseudonym="p1", centre="east", family_doctor="dr"),
        enrolment := put_enrolment(
            conn, case_label="c1", patient="p1", mode="worn", starts_on=date(2026, 1, 5)
        ),
        put_prescription(conn, enrolment_id=enrolment, version=1, prescription=AEROBIC),
        put_pause(
            conn,
            case_label="c1",
            first_day=date(2026, 2, 9),
            until=date(2026, 2, 23),
            reason="holiday",
        ),
        put_device(conn, "AA"),
        assign_device(conn, device_key="AA", patient="p1", worn_from=JANUARY),
    ]


def test_what_is_written_again_is_the_same_record_and_changes_nothing(conn):
    first = write_everything(conn)
    conn.execute("DELETE FROM changed")

    assert write_everything(conn) == first
    assert conn.execute("SELECT count(*) FROM changed").fetchone() == (0,)


def test_a_new_name_is_taken_over(conn):
    organisation = put_organisation(conn, kind="centre", code="east", name="East")

    assert put_organisation(conn, kind="centre", code="east", name="Far East") == organisation
    assert conn.execute("SELECT name FROM organisation").fetchall() == [("Far East",)]


def test_a_new_version_ends_the_one_before_on_its_first_day(conn):
    enrolment = write_everything(conn)[3]
    later = replace(AEROBIC, effective_from=date(2026, 2, 2), session_min=40)

    put_prescription(conn, enrolment_id=enrolment, version=2, prescription=later)

    assert conn.execute(
        "SELECT lower(effective), upper(effective) FROM prescription ORDER BY version"
    ).fetchall() == [(date(2026, 1, 5), date(2026, 2, 2)), (date(2026, 2, 2), None)]
    assert put_prescription(conn, enrolment_id=enrolment, version=1, prescription=AEROBIC)


@pytest.mark.parametrize(
    "edit", [{"session_min": 31}, {"hr_max_bpm": None}, {"effective_from": date(2026, 1, 6)}]
)
def test_a_version_is_never_edited(conn, edit):
    enrolment = write_everything(conn)[3]

    with pytest.raises(Rejected, match="prescription_edited"):
        put_prescription(
            conn, enrolment_id=enrolment, version=1, prescription=replace(AEROBIC, **edit)
        )

    assert conn.execute("SELECT session_min, lower(effective) FROM prescription").fetchall() == [
        (30, date(2026, 1, 5))
    ]


def test_a_band_has_one_wearer_at_a_time(conn):
    a_patient(conn, "p1", "AA", worn_from=JANUARY, worn_until=MARCH)
    a_patient(conn, "p2")

    with pytest.raises(Rejected, match="ExclusionViolation"):
        assign_device(conn, device_key="AA", patient="p2", worn_from=JANUARY)

    assert assign_device(conn, device_key="AA", patient="p2", worn_from=MARCH)


def test_an_instant_without_a_zone_is_a_mistake_of_the_caller(conn):
    with pytest.raises(ValueError, match="zone"):
        assign_device(
            conn,
            device_key="AA",
            patient="p1",
            worn_from=datetime(2026, 1, 5),  # noqa: DTZ001 - this is the mistake
        )


def test_a_label_stays_with_its_person(conn):
    write_everything(conn)
    a_patient(conn, "p2")

    with pytest.raises(Rejected, match="case_of_another_person"):
        put_enrolment(conn, case_label="c1", patient="p2", mode="site", starts_on=date(2026, 1, 5))

    assert conn.execute("SELECT mode FROM enrolment").fetchall() == [("worn",)]


@pytest.mark.parametrize(
    "write",
    [
        lambda conn: put_organisation(conn, kind="centre", code="x", name="X", parent="nowhere"),
        lambda conn: put_staff(conn, organisation="nowhere", code="dr", role="operator", name="O"),
        lambda conn: put_patient(conn, pseudonym="p", centre="nowhere", family_doctor="dr"),
        lambda conn: put_enrolment(
            conn, case_label="c", patient="nobody", mode="worn", starts_on=date(2026, 1, 5)
        ),
        lambda conn: assign_device(conn, device_key="AA", patient="nobody", worn_from=None),
    ],
)
def test_an_unknown_name_is_said(conn, write):
    with pytest.raises(Misconfigured, match=r"no(where|body)"):
        write(conn)


def test_a_ceiling_stands_in_the_version_and_a_change_of_it_is_an_edit(conn):
    enrolment = write_everything(conn)[3]
    later = replace(
        AEROBIC, effective_from=MARCH.date(), ceiling_bpm=150, ceiling_source="prescribed"
    )
    put_prescription(conn, enrolment_id=enrolment, version=2, prescription=later)

    assert conn.execute(
        "SELECT version, ceiling_bpm, ceiling_source FROM prescription ORDER BY version"
    ).fetchall() == [(1, None, None), (2, 150, "prescribed")]
    with pytest.raises(Rejected, match="prescription_edited"):
        put_prescription(
            conn, enrolment_id=enrolment, version=2, prescription=replace(later, ceiling_bpm=151)
        )


@pytest.mark.parametrize(
    "terms",
    [
        {"ceiling_bpm": 150},
        {"ceiling_source": "default"},
        {"ceiling_bpm": 0, "ceiling_source": "default"},
        {"ceiling_bpm": 150, "ceiling_source": "guessed"},
    ],
)
def test_a_ceiling_without_its_source_is_refused(conn, terms):
    enrolment = write_everything(conn)[3]
    later = replace(AEROBIC, effective_from=MARCH.date(), **terms)

    with pytest.raises(Rejected, match="database_refused"):
        put_prescription(conn, enrolment_id=enrolment, version=2, prescription=later)


def test_a_family_is_kept_until_another_is_said(conn):
    def family():
        return conn.execute("SELECT family FROM device WHERE device_key = 'BB'").fetchone()[0]

    put_device(conn, "BB")
    assert family() is None
    device = put_device(conn, "BB", "hrs")
    assert put_device(conn, "BB") == device
    assert family() == "hrs"
    put_device(conn, "BB", "veepoo")
    assert family() == "veepoo"


def test_a_band_in_other_letters_is_no_second_band(conn):
    put_device(conn, "AA:BB:CC:00:11:EE")

    with pytest.raises(Misconfigured, match="known as AA:BB:CC:00:11:EE"):
        put_device(conn, "aa:bb:cc:00:11:ee", "hrs")

    assert conn.execute("SELECT count(*) FROM device").fetchone() == (1,)

"""Deleted readings of band memory: what repeats them stays a repeat, told before or afterwards."""

import random
import struct
from datetime import UTC, date, datetime, timedelta

import pytest

from reports.nightly.recompute import recompute
from storage.cold.drop import DROPPED
from storage.cold.drop import drop_day as drop_exported
from storage.cold.export import export_days
from storage.cold.verify import verify_days
from storage.database import working_as
from storage.memory import renew_repeats
from storage.retention import Policies, apply_policies, drop_day
from storage.roles import Role
from storage.said_before import said_byte
from tests.district import District, at, local_ms

DAY_MS = 86_400_000
FIRST = date(2026, 9, 3)
STAMPS = [local_ms("2026-09-03 10:00:00") + n * 5_000 for n in range(12 * 40)]
"""Forty minutes of exercise, by the band's own clock."""


@pytest.fixture
def district(conn):
    district = District(conn)
    patient = district.add_patient("p1")
    enrolment = district.enrol(patient, "p1", date(2026, 8, 31))
    district.prescribe(enrolment, date(2026, 8, 31))
    return district


def wear(district, since_ms=None):
    (patient,) = district.conn.execute("SELECT id FROM patient").fetchone()
    district.assign(district.add_device("band"), patient, since_ms)


def tell(district, days_later):
    """The same memory, by a clock that is so many days off."""
    told = [(stamp + days_later * DAY_MS, 120.0) for stamp in STAMPS]
    district.hear("band", heart_rate=told, stamps=STAMPS)
    came = at(told[-1][0]) + timedelta(days=1)
    district.conn.execute(
        "UPDATE batch SET committed_at = %s WHERE id = (SELECT max(id) FROM batch)", (came,)
    )


def tell_anything(district, day):
    now = local_ms(f"{day} 09:00:00")
    district.hear("band", heart_rate=[(now, 80.0)], stamps=[now])


def credited(conn):
    recompute(conn)
    return {
        str(day): minutes
        for day, minutes in conn.execute("SELECT date, credit_ms / 60000 FROM bout").fetchall()
    }


def purge(conn):
    never = Policies(
        compress_after_days=None, retain_readings_days=None, purge_unowned_after_days=30
    )
    return apply_policies(conn, never, now=datetime(2026, 10, 20, tzinfo=UTC), actor="nightly")


def test_a_session_of_nobodys_is_no_wearers_after_it_was_deleted(conn, district):
    wear(district, local_ms("2026-09-07 00:00:00"))
    tell(district, 0)
    recompute(conn)
    tell(district, 7)
    assert credited(conn) == {}

    assert purge(conn).purged_readings == len(STAMPS)
    tell_anything(district, "2026-10-21")

    assert credited(conn) == {}


def test_nor_is_it_where_the_band_tells_it_for_the_first_time_again(conn, district):
    wear(district, local_ms("2026-09-07 00:00:00"))
    tell(district, 0)
    recompute(conn)
    assert purge(conn).purged_readings == len(STAMPS)

    tell(district, 48)

    assert credited(conn) == {}


def test_a_session_counts_once_after_its_day_was_dropped(conn, district):
    wear(district)
    tell(district, 0)
    recompute(conn)
    tell(district, 7)
    assert credited(conn) == {"2026-09-03": 40}

    assert drop_day(conn, FIRST, actor="nightly")
    tell_anything(district, "2026-10-21")
    tell(district, 14)

    assert credited(conn) == {"2026-09-03": 40}


@pytest.mark.parametrize("stays", [True, False], ids=["files stay", "files are deleted too"])
def test_a_session_counts_once_after_its_day_left_for_files(conn, district, tmp_path, stays):
    wear(district)
    tell(district, 0)
    recompute(conn)
    tell(district, 7)
    assert credited(conn) == {"2026-09-03": 40}

    with working_as(conn, Role.CORE):
        list(export_days(conn, [FIRST], tmp_path / "archive", 1))
        assert all(seen.is_sound for seen in verify_days(conn))
    with working_as(conn, Role.CORE):
        assert drop_exported(conn, FIRST, nobody_days=30) == DROPPED
    if not stays:
        conn.execute("UPDATE dropped_day SET is_exported = false")
        conn.execute("DELETE FROM cold_part")
    tell_anything(district, "2026-10-21")
    tell(district, 14)

    assert credited(conn) == {"2026-09-03": 40}


def test_what_nobody_wore_on_a_day_that_left_for_files_is_known_again(conn, district, tmp_path):
    wear(district, local_ms("2026-09-03 12:00:00"))
    tell(district, 0)
    tell_anything(district, FIRST.replace(day=4))
    district.hear("band", heart_rate=[(local_ms("2026-09-03 13:00:00"), 80.0)])
    conn.execute("UPDATE batch SET committed_at = '2026-09-05'")
    recompute(conn)
    with working_as(conn, Role.CORE):
        list(export_days(conn, [FIRST], tmp_path / "archive", 1))
        assert all(seen.is_sound for seen in verify_days(conn))
    conn.execute("TRUNCATE unowned_span")
    with working_as(conn, Role.CORE):
        assert drop_exported(conn, FIRST, nobody_days=30) == DROPPED

    tell(district, 7)

    assert credited(conn) == {}


def test_what_came_later_than_the_deleted_ones_is_a_repeat_still(conn, district):
    wear(district, local_ms("2026-09-20 00:00:00"))
    tell(district, 0)
    recompute(conn)
    tell(district, 7)  # nobody's, and not yet due when the first is deleted
    conn.execute(
        "UPDATE batch SET committed_at = '2026-10-10' WHERE id = (SELECT max(id) FROM batch)"
    )
    assert credited(conn) == {}
    conn.execute("UPDATE unowned_span SET during = tstzrange(NULL, NULL)")

    assert purge(conn).purged_readings == len(STAMPS)
    conn.execute("UPDATE device_assignment SET worn = tstzrange('2026-09-07', NULL)")

    assert credited(conn) == {}


def test_what_was_found_before_deletions_were_kept_is_not_found_anew(conn, district):
    wear(district)
    tell(district, 7)
    conn.execute(
        "INSERT INTO said_again (reading_table, device_id, device_ts_ms, at, value, span_ms,"
        " is_settled) SELECT 'heart_rate', device_id, device_ts_ms, at, value, span_ms, true"
        " FROM heart_rate"
    )
    conn.execute("INSERT INTO clock_heard SELECT id, 0, 0 FROM device")

    assert credited(conn) == {}


def test_no_value_is_kept(conn, district):
    wear(district)
    tell(district, 0)

    drop_day(conn, FIRST, actor="nightly")

    rows = conn.execute("SELECT * FROM said_before").fetchall()
    assert len(rows) == 1
    (_id, _device, table, stamps, placed, _sealed, said) = rows[0]
    assert (table, stamps, [int(one.timestamp() * 1000) for one in placed]) == (
        "heart_rate",
        STAMPS,
        STAMPS,
    )
    assert len(said) == len(STAMPS)
    assert struct.pack(">d", 120.0) not in said


def test_the_database_and_the_program_know_a_value_by_the_same_byte(conn):
    dice = random.Random(24)
    readings = [
        (dice.randrange(-(2**63), 2**63), dice.choice([dice.uniform(-9e9, 9e9), 60.0]), number)
        for number in range(300)
    ]
    readings += [(0, 0.0, 0), (0, -0.0, 0), (-1, 1e308, 2**31 - 1)]

    stamps, values, spans = (list(column) for column in zip(*readings, strict=True))
    found = conn.execute(
        "SELECT get_byte(said_byte(stamp, value, span), 0)"
        " FROM unnest(%s::bigint[], %s::float8[], %s::int[]) AS a (stamp, value, span)",
        (stamps, values, spans),
    ).fetchall()

    assert [byte for (byte,) in found] == [said_byte(*one) for one in readings]


def test_nothing_is_kept_twice_of_what_stays(conn, district):
    wear(district)
    tell(district, 0)
    tell(district, 7)
    with conn.transaction():
        renew_repeats(conn)
    before = conn.execute("SELECT count(*) FROM said_again").fetchone()

    drop_day(conn, FIRST, actor="nightly")
    tell_anything(district, "2026-10-21")
    with conn.transaction():
        renew_repeats(conn)

    assert conn.execute("SELECT count(*) FROM said_again").fetchone() == before == (len(STAMPS),)

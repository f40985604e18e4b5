"""Prescriptions beyond one zone: what contradicts itself is refused, phases belong to a version."""

from dataclasses import replace
from datetime import date

import pytest

from config.errors import Rejected
from storage.people import Phase, phases_of, put_enrolment, put_prescription
from tests import prescriptions
from tests.batches import a_patient

WEDNESDAY = date(2026, 11, 4)
AEROBIC = replace(
    prescriptions.AEROBIC,
    effective_from=WEDNESDAY,
    frozen_on=WEDNESDAY,
    hr_max_bpm=160,
    rest_hr_bpm=60,
)
NOTHING_AEROBIC = dict.fromkeys(
    ("zone_lo", "zone_hi", "session_min", "sessions_per_week", "weekly_min")
)
WHOLE = replace(
    AEROBIC,
    day_adds_up=True,
    resistance_per_week=2,
    resistance_min=20,
    rest_days=1,
    balance_per_week=3,
    balance_min=10,
    steps_per_day=6_000,
    phases=(
        Phase(from_week=3, phase="progress", zone_lo=45, zone_hi=65, session_min=40),
        Phase(from_week=9, phase="hold", sessions_per_week=4, weekly_min=160),
    ),
)
"""At 40 % of the reserve the zone begins at 100 bpm."""


@pytest.fixture
def enrolment(conn):
    a_patient(conn, "p1")
    return put_enrolment(conn, case_label="c1", patient="p1", mode="worn", starts_on=WEDNESDAY)


def put(conn, enrolment, terms, version=1):
    return put_prescription(conn, enrolment_id=enrolment, version=version, prescription=terms)


def test_all_of_a_prescription_is_kept_and_written_again_it_changes_nothing(conn, enrolment):
    first = put(conn, enrolment, WHOLE)
    conn.execute("DELETE FROM changed")

    assert put(conn, enrolment, WHOLE) == first
    assert conn.execute("SELECT count(*) FROM changed").fetchone() == (0,)
    assert phases_of(conn, [first]) == {first: WHOLE.phases}


@pytest.mark.parametrize(
    "terms",
    [
        {"intensity_kind": "hr_max", "zone_lo": 64, "zone_hi": 76},
        {"intensity_kind": "bpm", "zone_lo": 95, "zone_hi": 115},
        {"intensity_kind": "rpe", "zone_lo": 11, "zone_hi": 14},
        {"intensity_kind": "rpe", "zone_lo": 6, "zone_hi": 20, "hr_max_bpm": None},
        {"ceiling_bpm": 101, "ceiling_source": "prescribed"},
        NOTHING_AEROBIC | {"resistance_per_week": 7},
        NOTHING_AEROBIC | {"resistance_per_week": 4, "rest_days": 1},
        NOTHING_AEROBIC | {"balance_per_week": 3},
        NOTHING_AEROBIC | {"steps_per_day": 5000, "ceiling_bpm": 140, "ceiling_source": "default"},
    ],
)
def test_what_may_be_prescribed(conn, enrolment, terms):
    assert put(conn, enrolment, replace(AEROBIC, **terms))


@pytest.mark.parametrize(
    ("terms", "constraint"),
    [
        ({"zone_lo": 60}, "zone_order"),
        ({"zone_lo": 61}, "zone_order"),
        ({"zone_hi": float("nan")}, "zone_order"),
        ({"zone_lo": 0}, "zone_lo_check"),
        ({"session_min": 0}, "session_min_check"),
        ({"weekly_min": float("inf")}, "amount"),
        ({"sessions_per_week": float("nan")}, "amount"),
        ({"weekly_min": None}, "aerobic_whole"),
        ({"zone_lo": None, "zone_hi": None}, "aerobic_whole"),
        (NOTHING_AEROBIC, "says_something"),
        (NOTHING_AEROBIC | {"steps_per_day": 1, "day_adds_up": True}, "adds_up_aerobic"),
        ({"intensity_kind": "watt"}, "intensity_kind_check"),
        ({"intensity_kind": "rpe", "zone_lo": 5, "zone_hi": 12}, "rpe_range"),
        ({"intensity_kind": "rpe", "zone_lo": 12, "zone_hi": 21}, "rpe_range"),
        ({"ceiling_bpm": 100, "ceiling_source": "prescribed"}, "ceiling_above_zone"),
        (
            {"intensity_kind": "hr_max", "ceiling_bpm": 64, "ceiling_source": "default"},
            "ceiling_above_zone",
        ),
        (
            {
                "intensity_kind": "bpm",
                "zone_lo": 95,
                "zone_hi": 115,
                "ceiling_bpm": 95,
                "ceiling_source": "default",
            },
            "ceiling_above_zone",
        ),
        ({"resistance_per_week": 0}, "resistance_per_week_check"),
        ({"resistance_per_week": 8}, "resistance_per_week_check"),
        ({"resistance_per_week": 2, "resistance_min": 0}, "resistance_min_check"),
        ({"resistance_min": 20}, "length_of_something"),
        ({"balance_min": 20}, "length_of_something"),
        ({"balance_per_week": float("nan")}, "balance_per_week_check"),
        ({"steps_per_day": 0}, "steps_per_day_check"),
        ({"steps_per_day": float("inf")}, "steps_per_day_check"),
        ({"rest_days": 1}, "rest_leaves_room"),
        ({"resistance_per_week": 2, "rest_days": -1}, "rest_days_check"),
        ({"resistance_per_week": 2, "rest_days": 7}, "rest_days_check"),
        ({"resistance_per_week": 5, "rest_days": 1}, "rest_leaves_room"),
        ({"resistance_per_week": 4, "rest_days": 2}, "rest_leaves_room"),
    ],
)
def test_what_contradicts_itself_is_refused_by_name(conn, enrolment, terms, constraint):
    with pytest.raises(Rejected, match=constraint):
        put(conn, enrolment, replace(AEROBIC, **terms))

    assert conn.execute("SELECT count(*) FROM prescription").fetchone() == (0,)


def phased(**figures):
    return (Phase(from_week=2, phase="progress", **figures),)


@pytest.mark.parametrize(
    ("terms", "constraint"),
    [
        ({"phases": phased(zone_lo=60)}, "phase_zone_order"),
        ({"phases": phased(zone_hi=40)}, "phase_zone_order"),
        ({"phases": phased(zone_lo=0)}, "phase_zone_lo_check"),
        ({"phases": phased(weekly_min=float("nan"))}, "weekly_min_check"),
        ({"phases": (Phase(from_week=0, phase="adapt"),)}, "from_week_check"),
        ({"phases": (Phase(from_week=2, phase="rest"),)}, "phase_check"),
        ({"phases": phased(session_min=20) * 2}, "pkey"),
        (NOTHING_AEROBIC | {"steps_per_day": 9, "phases": phased()}, "phase_of_nothing"),
        (
            {"intensity_kind": "rpe", "zone_lo": 11, "zone_hi": 13, "phases": phased(zone_hi=21)},
            "phase_rpe_range",
        ),
        (
            {"ceiling_bpm": 110, "ceiling_source": "prescribed", "phases": phased(zone_lo=50)},
            "phase_ceiling_above_zone",
        ),
        (
            {
                "intensity_kind": "hr_max",
                "ceiling_bpm": 80,
                "ceiling_source": "default",
                "phases": phased(zone_lo=50),
            },
            "phase_ceiling_above_zone",
        ),
        (
            {
                "intensity_kind": "bpm",
                "zone_lo": 95,
                "zone_hi": 130,
                "ceiling_bpm": 115,
                "ceiling_source": "default",
                "phases": phased(zone_lo=120),
            },
            "phase_ceiling_above_zone",
        ),
    ],
)
def test_a_phase_that_contradicts_its_version_leaves_neither(conn, enrolment, terms, constraint):
    with pytest.raises(Rejected, match=constraint):
        put(conn, enrolment, replace(AEROBIC, **terms))

    assert conn.execute("SELECT count(*) FROM prescription").fetchone() == (0,)


@pytest.mark.parametrize(
    "edit",
    [
        {"intensity_kind": "hr_max"},
        {"steps_per_day": None},
        {"rest_days": 0},
        {"phases": ()},
        {"phases": WHOLE.phases[:1]},
        {"phases": (replace(WHOLE.phases[0], zone_lo=46), WHOLE.phases[1])},
    ],
)
def test_no_part_of_a_version_is_ever_edited(conn, enrolment, edit):
    put(conn, enrolment, WHOLE)

    with pytest.raises(Rejected, match="prescription_edited"):
        put(conn, enrolment, replace(WHOLE, **edit))


def test_phases_are_not_added_to_a_version_that_stands(conn, enrolment):
    put(conn, enrolment, AEROBIC)

    with pytest.raises(Rejected, match="prescription_edited"):
        put(conn, enrolment, replace(AEROBIC, phases=WHOLE.phases))

    assert conn.execute("SELECT count(*) FROM prescription_phase").fetchone() == (0,)


def test_what_is_asked_on_which_days_is_said_phase_by_phase(conn, enrolment):
    """The programme starts on a Wednesday: its first week is the one of the Monday before."""
    first = put(conn, enrolment, WHOLE)
    second = put(conn, enrolment, replace(WHOLE, effective_from=date(2026, 11, 19)), version=2)

    rows = conn.execute(
        "SELECT prescription_id, lower(days), upper(days), phase, zone_lo, zone_hi, session_min,"
        " sessions_per_week, weekly_min FROM prescribed ORDER BY prescription_id, days"
    ).fetchall()

    third_week, ninth_week = date(2026, 11, 16), date(2026, 12, 28)
    changed = date(2026, 11, 19)
    assert rows == [
        (first, WEDNESDAY, third_week, None, 40, 60, 30, 3, 90),
        (first, third_week, changed, "progress", 45, 65, 40, 3, 90),
        (second, changed, ninth_week, "progress", 45, 65, 40, 3, 90),
        (second, ninth_week, None, "hold", 40, 60, 30, 4, 160),
    ]


def test_a_phase_marks_the_days_of_its_version(conn, enrolment):
    put(conn, enrolment, AEROBIC)
    conn.execute("DELETE FROM changed")

    for statement in (
        (
            "INSERT INTO prescription_phase (prescription_id, from_week, phase, session_min)"
            " SELECT id, 2, 'adapt', 20 FROM prescription"
        ),
        "UPDATE prescription_phase SET session_min = 25",
        "UPDATE prescription_phase SET session_min = 25",
        "DELETE FROM prescription_phase",
    ):
        conn.execute(statement)

    assert (
        conn.execute("SELECT lower(days), upper(days) FROM changed").fetchall()
        == [(WEDNESDAY, None)] * 3
    )

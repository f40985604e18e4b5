"""Weeks beyond one zone, by hand: what the log, the steps and the phases make of them at night."""

from datetime import date, timedelta

import pytest

from config.conventions import load_conventions
from reports.nightly.recompute import recompute
from reports.why import minutes_of_week
from storage.database import connect
from storage.people import put_staff
from storage.session_log import Session, correct_session, note_session
from tests.district import District, every, from_scratch, local_ms, results

MINUTE = 60_000
FIRST, SECOND = date(2026, 11, 2), date(2026, 11, 9)
"""Mondays; the day behind the second week is 2026-11-16."""
THROUGH = date(2026, 11, 15)
BY_RATING = {
    "intensity_kind": "rpe",
    "zone_lo": 11.0,
    "zone_hi": 14.0,
    "hr_max_bpm": None,
    "rest_hr_bpm": None,
}
NOT_AEROBIC = dict.fromkeys(
    (
        "zone_lo",
        "zone_hi",
        "session_min",
        "sessions_per_week",
        "weekly_min",
        "hr_max_bpm",
        "rest_hr_bpm",
    )
)


@pytest.fixture
def conn(database):
    with connect(database) as conn:
        yield conn


@pytest.fixture
def district(conn):
    district = District(conn)
    put_staff(conn, organisation="c1", code="coach", role="instructor", name="Coach")
    return district


def log(conn, enrolment, day, component, *, key=None, **said):
    session = Session(date=day, component=component, **said)
    return note_session(
        conn,
        enrolment_id=enrolment,
        entry_key=key or f"{enrolment} {day} {component}",
        session=session,
        noted_by="coach",
    )


def day(number):
    """Counted from the first Monday."""
    return FIRST + timedelta(days=number)


def exercise(district, name, number, minutes, bpm=120):
    start = local_ms(f"{day(number)} 09:00:00")
    district.hear(name, heart_rate=every(start, start + minutes * MINUTE, bpm))


def wear_all_day(district, name, number):
    """Ten hours at rest, from noon on: a valid day without a credit."""
    start = local_ms(f"{day(number)} 12:00:00")
    district.hear(name, heart_rate=every(start, start + 600 * MINUTE, 70, step_ms=MINUTE))


def walk(district, name, number, minutes):
    """A hundred steps a minute."""
    start = local_ms(f"{day(number)} 17:00:00")
    district.hear(name, steps=[(start + n * MINUTE, 100) for n in range(minutes)])


def week(conn, columns, monday=SECOND):
    return conn.execute(f"SELECT {columns} FROM week WHERE week = %s", (monday,)).fetchone()  # noqa: S608 - names of this file's own


PARTS = "aerobic_pct, resistance_pct, balance_pct, steps_pct"


def assert_as_from_scratch(conn):
    stored = results(conn)
    from_scratch(conn)
    recompute(conn, through=THROUGH)
    assert results(conn) == stored


@pytest.fixture
def all_four(conn, district):
    """Three sessions of aerobic work, resistance on Tuesday and Wednesday, balance, some steps."""
    enrolment = district.wear(
        "p1",
        resistance_per_week=2.0,
        resistance_min=20.0,
        rest_days=1,
        balance_per_week=2.0,
        steps_per_day=1_000.0,
    )
    for number in (7, 9, 11):
        exercise(district, "p1", number, 40)
    for number in (7, 8, 9, 10):
        wear_all_day(district, "p1", number)
    for number, minutes in ((7, 10), (8, 9), (9, 12), (12, 30)):
        walk(district, "p1", number, minutes)
    log(conn, enrolment, day(8), "resistance", minutes=25)
    log(conn, enrolment, day(9), "resistance", minutes=25)
    log(conn, enrolment, day(11), "resistance", minutes=15)
    log(conn, enrolment, day(7), "balance")
    log(conn, enrolment, day(10), "balance", minutes=5)
    log(conn, enrolment, day(11), "balance", attended=False)
    return enrolment


def test_a_week_is_as_good_as_the_part_done_least(conn, all_four):
    """Resistance: Wednesday is too soon after Tuesday, 15 minutes on Friday are too few: 1 of 2.
    Steps: Monday has 1,000 and counts, Tuesday 900; with Wednesday and Saturday 3 of 7 days."""
    recompute(conn, through=THROUGH)

    assert week(conn, PARTS) == (100, 50, 100, pytest.approx(300 / 7))
    assert week(conn, "adherence_pct, adherent, state, reason, valid_days, session_days") == (
        pytest.approx(300 / 7),
        False,
        "not_met",
        None,
        4,
        3,
    )
    assert week(conn, PARTS, FIRST) == (0, 0, 0, 0)
    assert_as_from_scratch(conn)


def test_a_late_entry_changes_its_week_and_no_other(conn, all_four):
    recompute(conn, through=THROUGH)
    before = results(conn)

    log(conn, all_four, day(11), "resistance", key="late", minutes=20)
    done = recompute(conn, through=THROUGH)

    assert (done.days, done.bouts, done.weeks) == (0, 0, 1)
    assert week(conn, PARTS)[:2] == (100, 100)
    assert results(conn)["week"][0] == before["week"][0]
    assert_as_from_scratch(conn)


def test_a_correction_changes_the_week_it_leaves_and_the_one_it_comes_to(conn, all_four):
    entry = log(conn, all_four, day(3), "resistance", key="one", minutes=20)
    recompute(conn, through=THROUGH)
    assert (week(conn, PARTS, FIRST)[1], week(conn, PARTS)[1]) == (50, 50)

    right = Session(date=day(13), component="resistance", minutes=20)
    correct_session(
        conn,
        entry_key=entry.entry_key,
        revision=1,
        session=right,
        reason="it was the week after",
        noted_by="coach",
    )
    done = recompute(conn, through=THROUGH)

    assert done.weeks == 2
    assert (week(conn, PARTS, FIRST)[1], week(conn, PARTS)[1]) == (0, 100)
    correct_session(
        conn, entry_key="one", revision=2, session=None, reason="nobody came", noted_by="coach"
    )
    recompute(conn, through=THROUGH)
    assert week(conn, PARTS)[1] == 50
    assert_as_from_scratch(conn)


def test_who_wrote_it_and_who_was_there_decide_nothing(conn, all_four):
    recompute(conn, through=THROUGH)

    entry = log(conn, all_four, day(8), "resistance", minutes=25)
    with_coach = Session(date=day(8), component="resistance", minutes=25, supervised_by="coach")
    correct_session(
        conn,
        entry_key=entry.entry_key,
        revision=1,
        session=with_coach,
        reason="the coach was there",
        noted_by="coach",
    )

    assert recompute(conn, through=THROUGH).weeks == 0


def test_under_a_rating_the_log_alone_decides(conn, district):
    """Wednesday was too hard; 24 of 30 minutes on Friday are enough. Two of three days, 54 of 90
    minutes; the band counts nothing, and none need have been worn."""
    enrolment = district.wear("p1", **BY_RATING)
    conn.execute("DELETE FROM device_assignment")
    log(conn, enrolment, day(7), "aerobic", minutes=30, rpe=11)
    log(conn, enrolment, day(9), "aerobic", minutes=30, rpe=15)
    log(conn, enrolment, day(11), "aerobic", minutes=24, rpe=14)

    recompute(conn, through=THROUGH)

    figures = "complete_sessions, session_days, bout_credit_min, attendance, rdi, aerobic_pct"
    assert week(conn, figures) == (2, 2, 54, pytest.approx(2 / 3), 0.6, 60)
    assert week(conn, "adherence_pct, state, reason") == (60, "not_met", None)
    assert week(conn, "adherence_pct, state, reason", FIRST) == (
        0,
        "cannot_judge",
        "rpe_without_log",
    )
    log(conn, enrolment, day(13), "aerobic", minutes=30, rpe=13)
    recompute(conn, through=THROUGH)
    assert week(conn, "adherence_pct, state") == (pytest.approx(100 * 84 / 90), "met")
    assert_as_from_scratch(conn)


def test_an_absence_that_is_noted_is_a_log(conn, district):
    enrolment = district.wear("p1", **BY_RATING)
    log(conn, enrolment, day(2), "aerobic", attended=False)

    recompute(conn, through=THROUGH)

    assert week(conn, "session_days, state, reason", FIRST) == (0, "not_met", None)


def test_under_a_rating_heart_rate_is_worn_and_credits_nothing(conn, district):
    district.wear("p1", **BY_RATING)
    exercise(district, "p1", 7, 40)
    district.wear("p2", **BY_RATING | {"hr_max_bpm": 170.0, "rest_hr_bpm": 60.0})
    exercise(district, "p2", 7, 40)

    recompute(conn, through=THROUGH)

    wear_ms = 40 * MINUTE + 55_000
    assert (
        conn.execute(
            "SELECT wear_ms, credit_ms, above_ms FROM day ORDER BY enrolment_id"
        ).fetchall()
        == [(wear_ms, 0, 0)] * 2
    )
    assert conn.execute("SELECT count(*) FROM bout").fetchone() == (0,)


def test_steps_alone_are_counted_without_any_heart_rate(conn, district):
    district.wear("p1", **NOT_AEROBIC, steps_per_day=1_000.0)
    for number in range(7, 13):
        walk(district, "p1", number, 10)

    recompute(conn, through=THROUGH)

    assert week(conn, PARTS) == (None, None, None, pytest.approx(600 / 7))
    assert week(conn, "attendance, rdi, volume, adherence_pct, state") == (
        None,
        None,
        None,
        pytest.approx(600 / 7),
        "met",
    )
    assert_as_from_scratch(conn)


def test_resistance_alone_needs_no_band_but_a_log(conn, district):
    enrolment = district.wear("p1", **NOT_AEROBIC, resistance_per_week=2.0)
    conn.execute("DELETE FROM device_assignment")
    log(conn, enrolment, day(8), "resistance")

    recompute(conn, through=THROUGH)

    assert week(conn, "adherence_pct, state, reason") == (50, "not_met", None)
    assert week(conn, "state, reason", FIRST) == ("cannot_judge", "rpe_without_log")


@pytest.mark.parametrize(
    ("written", "is_in_zone"),
    [
        ({"intensity_kind": "hr_max", "zone_lo": 70.0, "zone_hi": 80.0}, True),
        ({"intensity_kind": "hr_max", "zone_lo": 71.0, "zone_hi": 80.0}, False),
        ({"intensity_kind": "bpm", "zone_lo": 118.0, "zone_hi": 119.0}, True),
        ({"intensity_kind": "bpm", "zone_lo": 119.0, "zone_hi": 136.0}, False),
        ({"zone_lo": 53.0, "zone_hi": 69.0}, True),
        ({"zone_lo": 54.0, "zone_hi": 69.0}, False),
    ],
)
def test_a_zone_counts_as_it_is_written(conn, district, written, is_in_zone):
    """118.5 bpm: 70 % of 169 bpm are 118.3; of the reserve above 60, 53 % begin at 117.77."""
    district.wear("p1", hr_max_bpm=169.0, **written)
    exercise(district, "p1", 7, 20, bpm=118.5)

    recompute(conn, through=THROUGH)

    credit_ms = 20 * MINUTE + 55_000 if is_in_zone else 0
    assert conn.execute("SELECT credit_ms FROM day").fetchall() == [(credit_ms,)]


def test_credit_ends_at_a_ceiling_in_the_zone_which_then_is_a_part_of_the_evidence(conn, district):
    ceilings = {"p1": None, "p2": 150.0, "p3": 120.0}
    for name, ceiling in ceilings.items():
        said = {} if ceiling is None else {"ceiling_bpm": ceiling, "ceiling_source": "prescribed"}
        district.wear(name, hr_max_bpm=160.0, rest_hr_bpm=60.0, zone_lo=40.0, zone_hi=85.0, **said)
        exercise(district, name, 7, 20, bpm=135)

    recompute(conn, through=THROUGH)

    days = conn.execute("SELECT credit_ms, above_ms, input_sha256 FROM day ORDER BY enrolment_id")
    (free, *without), (above_zone, *above), (in_zone, *within) = days.fetchall()
    assert (free, above_zone, in_zone) == (20 * MINUTE + 55_000, 20 * MINUTE + 55_000, 0)
    assert within[0] == 20 * MINUTE + 55_000
    assert without == above
    assert within[1] != without[1]
    credited = week(conn, "array_agg(bout_credit_min > 0 ORDER BY enrolment_id)")
    assert credited == ([True, True, False],)


def test_a_phase_asks_something_else_from_its_monday_on(conn, district):
    """From the second week on the zone begins at 115 bpm instead of 104, a session has 20 minutes
    and a week 40. At 110 bpm Sunday counts and Monday does not; 18 minutes at 120 bpm are a session
    of the second week only."""
    enrolment = district.wear("p1", starts_on=date(2026, 11, 4))
    conn.execute(
        "INSERT INTO prescription_phase (prescription_id, from_week, phase, zone_lo, session_min,"
        " sessions_per_week, weekly_min)"
        " SELECT id, 2, 'progress', 50, 20, 2, 40 FROM prescription WHERE enrolment_id = %s",
        (enrolment,),
    )
    sunday_night = local_ms(f"{SECOND} 00:00:00")
    district.hear(
        "p1",
        heart_rate=every(sunday_night - 30 * MINUTE, sunday_night + 30 * MINUTE, 110),
    )
    exercise(district, "p1", 3, 18)
    for number in (8, 10):
        exercise(district, "p1", number, 18)

    recompute(conn, through=THROUGH)

    assert conn.execute("SELECT date, credit_ms FROM day ORDER BY date").fetchall() == [
        (day(3), 18 * MINUTE + 55_000),
        (day(6), 30 * MINUTE),
        (day(7), 0),
        (day(8), 18 * MINUTE + 55_000),
        (day(10), 18 * MINUTE + 55_000),
    ]
    assert conn.execute("SELECT date, complete FROM bout ORDER BY date").fetchall() == [
        (day(3), False),
        (day(6), True),
        (day(8), True),
        (day(10), True),
    ]
    weeks = conn.execute(
        "SELECT session_days, attendance, rdi, adherent, prescription_id FROM week ORDER BY week"
    ).fetchall()
    (prescription,) = conn.execute("SELECT id FROM prescription").fetchone()
    in_zone = 2 * (18 + 55 / 60)
    assert weeks == [
        (1, pytest.approx(1 / 3), pytest.approx((48 + 55 / 60) / 90), False, prescription),
        (2, 1, pytest.approx(in_zone / 40), True, prescription),
    ]
    asked = minutes_of_week(conn, enrolment, SECOND).week
    assert (asked.phase, asked.zone_lo, asked.session_min, asked.weekly_min) == (
        "progress",
        50,
        20,
        40,
    )
    assert_as_from_scratch(conn)


def test_a_day_that_adds_up_is_a_session_day(conn, district):
    district.wear("p1", day_adds_up=True)
    for hour in (9, 15):
        start = local_ms(f"{SECOND} {hour:02}:00:00")
        district.hear("p1", heart_rate=every(start, start + 15 * MINUTE, 120))

    recompute(conn, through=THROUGH)

    assert week(conn, "complete_sessions, session_days") == (0, 1)


def verdicts(why):
    return [(one.date, one.component, one.verdict) for one in why.logged]


def test_why_names_the_parts_that_held_the_week_back_and_what_became_of_each_entry(conn, all_four):
    log(conn, all_four, day(8), "resistance", key="again", minutes=30)
    wrong = log(conn, all_four, day(13), "balance", key="wrong", minutes=30)
    correct_session(
        conn,
        entry_key=wrong.entry_key,
        revision=1,
        session=None,
        reason="another person",
        noted_by="coach",
    )
    recompute(conn, through=THROUGH)

    why = minutes_of_week(conn, all_four, SECOND)

    assert why.held_back_by == ("steps", "resistance")
    assert [(part.name, part.asked, part.asked_min, part.is_below) for part in why.parts] == [
        ("aerobic", 3, 30, False),
        ("resistance", 2, 20, True),
        ("balance", 2, None, False),
        ("steps", 1_000, None, True),
    ]
    assert verdicts(why) == [
        (day(7), "balance", "counts"),
        (day(8), "resistance", "counts"),
        (day(8), "resistance", "same_day"),
        (day(9), "resistance", "too_soon"),
        (day(10), "balance", "counts"),
        (day(11), "resistance", "too_short"),
        (day(11), "balance", "absent"),
    ]
    counted = [one for one in why.logged if one.verdict == "counts"]
    assert 100 * len([one for one in counted if one.component == "resistance"]) / 2 == (
        why.week.resistance_pct
    )
    assert why.agrees


def test_why_says_it_of_a_rating_and_of_what_no_part_asks_for(conn, district):
    enrolment = district.wear("p1", **BY_RATING)
    log(conn, enrolment, day(7), "aerobic", minutes=30, rpe=14)
    log(conn, enrolment, day(8), "aerobic", minutes=30, rpe=14.5)
    log(conn, enrolment, day(9), "aerobic", rpe=12)
    log(conn, enrolment, day(10), "resistance", minutes=30)
    log(conn, enrolment, day(13), "aerobic", minutes=30, rpe=12)
    recompute(conn, through=day(12))

    why = minutes_of_week(conn, enrolment, SECOND)

    assert [one.verdict for one in why.logged] == [
        "counts",
        "outside_rating",
        "too_short",
        "not_asked",
        "not_yet",
    ]
    assert why.held_back_by == ("aerobic",)


def test_a_week_that_is_met_was_held_back_by_nothing(conn, district):
    enrolment = district.wear("p1", **NOT_AEROBIC, balance_per_week=1.0)
    log(conn, enrolment, day(7), "balance")
    recompute(conn, through=THROUGH)

    why = minutes_of_week(conn, enrolment, SECOND)

    assert (why.week.state, why.held_back_by, why.sessions) == ("met", (), ())
    assert [part.name for part in why.parts] == ["balance"]


DAYS = ("54a3699247ed1efc", "549407bde466d8f5", "54a3699247ed1efc", "6a8e2881aba09ed0")
BOUTS = ("c3cb3f1977c0c656", "ba7915c8cc55a4ff")
WEEKS = (
    "a5873a67c6f839f8",
    "0426ace6e58d49aa",
    "f057f0140eef5f36",
    "d6fc9a56e4dcbfc6",
    "d1ba81fca151fad0",
)
"""What stood beside these figures before prescriptions could say more than one zone."""


def test_figures_that_use_nothing_of_it_stay_the_same_to_the_last_bit_of_their_hash(conn, district):
    district.wear("p1")
    district.wear("p2", mode="site", starts_on=SECOND)
    start = local_ms("2026-11-10 23:40:00")
    steps = [(start + n * MINUTE, 110) for n in range(10)]
    for name in ("p1", "p2"):
        district.hear(name, heart_rate=every(start, start + 40 * MINUTE, 120), steps=steps)
    (enrolment,) = conn.execute("SELECT id FROM enrolment WHERE case_label = 'p2'").fetchone()
    conn.execute(
        "UPDATE prescription SET effective = daterange(lower(effective), '2026-11-11')"
        " WHERE enrolment_id = %s",
        (enrolment,),
    )
    district.prescribe(enrolment, date(2026, 11, 11), version=2, zone_lo=50.0, session_min=20.0)
    # A log that no prescription asks for changes nothing either.
    log(conn, enrolment, date(2026, 11, 10), "resistance", minutes=30)

    recompute(conn, through=date(2026, 11, 18))

    for statement, expected in (
        ("SELECT input_sha256 FROM day ORDER BY enrolment_id, date", DAYS),
        ("SELECT input_sha256 FROM bout ORDER BY enrolment_id, date", BOUTS),
        ("SELECT input_sha256 FROM week ORDER BY enrolment_id, week", WEEKS),
    ):
        found = [row[0].hex()[:16] for row in conn.execute(statement)]
        assert found == list(expected)
    assert load_conventions().version == "c1"

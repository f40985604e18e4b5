"""Why a week is what it is: minutes that add up to the stored figures, and the batches behind."""

from datetime import date, timedelta

import polars as pl
import pytest

from reports.nightly.recompute import recompute
from reports.why import minutes_of_week
from storage.database import connect
from tests.district import District, every, local_ms

MINUTE = 60_000
WEEK = date(2026, 11, 9)
TUESDAY = local_ms("2026-11-10 09:00:00")
SUNDAY_NIGHT = local_ms("2026-11-15 23:50:00")


@pytest.fixture
def conn(database):
    with connect(database) as conn:
        yield conn


@pytest.fixture
def district(conn):
    return District(conn)


def of_day(why, text):
    return next(day for day in why.days if day.date == date.fromisoformat(text))


def stored_day(conn, day):
    return conn.execute(
        "SELECT credit_ms, above_ms, wear_ms FROM day WHERE date = %s", (day,)
    ).fetchone()


def test_every_minute_of_the_week_is_told_and_adds_up_to_the_stored_figures(conn, district):
    enrolment = district.wear("p1")
    district.hear(
        "p1",
        heart_rate=[
            *every(TUESDAY - 5 * MINUTE, TUESDAY, 90),
            *every(TUESDAY, TUESDAY + 30 * MINUTE, 120),
            *every(TUESDAY + 30 * MINUTE, TUESDAY + 33 * MINUTE, 149),
            *every(TUESDAY + 33 * MINUTE, TUESDAY + 35 * MINUTE, 165),
            *every(TUESDAY + 60 * MINUTE, TUESDAY + 65 * MINUTE, 120),
        ],
    )
    recompute(conn, through=date(2026, 11, 15))

    why = minutes_of_week(conn, enrolment, WEEK)

    assert why.minutes.height == 7 * 1440
    day = of_day(why, "2026-11-10")
    assert (day.credit_ms, day.above_ms, day.wear_ms) == stored_day(conn, day.date)
    assert sum(day.spans_ms.values()) == 24 * 60 * MINUTE
    assert day.spans_ms["below"] == 5 * MINUTE
    assert day.spans_ms["short"] == 5 * MINUTE + 55_000
    assert [(run.reason, run.minutes) for run in day.runs[1:-1]] == [
        ("below", 5),
        ("credited", 33),
        ("above", 3),
        ("no_data", 24),
        ("short", 6),
    ]
    assert why.bout_credit_ms == why.week.bout_credit_min * MINUTE == 33 * MINUTE
    assert [(s.complete, s.counted) for s in why.sessions] == [(True, True)]
    assert (why.week.complete_sessions, why.week.valid_days) == (1, 0)
    assert why.week.wear_min * MINUTE == day.wear_ms
    assert [s.effort_ms for s in why.short_efforts] == [5 * MINUTE + 55_000]
    assert why.agrees


def test_a_bout_over_the_weeks_end_belongs_to_the_week_it_starts_in(conn, district):
    enrolment = district.wear("p1")
    district.hear("p1", heart_rate=every(SUNDAY_NIGHT, SUNDAY_NIGHT + 40 * MINUTE, 120))
    recompute(conn, through=date(2026, 11, 22))

    first, second = (
        minutes_of_week(conn, enrolment, WEEK + timedelta(days=days)) for days in (0, 7)
    )

    assert first.week.bout_credit_min * MINUTE == first.bout_credit_ms == 40 * MINUTE + 55_000
    assert first.minutes.height == 7 * 1440 + 31
    assert of_day(first, "2026-11-15").credit_ms == 10 * MINUTE
    assert (second.bout_credit_ms, second.sessions) == (0, ())
    assert second.minutes.height == 7 * 1440
    assert of_day(second, "2026-11-16").credit_ms == 30 * MINUTE + 55_000
    assert first.agrees
    assert second.agrees


def test_the_batches_behind_a_session_are_named_with_their_hash(conn, district):
    enrolment = district.wear("p1")
    district.hear("p1", heart_rate=every(TUESDAY, TUESDAY + 20 * MINUTE, 120))
    district.hear("p1", heart_rate=every(TUESDAY + 20 * MINUTE, TUESDAY + 40 * MINUTE, 120))
    district.hear("p1", heart_rate=[(TUESDAY + 1440 * MINUTE, 70)])
    district.hear("other", heart_rate=every(TUESDAY, TUESDAY + 20 * MINUTE, 120))
    recompute(conn, through=date(2026, 11, 15))

    why = minutes_of_week(conn, enrolment, WEEK)

    assert [(b.centre, b.gateway, b.seq, b.heart_rates) for b in why.batches] == [
        ("c1", "g1", 0, 240),
        ("c1", "g1", 1, 240),
        ("c1", "g1", 2, 1),
    ]
    assert [(b.seq, b.step_counts) for b in why.sessions[0].batches] == [(0, 0), (1, 0)]
    assert all(b.committed_at.tzinfo is not None for b in why.batches)
    stored = conn.execute("SELECT encode(content_sha256, 'hex') FROM batch ORDER BY id").fetchall()
    assert [b.content_sha256 for b in why.batches] == [row[0] for row in stored[:3]]


def test_missing_time_says_why_where_somebody_knows(conn, district):
    patient = district.add_patient("p1")
    enrolment = district.enrol(patient, "p1", date(2026, 11, 2))
    district.prescribe(enrolment, date(2026, 11, 2))
    district.assign(district.add_device("p1"), patient, TUESDAY, TUESDAY + 120 * MINUTE)
    conn.execute(
        "INSERT INTO gateway_outage (gateway_id, during, reason) VALUES (%s, %s, 'power')",
        (district.gateway, "[2026-11-10 01:30:00+00, 2026-11-10 02:00:00+00)"),
    )
    district.hear("p1", heart_rate=[(TUESDAY + 5 * MINUTE, 0)], flags=1)
    recompute(conn, through=date(2026, 11, 15))

    why = minutes_of_week(conn, enrolment, WEEK)

    told = dict(why.minutes.group_by("reason").len().iter_rows())
    assert told == {
        "no_band": 7 * 1440 - 120,
        "unworn": 1,
        "outage": 30,
        "no_data": 120 - 30 - 1,
    }


def test_heart_rate_before_the_prescription_counts_for_nothing_and_is_not_missing(conn, district):
    enrolment = district.wear("p1", starts_on=date(2026, 11, 11))
    district.hear("p1", heart_rate=every(TUESDAY, TUESDAY + 40 * MINUTE, 120))
    recompute(conn, through=date(2026, 11, 15))

    why = minutes_of_week(conn, enrolment, WEEK)

    assert of_day(why, "2026-11-10").spans_ms["unjudged"] == 40 * MINUTE + 55_000
    assert of_day(why, "2026-11-10").wear_ms == 0
    assert why.agrees


def test_readings_that_came_after_the_night_are_said_to_disagree(conn, district):
    enrolment = district.wear("p1")
    district.hear("p1", heart_rate=every(TUESDAY, TUESDAY + 40 * MINUTE, 120))
    recompute(conn, through=date(2026, 11, 15))
    district.hear("p1", heart_rate=[(TUESDAY + 400 * MINUTE, 70)])

    why = minutes_of_week(conn, enrolment, WEEK)

    assert not why.agrees
    assert [day.date for day in why.days if not day.agrees] == [date(2026, 11, 10)]
    recompute(conn)
    assert minutes_of_week(conn, enrolment, WEEK).agrees


def test_a_week_without_a_row_is_none(conn, district):
    assert minutes_of_week(conn, district.wear("p1"), WEEK) is None


def test_the_caller_may_read_within_a_transaction_of_its_own(conn, district):
    enrolment = district.wear("p1")
    recompute(conn, through=date(2026, 11, 15))

    with conn.transaction():
        why = minutes_of_week(conn, enrolment, WEEK)

    assert why.minutes["reason"].unique().to_list() == ["no_data"]
    assert why.minutes.schema["at"] == pl.Datetime("ms", "UTC")


def test_the_steps_in_a_session_are_counted(conn, district):
    enrolment = district.wear("p1")
    district.hear(
        "p1",
        heart_rate=every(TUESDAY, TUESDAY + 40 * MINUTE, 120),
        steps=[(TUESDAY + n * MINUTE, 0 if n < 10 else 100) for n in range(30)],
    )
    recompute(conn, through=date(2026, 11, 15))

    why = minutes_of_week(conn, enrolment, WEEK)

    session = why.sessions[0]
    assert (session.min_counted, session.min_zero, session.min_walk) == (30, 10, 20)
    assert why.minutes["steps"].drop_nulls().len() == 30

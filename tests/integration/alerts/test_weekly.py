"""Weeks far below the prescription: one alert a patient, open only while it is true."""

from datetime import date, timedelta

import pytest

from alerts.lifecycle import acknowledge, close
from alerts.listing import deliveries, history, one, work_list
from alerts.weekly import Judged, judge_weeks
from config.alert_rules import load_alert_rules
from tests.district import at, local_ms

RULES = load_alert_rules()
TODAY = date(2026, 11, 18)
"""A Wednesday."""
LAST = date(2026, 11, 9)
"""The Monday of the last finished week."""
WEEK = timedelta(days=7)


@pytest.fixture
def enrolment(district):
    return district.wear("p1", starts_on=date(2026, 6, 1))


def put_week(conn, enrolment, week, state="not_met", pct=20.0, *, counted=6):
    conn.execute(
        "INSERT INTO week (enrolment_id, week, prescription_id, wear_min, valid_days, valid_week,"
        " bouts, complete_sessions, session_days, bout_credit_min, all_credit_min, above_min,"
        " mod_eq_min, attendance, rdi, volume, adherent, adherence_pct, state, reason,"
        " method_version, input_sha256, counted_to)"
        " SELECT %(enrolment)s, %(week)s, id, 0, 7, true, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, false,"
        " %(pct)s, %(state)s, %(reason)s, 'c1', '', %(week)s::date + %(counted)s::integer"
        " FROM prescription WHERE enrolment_id = %(enrolment)s"
        " ON CONFLICT (enrolment_id, week) DO UPDATE SET state = excluded.state,"
        " adherence_pct = excluded.adherence_pct, reason = excluded.reason,"
        " counted_to = excluded.counted_to",
        {
            "enrolment": enrolment,
            "week": week,
            "pct": pct,
            "state": state,
            "reason": "not_worn" if state == "cannot_judge" else None,
            "counted": counted,
        },
    )


def judge(conn, today=TODAY):
    first = judge_weeks(conn, RULES, today)
    assert judge_weeks(conn, RULES, today) == Judged()
    return first


def alerts(conn, district):
    return work_list(conn, district.doctor)


def test_a_low_week_goes_to_the_work_list_and_to_no_telephone(conn, district, enrolment):
    put_week(conn, enrolment, LAST)
    assert judge(conn) == Judged(opened=1, added=1)
    (alert,) = alerts(conn, district)
    assert (alert.tier, alert.rule, alert.direction, alert.week) == (
        "blue",
        "week_low",
        "low",
        LAST,
    )
    assert alert.onset_at == at(local_ms("2026-11-09 00:00:00"))
    assert alert.raised_at == at(local_ms("2026-11-16 00:00:00"))
    assert (alert.paged, alert.nobody_to_tell, deliveries(conn, alert.id)) == (False, False, [])


@pytest.mark.parametrize(
    ("state", "pct", "week", "counted"),
    [
        ("cannot_judge", 0.0, LAST, 6),
        ("met", 100.0, LAST, 6),
        ("not_met", 50.0, LAST, 6),
        ("not_met", 0.0, LAST + WEEK, 2),
        ("not_met", 0.0, LAST, 3),
        ("not_met", 0.0, LAST - 5 * WEEK, 6),
    ],
    ids=["cannot judge", "met", "half", "running", "not yet counted to its end", "too long ago"],
)
def test_other_weeks_raise_nothing(conn, district, enrolment, state, pct, week, counted):
    put_week(conn, enrolment, week, state, pct, counted=counted)
    assert judge(conn) == Judged()


def test_more_low_weeks_of_a_patient_are_one_alert(conn, district, enrolment):
    put_week(conn, enrolment, LAST)
    judge(conn)
    put_week(conn, enrolment, LAST - WEEK)
    second = district.enrol(
        district.one("SELECT id FROM patient"), "p1-b", date(2026, 6, 1), mode="site"
    )
    district.prescribe(second, date(2026, 6, 1))
    put_week(conn, second, LAST, "met", 100.0)
    put_week(conn, second, LAST - 2 * WEEK)
    assert judge(conn) == Judged(added=2)
    (alert,) = alerts(conn, district)
    assert (alert.occurrences, alert.week) == (3, LAST)
    assert alert.onset_at == at(local_ms("2026-10-26 00:00:00"))


def test_late_data_that_meets_the_week_closes_the_alert_by_itself(conn, district, enrolment):
    for week in (LAST, LAST - WEEK):
        put_week(conn, enrolment, week)
    judge(conn)
    (alert,) = alerts(conn, district)
    put_week(conn, enrolment, LAST - WEEK, "not_met", 60.0)
    assert judge(conn) == Judged()
    assert alerts(conn, district)[0].occurrences == 1
    put_week(conn, enrolment, LAST, "met", 100.0)
    assert judge(conn) == Judged(closed=1)
    closed = one(conn, district.doctor, alert.id)
    assert (closed.state, closed.closed_itself, closed.outcome) == ("closed", True, None)

    put_week(conn, enrolment, LAST)  # and back: it opens no second alert
    assert judge(conn) == Judged(added=1)
    (again,) = alerts(conn, district)
    assert (again.id, again.occurrences) == (alert.id, 1)
    assert [entry.kind for entry in history(conn, alert.id)] == [
        "raised",
        "repeated",
        "closed_itself",
        "repeated",
        "reopened",
    ]


@pytest.mark.parametrize(("state", "pct"), [("met", 100.0), ("not_met", 50.0)])
def test_a_later_week_that_is_well_again_closes_the_alert(conn, district, enrolment, state, pct):
    put_week(conn, enrolment, LAST - WEEK)
    assert judge(conn) == Judged(opened=1, added=1)

    put_week(conn, enrolment, LAST, state, pct)

    assert judge(conn) == Judged(closed=1)
    assert alerts(conn, district) == []


def test_a_later_week_that_cannot_be_judged_closes_nothing(conn, district, enrolment):
    put_week(conn, enrolment, LAST - WEEK)
    put_week(conn, enrolment, LAST, "cannot_judge", 0.0)

    assert judge(conn) == Judged(opened=1, added=1)


def test_low_weeks_before_one_that_was_well_raise_nothing(conn, district, enrolment):
    put_week(conn, enrolment, LAST - 2 * WEEK)
    put_week(conn, enrolment, LAST - WEEK, "met", 90.0)
    put_week(conn, enrolment, LAST)

    assert judge(conn) == Judged(opened=1, added=1)
    assert alerts(conn, district)[0].occurrences == 1


def test_a_week_that_is_gone_is_not_low(conn, district, enrolment):
    put_week(conn, enrolment, LAST)
    judge(conn)
    conn.execute("DELETE FROM week")
    assert judge(conn) == Judged(closed=1)


def test_what_a_person_has_closed_is_not_raised_again_for_the_same_week(conn, district, enrolment):
    put_week(conn, enrolment, LAST)
    judge(conn)
    (alert,) = alerts(conn, district)
    close(conn, alert.id, district.doctor, "called")
    for state, pct in (("met", 100.0), ("not_met", 10.0)):
        put_week(conn, enrolment, LAST, state, pct)
        assert judge(conn) == Judged()
    assert alerts(conn, district) == []

    put_week(conn, enrolment, LAST + WEEK)
    assert judge(conn, TODAY + WEEK) == Judged(opened=1, added=1)


def test_another_low_week_brings_an_acknowledged_alert_back(conn, district, enrolment):
    put_week(conn, enrolment, LAST)
    judge(conn)
    (alert,) = alerts(conn, district)
    acknowledge(conn, alert.id, district.doctor)
    assert judge(conn) == Judged()
    put_week(conn, enrolment, LAST + WEEK)
    assert judge(conn, TODAY + WEEK) == Judged(added=1)
    (again,) = alerts(conn, district)
    assert (again.id, again.state, again.occurrences) == (alert.id, "open", 2)

"""An alert is acknowledged and closed by somebody who looks after the patient, nobody else."""

import psycopg
import pytest

from alerts.lifecycle import LONGEST_REASON, OUTCOMES, acknowledge, close
from alerts.listing import deliveries, history, last_beat, of_patient, one, work_list, yields
from config.errors import Rejected
from storage.accounts import open_account
from storage.people import put_staff
from tests.pages import reading_as


@pytest.fixture
def patient(district):
    return district.watched("p1", name="张三")


@pytest.fixture
def alert(district, patient):
    return district.alert(patient)


def queue(district, alert, *, state="queued", recipient="doctor@east.example", ago="0 s", **more):
    values = {"round": 0, "step": 0, "channel": "mail", "again": False} | more
    district.conn.execute(
        "INSERT INTO delivery (alert_id, recipient, state, queued_at, sent_at, round, step,"
        " channel, again) VALUES (%s, %s, %s, clock_timestamp() - %s::interval,"
        " CASE WHEN %s = 'sent' THEN clock_timestamp() END, %s, %s, %s, %s)",
        (alert, recipient, state, ago, state, *values.values()),
    )


def test_an_acknowledgement_names_the_person_stops_the_clock_and_drops_what_waits(
    conn, district, alert
):
    conn.execute(
        "UPDATE alert SET next_step = 1, next_step_at = now(), round_began_at = now()"
        " WHERE id = %s",
        (alert,),
    )
    queue(district, alert)

    assert acknowledge(conn, alert, district.doctor)

    seen = one(conn, district.doctor, alert)
    assert (seen.state, seen.acknowledged_by, seen.next_step_at) == (
        "acknowledged",
        "Doctor one",
        None,
    )
    assert [message.state for message in deliveries(conn, alert)] == ["dropped"]
    assert [(entry.kind, entry.who) for entry in history(conn, alert)] == [
        ("acknowledged", "Doctor one")
    ]


def test_a_second_acknowledgement_changes_nothing(conn, district, alert):
    acknowledge(conn, alert, district.doctor)
    colleague = district.add_doctor("d2", "Doctor two")
    conn.execute("INSERT INTO care_team SELECT patient_id, %s FROM alert", (colleague,))

    assert not acknowledge(conn, alert, colleague)
    assert one(conn, colleague, alert).acknowledged_by == "Doctor one"
    assert len(history(conn, alert)) == 1


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_it_is_closed_with_an_outcome_and_leaves_the_work_list(conn, district, alert, outcome):
    close(conn, alert, district.doctor, outcome, "  strap too loose ")

    seen = one(conn, district.doctor, alert)
    assert (seen.state, seen.outcome, seen.outcome_reason) == (
        "closed",
        outcome,
        "strap too loose",
    )
    assert (seen.closed_by, seen.acknowledged_by) == ("Doctor one", "Doctor one")
    assert seen.centre_name == "Centre one"
    assert seen.opened_at <= seen.acknowledged_at <= seen.closed_at
    assert work_list(conn, district.doctor) == []
    assert [seen.id for seen in of_patient(conn, district.doctor, seen.patient_id)] == [alert]


@pytest.mark.parametrize(
    ("outcome", "reason", "why"),
    [
        ("false_alarm", None, "reason_missing"),
        ("no_action", " \n", "reason_missing"),
        ("cured", "x", "unknown_outcome"),
        ("called", "x" * (LONGEST_REASON + 1), "reason_too_long"),
    ],
)
def test_an_outcome_that_says_too_little_or_too_much_is_refused(
    conn, district, alert, outcome, reason, why
):
    with pytest.raises(Rejected, match=why):
        close(conn, alert, district.doctor, outcome, reason)
    assert one(conn, district.doctor, alert).state == "open"


def test_what_is_closed_stays_closed(conn, district, alert):
    close(conn, alert, district.doctor, "called")

    with pytest.raises(Rejected, match="alert_closed"):
        close(conn, alert, district.doctor, "referred")
    with pytest.raises(Rejected, match="alert_closed"):
        acknowledge(conn, alert, district.doctor)
    assert one(conn, district.doctor, alert).outcome == "called"


def test_for_a_stranger_to_the_patient_the_alert_does_not_exist(conn, district, alert):
    stranger = district.add_doctor("d2", "Doctor two")

    for act in (
        lambda: acknowledge(conn, alert, stranger),
        lambda: close(conn, alert, stranger, "called"),
        lambda: acknowledge(conn, alert + 1, district.doctor),
    ):
        with pytest.raises(Rejected, match="unknown_alert"):
            act()
    assert one(conn, stranger, alert) is None
    assert work_list(conn, stranger) == []


def test_a_patient_has_one_open_alert_of_a_rule_and_a_closed_one_makes_room(
    conn, district, patient, alert
):
    with pytest.raises(psycopg.errors.UniqueViolation):
        district.alert(patient)
    close(conn, alert, district.doctor, "called")
    district.alert(patient)


def test_red_comes_first_and_what_nobody_has_acknowledged_before_the_rest(conn, district, patient):
    others = [district.watched(f"p{number}") for number in (2, 3)]
    blue = district.alert(patient, rule="week_low", tier="blue", direction="low")
    acknowledged = district.alert(others[0])
    acknowledge(conn, acknowledged, district.doctor)
    red = district.alert(others[1])

    assert [seen.id for seen in work_list(conn, district.doctor)] == [red, acknowledged, blue]


def test_what_did_not_reach_anybody_is_shown_as_undelivered(conn, district, alert):
    conn.execute("UPDATE alert SET paged = true WHERE id = %s", (alert,))
    assert one(conn, district.doctor, alert).nobody_to_tell

    queue(district, alert, recipient="a", state="sent")
    queue(district, alert, recipient="b", state="unknown")
    queue(district, alert, recipient="b", state="sent", again=True)
    queue(district, alert, recipient="c")
    queue(district, alert, recipient="d", ago="11 s")
    queue(district, alert, recipient="e", state="refused")
    queue(district, alert, recipient="e", state="refused", round=1)

    seen = one(conn, district.doctor, alert)
    assert (seen.sent, seen.waiting, seen.undelivered, seen.nobody_to_tell) == (2, 2, 2, False)


def test_the_yield_of_a_rule_says_how_much_was_real(conn, district):
    for number, outcome in enumerate(["called", "referred", "false_alarm", "no_action", None]):
        alert = district.alert(district.watched(f"p{number}"))
        if outcome:
            close(conn, alert, district.doctor, outcome, "because")
    old = district.alert(district.watched("old"))
    conn.execute("UPDATE alert SET opened_at = now() - interval '91 days' WHERE id = %s", (old,))

    put_staff(conn, organisation="c1", code="auditor", role="auditor", name="Auditor")
    open_account(conn, "auditor")
    with reading_as(conn, "auditor"):
        (found,) = yields(conn)
    assert (found.rule, found.raised, found.closed_by_person) == ("hr_ceiling", 5, 4)
    assert (found.confirmed, found.false_alarms, found.closed_itself) == (2, 1, 0)


def test_before_the_watch_has_run_there_is_no_beat(conn):
    assert last_beat(conn) is None

"""Who is told, step by step, until somebody acknowledges; a clock that no restart disturbs."""

from datetime import timedelta

import pytest

from alerts.lifecycle import acknowledge, close
from alerts.listing import deliveries, history, one
from alerts.paging import Channels
from alerts.watch import Counters, keep_house, look
from config.alert_rules import load_alert_rules
from tests.district import every

RULES = load_alert_rules()
ON_CALL = ("on-call@east.example", "night@east.example")
MAIL = Channels(mail=True, file=False, on_call=ON_CALL)
S = 1_000


@pytest.fixture
def patient(district):
    return district.watched("p1")


def raised(conn, district, channels=MAIL):
    """Raise the patient's alert now; return its number."""
    now = district.ago_ms(0)
    district.hear("p1", heart_rate=every(now - 60 * S, now, 150.0))
    while look(conn, RULES, channels, Counters(), most=100):
        pass
    return district.one("SELECT id FROM alert")


def after(conn, minutes, channels=MAIL):
    """Move the alert into the past instead of waiting, and let the watch keep house."""
    conn.execute(
        "UPDATE alert SET round_began_at = round_began_at - %(by)s,"
        " next_step_at = next_step_at - %(by)s",
        {"by": timedelta(minutes=minutes)},
    )
    keep_house(conn, RULES, channels, Counters())


def told(conn, alert):
    return [(each.step, each.recipient) for each in deliveries(conn, alert)]


def test_doctor_and_instructors_then_the_other_staff_then_on_call(conn, district, patient):
    other = district.add_centre("c2", "Centre two")
    district.add_staff("i1", "instructor", email="i1@east.example")
    district.add_staff("i2", "instructor")
    district.add_staff("i3", "instructor", email="i3@west.example", centre=other)
    district.add_staff("t1", "therapist", email="t1@east.example")
    district.add_staff("a1", "auditor", email="a1@east.example")
    district.add_staff("gone", "therapist", email="gone@east.example")
    conn.execute(
        "INSERT INTO login (staff_id, disabled_at) SELECT id, now() FROM staff WHERE code = 'gone'"
    )

    alert = raised(conn, district)
    first = [(0, "doctor@east.example"), (0, "i1@east.example")]
    assert told(conn, alert) == first
    after(conn, 9.9)
    assert told(conn, alert) == first
    after(conn, 0.2)
    second = [*first, (1, "t1@east.example")]
    assert told(conn, alert) == second
    after(conn, 19)
    assert told(conn, alert) == second
    after(conn, 1)
    assert told(conn, alert) == [*second, *((2, address) for address in ON_CALL)]
    after(conn, 60)
    assert len(told(conn, alert)) == 5
    assert one(conn, district.doctor, alert).next_step_at is None
    assert [entry.kind for entry in history(conn, alert)] == [
        "raised",
        "paged",
        "escalated",
        "escalated",
    ]


@pytest.mark.parametrize("act", [acknowledge, lambda *who: close(*who, "called")])
def test_whoever_answers_stops_it(conn, district, patient, act):
    alert = raised(conn, district)
    act(conn, alert, district.doctor)
    after(conn, 60)
    assert [message.step for message in deliveries(conn, alert)] == [0]


def test_a_step_that_can_tell_nobody_gives_way_to_the_next_at_once(conn, district, patient):
    conn.execute("UPDATE staff SET email = NULL")
    alert = raised(conn, district)
    assert told(conn, alert) == [(2, address) for address in ON_CALL]


def test_with_nobody_to_tell_it_stays_red_says_so_and_looks_again(conn, district, patient):
    conn.execute("UPDATE staff SET email = NULL")
    nobody = Channels(mail=True, file=False)
    alert = raised(conn, district, nobody)
    assert one(conn, district.doctor, alert).nobody_to_tell
    for _minute in range(3):
        after(conn, 1, nobody)
    assert [entry.kind for entry in history(conn, alert)] == ["raised", "nobody_to_tell"]

    conn.execute("UPDATE staff SET email = 'doctor@east.example'")
    after(conn, 1, nobody)

    assert told(conn, alert) == [(0, "doctor@east.example")]
    assert not one(conn, district.doctor, alert).nobody_to_tell


def test_a_person_of_two_steps_is_told_once(conn, district, patient):
    channels = Channels(mail=True, file=True, on_call=("doctor@east.example",))
    alert = raised(conn, district, channels)
    after(conn, 60, channels)
    after(conn, 60, channels)
    assert told(conn, alert) == [(0, "doctor@east.example"), (0, "file"), (2, "file")]


def test_without_a_channel_nobody_can_be_told(conn, district, patient):
    alert = raised(conn, district, Channels(mail=False, file=False, on_call=ON_CALL))
    assert one(conn, district.doctor, alert).nobody_to_tell

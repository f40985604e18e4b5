"""What a gateway raised by itself and what the district finds are one alert, told of once."""

import itertools

import pytest

from alerts.lifecycle import acknowledge, close
from alerts.listing import history, one, work_list
from alerts.paging import Channels
from alerts.watch import Counters, keep_house, look
from config.alert_rules import load_alert_rules
from tests.district import at, every

RULES = load_alert_rules()
MAIL = Channels(mail=True, file=False)
S = 1_000
numbers = itertools.count()


@pytest.fixture
def patient(district):
    return district.watched("p1")


def event(district, *, onset, last, state="raised", age_ms=0, subject="p1", device="p1", **more):
    values = {
        "gateway_id": district.gateway,
        "boot": bytes(16),
        "number": next(numbers),
        "rule": "hr_ceiling",
        "rule_version": 1,
        "device_key": device,
        "subject": subject,
        "onset_at": at(onset),
        "raised_at": at(onset + 30 * S),
        "last_at": at(last),
        "state": state,
        "age_ms": age_ms,
        "peak_bpm": 151.0,
        "samples": 31,
        "ceiling_bpm": 140.0,
    } | more
    district.conn.execute(
        f"INSERT INTO edge_event ({', '.join(values)})"  # noqa: S608 - names of this file's own
        f" VALUES ({', '.join(['%s'] * len(values))})",
        [*values.values()],
    )


def watch(conn):
    counters = Counters()
    while look(conn, RULES, MAIL, counters, most=3):
        pass
    return counters


def alerts(conn, district):
    return work_list(conn, district.doctor)


@pytest.mark.parametrize("order", ["edge first", "district first", "at once"])
def test_edge_and_district_hear_one_alert_and_tell_of_it_once(conn, district, patient, order):
    now = district.ago_ms(0)
    onset = now - 60 * S
    steps = [
        lambda: event(district, onset=onset + 2 * S, last=onset + 32 * S, age_ms=28_000),
        lambda: district.hear("p1", heart_rate=every(onset, now, 150.0, step_ms=S)),
    ]
    if order == "district first":
        steps.reverse()
    counters = Counters()
    for step in steps:
        step()
        if order != "at once":
            look(conn, RULES, MAIL, counters, most=10)
    look(conn, RULES, MAIL, counters, most=10)

    (alert,) = alerts(conn, district)
    assert (alert.heard_by, alert.occurrences, alert.onset_at) == ("both", 1, at(onset))
    assert (alert.samples, alert.peak_bpm) == (60, 151.0)
    assert (counters.pages, counters.messages) == (1, 1)
    assert conn.execute("SELECT count(*) FROM delivery").fetchone() == (1,)


def test_the_end_said_by_the_edge_is_noted(conn, district, patient):
    now = district.ago_ms(0)
    event(district, onset=now - 90 * S, last=now - 60 * S, age_ms=60_000)
    watch(conn)
    event(district, onset=now - 90 * S, last=now - 20 * S, state="ended", age_ms=1_000, samples=71)
    watch(conn)
    (alert,) = alerts(conn, district)
    assert (alert.ended_at, alert.samples, alert.heard_by) == (at(now - 20 * S), 71, "edge")
    assert [entry.kind for entry in history(conn, alert.id)] == ["raised", "paged", "ended"]


def test_what_only_a_gateway_hears_ends_by_its_word_alone(conn, district, patient):
    now = district.ago_ms(0)
    event(district, onset=now - 230 * S, last=now - 200 * S, age_ms=200_000)
    watch(conn)
    keep_house(conn, RULES, MAIL, Counters())
    (alert,) = alerts(conn, district)
    assert alert.ended_at is None


@pytest.mark.parametrize(("onset_s", "age_ms"), [(331, 301_000), (7_200, 7_170_000), (7_200, None)])
def test_a_late_event_is_listed_with_its_time_and_pages_nobody(
    conn, district, patient, onset_s, age_ms
):
    onset = district.ago_ms(onset_s)
    event(district, onset=onset, last=onset + 30 * S, age_ms=age_ms)

    counters = watch(conn)

    (alert,) = alerts(conn, district)
    assert (alert.raised_at, alert.paged) == (at(onset + 30 * S), False)
    assert counters.messages == 0


def test_an_end_that_comes_late_pages_nobody_however_long_the_effort_was(conn, district, patient):
    now = district.ago_ms(0)
    event(district, onset=now - 2_000 * S, last=now - 400 * S, state="ended", age_ms=400_000)
    assert watch(conn).messages == 0
    assert len(alerts(conn, district)) == 1


def test_an_end_that_came_before_its_beginning_is_an_end(conn, district, patient):
    now = district.ago_ms(0)
    event(district, onset=now - 90 * S, last=now - 20 * S, state="ended", age_ms=20_000)
    watch(conn)
    event(district, onset=now - 90 * S, last=now - 60 * S, age_ms=60_000)
    watch(conn)
    (alert,) = alerts(conn, district)
    assert (alert.ended_at, alert.occurrences) == (at(now - 20 * S), 1)


def test_late_readings_of_a_late_event_say_that_the_district_heard_it_too(conn, district, patient):
    onset = district.ago_ms(7_200)
    event(district, onset=onset, last=onset + 30 * S, age_ms=7_000_000)
    watch(conn)
    district.hear("p1", heart_rate=every(onset, onset + 60 * S, 150.0))
    watch(conn)
    (alert,) = alerts(conn, district)
    assert (alert.heard_by, alert.occurrences, alert.last_at) == ("both", 1, at(onset + 55 * S))


def test_late_readings_that_came_before_the_late_event_are_found_by_it(conn, district, patient):
    onset = district.ago_ms(7_200)
    district.hear("p1", heart_rate=every(onset, onset + 60 * S, 150.0))
    watch(conn)
    assert alerts(conn, district) == []
    event(district, onset=onset, last=onset + 30 * S, age_ms=7_000_000)
    watch(conn)
    (alert,) = alerts(conn, district)
    assert (alert.heard_by, alert.occurrences) == ("both", 1)


def test_a_wrong_clock_on_the_box_hides_nothing(conn, district, patient):
    onset = district.ago_ms(86_400 * 3)
    event(district, onset=onset, last=onset + 30 * S, age_ms=2_000)
    assert watch(conn).messages == 1


@pytest.mark.parametrize("off_s", [-86_400 * 3, -400, 400, 86_400])
def test_a_wrong_clock_gives_the_alarm_to_nobody_who_wore_the_band_then(
    conn, district, patient, off_s
):
    band = district.add_device("shared")
    district.assign(band, district.watched("p2"), None, district.ago_ms(200))
    district.assign(band, patient, district.ago_ms(200), district.ago_ms(-200))
    district.assign(band, district.watched("p3"), district.ago_ms(-200), None)
    onset = district.ago_ms(32 - off_s)

    event(district, onset=onset, last=onset + 30 * S, age_ms=2_000, device="shared")

    assert watch(conn).messages == 1
    (alert,) = alerts(conn, district)
    assert alert.patient_id == patient
    assert abs((alert.raised_at - district.now).total_seconds()) < 60, "its time is mended too"


@pytest.mark.parametrize("off_s", [-86_400, 86_400])
def test_a_wrong_clock_keeps_no_new_episode_from_being_told_of(conn, district, patient, off_s):
    since = district.ago_ms(3_600)
    event(district, onset=since + off_s * S, last=since + off_s * S, age_ms=3_570_000)
    onset = since + 60 * S
    event(district, onset=onset, last=onset + 40 * S, state="ended", age_ms=3_500_000)
    watch(conn)
    (alert,) = alerts(conn, district)
    acknowledge(conn, alert.id, district.doctor)

    onset = district.ago_ms(32 - off_s)
    event(district, onset=onset, last=onset + 30 * S, age_ms=2_000)

    assert watch(conn).pages == 1
    assert alerts(conn, district)[0].state == "open"


def test_a_clock_set_in_the_middle_leaves_nothing_in_the_time_to_come(conn, district, patient):
    now = district.ago_ms(0)
    onset = now - 100 * S
    ahead = onset + 86_400 * S
    event(
        district, onset=onset, raised_at=at(ahead), last=now, state="ended", age_ms=0
    )  # set back by a day before the run was raised
    watch(conn)
    (alert,) = alerts(conn, district)
    assert alert.last_at <= district.one("SELECT clock_timestamp()")


@pytest.mark.parametrize("age_ms", [2**63 - 1, 10**15])
def test_an_age_beyond_all_calendars_is_only_old(conn, district, patient, age_ms):
    onset = district.ago_ms(60)
    event(district, onset=onset, last=onset + 30 * S, age_ms=age_ms)
    counters = watch(conn)
    assert (counters.messages, counters.refused) == (0, 0)
    assert len(alerts(conn, district)) == 1


def test_numbers_beyond_all_sense_hold_nobody_up(conn, district, patient):
    district.watched("p2")
    onset = district.ago_ms(200)
    for later_s in range(4):
        at_ms = onset + later_s * 40 * S
        event(district, onset=at_ms, last=at_ms + 30 * S, samples=2**31 - 1, age_ms=200_000)
    event(district, onset=onset, last=onset + 30 * S, device="p2", subject="p2")
    assert watch(conn).refused == 0
    assert {alert.pseudonym for alert in alerts(conn, district)} == {"p1", "p2"}


def test_an_episode_that_the_database_refuses_holds_up_nobody_elses(conn, district, patient):
    district.watched("p2")
    conn.execute(f"ALTER TABLE alert ADD CHECK (patient_id <> {int(patient)})")
    onset = district.ago_ms(60)
    for label in ("p1", "p2"):
        event(district, onset=onset, last=onset + 30 * S, device=label, subject=label)
    counters = watch(conn)
    assert (counters.refused, counters.pages, counters.messages) == (1, 1, 1)
    assert [alert.pseudonym for alert in alerts(conn, district)] == ["p2"]


def test_an_event_that_waited_for_the_watch_has_grown_old(conn, district, patient):
    onset = district.ago_ms(60)
    event(district, onset=onset, last=onset + 30 * S, age_ms=2_000)
    conn.execute("UPDATE edge_event SET came_at = came_at - interval '6 minutes'")
    assert watch(conn).messages == 0
    assert len(alerts(conn, district)) == 1


def test_the_district_knows_better_who_wears_the_band(conn, district, patient):
    other = district.watched("p2", ceiling=150.0)
    third = district.watched("p3", ceiling=160.0)
    onset = district.ago_ms(60)
    for device in ("p2", "p3"):
        event(district, onset=onset, last=onset + 30 * S, device=device, subject="p1")
    watch(conn)
    (alert,) = alerts(conn, district)
    assert (alert.patient_id, alert.ceiling_bpm) == (other, 150.0)
    assert third


def test_what_names_nobody_or_no_rule_of_ours_is_passed_over(conn, district, patient):
    onset = district.ago_ms(60)
    event(district, onset=onset, last=onset + 30 * S, device="new", subject="nobody")
    event(district, onset=onset, last=onset + 30 * S, rule="of_tomorrow")
    assert watch(conn).edge_events == 0
    assert alerts(conn, district) == []
    assert conn.execute("SELECT count(*) FROM edge_queue").fetchone() == (0,)


def test_times_out_of_order_are_put_in_order(conn, district, patient):
    onset = district.ago_ms(60)
    event(district, onset=onset, last=onset - 30 * S)
    watch(conn)
    (alert,) = alerts(conn, district)
    assert (alert.onset_at, alert.last_at) == (at(onset - 30 * S), at(onset + 30 * S))


def test_an_event_of_what_was_closed_opens_nothing(conn, district, patient):
    onset = district.ago_ms(60)
    event(district, onset=onset, last=onset + 30 * S)
    watch(conn)
    (alert,) = alerts(conn, district)
    acknowledge(conn, alert.id, district.doctor)
    close(conn, alert.id, district.doctor, "called")
    event(district, onset=onset, last=onset + 50 * S, state="ended")
    watch(conn)
    assert alerts(conn, district) == []
    assert one(conn, district.doctor, alert.id).occurrences == 1

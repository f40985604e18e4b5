"""Readings in the database, and the alerts they make: by their own times, of the right person."""

from datetime import timedelta

import pytest

from alerts.lifecycle import acknowledge, close
from alerts.listing import history, one, work_list
from alerts.paging import Channels
from alerts.watch import Counters, keep_house, look
from config.alert_rules import load_alert_rules
from config.conventions import load_conventions
from tests.district import at, every

RULES = load_alert_rules()
MAIL = Channels(mail=True, file=False, on_call=("on-call@east.example",))
S = 1_000


def watch(conn, channels=MAIL):
    """Look until nothing is left; return what was done."""
    counters = Counters()
    while look(conn, RULES, channels, counters, most=7):
        pass
    return counters


@pytest.fixture
def patient(district):
    return district.watched("p1")


def alerts(conn, district):
    return work_list(conn, district.doctor)


def test_a_pulse_sustained_at_the_ceiling_raises_one_alert_and_tells_the_doctor(
    conn, district, patient
):
    now = district.ago_ms(0)
    district.hear("p1", heart_rate=every(now - 60 * S, now, 140.0, step_ms=S))

    counters = watch(conn)

    (alert,) = alerts(conn, district)
    assert (alert.patient_id, alert.tier, alert.rule, alert.state) == (
        patient,
        "red",
        "hr_ceiling",
        "open",
    )
    assert alert.onset_at == at(now - 60 * S)
    assert alert.raised_at == at(now - 30 * S)
    assert alert.last_at == at(now - S)
    assert (alert.occurrences, alert.samples, alert.peak_bpm, alert.ceiling_bpm) == (
        1,
        60,
        140.0,
        140.0,
    )
    assert (alert.heard_by, alert.device_key, alert.paged) == ("district", "p1", True)
    assert (counters.pages, counters.messages) == (1, 1)
    assert conn.execute("SELECT recipient, step, state FROM delivery").fetchall() == [
        ("doctor@east.example", 0, "queued")
    ]
    assert alert.next_step_at is not None


@pytest.mark.parametrize(
    ("bpm", "flags", "raised"),
    [(139.9, 0, 0), (140.0, 1, 0), (140.0, 3, 1), (140.0, 4, 0), (221.0, 0, 0), (220.0, 0, 1)],
    ids=["below", "no contact", "contact", "suspect", "above the sensor", "at its limit"],
)
def test_only_a_good_signal_at_or_above_the_ceiling_counts(
    conn, district, patient, bpm, flags, raised
):
    now = district.ago_ms(0)
    district.hear("p1", heart_rate=every(now - 60 * S, now, bpm), flags=flags)
    watch(conn)
    assert len(alerts(conn, district)) == raised


def test_readings_of_all_gateways_are_one_series(conn, district, patient):
    now = district.ago_ms(0)
    readings = every(now - 60 * S, now, 150.0, step_ms=10 * S)
    for part in (readings[::2], readings[1::2]):
        district.hear("p1", heart_rate=part)
        watch(conn)
    (alert,) = alerts(conn, district)
    assert (alert.onset_at, alert.occurrences) == (at(now - 60 * S), 1)


def test_a_low_reading_of_another_gateway_breaks_the_run(conn, district, patient):
    now = district.ago_ms(0)
    district.hear("p1", heart_rate=[(now - 40 * S, 90.0), (now - 10 * S, 90.0)])
    district.hear("p1", heart_rate=every(now - 60 * S, now, 150.0, step_ms=7 * S))
    watch(conn)
    assert alerts(conn, district) == []


def test_batch_after_batch_goes_on_in_one_alert_with_its_first_onset_and_every_reading(
    conn, district, patient
):
    now = district.ago_ms(0)
    start = now - 240 * S
    for second in range(0, 240, 20):
        district.hear(
            "p1", heart_rate=every(start + second * S, start + (second + 20) * S, 150.0, step_ms=S)
        )
        watch(conn)
    (alert,) = alerts(conn, district)
    assert (alert.onset_at, alert.raised_at) == (at(start), at(start + 30 * S))
    assert (alert.last_at, alert.samples, alert.occurrences) == (at(now - S), 240, 1)
    assert [entry.kind for entry in history(conn, alert.id)] == ["raised", "paged"]


def test_an_onset_far_back_is_found_when_the_watch_was_away(conn, district, patient):
    now = district.ago_ms(0)
    start = now - 7_200 * S
    for ms in range(start, now, 600 * S):  # queued as if each had come in its time
        district.hear("p1", heart_rate=every(ms, ms + 600 * S, 150.0))
        conn.execute(
            "UPDATE batch_queue SET queued_at = max_at + interval '2 s'"
            " WHERE queued_at > clock_timestamp() - interval '1 s'"
        )

    watch(conn)

    (alert,) = alerts(conn, district)
    assert (alert.onset_at, alert.raised_at) == (at(start), at(start + 30 * S))
    assert (alert.samples, alert.occurrences, alert.paged) == (1440, 1, True)


def test_what_came_in_time_but_was_looked_at_late_is_listed_and_pages_nobody(
    conn, district, patient
):
    now = district.ago_ms(0)
    district.hear("p1", heart_rate=every(now - 3_600 * S, now - 3_540 * S, 150.0))
    conn.execute("UPDATE batch_queue SET queued_at = max_at + interval '2 s'")

    counters = watch(conn)

    (alert,) = alerts(conn, district)
    assert (alert.paged, counters.messages, alert.nobody_to_tell) == (False, 0, False)


def test_back_fill_raises_nothing(conn, district, patient):
    now = district.ago_ms(0)
    district.hear("p1", heart_rate=every(now - 3_600 * S, now - 301 * S, 150.0))
    district.hear("p1", heart_rate=every(now - 86_400 * S, now - 86_000 * S, 150.0))
    watch(conn)
    assert alerts(conn, district) == []
    assert conn.execute("SELECT count(*) FROM batch_queue").fetchone() == (0,)


def test_late_readings_complete_a_known_episode_and_no_other(conn, district, patient):
    now = district.ago_ms(0)
    district.hear("p1", heart_rate=every(now - 60 * S, now, 150.0))
    watch(conn)
    for since, until in ((400, 60), (4_000, 3_000)):
        district.hear("p1", heart_rate=every(now - since * S, now - until * S, 160.0))
        conn.execute("UPDATE batch_queue SET queued_at = max_at + interval '1 h'")
        watch(conn)
    (alert,) = alerts(conn, district)
    assert (alert.onset_at, alert.peak_bpm) == (at(now - 400 * S), 160.0)
    assert alert.occurrences == 1


def test_the_reading_belongs_to_whoever_wore_the_band_then(conn, district, patient):
    other = district.watched("p2", ceiling=170.0)
    now = district.ago_ms(0)
    conn.execute("DELETE FROM device_assignment")
    band = district.add_device("lent")
    district.assign(band, patient, None, now - 100 * S)
    district.assign(band, other, now - 100 * S)
    district.hear("lent", heart_rate=every(now - 200 * S, now, 150.0))

    watch(conn)

    (alert,) = alerts(conn, district)
    assert (alert.patient_id, alert.last_at) == (patient, at(now - 105 * S))


def test_a_band_nobody_wears_and_a_patient_without_a_ceiling_raise_nothing(conn, district):
    district.watched("free", ceiling=None)
    now = district.ago_ms(0)
    for key in ("free", "nobody"):
        district.hear(key, heart_rate=every(now - 60 * S, now, 210.0))
    watch(conn)
    assert conn.execute("SELECT count(*) FROM alert").fetchone() == (0,)


def test_the_ceiling_is_that_of_the_version_in_force_and_the_lowest_of_two_programmes(
    conn, district, patient
):
    enrolment = district.one("SELECT id FROM enrolment WHERE case_label = 'p1'")
    yesterday = district.today - timedelta(days=1)
    conn.execute(
        "UPDATE prescription SET effective = daterange(lower(effective), %s)", (yesterday,)
    )
    district.prescribe(
        enrolment, yesterday, version=2, ceiling_bpm=160.0, ceiling_source="prescribed"
    )
    now = district.ago_ms(0)
    district.hear("p1", heart_rate=every(now - 60 * S, now, 155.0))
    watch(conn)
    assert alerts(conn, district) == []

    second = district.enrol(patient, "p1-b", district.today - timedelta(days=9))
    district.prescribe(
        second,
        district.today - timedelta(days=9),
        ceiling_bpm=150.0,
        ceiling_source="prescribed",
    )
    district.hear("p1", heart_rate=[(now, 155.0)])
    watch(conn)
    (alert,) = alerts(conn, district)
    assert alert.ceiling_bpm == 150.0


def test_the_end_is_noted_and_the_alert_stays_until_a_person_closes_it(conn, district, patient):
    now = district.ago_ms(0)
    district.hear("p1", heart_rate=every(now - 90 * S, now - 30 * S, 150.0))
    watch(conn)
    (alert,) = alerts(conn, district)
    assert alert.ended_at is None
    district.hear("p1", heart_rate=[(now - 25 * S, 100.0)])
    watch(conn)
    (alert,) = alerts(conn, district)
    assert (alert.ended_at, alert.state) == (at(now - 35 * S), "open")
    assert history(conn, alert.id)[-1].kind == "ended"


def test_silence_ends_an_episode_too(conn, district, patient):
    now = district.ago_ms(0)
    district.hear("p1", heart_rate=every(now - 200 * S, now - 100 * S, 150.0))
    watch(conn)
    keep_house(conn, RULES, MAIL, Counters())
    (alert,) = alerts(conn, district)
    assert alert.ended_at == at(now - 105 * S)
    assert history(conn, alert.id)[-1].detail == {"by": "silence"}


class Past:
    """Moves what has happened so far into the past: nobody sleeps here."""

    def __init__(self, conn):
        self.conn = conn

    def shift(self, minutes):
        by = timedelta(minutes=minutes)
        for table, columns in (
            (
                "alert",
                ("onset_at", "raised_at", "last_at", "ended_at", "round_began_at", "closed_at"),
            ),
            ("alert_episode", ("onset_at", "raised_at", "last_at")),
            ("delivery", ("queued_at",)),
        ):
            for column in columns:
                self.conn.execute(f"UPDATE {table} SET {column} = {column} - %s", (by,))  # noqa: S608 - fixed texts
        self.conn.execute("UPDATE alert SET next_step_at = next_step_at - %s", (by,))
        self.conn.execute("UPDATE heart_rate SET at = at - %s", (by,))


def episode(conn, district, *, bpm=150.0):
    now = district.ago_ms(0)
    district.hear("p1", heart_rate=[*every(now - 65 * S, now - 5 * S, bpm), (now, 90.0)])
    return watch(conn)


def test_a_new_episode_soon_after_an_acknowledgement_adds_and_pages_nobody(conn, district, patient):
    episode(conn, district)
    (alert,) = alerts(conn, district)
    acknowledge(conn, alert.id, district.doctor)
    conn.execute("DELETE FROM heart_rate")
    Past(conn).shift(9)

    assert episode(conn, district).pages == 0

    (alert,) = alerts(conn, district)
    assert (alert.state, alert.occurrences) == ("acknowledged", 2)


def test_a_new_episode_after_a_quiet_time_puts_an_acknowledged_alert_back_and_pages_again(
    conn, district, patient
):
    episode(conn, district)
    (alert,) = alerts(conn, district)
    acknowledge(conn, alert.id, district.doctor)
    conn.execute("DELETE FROM heart_rate")
    Past(conn).shift(12)

    assert episode(conn, district).pages == 1

    (alert,) = alerts(conn, district)
    assert (alert.state, alert.occurrences, alert.acknowledged_by) == ("open", 2, None)
    assert [entry.kind for entry in history(conn, alert.id)][-4:] == [
        "repeated",
        "ended",
        "raised_again",
        "paged",
    ]
    assert conn.execute("SELECT round, state FROM delivery ORDER BY id").fetchall() == [
        (0, "dropped"),
        (1, "queued"),
    ]


def test_the_same_episode_raises_nothing_anew_after_it_was_closed(conn, district, patient):
    now = district.ago_ms(0)
    district.hear("p1", heart_rate=every(now - 60 * S, now - 30 * S, 150.0, step_ms=S))
    district.hear("p1", heart_rate=[(now - 30 * S, 150.0)])
    watch(conn)
    (alert,) = alerts(conn, district)
    close(conn, alert.id, district.doctor, "called")

    district.hear("p1", heart_rate=every(now - 29 * S, now, 152.0, step_ms=S))
    watch(conn)

    assert alerts(conn, district) == []
    after = one(conn, district.doctor, alert.id)
    assert (after.state, after.outcome) == ("closed", "called")
    assert (after.last_at, after.peak_bpm) == (at(now - S), 152.0), "what went on is part of it"


def test_a_closed_alert_says_when_its_pulse_fell_and_is_not_going_on_for_ever(
    conn, district, patient
):
    now = district.ago_ms(0)
    district.hear("p1", heart_rate=every(now - 90 * S, now - 40 * S, 150.0, step_ms=S))
    watch(conn)
    (alert,) = alerts(conn, district)
    close(conn, alert.id, district.doctor, "called")
    at_once = one(conn, district.doctor, alert.id)

    district.hear("p1", heart_rate=every(now - 40 * S, now - 20 * S, 150.0, step_ms=S))
    district.hear("p1", heart_rate=every(now - 20 * S, now, 90.0, step_ms=S))
    watch(conn)

    after = one(conn, district.doctor, alert.id)
    assert (alert.is_going_on, at_once.is_going_on, after.is_going_on) == (True, False, False)
    assert (after.state, after.ended_at) == ("closed", at(now - 21 * S))


def test_after_a_close_a_new_episode_is_a_new_alert(conn, district, patient):
    episode(conn, district)
    (first,) = alerts(conn, district)
    close(conn, first.id, district.doctor, "called")
    conn.execute("DELETE FROM heart_rate")
    Past(conn).shift(5)
    episode(conn, district)
    (second,) = alerts(conn, district)
    assert second.id != first.id
    assert second.paged


def test_a_new_episode_is_told_of_anew_where_nobody_answered_to_the_last_step(
    conn, district, patient
):
    episode(conn, district)
    conn.execute("UPDATE alert SET next_step = NULL, next_step_at = NULL")
    conn.execute("DELETE FROM heart_rate")
    Past(conn).shift(11)

    assert episode(conn, district).pages == 1

    (alert,) = alerts(conn, district)
    assert (alert.state, alert.occurrences) == ("open", 2)


@pytest.mark.parametrize("ceiling", [None, 200.0])
def test_the_pulse_of_the_next_wearer_is_nobody_elses(conn, district, patient, ceiling):
    now = district.ago_ms(0)
    band = district.add_device("shared")
    district.assign(band, patient, None, now - 45 * S)
    district.assign(band, district.watched("p2", ceiling=ceiling), now - 45 * S)

    district.hear("shared", heart_rate=every(now - 60 * S, now, 150.0, step_ms=S))
    watch(conn)

    assert alerts(conn, district) == []


@pytest.mark.parametrize("first_bpm", [90.0, 150.0])
def test_of_two_readings_of_one_moment_the_higher_counts(conn, district, patient, first_bpm):
    now = district.ago_ms(0)
    for bpm in (first_bpm, 240.0 - first_bpm):
        district.hear("p1", heart_rate=every(now - 60 * S, now, bpm))
    assert watch(conn).pages == 1


@pytest.mark.parametrize(("before", "after"), [(200.0, 140.0), (140.0, 200.0)])
def test_a_ceiling_holds_from_local_midnight_to_local_midnight(
    conn, district, monkeypatch, before, after
):
    """The zone of the test is one where midnight was a minute ago."""
    now = district.ago_ms(0)
    midnight = (now - 35 * S) // (60 * S) * (60 * S)
    offset_min = -(midnight // (60 * S)) % (24 * 60)
    conventions = load_conventions().model_copy(update={"utc_offset_min": offset_min})
    monkeypatch.setattr("alerts.watch.load_conventions", lambda: conventions)
    today = (at(midnight) + timedelta(minutes=offset_min)).date()
    patient = district.add_patient("p1")
    enrolment = district.enrol(patient, "p1", today - timedelta(days=30))
    since = today - timedelta(days=30)
    for version, (ceiling, *days) in enumerate([(before, since, today), (after, today, None)], 1):
        terms = {"ceiling_bpm": ceiling, "ceiling_source": "prescribed"}
        district.prescribe(enrolment, *days, version=version, **terms)
    district.assign(district.add_device("p1"), patient)

    district.hear("p1", heart_rate=every(midnight - 40 * S, now, 150.0, step_ms=S))
    watch(conn)

    (alert,) = alerts(conn, district)
    if before > after:
        assert alert.onset_at == at(midnight)
    else:
        assert (alert.onset_at, alert.last_at) == (at(midnight - 40 * S), at(midnight - S))


def test_what_is_fresh_is_looked_at_before_a_backlog(conn, district, patient):
    now = district.ago_ms(0)
    for hours in (3, 2):
        district.hear("p1", heart_rate=[(now - hours * 3_600 * S, 90.0)])
    district.hear("p1", heart_rate=every(now - 60 * S, now, 150.0))

    counters = Counters()
    look(conn, RULES, MAIL, counters, most=1)

    assert counters.pages == 1


def test_what_came_late_is_not_raised_because_something_fresh_is_looked_at(conn, district, patient):
    now = district.ago_ms(0)
    district.hear("p1", heart_rate=every(now - 460 * S, now - 350 * S, 150.0))
    district.hear("p1", heart_rate=[(now - 340 * S, 90.0)])
    watch(conn)

    district.hear("p1", heart_rate=[(now - 100 * S, 150.0)])
    watch(conn)

    assert alerts(conn, district) == []


@pytest.mark.parametrize("dips", [False, True])
@pytest.mark.parametrize(("minutes", "pages"), [(9, 0), (11, 1)])
def test_what_goes_on_long_after_it_was_closed_is_told_of_again_once(
    conn, district, patient, dips, minutes, pages
):
    now = district.ago_ms(0)
    district.hear("p1", heart_rate=every(now - 60 * S, now, 150.0))
    watch(conn)
    (first,) = alerts(conn, district)
    close(conn, first.id, district.doctor, "called")
    Past(conn).shift(minutes)

    now = district.ago_ms(0)
    since = now - minutes * 60 * S
    readings = every(since, now - 5 * S, 150.0)
    if dips:  # each for too short a time to be another episode
        readings = [(ms, 130.0 if (ms - since) // S % 60 < 5 else bpm) for ms, bpm in readings]
    for part in range(0, len(readings), 24):
        district.hear("p1", heart_rate=readings[part : part + 24])
        watch(conn)
    district.hear("p1", heart_rate=[(now, 151.0)])
    assert watch(conn).pages == 0, "it was told of by the readings before"

    assert [alert.peak_bpm for alert in alerts(conn, district)] == [151.0] * pages
    told = conn.execute("SELECT count(*) FROM delivery WHERE alert_id <> %s", (first.id,))
    assert told.fetchone() == (pages,)

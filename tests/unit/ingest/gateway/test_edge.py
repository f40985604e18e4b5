"""The guard at the edge: it judges what is heard now, whatever clock, roster or signal do."""

import pytest

from ingest.batch.reading import Flag, Quantity
from ingest.gateway.edge import EdgeGuard
from tests.edges import BAND, RULE, Clocks, live, worn

OTHER = "C0:FF:EE:00:00:02"


class Town:
    """A guard with clocks, a roster that a test may change, and what it has told."""

    def __init__(self):
        self.clocks, self.roster, self.events = Clocks(), [worn(), worn(OTHER, "p-2")], []
        self.time = self.clocks.edge_time()
        self.guard = EdgeGuard(self.band, RULE, self.events.append, self.time)

    def band(self, device_key, at_ms):
        for one in self.roster:
            until = one.worn_until_ms
            is_his = one.device_key == device_key and one.worn_from_ms <= at_ms
            if is_his and (until is None or at_ms < until):
                return one
        return None

    def hear(self, bpm, seconds=1, *, every_s=1, device_key=BAND, **reading):
        """One heart rate every so often, for so many seconds."""
        for _ in range(0, seconds, every_s):
            self.clocks.pass_ms(1000 * every_s)
            self.guard.heard([live(self.clocks, bpm, device_key, **reading)])
            self.guard.look()

    @property
    def states(self):
        return [event.state for event in self.events]


@pytest.fixture
def town():
    return Town()


def test_a_sustained_pulse_at_the_ceiling_is_raised_once_and_ends_below_it(town):
    town.hear(149.9, 60)
    town.hear(150, 60)
    assert town.states == ["raised"]
    assert [alarm.subject for alarm in town.guard.alarms] == ["p-1"]

    town.hear(149.9)

    assert town.states == ["raised", "ended"]
    assert not town.guard.alarms
    assert [alarm.peak_bpm for alarm in town.guard.ended] == [150]


def test_an_event_tells_the_readings_own_times_and_the_rule(town):
    start = town.clocks.wall_utc_ms
    town.hear(150, 10)
    town.hear(170, 50)
    town.hear(100)

    raised, ended = town.events
    assert raised.onset_utc_ms == ended.onset_utc_ms == start + 1_000
    assert raised.raised_utc_ms == raised.last_utc_ms == start + 31_000
    assert ended.last_utc_ms == start + 60_000
    assert (raised.samples, ended.samples, ended.peak_bpm) == (31, 60, 170)
    assert (raised.rule, raised.rule_version, raised.ceiling_bpm) == ("hr_ceiling", 1, 150)
    assert (raised.subject, raised.device_key) == ("p-1", BAND)


def test_29_seconds_are_not_sustained(town):
    town.hear(180, 30)
    town.hear(140)
    town.hear(180, 30)

    assert not town.events


def test_a_band_that_speaks_once_a_minute_needs_two_in_a_row(town):
    town.hear(150, 60, every_s=60)
    assert not town.events

    town.hear(150, 60, every_s=60)

    assert town.states == ["raised"]


def test_two_wearers_are_two_alarms(town):
    for _ in range(40):
        town.hear(160)
        town.guard.heard([live(town.clocks, 160, OTHER)])

    assert sorted(alarm.subject for alarm in town.guard.alarms) == ["p-1", "p-2"]


# --- the clocks -------------------------------------------------------------------------------


@pytest.mark.parametrize("jump_ms", [-3_600_000, -45_000, -500, 500, 45_000, 86_400_000])
@pytest.mark.parametrize("after_s", [1, 15, 29])
def test_a_wall_clock_that_jumps_neither_raises_nor_loses_an_alarm(town, jump_ms, after_s):
    town.hear(160, after_s)
    town.clocks.wall_utc_ms += jump_ms
    town.hear(160, 30 - after_s)
    assert not town.events, "29 seconds have passed, whatever the wall clock says"

    town.hear(160, 2)

    assert town.states == ["raised"]


@pytest.mark.parametrize("jump_ms", [-3_600_000, 3_600_000])
def test_a_wall_clock_that_jumps_does_not_end_an_alarm(town, jump_ms):
    town.hear(160, 40)

    town.clocks.wall_utc_ms += jump_ms
    town.hear(160, 100)

    assert town.states == ["raised"]
    assert len(town.guard.alarms) == 1


def test_readings_stamped_before_a_jump_count_as_heard_now(town):
    town.hear(160, 29)
    town.clocks.pass_ms(1000)
    stamped = live(town.clocks, 160)
    town.clocks.wall_utc_ms += 7_200_000
    town.guard.heard([stamped])

    town.hear(160, 2)

    assert town.states == ["raised"]


def test_a_reading_stamped_before_a_jump_is_the_wearers_of_now(town):
    town.roster = [worn(worn_from_ms=town.clocks.wall_utc_ms - 60_000)]

    for _ in range(40):
        town.clocks.pass_ms(1000)
        stamped_ms = town.clocks.wall_utc_ms - 7_200_000
        town.guard.heard([live(town.clocks, 160, at_utc_ms=stamped_ms)])

    assert town.states == ["raised"]


def test_a_box_that_woke_in_1970_protects_by_the_time_of_its_roster(town):
    since = town.clocks.wall_utc_ms - 60_000
    town.roster = [worn(worn_from_ms=since)]
    town.clocks.wall_utc_ms = 1_000
    town.time.not_before_utc_ms = since + 1

    town.hear(160, 40)

    assert town.states == ["raised"]
    assert town.events[0].raised_utc_ms < 100_000, "the readings' own times"


def test_the_hubs_word_corrects_a_clock_that_is_a_day_ahead(town):
    noon = town.clocks.wall_utc_ms
    town.roster = [worn(worn_until_ms=noon + 3_600_000)]
    town.clocks.wall_utc_ms += 86_400_000
    town.hear(160, 40)
    assert not town.events, "by the wall clock nobody wears it"

    town.time.heard_hub(noon + 40_000)
    town.hear(160, 40)

    assert town.states == ["raised"]


def test_an_old_receipt_does_not_turn_the_time_back(town):
    now = town.clocks.wall_utc_ms
    town.time.heard_hub(now)
    town.clocks.pass_ms(60_000)

    town.time.heard_hub(now - 3_600_000)

    assert town.time.utc_ms() == now + 60_000


def test_an_old_receipt_does_not_turn_the_time_back_however_often_it_comes(town):
    for _ in range(3 * 60):
        town.time.heard_hub(town.clocks.wall_utc_ms)
        town.clocks.pass_ms(60_000)
        town.time.heard_hub(town.clocks.wall_utc_ms - 3_600_000)

        assert town.time.utc_ms() == town.clocks.wall_utc_ms


def test_a_hub_whose_clock_once_ran_ahead_is_not_believed_for_ever(town):
    town.roster = [worn(worn_until_ms=town.clocks.wall_utc_ms + 86_400_000)]
    town.time.heard_hub(town.clocks.wall_utc_ms + 10 * 86_400_000)
    for _ in range(62):
        town.clocks.pass_ms(60_000)
        town.time.heard_hub(town.clocks.wall_utc_ms)

    town.hear(160, 40)

    assert town.states == ["raised"]


def test_no_receipt_is_believed_that_is_older_than_the_roster(town):
    now = town.clocks.wall_utc_ms
    town.time.not_before_utc_ms = now

    town.time.heard_hub(now - 86_400_000)

    assert town.time.utc_ms() == now


# --- what is judged ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reading",
    [
        {"flags": Flag.CONTACT_KNOWN},
        {"flags": Flag.SUSPECT},
        {"flags": Flag.CONTACT_KNOWN | Flag.CONTACT | Flag.SUSPECT},
    ],
)
def test_a_poor_signal_raises_nothing(town, reading):
    town.hear(180, 60, **reading)

    assert not town.events
    assert town.guard.count["poor_signal"] == 60


@pytest.mark.parametrize("bpm", [0, 29.9, 220.1, 32_639, float("inf"), float("nan")])
def test_what_no_heart_does_raises_nothing(town, bpm):
    town.hear(bpm, 60)

    assert not town.events
    assert not town.guard.here


def test_a_known_contact_and_an_unknown_one_both_speak(town):
    town.hear(160, 20, flags=Flag.CONTACT_KNOWN | Flag.CONTACT)
    town.hear(160, 20)

    assert town.states == ["raised"]


def test_a_short_time_of_poor_signal_does_not_end_an_alarm(town):
    town.hear(160, 40)

    town.hear(80, 10, flags=Flag.SUSPECT)
    town.hear(160, 10)

    assert town.states == ["raised"]


def test_history_steps_and_the_bands_own_times_are_passed_over(town):
    town.clocks.pass_ms(60_000)
    for second in range(60):
        reading = live(town.clocks, 180, at_utc_ms=town.clocks.wall_utc_ms - 1000 * second)
        town.guard.heard(
            [
                reading._replace(flags=0),
                reading._replace(device_ts_ms=reading.at_utc_ms),
                reading._replace(quantity=Quantity.STEPS_COUNTER),
            ]
        )

    assert not town.events
    assert not town.guard.here


def test_a_whole_minute_heard_at_one_moment_is_no_minute(town):
    """A queue that was stuck: all of it is stamped now."""
    town.guard.heard([live(town.clocks, 180)] * 100)

    assert not town.events


def test_a_band_that_nobody_wears_raises_nothing_and_is_counted(town):
    town.roster = []

    town.hear(180, 60)

    assert not town.events
    assert town.guard.count["nobody"] == 60


def test_without_a_ceiling_a_wearer_is_shown_and_nothing_is_watched(town):
    town.roster = [worn(ceiling_bpm=None)]

    town.hear(200, 60)

    assert not town.events
    assert town.guard.here[BAND].bpm == 200


# --- who wears the band -----------------------------------------------------------------------


def test_a_band_handed_over_ends_the_alarm_of_the_first_and_starts_anew_for_the_next(town):
    handed_over = town.clocks.wall_utc_ms + 50_000
    town.roster = [
        worn(worn_until_ms=handed_over),
        worn(subject="p-9", worn_from_ms=handed_over, ceiling_bpm=140.0),
    ]

    town.hear(160, 49)
    assert [alarm.subject for alarm in town.guard.alarms] == ["p-1"]
    town.hear(160, 30)
    assert town.states == ["raised", "ended"]
    town.hear(160, 2)

    assert [(event.subject, event.state) for event in town.events] == [
        ("p-1", "raised"),
        ("p-1", "ended"),
        ("p-9", "raised"),
    ]
    assert town.events[2].ceiling_bpm == 140


def test_a_band_handed_over_under_the_same_ceiling_starts_anew_as_well(town):
    handed_over = town.clocks.wall_utc_ms + 20_000
    town.roster = [
        worn(worn_until_ms=handed_over),
        worn(subject="p-9", worn_from_ms=handed_over),
    ]

    town.hear(160, 49)
    assert not town.events, "each of them for less than 30 s"
    town.hear(160, 2)

    assert [event.subject for event in town.events] == ["p-9"]


def test_a_new_roster_with_the_same_ceiling_does_not_disturb_a_run(town):
    town.hear(160, 20)
    town.roster = [worn(zone_hi_bpm=135.0, family=None)]

    town.hear(160, 12)

    assert town.states == ["raised"]
    assert town.guard.here[BAND].worn.zone_hi_bpm == 135.0, "the page shows the new zone"


def test_a_raised_ceiling_ends_the_alarm(town):
    town.hear(160, 40)
    town.roster = [worn(ceiling_bpm=170.0)]

    town.hear(160, 60)

    assert town.states == ["raised", "ended"]


def test_a_band_taken_out_of_the_roster_ends_its_alarm(town):
    town.hear(160, 40)
    town.roster = []

    town.hear(160)

    assert town.states == ["raised", "ended"]
    assert not town.guard.alarms


def test_a_band_that_falls_silent_ends_its_alarm_and_then_is_gone(town):
    town.hear(160, 40)

    town.clocks.pass_ms(90_000)
    town.guard.look()
    assert town.states == ["raised"]
    town.clocks.pass_ms(1_000)
    town.guard.look()
    assert town.states == ["raised", "ended"]
    assert BAND in town.guard.here
    town.clocks.pass_ms(300_000)
    town.guard.look()

    assert not town.guard.here


@pytest.mark.parametrize(("below_bpm", "silence_ms"), [(160, 100_000), (140, 0)])
def test_a_pulse_that_is_now_and_then_at_the_ceiling_keeps_nothing_in_memory(
    town, below_bpm, silence_ms
):
    for _ in range(1_000):
        town.hear(160)
        town.clocks.pass_ms(silence_ms)
        town.hear(below_bpm)
        town.clocks.pass_ms(silence_ms)

    assert len(town.guard.here[BAND].above) < 100

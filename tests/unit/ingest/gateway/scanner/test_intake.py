"""From messages to readings, with a clock of the test's own."""

import json

import pytest

from ingest.batch.reading import Flag, Quantity
from ingest.gateway.radio.bands import Bands
from ingest.gateway.radio.basket import Basket
from ingest.gateway.radio.counters import RadioCounters
from ingest.gateway.radio.intake import Intake
from ingest.gateway.radio.pace import Pace
from ingest.gateway.scanner.counters import ScannerCounters
from ingest.gateway.scanner.intake import ScannerIntake

BAND, PRIVATE = "AA:BB:CC:DD:EE:FF", "4A:00:00:00:00:01"
NOW_MS = 1_770_000_000_000


class Room:
    """One registered band, a phone's band, and what came of the messages."""

    def __init__(self, monkeypatch):
        self.mono_s, self.heard, self.ahead_ms = 1_000.0, [], 0
        self.at_once = []
        counters = RadioCounters()
        self.basket = Basket(counters)
        bands = Bands(
            lambda: {BAND: None, "11:22:33:44:55:66": None},
            Pace(),
            {PRIVATE: BAND}.get,
        )
        bands.refresh()
        self.counters = ScannerCounters()
        self.intake = ScannerIntake(
            bands,
            Intake(self.basket, self.at_once.extend, counters),
            self.counters,
            ("home",),
            {"hr_push/3": "11:22:33:44:55:66", "hr_push/4": "99:99:99:99:99:99"},
            mono_s=lambda: self.mono_s,
            wall_ms=self.wall_ms,
        )
        monkeypatch.setattr("time.time_ns", lambda: self.wall_ms() * 10**6)

    def wall_ms(self):
        return NOW_MS + round((self.mono_s - 1_000) * 1000) + self.ahead_ms

    def say(self, scanner="s1", mac=BAND, topic=None, *, retained=False, **fields):
        """One decoded advert."""
        topic = topic or f"home/{scanner}/BTtoMQTT/{mac.replace(':', '')}"
        said = {"type": "BODY", "id": mac} | fields
        self.intake.take(topic, json.dumps(said).encode(), retained=retained)

    @property
    def readings(self):
        """All that was taken since the last look."""
        return [reading for heard in self.basket.empty() for reading in heard.readings]


@pytest.fixture
def room(monkeypatch):
    return Room(monkeypatch)


def test_a_reading_has_the_time_of_its_coming_and_is_told_the_edge_at_once(room):
    room.say(act_bpm=120)

    (reading,) = room.at_once
    assert (reading.device_key, reading.quantity) == (BAND, Quantity.HEART_RATE_BPM)
    assert (reading.value, reading.at_utc_ms) == (120, NOW_MS)
    assert reading.flags & Flag.CLOCK_RECEIPT
    assert room.readings == [reading]


def test_one_advert_through_several_messages_and_scanners_is_one_reading(room):
    room.say("s1", act_bpm=120)
    room.mono_s += 0.01
    room.say("s1", act_bpm=120, steps=7)
    room.mono_s += 0.3
    room.say("s2", act_bpm=120, steps=7)

    assert [(r.quantity, r.value) for r in room.readings] == [
        ("heart_rate_bpm", 120),
        ("steps_counter", 7),
    ]
    assert room.counters.repeated == 3


def test_an_even_pulse_goes_on_being_heard(room):
    for _ in range(20):
        room.say(act_bpm=72)
        room.mono_s += 1.0

    assert len(room.readings) == 20


def test_a_change_is_heard_from_whichever_scanner_says_it_first(room):
    room.say("s1", act_bpm=120)
    room.mono_s += 0.2
    room.say("s2", act_bpm=121)

    assert [r.value for r in room.readings] == [120, 121]


def test_a_pulse_that_has_stood_still_for_ten_minutes_is_doubted(room):
    for _ in range(602):
        room.say(act_bpm=87)
        room.mono_s += 1.0

    flags = [r.flags & Flag.SUSPECT for r in room.readings]
    assert (bool(flags[0]), bool(flags[598]), bool(flags[601])) == (False, False, True)


def test_a_message_that_was_held_up_has_the_time_it_is_of(room):
    room.say(act_bpm=119, unixtime=NOW_MS // 1000)
    room.say(act_bpm=120, unixtime=NOW_MS // 1000 - 40)
    room.say(act_bpm=121, unixtime=NOW_MS // 1000 - 300)

    assert [r.at_utc_ms - NOW_MS for r in room.readings] == [0, -40_000, -300_000]
    assert [r.value for r in room.at_once] == [119, 120], "what is long over warns of nobody"
    assert room.counters.delayed == 2


@pytest.mark.parametrize("off_s", [-200, -121, -6, 6, 150, 86_400 * 365])
def test_a_clock_that_is_wrong_is_known_after_a_minute_and_its_delays_with_it(room, off_s):
    """What came in that minute waits, and has its time then."""
    for second in range(70):
        room.say(act_bpm=100 + second % 2, unixtime=NOW_MS // 1000 + second + off_s)
        assert bool(room.at_once) == (second >= 60)
        room.mono_s += 1.0

    readings = room.readings
    assert [r.at_utc_ms - NOW_MS for r in readings] == [second * 1000 for second in range(70)]
    assert {r.flags for r in readings} == {Flag.CLOCK_RECEIPT}
    assert room.at_once == readings
    assert (room.counters.stamps_off > 0) == (abs(off_s) > 120)

    room.say(act_bpm=90, unixtime=room.wall_ms() // 1000 + off_s - 45)
    (late,) = room.readings
    assert (late.at_utc_ms, late.flags) == (room.wall_ms() - 45_000, Flag.CLOCK_RECEIPT)


@pytest.mark.parametrize("was_heard_before", [True, False])
@pytest.mark.parametrize("off_s", [0, 3_000])
def test_ten_minutes_handed_over_at_once_are_no_pulses_of_now(room, was_heard_before, off_s):
    """A phone without a network keeps what it has to say."""
    for _ in range(90 if was_heard_before else 0):
        room.say(act_bpm=80, unixtime=room.wall_ms() // 1000 + off_s)
        room.mono_s += 1.0
    room.mono_s += 600
    before = room.readings
    room.at_once.clear()
    began_s = room.wall_ms() // 1000 - 600

    for second in range(600):
        room.say(act_bpm=120 + second % 40 // 2, unixtime=began_s + second + off_s)
        room.mono_s += 0.01
    for _ in range(65):
        room.say(act_bpm=80, unixtime=room.wall_ms() // 1000 + off_s)
        room.mono_s += 1.0

    old = room.readings[:600]
    assert len(before) in {0, 90}
    assert {r.flags for r in old} == {Flag.CLOCK_RECEIPT}
    assert all(
        abs(r.at_utc_ms - (began_s + second) * 1000) <= 7_000 for second, r in enumerate(old)
    )
    assert all(r.at_utc_ms >= (began_s + 540) * 1000 for r in room.at_once)


def test_what_nobody_places_in_time_is_handed_on_as_of_an_unknown_one(room):
    room.say(act_bpm=120, unixtime=NOW_MS // 1000 - 300)
    room.mono_s += 179
    room.intake.look()
    assert room.readings == []

    room.mono_s += 2
    room.intake.look()

    (given_up,) = room.readings
    assert given_up.flags == Flag.CLOCK_RECEIPT | Flag.CLOCK_SUSPECT
    assert (room.at_once, room.counters.unplaced) == ([], 1)


def test_what_still_waits_at_the_end_is_handed_on(room):
    room.say(act_bpm=120, unixtime=NOW_MS // 1000 - 300)

    room.intake.close()

    assert [r.value for r in room.readings] == [120]


def test_a_clock_that_was_set_back_is_believed_again_after_five_minutes(room):
    """Ten readings are taken for late ones; from then on they wait, or are marked."""
    for second in range(400):
        off_s = 0 if second < 60 else -100
        room.say(act_bpm=100 + second % 2, unixtime=room.wall_ms() // 1000 + off_s)
        room.mono_s += 1.0
        room.intake.look()

    readings = room.readings
    unmarked = [r for r in readings if not r.flags & Flag.CLOCK_SUSPECT]
    second_of = {r.at_utc_ms - NOW_MS: r for r in unmarked}
    late = {(60 + second) * 1000 - 100_000 for second in range(10)}
    assert (len(readings), len(readings) - len(unmarked)) == (400, 110)
    assert set(second_of) == late | {s * 1000 for s in (*range(60), *range(180, 400))}
    assert len(room.at_once) == 60 + 60 + 40, "what waited for less than a minute too"


@pytest.mark.parametrize("was_off_s", [3_600, 600])
def test_a_wrong_clock_that_is_set_right_is_believed_after_a_minute(room, was_off_s):
    for second in range(200):
        off_s = was_off_s if second < 100 else 0
        room.say(act_bpm=100 + second % 2, unixtime=room.wall_ms() // 1000 + off_s)
        room.mono_s += 1.0
        room.intake.look()

    readings = room.readings
    assert {r.flags for r in readings} == {Flag.CLOCK_RECEIPT}
    right = {r.at_utc_ms - NOW_MS for r in readings} & {s * 1000 for s in range(200)}
    assert len(right) == 190
    assert readings[-1].at_utc_ms == NOW_MS + 199_000


def test_a_clock_set_back_by_a_minute_goes_on_warning(room):
    for second in range(200):
        off_s = 0 if second < 60 else -50
        room.say(act_bpm=100 + second % 2, unixtime=room.wall_ms() // 1000 + off_s)
        room.mono_s += 1.0

    assert len(room.at_once) == len(room.readings) == 200


def test_a_scanner_that_starts_anew_without_a_time_is_not_56_years_late(room):
    for second in range(400):
        stamp_s = room.wall_ms() // 1000 if second < 60 else second - 59
        room.say(act_bpm=100 + second % 2, unixtime=stamp_s)
        room.mono_s += 1.0

    readings = room.readings
    assert [r.at_utc_ms - NOW_MS for r in readings] == [s * 1000 for s in range(400)]
    assert len(room.at_once) == 400


def test_what_came_under_a_clock_that_was_set_since_has_no_time(room):
    """Power is back: a scanner speaks for twenty seconds before its time service answers."""
    for second in range(80):
        stamp_s = second + 1 if second < 20 else room.wall_ms() // 1000
        room.say(act_bpm=100 + second % 2, unixtime=stamp_s)
        room.mono_s += 1.0

    readings = room.readings
    assert [bool(r.flags & Flag.CLOCK_SUSPECT) for r in readings] == [s < 20 for s in range(80)]
    assert [(r.at_utc_ms - NOW_MS) // 1000 for r in readings[20:]] == list(range(20, 80))
    assert room.at_once == readings[20:]


def test_one_stamp_from_nowhere_does_not_silence_a_clock_that_is_right(room):
    room.say(act_bpm=100, unixtime=NOW_MS // 1000)
    room.say(act_bpm=101, unixtime=2**40)
    room.mono_s += 1
    room.say(act_bpm=102, unixtime=NOW_MS // 1000 + 1)

    assert [r.at_utc_ms - NOW_MS for r in room.readings] == [0, 1, 1000]
    assert len(room.at_once) == 3


def test_a_jump_of_the_boxs_own_clock_makes_no_message_late(room, monkeypatch):
    room.say(act_bpm=100, unixtime=NOW_MS // 1000)
    room.mono_s += 1
    room.ahead_ms = 3_600_000
    room.say(act_bpm=101, unixtime=NOW_MS // 1000 + 1)

    assert [r.at_utc_ms for r in room.readings] == [NOW_MS, NOW_MS + 3_601_000]
    assert len(room.at_once) == 2


def test_a_raw_advert_that_was_held_up_has_its_time_too(room):
    for counter, late_s in ((0, 0), (1, 40)):
        data = bytes([counter << 2 | 2, 0, 80, 80]).hex()
        room.say(type="", manufacturerdata="6b00" + data, unixtime=NOW_MS // 1000 - late_s)

    assert [r.at_utc_ms - NOW_MS for r in room.readings] == [0, -40_000]


def test_private_addresses_are_the_bands(room):
    room.say(mac=PRIVATE, act_bpm=99)

    assert room.readings[0].device_key == BAND


def test_a_stranger_is_offered_by_name_and_never_with_a_value(room):
    room.say(mac="00:00:00:00:00:02", model_id="MB/SW", act_bpm=99, name="Mi\x07 Band", rssi=-60)

    assert room.readings == []
    assert room.counters.unregistered == 1
    (near,) = room.intake.passers_by.offered(room.mono_s).values()
    assert near == ("00:00:00:00:00:02", ("miband_advert",), "Mi Band", -60)


def test_what_the_broker_kept_from_yesterday_is_passed_over(room):
    room.say(act_bpm=120, retained=True)

    assert room.readings == []
    assert room.counters.retained == 1


def test_raw_adverts_are_read_by_our_own_families(room):
    for counter, bpm in ((0, 80), (1, 81), (1, 81), (2, 82)):
        data = bytes([counter << 2 | 2, 0, bpm, bpm]).hex()
        room.say(type="", manufacturerdata="6b00" + data)
        room.mono_s += 1.0

    assert [r.value for r in room.readings] == [80, 81, 82]


def test_a_message_of_a_registered_band_that_cannot_be_read_is_kept_aside(room):
    topic = f"home/s1/BTtoMQTT/{BAND.replace(':', '')}"
    room.intake.take(topic, b"{", retained=False)
    room.intake.take("home/s1/BTtoMQTT/000000000002", b"{", retained=False)
    room.intake.take("home/s1/BTtoMQTT/x", b"{", retained=False)

    (kept,) = [bad for heard in room.basket.empty() for bad in heard.bad]
    assert (kept.data, kept.reason) == (b"{", "malformed")
    assert (room.counters.rejected["malformed"], room.counters.unreadable) == (1, 2)


def test_a_phone_speaks_for_the_band_that_the_settings_name(room):
    said = {"event": "heartRate", "heartRate": 85, "connected": True}
    for topic in ("hr_push/3", "hr_push/4"):
        room.intake.take(topic, json.dumps(said).encode(), retained=False)

    assert [r.device_key for r in room.readings] == ["11:22:33:44:55:66"]
    assert room.counters.unregistered == 1


def test_who_is_away_and_what_a_scanner_lost_is_shown(room):
    for topic, payload in (
        ("home/s1/LWT", b"offline"),
        ("home/s2/LWT", b"online"),
        ("home/s2/SYStoMQTT", b'{"msgblck":3}'),
    ):
        room.intake.take(topic, payload, retained=True)
    assert room.counters.offline == {"s1": NOW_MS}
    assert room.intake.away() == [], "kept by the broker, of one that nobody has heard"
    assert room.counters.lost_in_scanner == {"s2": 3}

    room.mono_s += 60
    room.intake.take("home/s1/LWT", b"offline", retained=False)
    assert room.counters.offline == {"s1": NOW_MS}
    room.intake.take("home/s1/LWT", b"online", retained=False)
    assert room.counters.offline == {}


def test_a_scanner_that_was_there_and_went_is_away(room):
    room.say("s1", act_bpm=90)
    room.intake.take("home/s2/LWT", b"online", retained=True)
    for scanner in ("s1", "s2", "s3"):
        room.intake.take(f"home/{scanner}/LWT", b"offline", retained=False)

    assert room.intake.away() == ["s1", "s2"]
    room.mono_s += 90
    assert room.intake.away_s() == {"s1": 90, "s2": 90, "s3": 90}


def test_a_scanner_whose_last_will_was_emptied_is_forgotten(room):
    room.say("s1", act_bpm=90)
    room.intake.take("home/s1/LWT", b"offline", retained=False)
    room.intake.take("home/s1/LWT", b"", retained=False)

    assert room.intake.away() == []
    assert room.intake.away_s() == {}
    assert room.counters.offline == {}

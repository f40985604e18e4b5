"""Band clocks that drift or are wrong: the offset is estimated at each sync, and taken out."""

import pytest

from config.errors import Rejected
from devices import current_time
from devices.band_clock import SUSPECT_MS, BandClock
from devices.colmi_frames import NOTIFY as COLMI_NOTIFY
from devices.colmi_frames import Command, frame
from devices.colmi_talk import ColmiTalk
from devices.memory import Memory
from devices.pinetime import PineTimeTalk
from devices.talk import TalkTerms
from devices.value import Value
from devices.veepoo_frames import NOTIFY as VEEPOO_NOTIFY
from devices.veepoo_talk import VeepooTalk
from devices.virtual.bands import pinetime_watch
from tests.band_talks import HOUR_MS, MINUTE_MS, NOON, SHANGHAI_MIN, Clock, converse

WALL_NOW = NOON + 8 * HOUR_MS
"""What a right clock shows at NOON."""
SLOT = 5 * MINUTE_MS
DAY = 24 * HOUR_MS


def pulse(stamp_ms, bpm=70):
    return Value("heart_rate_bpm", bpm, device_ts_ms=stamp_ms)


def memory(**terms):
    begun = Memory(TalkTerms(SHANGHAI_MIN, **terms), keeps_days=7)
    begun.begin(NOON)
    return begun


def told(read, *stamps_ms, now=NOON):
    return read.new([pulse(stamp) for stamp in stamps_ms], now, SLOT)


def test_stamps_of_the_past_show_nothing_and_are_placed_as_they_are():
    read = memory()

    (value,) = told(read, WALL_NOW - HOUR_MS)

    assert (value.at_utc_ms, value.clock_suspect) == (NOON - HOUR_MS, False)
    assert read.clock_ahead_ms is None


def test_a_stamp_of_the_future_shows_by_how_much_the_clock_is_ahead():
    read = memory()

    earlier, newest = told(read, WALL_NOW + HOUR_MS, WALL_NOW + 2 * HOUR_MS)

    assert read.clock_ahead_ms == 2 * HOUR_MS + SLOT
    assert newest.at_utc_ms == NOON - SLOT, "its slot is over now"
    assert newest.at_utc_ms - earlier.at_utc_ms == HOUR_MS
    assert earlier.clock_suspect
    assert newest.clock_suspect
    assert newest.device_ts_ms == WALL_NOW + 2 * HOUR_MS, "the stamp stays beside it, untouched"


@pytest.mark.parametrize(("ahead_ms", "suspect"), [(SUSPECT_MS, False), (SUSPECT_MS + 1, True)])
def test_only_beyond_two_minutes_is_a_time_in_doubt(ahead_ms, suspect):
    read = memory()

    (value, *_) = told(read, WALL_NOW - HOUR_MS, WALL_NOW + ahead_ms)

    assert value.clock_suspect is suspect
    assert value.at_utc_ms == NOON - HOUR_MS - read.clock_ahead_ms


def test_a_clock_that_drifts_goes_on_with_its_slot():
    read = memory()

    assert told(read, WALL_NOW + 20_000) == [], "it is not over"
    assert read.clock_ahead_ms == 20_000


def test_what_was_told_before_the_clock_was_set_shows_nothing_at_the_next_sync():
    first = memory()
    told(first, WALL_NOW - HOUR_MS, WALL_NOW + 3 * HOUR_MS)
    later = NOON + HOUR_MS
    second = memory(since_utc_ms=NOON, newest_stamp_ms=first.newest_stamp_ms)

    values = told(second, WALL_NOW + 3 * HOUR_MS, WALL_NOW + 30 * MINUTE_MS, now=later)

    assert second.clock_ahead_ms is None
    assert [(v.at_utc_ms, v.clock_suspect) for v in values] == [(NOON + 30 * MINUTE_MS, False)]


def test_a_second_read_over_one_link_is_not_moved_by_the_first():
    read = memory()
    told(read, WALL_NOW + 3 * HOUR_MS)
    later = NOON + HOUR_MS
    read.begin(later)

    values = told(read, WALL_NOW + 3 * HOUR_MS, WALL_NOW + 30 * MINUTE_MS, now=later)

    assert [(v.at_utc_ms, v.clock_suspect) for v in values] == [(NOON + 30 * MINUTE_MS, False)]


def test_a_stamp_from_before_the_memory_was_written_by_a_clock_that_nobody_knows():
    read = memory(since_utc_ms=NOON - HOUR_MS)

    (value,) = told(read, WALL_NOW - 400 * DAY)

    assert (value.at_utc_ms, value.clock_suspect) == (None, True)
    assert told(read, WALL_NOW - 400 * DAY) == [], "counted once a link"
    assert read.newest_stamp_ms is None


def test_a_clock_that_a_band_tells_may_be_behind():
    clock = BandClock(SHANGHAI_MIN)

    clock.told(WALL_NOW - 3 * MINUTE_MS, NOON)

    assert (clock.ahead_ms, clock.is_suspect) == (-3 * MINUTE_MS, True)


def test_a_colmi_ring_that_ran_ahead_is_known_by_its_steps_before_its_log_is_placed():
    talk = ColmiTalk(TalkTerms(SHANGHAI_MIN, live=False))
    talk.writes_at(NOON)
    quarters = [(44, 100), (56, 300)]  # 11:00, and 14:00 on a ring that is two hours ahead
    heard = talk.heard(COLMI_NOTIFY, frame(Command.STEPS, bytes([0xF0, len(quarters)])), NOON)
    for index, (quarter, steps) in enumerate(quarters):
        data = bytes([0x26, 0x03, 0x05, quarter, index, len(quarters), 0, 0])
        heard += talk.heard(
            COLMI_NOTIFY, frame(Command.STEPS, data + steps.to_bytes(2, "little")), NOON
        )
    assert heard == []
    talk.writes_at(NOON)

    head = bytes([1]) + (WALL_NOW // DAY * DAY // 1000).to_bytes(4, "little")
    talk.heard(COLMI_NOTIFY, frame(Command.LOG, bytes([0, 24, 5])), NOON)
    heard = talk.heard(COLMI_NOTIFY, frame(Command.LOG, head + bytes([61] * 9)), NOON)

    ahead_ms = 2 * HOUR_MS + 15 * MINUTE_MS - 150_000
    assert talk.clock_ahead_ms == ahead_ms
    assert all(v.clock_suspect for v in heard)
    assert {v.device_ts_ms - v.at_utc_ms for v in heard} == {8 * HOUR_MS + ahead_ms}
    assert {v.value for v in heard if v.quantity == "steps_increment"} == {100, 300}
    assert [v.value for v in heard if v.quantity == "heart_rate_bpm"] == [61] * 9


def test_a_veepoo_band_that_ran_ahead_is_known_at_the_end_of_today():
    talk = VeepooTalk(TalkTerms(SHANGHAI_MIN, live=False))
    talk.writes_at(NOON)
    talk.heard(VEEPOO_NOTIFY, b"\xa1".ljust(20, b"\0"), NOON)
    talk.writes_at(NOON)

    def record(number, hour, minute):
        head = bytes([0xDF, 0, number])
        start = bytes([0xB1, 4, 3, 5, hour, minute, 0xB2, 10, 0, 9]) + bytes(8)
        return [head + b"\1" + start, head + b"\2\xb4\5" + bytes([70] * 5)]

    before = [
        value
        for part in record(1, 11, 0) + record(2, 13, 0)
        for value in talk.heard(VEEPOO_NOTIFY, part, NOON)
    ]
    after = talk.heard(VEEPOO_NOTIFY, b"\xdf\xff\xff", NOON)

    assert before == []
    assert talk.clock_ahead_ms > 57 * MINUTE_MS
    assert {v.clock_suspect for v in after} == {True}
    assert max(v.at_utc_ms + (v.span_ms or MINUTE_MS) for v in after) <= NOON
    assert len(after) == 12


def test_what_a_veepoo_band_told_before_its_link_broke_is_placed_all_the_same():
    talk = VeepooTalk(TalkTerms(SHANGHAI_MIN, live=False))
    talk.writes_at(NOON)
    talk.heard(VEEPOO_NOTIFY, b"\xa1".ljust(20, b"\0"), NOON)
    talk.writes_at(NOON)
    start = bytes([0xB1, 4, 3, 5, 11, 0, 0xB2, 10, 0, 9]) + bytes(8)
    talk.heard(VEEPOO_NOTIFY, bytes([0xDF, 0, 1, 1]) + start, NOON)
    talk.heard(VEEPOO_NOTIFY, bytes([0xDF, 0, 1, 2, 0xB4, 5]) + bytes([70] * 5), NOON)

    assert len(talk.held_back(NOON)) == 6
    assert talk.held_back(NOON) == []


def test_a_pinetime_says_how_wrong_its_clock_was_before_it_is_set():
    clock, talk = Clock(), PineTimeTalk(TalkTerms(SHANGHAI_MIN))
    watch = pinetime_watch(
        "c0:00:00:00:00:01", lambda at: 70, utc_offset_min=SHANGHAI_MIN + 7, clock=clock
    )

    converse(talk, watch.link, NOON, seconds=2, clock=clock)

    assert talk.clock_ahead_ms == 7 * MINUTE_MS


@pytest.mark.parametrize("frame", ["ea0703050c021f", "ea0703050c021f04ff0001"])
def test_a_time_is_read_with_and_without_what_follows_the_second(frame):
    assert current_time.shown_ms(bytes.fromhex(frame)) == WALL_NOW + 1000


@pytest.mark.parametrize("frame", ["ea0702300c021f", "ea070305180000", "ea0703"])
def test_no_such_time_is_refused(frame):
    with pytest.raises(Rejected):
        current_time.shown_ms(bytes.fromhex(frame))

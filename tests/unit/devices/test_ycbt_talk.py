"""The talk with a YCBT ring: clock, logs in blocks that are acknowledged, then pulse and totals."""

import itertools

import pytest

from config.errors import Rejected
from devices import ycbt_frames
from devices.talk import TalkTerms
from devices.virtual.bands.uuids import HEART_RATE_MEASUREMENT
from devices.virtual.bands.ycbt import ALL, PULSE, SPORT, framed, ycbt_ring
from devices.ycbt_frames import (
    ASK_DEVICE_INFO,
    COMMAND,
    DAMAGED,
    KEPT,
    START,
    START_TOTALS,
    STOP,
    STOP_TOTALS,
    STREAM,
    acknowledge_log,
    ask_log,
)
from devices.ycbt_talk import REFUSED_MS, YcbtTalk
from tests.band_talks import HOUR_MS, MINUTE_MS, NOON, SHANGHAI_MIN, converse, history, walking

WORN = NOON - 26 * HOUR_MS


def resting(at_utc_ms):
    return 60 + at_utc_ms // MINUTE_MS % 40


def band(pulse=resting, **options):
    return ycbt_ring("c0:00:00:00:00:03", pulse, **{"worn_since_utc_ms": WORN} | options).link


def talk(**terms):
    return YcbtTalk(TalkTerms(SHANGHAI_MIN, **terms))


def live(heard, quantity):
    return [
        (at, value.value)
        for at, value in heard
        if value.device_ts_ms is None and value.quantity == quantity
    ]


def of(values, quantity):
    return [value for value in values if value.quantity == quantity]


def test_its_questions_are_the_recorded_ones():
    """The bytes that the notes give for a TK5."""
    assert ask_log(PULSE).hex() == "050606008320"
    assert acknowledge_log(KEPT).hex() == "0580070000f36a"
    assert acknowledge_log(DAMAGED).hex() == "0580070004772a"
    assert START.hex() == "032f080001004f1b"
    assert STOP.hex() == "032f080000007e28"
    assert START_TOTALS.hex() == "03090900010002a0de"
    assert ycbt_frames.acknowledge(ycbt_frames.Push(0x13)).hex() == "0413070000e19d"


def test_it_begins_with_the_local_time_and_the_weekday_from_monday():
    clock, info, first_log = (write.data for write in talk().writes_at(NOON))

    assert clock == framed(0x01, 0x00, bytes.fromhex("ea07 03050c021e 03"))  # a Thursday
    assert info == ASK_DEVICE_INFO
    assert first_log == ask_log(PULSE)


def test_the_memory_is_told_once_in_utc_with_the_rings_own_stamps():
    speaker = talk(live=False)

    told = history(converse(speaker, band(steps=walking), NOON, seconds=30)[0])

    assert len({(value.quantity, value.device_ts_ms) for value in told}) == len(told)
    assert all(value.device_ts_ms - value.at_utc_ms == 8 * HOUR_MS for value in told)
    pulses = {v.at_utc_ms: v.value for v in of(told, "heart_rate_bpm")}
    assert pulses == {at: resting(at) for at in pulses}
    assert len(pulses) == 2 * 26
    walked = of(told, "steps_increment")
    quarter = NOON - 150_000
    assert {v.span_ms for v in walked} == {15 * MINUTE_MS}
    assert sum(v.value for v in walked) == walking(quarter) - walking(WORN)
    assert len(of(told, "steps_counter")) == len(pulses)
    assert speaker.done
    assert speaker.read_through_utc_ms == quarter


def test_each_log_is_acknowledged_before_the_next_is_asked_for():
    _, written = converse(talk(live=False), band(steps=walking), NOON, seconds=30)

    said = [data for _, data in written if data[0] == 5]
    kept = acknowledge_log(KEPT)
    assert said == [ask_log(PULSE), kept, ask_log(SPORT), kept, ask_log(ALL), kept]


def test_a_read_begins_where_the_last_one_ended():
    first = talk(live=False)
    converse(first, band(steps=walking), NOON, seconds=30)

    second = talk(live=False, since_utc_ms=first.read_through_utc_ms)
    told = history(converse(second, band(steps=walking), NOON + 2 * HOUR_MS, seconds=30)[0])

    marks = {v.at_utc_ms + v.span_ms - first.read_through_utc_ms for v in told}
    assert min(marks) == 0, "the pulse at the mark is told again, the slot that ended there is not"
    assert len(of(told, "heart_rate_bpm")) == 1 + 4
    assert len(of(told, "steps_increment")) == 8


@pytest.mark.parametrize("number", [0, 1, 4, 9])
def test_a_lost_piece_spoils_the_log_which_is_asked_for_again(number):
    count = iter(range(10_000))

    def lost(data):
        return data[:1] == b"\x05" and next(count) == number

    speaker = talk(live=False)
    told = history(converse(speaker, band(steps=walking), NOON, seconds=60, lost=lost)[0])
    whole = history(converse(talk(live=False), band(steps=walking), NOON, seconds=60)[0])

    assert sorted(told) == sorted(whole)
    assert speaker.read_through_utc_ms is not None


def test_a_damaged_log_gives_nothing_and_says_so_to_the_ring():
    speaker, ring = talk(live=False), band()
    written = ring.written

    def damaged(characteristic, data, now):
        frames = written(characteristic, data, now)
        if data != ask_log(PULSE):
            return frames
        broken = [f.__class__(f.characteristic, _other_sum(f.data)) for f in frames]
        return tuple(broken)

    ring.written = damaged
    heard, wrote = converse(speaker, ring, NOON, seconds=90)

    said = [data for _, data in wrote]
    assert said.count(ask_log(PULSE)) == 3
    assert said.count(acknowledge_log(DAMAGED)) == 3
    assert speaker.done
    assert speaker.read_through_utc_ms is None
    assert of(history(heard), "heart_rate_bpm"), "the log of all tells the pulses too"


def _other_sum(data):
    """The end of a log with a sum that does not fit, in a frame that is sound."""
    return framed(0x05, 0x80, data[4:8] + b"\0\0") if data[1] == 0x80 else data


def test_a_log_that_the_firmware_does_not_know_is_not_asked_for_again():
    speaker, ring = talk(), band(lacks=frozenset([SPORT, ALL]))
    _, written = converse(speaker, ring, NOON, seconds=31 * 60)

    asked = [data for _, data in written if data[0] == 5 and data[1] != 0x80]
    assert asked == [ask_log(PULSE), ask_log(SPORT), ask_log(ALL), ask_log(PULSE)]
    assert speaker.read_through_utc_ms is not None


def test_another_refusal_is_tried_again_and_leaves_a_gap():
    speaker = talk(live=False)
    for second in range(60):
        now = NOON + 1000 * second
        for write in speaker.writes_at(now):
            if write.data[0] == 5:
                refusal = framed(0x05, write.data[1], b"\xfe")
                assert speaker.heard(COMMAND, refusal, now) == []

    assert speaker.done
    assert speaker.read_through_utc_ms is None


def test_nothing_that_deletes_is_ever_written():
    ring = band(steps=walking)
    converse(talk(), ring, NOON, seconds=2 * 60 * 60)

    assert not ring.deleted


def test_pulse_and_totals_come_after_the_memory():
    heard, _ = converse(talk(), band(steps=walking), NOON, seconds=60)

    pulses = live(heard, "heart_rate_bpm")
    assert pulses == [(at, resting(at)) for at in range(pulses[0][0], NOON + 60_000, 1000)]
    assert pulses[0][0] <= NOON + 10_000
    assert len(live(heard, "steps_counter")) >= 9
    assert [value for _, value in live(heard, "battery_pct")] == [61]


def test_the_stored_pulse_of_the_heart_rate_service_is_no_reading():
    ring = band(pulse=lambda _: None, worn_since_utc_ms=NOON)
    stored = [f for f in ring.beat(NOON) if f.characteristic == HEART_RATE_MEASUREMENT]
    assert [frame.data[1] for frame in stored] == [87]

    heard, _ = converse(talk(), ring, NOON, seconds=120)

    assert [value for _, value in heard if value.quantity == "heart_rate_bpm"] == []
    assert HEART_RATE_MEASUREMENT not in (*talk().notify, *talk().reads)


def test_a_ring_that_refuses_to_measure_is_asked_ever_more_seldom():
    ring = band()
    ring.refuses_to_measure = True

    _, written = converse(talk(), ring, NOON, seconds=25 * 60)

    starts = [at for at, data in written if data == START]
    waits = [round((b - a) / REFUSED_MS) for a, b in itertools.pairwise(starts)]
    assert waits == [1, 2, 4, 8]


def test_a_measurement_that_falls_silent_is_begun_again():
    speaker, ring = talk(), band()
    converse(speaker, ring, NOON, seconds=20)
    ring.link_lost()

    heard, written = converse(speaker, ring, NOON + 20_000, seconds=60)

    assert [data for _, data in written].count(START) == 1
    assert live(heard, "heart_rate_bpm")


def test_a_push_is_acknowledged_until_it_ends():
    speaker, ring = talk(), band()
    ring.push(0x0E, b"\0\1")

    _, written = converse(speaker, ring, NOON, seconds=20)

    answers = [data for _, data in written if data[0] == 4]
    assert answers == [framed(0x04, 0x0E, b"\0")]


def test_a_refused_push_is_not_acknowledged():
    speaker = talk()
    speaker.writes_at(NOON)

    speaker.heard(STREAM, framed(0x04, 0x0E, b"\xfc"), NOON)

    assert [w.data for w in speaker.writes_at(NOON + 1) if w.data[0] == 4] == []


def test_a_log_that_nobody_asked_for_gives_nothing():
    speaker = talk(live=False)
    converse(speaker, band(lacks=frozenset([PULSE, SPORT, ALL])), NOON, seconds=5)
    record = bytes.fromhex("1cf0de310047")

    assert speaker.heard(STREAM, framed(0x05, 0x15, record), NOON) == []
    end = b"\1\0\6\0" + ycbt_frames.crc16(record).to_bytes(2, "little")
    assert speaker.heard(STREAM, framed(0x05, 0x80, end), NOON) == []


def answered(record, **terms):
    """What a talk tells of a log of one pulse."""
    speaker = talk(live=False, **terms)
    speaker.writes_at(NOON)
    sizes = b"\1\0" + b"\1\0\0\0" + b"\6\0\0\0"
    end = b"\1\0\6\0" + ycbt_frames.crc16(record).to_bytes(2, "little")
    frames = [framed(5, 6, sizes), framed(5, 0x15, record), framed(5, 0x80, end)]
    return [value for frame in frames for value in speaker.heard(STREAM, frame, NOON)]


def record_at(ms_ago, bpm=70):
    shown_s = (NOON + 8 * HOUR_MS - ms_ago) // 1000 - 946_684_800
    return shown_s.to_bytes(4, "little") + bytes([0, bpm])


def test_a_record_older_than_a_ring_remembers_has_a_time_that_nobody_knows():
    assert [v.value for v in answered(record_at(HOUR_MS))] == [70]
    assert [v.at_utc_ms for v in answered(record_at(9 * 24 * HOUR_MS))] == [None], "too old"


def test_a_pulse_that_was_still_being_written_at_the_mark_is_told_by_the_next_read():
    on_the_hour = NOON - 150_000
    record = record_at(NOON - on_the_hour)

    assert [v.at_utc_ms for v in answered(record, since_utc_ms=on_the_hour)] == [on_the_hour]
    assert answered(record_at(30_000)) == [], "of the last minute"


@pytest.mark.parametrize("bpm", [0, 251, 255])
def test_a_record_without_a_pulse_that_can_be_gives_none(bpm):
    assert answered(record_at(HOUR_MS, bpm)) == []


def test_a_cut_frame_is_waited_for_and_a_broken_one_refused():
    speaker = talk()
    frame = framed(0x06, 0x01, b"\x48")

    assert speaker.heard(STREAM, frame[:4], NOON) == []
    assert speaker.heard(COMMAND, framed(0x06, 0x15, b"\0\x20"), NOON) != []
    assert [v.value for v in speaker.heard(STREAM, frame[4:], NOON)] == [72]
    with pytest.raises(Rejected, match="bad_checksum"):
        speaker.heard(STREAM, frame[:-1] + b"\0", NOON)


def test_it_leaves_a_ring_that_measures_no_more():
    assert [write.data for write in talk().farewell()] == [STOP, STOP_TOTALS]
    assert talk(live=False).farewell() == []

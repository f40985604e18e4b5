"""The talk with a Colmi ring: its clock, its memory without gaps or repeats, its live pulse."""

from datetime import UTC, datetime

import pytest

from config.errors import Rejected
from devices.colmi_frames import NOTIFY, START, STOP, Command, ask_log, ask_steps, frame
from devices.colmi_talk import ColmiTalk
from devices.talk import TalkTerms
from devices.virtual.bands.colmi import colmi_ring
from tests.band_talks import (
    HOUR_MS,
    MINUTE_MS,
    NOON,
    SHANGHAI_MIN,
    commands,
    converse,
    history,
    walking,
)

TODAY = round(datetime(2026, 3, 5, tzinfo=UTC).timestamp() * 1000)
"""Midnight as the ring's clock shows it."""


def resting(at_utc_ms):
    return 60 + at_utc_ms // (5 * MINUTE_MS) % 40


def ring(pulse=resting, **options):
    worn = NOON - 26 * HOUR_MS
    return colmi_ring("c0:00:00:00:00:01", pulse, worn_since_utc_ms=worn, **options).link


def talk(**terms):
    return ColmiTalk(TalkTerms(SHANGHAI_MIN, **terms))


def test_it_sets_the_local_time_before_it_asks_for_the_newest_day():
    writes = [write.data for write in talk().writes_at(NOON)]

    assert writes[0] == frame(Command.SET_TIME, bytes.fromhex("260305120230 01"))
    assert writes[1:] == [frame(Command.BATTERY), ask_steps(0)]


def test_the_memory_is_told_once_in_utc_with_the_rings_own_stamps():
    told = history(converse(talk(), ring(steps=walking), NOON, seconds=40)[0])

    assert len({(value.quantity, value.device_ts_ms) for value in told}) == len(told)
    assert all(value.device_ts_ms - value.at_utc_ms == 8 * HOUR_MS for value in told)
    pulses = {v.at_utc_ms: v.value for v in told if v.quantity == "heart_rate_bpm"}
    assert pulses == {
        at: resting(at)
        for at in range(NOON - 26 * HOUR_MS + 2 * MINUTE_MS + 30_000, NOON - 5 * MINUTE_MS, 300_000)
    }
    steps = [v for v in told if v.quantity == "steps_increment"]
    assert {v.span_ms for v in steps} == {15 * MINUTE_MS}
    assert max(v.at_utc_ms + v.span_ms for v in steps) <= NOON


def test_steps_of_a_ring_without_a_single_pulse_are_told_while_the_talk_goes_on():
    since = NOON - 3 * HOUR_MS  # no other day brings on what waits
    quiet = colmi_ring(
        "c0:00:00:00:00:01", lambda _at: None, steps=walking, worn_since_utc_ms=since
    ).link
    told = converse(talk(live=True), quiet, NOON, seconds=40)[0]

    moments = [moment for moment, value in told if value.quantity == "steps_increment"]
    assert len(moments) == 12
    assert max(moments) < NOON + 20_000  # not when the talk ends


def test_what_was_running_is_told_at_the_next_read_and_nothing_twice():
    speaker = talk()

    told = history(converse(speaker, ring(steps=walking), NOON, seconds=16 * 60)[0])

    assert len({(value.quantity, value.device_ts_ms) for value in told}) == len(told)
    latest = max(v.at_utc_ms for v in told if v.quantity == "heart_rate_bpm")
    assert latest == NOON - 150_000 + 10 * MINUTE_MS
    assert speaker.read_through_utc_ms == NOON - 150_000 + 15 * MINUTE_MS


def test_a_read_begins_where_the_last_one_ended():
    first = talk(live=False)
    converse(first, ring(steps=walking), NOON, seconds=40)
    later = NOON + 2 * HOUR_MS

    second = talk(live=False, since_utc_ms=first.read_through_utc_ms)
    heard, written = converse(second, ring(steps=walking), later, seconds=40)

    assert [data for _, data in written if data[0] == Command.LOG] == [ask_log(TODAY)]
    assert [data for _, data in written if data[0] == Command.STEPS] == [ask_steps(0)]
    assert min(v.at_utc_ms for v in history(heard)) == first.read_through_utc_ms


def test_it_reaches_back_no_further_than_the_ring_keeps():
    heard_of = converse(talk(live=False, since_utc_ms=0), ring(), NOON, seconds=60)[1]

    asked = [data for _, data in heard_of if data[0] == Command.LOG]
    assert asked == [ask_log(TODAY - days * 24 * HOUR_MS) for days in range(7)]


@pytest.mark.parametrize("packet", [0, 1, 7, 23])
def test_a_lost_packet_is_asked_for_again_and_no_value_told_twice(packet):
    losses = []

    def lost(data):
        if data[0] == Command.LOG and data[1] == packet and len(losses) < 1:
            losses.append(data)
            return True
        return False

    speaker = talk(live=False)
    told = history(converse(speaker, ring(steps=walking), NOON, seconds=60, lost=lost)[0])
    whole = history(converse(talk(live=False), ring(steps=walking), NOON, seconds=60)[0])

    assert losses
    assert sorted(told) == sorted(whole)
    assert speaker.read_through_utc_ms is not None


def test_what_came_of_a_day_is_told_though_a_packet_never_comes():
    speaker = talk(live=False)

    heard, written = converse(
        speaker,
        ring(steps=walking),
        NOON,
        seconds=120,
        lost=lambda data: data[0] == Command.LOG and data[1] == 20,
    )

    assert commands(written).count(Command.LOG) == 2 * 3 + 5, "two days in three tries, five empty"
    assert len(history(heard)) > 200
    assert speaker.done
    assert speaker.read_through_utc_ms is None, "the gap is read with the next connection"


def test_doubled_packets_count_once():
    class Echoing:
        def __init__(self, link):
            self.link = link
            self.beat = link.beat

        def written(self, *asked):
            return [f for frame in self.link.written(*asked) for f in (frame, frame)]

    speaker = talk(live=False)
    told = history(converse(speaker, Echoing(ring(steps=walking)), NOON, seconds=60)[0])
    whole = history(converse(talk(live=False), ring(steps=walking), NOON, seconds=60)[0])

    assert sorted(told) == sorted(whole)


def asked_for_the_log(**terms):
    speaker = talk(**terms)
    speaker.writes_at(NOON)
    speaker.heard(NOTIFY, frame(Command.STEPS, b"\xff"), NOON)
    assert [write.data for write in speaker.writes_at(NOON)] == [ask_log(TODAY)]
    return speaker


def test_the_slots_to_come_hold_what_the_ring_left_there_and_are_not_told():
    speaker = asked_for_the_log(live=False)
    full = bytes([77]) * 13
    speaker.heard(NOTIFY, frame(Command.LOG, bytes([0, 24, 5])), NOON)
    head = bytes([1]) + (TODAY // 1000).to_bytes(4, "little")
    told = speaker.heard(NOTIFY, frame(Command.LOG, head + full[:9]), NOON)
    for number in range(2, 24):
        told += speaker.heard(NOTIFY, frame(Command.LOG, bytes([number]) + full), NOON)

    assert len(told) == 12 * 12, "twelve hours of twelve slots are over"


def test_the_log_of_another_day_is_refused():
    speaker = asked_for_the_log()
    head = bytes([1]) + (TODAY // 1000 - 86_400).to_bytes(4, "little")

    with pytest.raises(Rejected, match="unexpected_day"):
        speaker.heard(NOTIFY, frame(Command.LOG, head + bytes([70])), NOON)


def test_an_answer_that_nobody_waits_for_is_no_reading():
    assert talk().heard(NOTIFY, frame(Command.LOG, bytes([5, 70, 71])), NOON) == []


def test_a_malformed_frame_is_refused_and_the_talk_goes_on():
    speaker = talk()
    speaker.writes_at(NOON)

    with pytest.raises(Rejected, match="bad_checksum"):
        speaker.heard(NOTIFY, bytes(15) + b"\x01", NOON)

    assert speaker.due_utc_ms is not None


def test_a_ring_that_keeps_no_days_is_read_at_once():
    heard, written = converse(talk(), ring(pulse=lambda at: None), NOON, seconds=2)

    assert history(heard) == []
    assert [data for _, data in written][-1] == START


def test_the_live_pulse_comes_each_second_after_the_memory():
    heard, _ = converse(talk(), ring(), NOON, seconds=30)

    live = [(at, v.value) for at, v in heard if v.device_ts_ms is None and v.quantity[0] == "h"]
    assert live == [(at, resting(at)) for at in range(live[0][0], NOON + 30_000, 1000)]
    assert live[0][0] <= NOON + 5_000, "three beats of warming up give no value"


def test_a_ring_that_stopped_by_itself_is_started_again():
    link = ring()
    speaker = talk()
    converse(speaker, link, NOON, seconds=20)
    link.link_lost()

    heard, written = converse(speaker, link, NOON + 20_000, seconds=30)

    assert [data for _, data in written] == [START]
    assert heard


def test_a_ring_that_is_not_worn_says_no_value_and_is_asked_again_seldom():
    heard, written = converse(talk(), ring(pulse=lambda at: None), NOON, seconds=120)

    assert [v.quantity for _, v in heard] == ["battery_pct"]
    assert commands(written).count(Command.START_LIVE) == 1, "it still says so each second"


def test_a_ring_that_does_not_answer_is_given_up_and_its_pulse_started_all_the_same():
    heard, written = converse(talk(), ring(), NOON, seconds=20, lost=lambda data: data[0] == 0x15)

    assert commands(written).count(Command.LOG) == 3
    assert commands(written)[-1] == Command.START_LIVE
    assert [v.quantity for _, v in heard].count("heart_rate_bpm") > 0


def test_a_ring_may_refuse_a_question():
    speaker = talk(live=False, since_utc_ms=NOON)
    speaker.writes_at(NOON)

    for _ in range(2):
        (question,) = [w.data for w in speaker.writes_at(NOON)] or [ask_steps(0)]
        refusal = bytes([question[0] | 0x80])
        assert speaker.heard(NOTIFY, frame_of(refusal), NOON) == []

    assert speaker.done


def frame_of(body):
    body = body.ljust(15, b"\0")
    return body + bytes([sum(body) & 0xFF])


def test_only_a_live_talk_has_something_to_stop():
    assert [write.data for write in talk().farewell()] == [STOP]
    assert talk(live=False).farewell() == []


def test_a_clock_set_back_does_not_silence_the_talk():
    speaker, link = talk(), ring()
    converse(speaker, link, NOON, seconds=20)

    earlier = NOON - 3 * HOUR_MS

    assert {write.data[0] for write in speaker.writes_at(earlier)} >= {Command.SET_TIME}


def test_the_battery_is_read_with_the_memory():
    heard, _ = converse(talk(), ring(battery_pct=41), NOON, seconds=2)

    assert [v.value for _, v in heard if v.quantity == "battery_pct"] == [41]

"""The talk with a Huami band: the steps, and away again, for a linked band is silent on the air."""

import pytest

from config.errors import Rejected
from devices.current_time import CURRENT_TIME
from devices.huami_steps import STEPS, STILL_MS, HuamiStepsTalk
from devices.talk import TalkTerms
from devices.virtual.bands import huami_band
from tests.band_talks import HOUR_MS, NOON, SHANGHAI_MIN, Clock, converse, walking

ADDRESS = "c0:00:00:00:00:01"
MIDNIGHT = NOON - NOON % HOUR_MS - 12 * HOUR_MS


def talk(*, live=True):
    return HuamiStepsTalk(TalkTerms(SHANGHAI_MIN, live=live))


def played(seconds, steps, *, begin=NOON, speaker=None):
    clock, speaker = Clock(), speaker or talk()
    band = huami_band(ADDRESS, steps, clock=clock)
    heard, written = converse(speaker, band.link, begin, seconds=seconds, clock=clock)
    assert written == []
    return [(at, value.value) for at, value in heard if value.quantity == "steps_counter"], speaker


def test_the_steps_are_heard_while_the_wearer_walks():
    told, speaker = played(120, walking)

    assert not speaker.done
    assert [value for _, value in told][::60] == [
        (walking(at) - walking(MIDNIGHT)) % 65_536 for at, _ in told[::60]
    ]
    assert len(told) == 120


def test_a_band_whose_wearer_stands_still_is_left():
    told, speaker = played(60, lambda at: 500 if at > MIDNIGHT else 0)

    assert speaker.done
    assert told == [(NOON, 500)]


def test_it_is_left_only_so_long_after_the_last_step():
    last = NOON + 30_000
    steps = lambda at: min(at, last) // 1000 if at > MIDNIGHT else 0  # noqa: E731 - short

    _, early = played(30 + STILL_MS // 1000, steps)
    _, late = played(31 + STILL_MS // 1000, steps)

    assert (early.done, late.done) == (False, True)


def test_a_band_that_says_nothing_at_all_is_left_too():
    speaker = talk()

    assert speaker.due_utc_ms == 0
    speaker.writes_at(NOON)
    assert speaker.due_utc_ms == NOON + STILL_MS
    speaker.writes_at(NOON + STILL_MS)

    assert speaker.done
    assert speaker.due_utc_ms is None


def test_the_counter_travels_as_it_is_over_its_end_and_over_midnight():
    over_its_end, _ = played(3, lambda at: 65_534 + (at - NOON) // 1000 if at > MIDNIGHT else 0)
    over_midnight, _ = played(4, walking, begin=MIDNIGHT - 2_000)

    assert [value for _, value in over_its_end] == [65_534, 65_535, 0]
    assert [value for _, value in over_midnight][-2:] == [0, 1]


def test_who_comes_once_leaves_with_the_first_word():
    told, speaker = played(1, walking, speaker=talk(live=False))

    assert speaker.done
    assert len(told) == 1


def test_a_clock_that_was_set_back_does_not_hold_the_band():
    speaker = talk()
    speaker.writes_at(NOON)
    speaker.writes_at(NOON - HOUR_MS)

    assert speaker.done


def test_a_cut_frame_is_refused_and_the_talk_goes_on():
    speaker = talk()

    with pytest.raises(Rejected, match="too_short"):
        speaker.heard(STEPS, b"\x0c\x57", NOON)
    assert not speaker.done
    assert speaker.farewell() == []


def test_the_same_total_said_again_and_again_is_no_walking():
    speaker = talk()
    speaker.writes_at(NOON)

    for second in range(STILL_MS // 1000):
        now = NOON + 1000 * second
        (total,) = speaker.heard(STEPS, bytes.fromhex("0c570000003500000002000000"), now)
        assert total.value == 87
    speaker.writes_at(NOON + STILL_MS)

    assert speaker.done


def test_the_clock_of_a_band_that_lets_it_be_read_is_compared_and_gives_no_value():
    speaker = talk()
    frame = bytes.fromhex("ea0703050c091e0400000020")  # 12:09:30, and the zone

    assert speaker.heard(CURRENT_TIME, frame, NOON) == []
    assert speaker.clock_ahead_ms == 7 * 60_000
    assert speaker.heard(STEPS, bytes.fromhex("0c570000003500000002000000"), NOON) != []

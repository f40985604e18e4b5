"""The talk with a WearFit watch: the clock first, then pulse, totals and charge."""

from itertools import pairwise

import pytest

from config.errors import Rejected
from devices import wearfit_frames
from devices.talk import TalkTerms
from devices.virtual.bands import wearfit_watch
from devices.wearfit import BATTERY_EVERY_MS, SILENCE_MS, WearFitTalk
from devices.wearfit_frames import ASK_BATTERY, NOTIFY, START_LIVE, STOP_LIVE
from tests.band_talks import HOUR_MS, NOON, SHANGHAI_MIN, converse, walking

ADDRESS = "c0:00:00:00:00:01"


def talk(*, live=True):
    return WearFitTalk(TalkTerms(SHANGHAI_MIN, live=live))


def watch(**given):
    return wearfit_watch(ADDRESS, **({"pulse": lambda at: 60 + at // 1000 % 40} | given)).link


def of(heard, quantity):
    return [(at, value.value) for at, value in heard if value.quantity == quantity]


def test_the_first_words_are_those_of_the_public_client():
    _, written = converse(talk(), watch(), NOON, seconds=1)

    assert [data.hex() for _, data in written] == [
        "ab000bff93800007ea03050c021e",  # 2026-03-05 12:02:30
        "ab0004ff918001",
        "ab0009ff5180001a03050d00",  # from 13:00 on
        "ab0004ff310a01",
    ]


def test_the_watch_takes_the_clock_of_the_place():
    link = watch(utc_offset_min=-300)

    converse(talk(), link, NOON, seconds=1)

    assert link.memory.wall(NOON).hour == 12


def test_the_pulse_comes_each_second_and_the_totals_three_times_a_minute():
    heard, _ = converse(talk(), watch(steps=walking), NOON, seconds=121)

    pulses = [(NOON + 1000 * s, 60 + (NOON // 1000 + s) % 40) for s in range(121)]
    assert of(heard, "heart_rate_bpm") == pulses
    assert [at - NOON for at, _ in of(heard, "steps_counter")] == list(range(0, 121_000, 20_000))
    assert len(of(heard, "battery_pct")) == 1


def test_the_counter_of_16_bits_travels_as_it_is():
    heard, _ = converse(
        talk(), watch(steps=lambda at: 65_500 if at >= NOON else 0), NOON, seconds=1
    )
    more, _ = converse(talk(), watch(steps=lambda at: 65_540 if at >= NOON else 0), NOON, seconds=1)

    assert [value for _, value in of(heard + more, "steps_counter")] == [65_500, 4]


def test_a_watch_that_stops_measuring_by_itself_is_started_again():
    heard, written = converse(talk(), watch(live_beats=20), NOON, seconds=120)

    assert [at - NOON for at, data in written if data == START_LIVE] == [0, 34_000, 68_000, 102_000]
    pulses = [at for at, _ in of(heard, "heart_rate_bpm")]
    gaps = [after - before for before, after in pairwise(pulses)]
    assert max(gaps) == SILENCE_MS


def test_a_watch_that_is_not_worn_gives_no_pulse():
    heard, written = converse(talk(), watch(pulse=lambda at: None), NOON, seconds=60)

    assert of(heard, "heart_rate_bpm") == []
    assert [data for _, data in written].count(START_LIVE) == 1, "it says so: it is not silent"


def test_the_charge_is_asked_for_each_hour_and_again_when_its_answer_is_lost():
    lose = iter([True, True, False])
    is_lost = lambda data: data[4] == 0x91 and next(lose, False)  # noqa: E731 - short

    _, written = converse(talk(), watch(), NOON, seconds=3_700, lost=is_lost)

    asked = [at - NOON for at, data in written if data == ASK_BATTERY]
    assert asked == [0, 30_000, 60_000, 60_000 + BATTERY_EVERY_MS]


def test_a_clock_that_was_set_back_does_not_make_it_wait():
    speaker = talk()
    converse(speaker, watch(), NOON, seconds=5)

    asked = [write.data for write in speaker.writes_at(NOON - 2 * HOUR_MS)]

    assert asked[0] == ASK_BATTERY
    assert asked[-1] == START_LIVE


def test_who_comes_for_the_totals_alone_leaves_when_they_are_told_or_never_come():
    told, untold = talk(live=False), talk(live=False)

    heard, written = converse(told, watch(steps=walking), NOON, seconds=2)
    converse(untold, watch(), NOON, seconds=10, lost=lambda data: True)
    assert not untold.done
    untold.writes_at(NOON + 10_000)

    assert told.done
    assert untold.done
    assert len(of(heard, "steps_counter")) == 1
    assert START_LIVE not in [data for _, data in written]
    assert told.farewell() == []


def test_a_watch_that_measures_is_stopped_before_it_is_left():
    assert [write.data for write in talk().farewell()] == [STOP_LIVE]


def test_other_characteristics_are_not_ours_and_a_cut_frame_is_refused():
    speaker = talk()

    assert speaker.heard("0000", b"\xab", NOON) == []
    with pytest.raises(Rejected, match="too_short"):
        speaker.heard(NOTIFY, wearfit_frames.frame(0x310A, b"\x47\x30")[:-1], NOON)

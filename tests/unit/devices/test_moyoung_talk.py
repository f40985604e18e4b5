"""The talk with a Moyoung band: its form is found out, totals are read, a pulse is asked for."""

from itertools import pairwise

import pytest

from config.errors import Rejected
from devices import battery, hrs, moyoung_frames
from devices.moyoung_frames import NOTIFY, OLD, TOTALS, VERSION, WIDE
from devices.moyoung_talk import PULSE_EVERY_MS, MoyoungTalk
from devices.talk import TalkTerms
from devices.virtual.bands import moyoung_band
from tests.band_talks import HOUR_MS, NOON, SHANGHAI_MIN, Clock, converse, walking

ADDRESS = "c0:00:00:00:00:01"
MIDNIGHT = NOON - NOON % HOUR_MS - 12 * HOUR_MS


def talk(*, live=True, offset_min=SHANGHAI_MIN):
    return MoyoungTalk(TalkTerms(offset_min, live=live))


def of(heard, quantity):
    return [(at, value.value) for at, value in heard if value.quantity == quantity]


def played(seconds, *, begin=NOON, speaker=None, lost=lambda data: False, **given):
    clock = Clock()
    band = moyoung_band(ADDRESS, **({"pulse": lambda at: 71} | given), clock=clock)
    speaker = speaker or talk()
    heard, written = converse(speaker, band.link, begin, seconds=seconds, lost=lost, clock=clock)
    return heard, written, band


@pytest.mark.parametrize("form", [OLD, WIDE])
def test_the_form_of_the_band_is_found_out(form):
    heard, written, _ = played(60, form=form)

    assert of(heard, "heart_rate_bpm")
    asked = [data[2] for _, data in written if data[4] != VERSION]
    assert set(asked) == {form}


def test_a_pulse_is_asked_for_every_two_minutes_after_the_last():
    heard, _, _ = played(600, measuring_beats=30)

    pulses = [at for at, _ in of(heard, "heart_rate_bpm")]
    gaps = {after - before for before, after in pairwise(pulses)}
    assert {value for _, value in of(heard, "heart_rate_bpm")} == {71}
    assert len(pulses) == 4
    assert gaps == {PULSE_EVERY_MS + 29_000}


def test_a_question_whose_answer_is_lost_is_put_again():
    lose = iter([True, False])

    heard, _, _ = played(
        300, measuring_beats=1, lost=lambda data: data[4] == 0x6D and next(lose, False)
    )

    assert next(at - NOON for at, _ in of(heard, "heart_rate_bpm")) == PULSE_EVERY_MS


def test_a_measurement_without_a_pulse_is_no_reading():
    heard, _, _ = played(300, pulse=lambda at: None)

    assert of(heard, "heart_rate_bpm") == []


def test_the_totals_are_read_though_nobody_walks():
    heard, _, _ = played(61)

    assert [at - NOON for at, _ in of(heard, "steps_counter")] == list(range(0, 61_000, 10_000))
    assert {value for _, value in of(heard, "steps_counter")} == {0}


def test_the_counter_travels_as_it_is_over_midnight():
    begin = MIDNIGHT - 20_000

    heard, _, _ = played(45, begin=begin, steps=walking)

    told = [value for _, value in of(heard, "steps_counter")]
    assert told[0] > 140_000
    assert told[-1] == walking(begin + 40_000) - walking(MIDNIGHT) < 50


@pytest.mark.parametrize("offset_min", [SHANGHAI_MIN, 0, -330])
def test_the_clock_is_set_to_the_place(offset_min):
    _, _, band = played(10, speaker=talk(offset_min=offset_min), utc_offset_min=77)

    shown = band.link.memory.wall(NOON)
    assert (shown.hour * 60 + shown.minute - 4 * 60 - 2) % 1440 == offset_min % 1440


def test_a_band_that_answers_in_no_form_gives_its_steps_all_the_same():
    heard, written, _ = played(300, form=0x77)

    assert len(of(heard, "steps_counter")) == 30
    assert [at - NOON for at, _ in written] == [
        *range(0, 18_001, 3_000),
        78_000,
        138_000,
        198_000,
        258_000,
    ]
    assert {data[4] for _, data in written} == {VERSION}


def test_its_heart_rate_service_is_left_alone():
    """The MT863 offers one that says nothing; others were never worn beside a strap."""
    speaker = talk()

    assert hrs.MEASUREMENT not in (*speaker.notify, *speaker.reads)


def test_a_frame_in_pieces_is_put_together_and_one_that_lost_a_piece_forgotten():
    speaker = talk()
    first, second = bytes.fromhex("feea20066d"), b"\x4b"

    assert speaker.heard(NOTIFY, first, NOON) == []
    assert [v.value for v in speaker.heard(NOTIFY, second, NOON)] == [75]
    assert speaker.heard(NOTIFY, first, NOON) == []
    assert [v.value for v in speaker.heard(NOTIFY, first + b"\x4c", NOON)] == [76]
    with pytest.raises(Rejected, match="unknown_form"):
        speaker.heard(NOTIFY, second, NOON)


def test_who_comes_for_the_totals_alone_leaves_after_setting_the_clock():
    speaker = talk(live=False)

    heard, written, _ = played(30, speaker=speaker)

    assert speaker.done
    assert {value.quantity for _, value in heard} == {"steps_counter", "battery_pct"}
    assert [data[4] for _, data in written] == [VERSION, moyoung_frames.CLOCK]


def test_who_comes_for_the_totals_alone_leaves_a_band_that_does_not_answer():
    speaker = talk(live=False)

    played(30, speaker=speaker, form=0x77)

    assert speaker.done


def test_only_a_running_measurement_is_stopped():
    speaker = talk()
    assert speaker.farewell() == []

    played(10, speaker=speaker, measuring_beats=30)
    (stop,) = speaker.farewell()
    assert stop.data.hex() == "feea20066dff"

    speaker.heard(NOTIFY, bytes.fromhex("feea20066d4b"), NOON)
    assert speaker.farewell() == []


def test_a_clock_that_was_set_back_does_not_make_it_wait():
    speaker = talk()
    played(10, speaker=speaker, measuring_beats=1)

    asked = speaker.writes_at(NOON - HOUR_MS)

    assert [type(one).__name__ for one in asked] == ["Read", "Write"]


def test_the_charge_is_read_and_heard():
    speaker = talk()

    assert speaker.reads == (battery.LEVEL, TOTALS)
    assert [v.value for v in speaker.heard(battery.LEVEL.upper(), b"\x32", NOON)] == [50]

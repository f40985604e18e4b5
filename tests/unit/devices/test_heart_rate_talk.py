"""The talk with a Heart Rate Service: it only listens."""

import pytest

from config.errors import Rejected
from devices import battery, hrs
from devices.talk import TalkTerms

NOW = 1_767_268_800_000


def heard(hexadecimal, characteristic=hrs.MEASUREMENT):
    return hrs.talk(TalkTerms(480)).heard(characteristic, bytes.fromhex(hexadecimal), NOW)


def test_the_pulse_is_true_at_the_moment_of_hearing():
    (pulse,) = heard("0650")

    assert (pulse.quantity, pulse.value, pulse.at_utc_ms) == ("heart_rate_bpm", 80, None)


def test_each_beat_interval_ends_where_the_next_begins():
    _, first, second = heard("105a00080004")

    assert (first.value, first.at_utc_ms) == (2000, NOW - 1000)
    assert (second.value, second.at_utc_ms) == (1000, NOW)


@pytest.mark.parametrize(
    ("flags", "contact"),
    [("00", None), ("02", None), ("04", False), ("06", True)],
)
def test_contact_is_known_only_to_a_band_that_can_tell(flags, contact):
    (pulse,) = heard(f"{flags}48")

    assert pulse.contact is contact


def test_the_battery_is_read_and_heard_too():
    talk = hrs.talk(TalkTerms(480))

    assert talk.notify == (hrs.MEASUREMENT, battery.LEVEL)
    assert talk.reads == (battery.LEVEL,)
    assert [v.value for v in heard("32", battery.LEVEL)] == [50]
    assert [v.value for v in heard("32", battery.LEVEL.upper())] == [50]


def test_nothing_is_ever_written():
    talk = hrs.talk(TalkTerms(480))

    assert (talk.writes_at(NOW), talk.farewell(), talk.due_utc_ms) == ([], [], None)
    assert not talk.done


def test_a_cut_frame_is_refused():
    with pytest.raises(Rejected, match="too_short"):
        heard("10")


def pulses(*frames):
    speaker = hrs.talk(TalkTerms(480))
    heard = [value for frame in frames for value in speaker.heard(hrs.MEASUREMENT, frame, NOW)]
    return [(v.value, v.suspect) for v in heard if v.quantity == "heart_rate_bpm"]


def test_a_stored_pulse_without_a_word_of_contact_is_doubted_as_long_as_it_stands_still():
    assert pulses(*[bytes([0, 87])] * 4) == [(87, True)] * 4


def test_a_pulse_that_moves_shows_that_the_band_is_worn():
    frames = [bytes([0, bpm]) for bpm in (87, 87, 88, 87)]

    assert pulses(*frames) == [(87, True), (87, True), (88, False), (87, False)]


def test_none_in_between_shows_nothing():
    assert pulses(bytes([0, 87]), bytes([0, 0]), bytes([0, 87])) == [(87, True), (87, True)]


def test_beat_intervals_show_that_the_band_is_worn():
    assert pulses(bytes.fromhex("105700040004"), bytes([0, 87])) == [(87, False), (87, False)]


@pytest.mark.parametrize("flags", [4, 6])
def test_a_band_that_tells_of_contact_is_taken_at_its_word(flags):
    assert pulses(bytes([flags, 87])) == [(87, False)]


def test_each_link_has_to_show_it_anew():
    moved = pulses(bytes([0, 87]), bytes([0, 90]))

    assert moved[-1] == (90, False)
    assert pulses(bytes([0, 87])) == [(87, True)]

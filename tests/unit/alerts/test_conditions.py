"""Sustained at or above a ceiling: what raises, what breaks a run, what ends it."""

import math
from dataclasses import replace

import pytest

from alerts.conditions import Episode, Gate, Sample, Sustained, Tracker, What, episodes
from config.alert_rules import load_alert_rules

RULE = Sustained(**load_alert_rules().hr_ceiling.persistence)
S = 1_000


def pulses(*pairs):
    return [Sample(second * S, bpm) for second, bpm in pairs]


def steady(*seconds, bpm=150.0):
    return pulses(*((second, bpm) for second in seconds))


def found(samples):
    return episodes(samples, 140.0, RULE)


@pytest.mark.parametrize(
    ("seconds", "raised_s"),
    [
        (range(31), 30),
        (range(30), None),
        ((0, 15, 30), 30),
        ((0, 15, 29), None),
        ((0, 30), 30),
        ((0, 60), 60),
        ((0, 90), 90),
        ((0, 91), None),
        ((0, 16), None),
        ((0, 16, 30), 30),
        ((0, 20, 40), 40),
        ((0, 100, 130), 130),
        ((0, 1, 2), None),
        ((5,), None),
        ((), None),
    ],
)
def test_three_close_together_over_half_a_minute_or_two_in_a_row_of_a_slow_band(seconds, raised_s):
    raised = [episode.raised_ms for episode in found(steady(*seconds))]
    assert raised == ([] if raised_s is None else [raised_s * S])


def test_what_was_before_a_gap_is_no_part_of_the_close_readings_after_it():
    slower = replace(RULE, slow_samples=3)
    (episode,) = episodes(steady(0, *range(20, 60)), 140.0, slower)
    assert (episode.onset_ms, episode.raised_ms) == (0, 50 * S)


def test_at_the_ceiling_counts_and_just_below_does_not():
    assert found(steady(*range(40), bpm=140.0))
    assert not found(steady(*range(40), bpm=139.99))


def test_one_reading_below_breaks_a_run():
    assert not found([*steady(*range(29)), *pulses((29, 139.0)), *steady(*range(30, 59))])


def test_an_episode_has_onset_raising_end_peak_and_count():
    samples = [*steady(*range(10, 50)), *pulses((50, 171.0), (51, 120.0)), *steady(52)]
    assert found(samples) == [Episode(10 * S, 40 * S, 50 * S, 171.0, 41, is_over=True)]


def test_the_last_episode_is_not_over_unless_something_says_so():
    assert [each.is_over for each in found(steady(*range(40)))] == [False]
    assert [each.is_over for each in found(steady(*range(40), 131))] == [True]


def test_two_gateways_that_hear_a_slow_band_a_moment_apart_hide_nothing():
    assert [each.raised_ms for each in found(steady(0, 0.1, 60, 60.1))] == [60 * S]
    assert [each.raised_ms for each in found(steady(0, 0.1, 20, 20.1, 40))] == [40 * S]


def test_a_tracker_says_what_changed_and_ignores_what_is_not_newer():
    tracker = Tracker(140.0, RULE)
    changes = [tracker.feed(sample) for sample in steady(*range(32))]
    assert changes[:30] == [None] * 30
    assert [change.what for change in changes[30:]] == [What.RAISED, What.CONTINUES]
    assert tracker.feed(Sample(31 * S, 90.0)) is None
    assert tracker.feed(Sample(0, 90.0)) is None
    assert tracker.episode == changes[-1].episode
    ended = tracker.feed(Sample(32 * S, 90.0))
    assert (ended.what, ended.episode.is_over) == (What.ENDED, True)
    assert tracker.episode is None
    assert tracker.feed(Sample(33 * S, 90.0)) is None


def test_silence_ends_an_episode_when_somebody_asks():
    tracker = Tracker(140.0, RULE)
    for sample in steady(*range(40)):
        tracker.feed(sample)
    assert tracker.silent_at(129 * S) is None
    assert tracker.silent_at(130 * S).what is What.ENDED
    assert tracker.silent_at(999 * S) is None


def test_after_a_long_silence_the_old_ends_and_a_new_run_begins():
    tracker = Tracker(140.0, RULE)
    changes = [tracker.feed(sample) for sample in steady(*range(31), 200, 230)]
    assert [change.what for change in changes[30:]] == [What.RAISED, What.ENDED, What.RAISED]
    assert changes[-1].episode.onset_ms == 200 * S


@pytest.mark.parametrize(
    ("bpm", "contact", "suspect", "passes"),
    [
        (140.0, None, False, True),
        (140.0, True, False, True),
        (140.0, False, False, False),
        (140.0, True, True, False),
        (30.0, None, False, True),
        (29.9, None, False, False),
        (220.0, None, False, True),
        (220.1, None, False, False),
        (math.nan, None, False, False),
        (math.inf, None, False, False),
    ],
)
def test_a_bad_signal_is_not_heard_at_all(bpm, contact, suspect, passes):
    assert Gate(30, 220).passes(bpm, contact=contact, suspect=suspect) is passes


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_samples": 1},
        {"slow_samples": 1},
        {"min_span_ms": 0},
        {"max_gap_ms": 0},
        {"max_gap_ms": 90_001},
    ],
)
def test_terms_that_one_reading_could_meet_are_refused(wrong):
    terms = load_alert_rules().hr_ceiling.persistence
    with pytest.raises(ValueError, match=r"needed|above 0"):
        Sustained(**(terms | wrong))

"""The tracker against a definition that looks at all readings at once, on any series."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from alerts.conditions import Episode, Sample, Sustained, Tracker, What, episodes

CEILING = 140.0
rules = st.builds(
    lambda dense, span, slow, gap, more: Sustained(
        min_samples=dense, max_gap_ms=gap, min_span_ms=span, slow_samples=slow,
        slow_max_gap_ms=gap + more,
    ),
    st.integers(2, 5), st.integers(1, 60), st.integers(2, 4), st.integers(1, 20),
    st.integers(0, 60),
)  # fmt: skip
series = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from([90.0, 139.9, 140.0, 150.0, 171.0])), max_size=60
).map(
    lambda steps: [
        Sample(sum(gap for gap, _bpm in steps[: number + 1]), bpm)
        for number, (_gap, bpm) in enumerate(steps)
    ]
)


def by_definition(samples, rule):
    """Every run, cut out of the whole series; then its first sustained prefix."""
    once = list({sample.at_utc_ms: sample for sample in reversed(samples)}.values())[::-1]
    runs, run = [], []
    for number, sample in enumerate(once):
        far = run and sample.at_utc_ms - run[-1].at_utc_ms > rule.slow_max_gap_ms
        if run and (far or sample.bpm < CEILING):
            runs.append((run, True))
            run = []
        if sample.bpm >= CEILING:
            run.append(sample)
        if number == len(once) - 1 and run:
            runs.append((run, False))
    found = []
    for run, is_over in runs:
        for length in range(1, len(run) + 1):
            if is_sustained(run[:length], rule):
                found.append(
                    Episode(
                        run[0].at_utc_ms, run[length - 1].at_utc_ms, run[-1].at_utc_ms,
                        max(sample.bpm for sample in run), len(run), is_over,
                    )
                )  # fmt: skip
                break
    return found


def is_sustained(run, rule):
    times = [sample.at_utc_ms for sample in run]
    slow = [late - early > rule.max_gap_ms for early, late in pairwise(times)]
    if sum(slow) + 1 >= rule.slow_samples and times[-1] - times[0] >= rule.min_span_ms:
        return True
    tail = times[
        len(times) - 1 - next((n for n, far in enumerate(reversed(slow)) if far), len(slow)) :
    ]
    return len(tail) >= rule.min_samples and tail[-1] - tail[0] >= rule.min_span_ms


@given(series, rules)
def test_episodes_are_what_the_definition_says(samples, rule):
    assert episodes(samples, CEILING, rule) == by_definition(samples, rule)


@given(series, rules)
def test_a_tracker_says_each_episode_once_as_it_goes(samples, rule):
    tracker = Tracker(CEILING, rule)
    changes = [change for change in map(tracker.feed, samples) if change]
    raised = [change.episode for change in changes if change.what is What.RAISED]
    ended = [change.episode for change in changes if change.what is What.ENDED]
    expected = episodes(samples, CEILING, rule)
    assert [each.raised_ms for each in raised] == [each.raised_ms for each in expected]
    assert ended == [each for each in expected if each.is_over]
    assert all(each.last_ms == each.raised_ms for each in raised)


@given(series, rules, st.data())
def test_readings_that_come_again_or_too_late_change_nothing(samples, rule, data):
    again = []
    for number, sample in enumerate(samples):
        again.append(sample)
        if data.draw(st.booleans()):
            again.append(data.draw(st.sampled_from(samples[: number + 1])))
    assert episodes(again, CEILING, rule) == episodes(samples, CEILING, rule)


@given(series, rules, st.integers(0, 200))
def test_asking_for_silence_in_between_changes_no_episode(samples, rule, later):
    tracker = Tracker(CEILING, rule)
    changes = [
        change
        for sample in samples
        for change in (tracker.silent_at(sample.at_utc_ms), tracker.feed(sample))
    ]
    ended = [change.episode for change in changes if change and change.what is What.ENDED]
    last = tracker.silent_at(
        (samples[-1].at_utc_ms if samples else 0) + rule.slow_max_gap_ms + 1 + later
    )
    expected = episodes(samples, CEILING, rule)
    assert ended == [each for each in expected if each.is_over]
    assert ([last.episode] if last else []) == [
        each._replace(is_over=True) for each in expected if not each.is_over
    ]

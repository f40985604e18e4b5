"""Whatever is heard, the guard's alarms are those of the shared condition, told in pairs."""

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.conditions import Sample, episodes
from ingest.gateway.edge import EdgeGuard
from tests.edges import RULE, Clocks, live, worn

CEILING = 150.0
seconds = st.sampled_from([1, 1, 1, 5, 14, 15, 16, 60, 89, 90, 91])
beats = st.lists(
    st.tuples(seconds, st.sampled_from([120.0, 149.9, 150.0, 170.0, 190.0])), max_size=60
)
jumps = st.lists(st.sampled_from([0, 0, 0, 0, -3_600_000, -20_000, 700, 3_600_000]), min_size=60)


def guarded(beats, jumps):
    """Let a guard hear; return (onset, raised) by the steady clock, and the events told."""
    clocks, events, raised = Clocks(), [], []
    guard = EdgeGuard(lambda _key, _at: worn(), RULE, events.append, clocks.edge_time())
    start = clocks.mono_ms
    for (after_s, bpm), jump_ms in zip(beats, jumps, strict=False):
        clocks.pass_ms(1000 * after_s)
        clocks.wall_utc_ms += jump_ms
        before = len(events)
        guard.heard([live(clocks, bpm)])
        raised += [clocks.mono_ms - start for event in events[before:] if event.state == "raised"]
    return raised, events, guard


@settings(deadline=None)
@given(beats, jumps)
def test_alarms_are_those_of_the_condition_whatever_the_wall_clock_does(beats, jumps):
    at, samples = 0, []
    for after_s, bpm in beats:
        at += 1000 * after_s
        samples.append(Sample(at, bpm))
    expected = episodes(samples, CEILING, RULE.sustained)

    raised, events, guard = guarded(beats, jumps)

    assert raised == [episode.raised_ms for episode in expected]
    over = [episode for episode in expected if episode.is_over]
    assert [event.samples for event in events if event.state == "ended"] == [
        episode.samples for episode in over
    ]
    assert len(guard.alarms) == len(expected) - len(over)


@settings(deadline=None)
@given(beats)
def test_with_a_steady_wall_clock_events_name_the_readings_own_times(beats):
    clocks = Clocks()
    start = clocks.wall_utc_ms
    at, samples = 0, []
    for after_s, bpm in beats:
        at += 1000 * after_s
        samples.append(Sample(start + at, bpm))
    expected = episodes(samples, CEILING, RULE.sustained)

    _, events, _ = guarded(beats, [0] * len(beats))

    assert [(e.onset_utc_ms, e.raised_utc_ms) for e in events if e.state == "raised"] == [
        (episode.onset_ms, episode.raised_ms) for episode in expected
    ]
    assert [(e.onset_utc_ms, e.last_utc_ms, e.peak_bpm) for e in events if e.state == "ended"] == [
        (episode.onset_ms, episode.last_ms, episode.peak_bpm)
        for episode in expected
        if episode.is_over
    ]

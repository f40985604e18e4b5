"""When a pulse counts as sustained at or above a ceiling: what gateway and district both ask.

Pure and standard library only: the same code decides on the box with the network down and in the
district on stored readings. It judges the time of a reading, never the time of its arrival.

A *run* is readings in a row at or above the ceiling, none further from the one before than
`slow_max_gap_ms`; a reading below the ceiling, or a longer silence, ends it. A run is *sustained*
once it spans `min_span_ms` and either its last `min_samples` or more span that much with no gap
over `max_gap_ms` (a band heard every second or so), or it holds `slow_samples` with such gaps
between them (a band that says one value a minute).
"""

import enum
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Sample(NamedTuple):
    """One heart rate and when it was true (ms UTC)."""

    at_utc_ms: int
    bpm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sustained:
    """What "sustained" means; there are no defaults, the values come from the alert rules."""

    min_samples: int
    max_gap_ms: int
    min_span_ms: int
    slow_samples: int
    slow_max_gap_ms: int

    def __post_init__(self) -> None:
        if min(self.min_samples, self.slow_samples) <= 1:  # one value is no duration
            raise ValueError("one reading sustains nothing: at least 2 are needed")
        if not 0 < self.max_gap_ms <= self.slow_max_gap_ms:
            raise ValueError("0 < max_gap_ms <= slow_max_gap_ms is needed")
        if self.min_span_ms <= 0:
            raise ValueError("min_span_ms must be above 0")


@dataclass(frozen=True, slots=True)
class Gate:
    """Which readings may speak at all: a bad signal neither raises nor ends anything.

    Limits are those of the sensor in bpm, both inclusive (C2 of the method).
    """

    lowest_bpm: float
    highest_bpm: float

    def passes(self, bpm: float, *, contact: bool | None, suspect: bool) -> bool:
        """Say whether a reading is heard; `contact` None: the band does not know."""
        return (
            contact is not False
            and not suspect
            and math.isfinite(bpm)
            and self.lowest_bpm <= bpm <= self.highest_bpm
        )


class Episode(NamedTuple):
    """A run that was sustained. Times are of readings (ms UTC)."""

    onset_ms: int
    """The run's first reading."""
    raised_ms: int
    """The reading by which the run became sustained."""
    last_ms: int
    """The run's last reading so far."""
    peak_bpm: float
    samples: int
    is_over: bool


class What(enum.Enum):
    """What one reading changed."""

    RAISED = "raised"
    CONTINUES = "continues"
    ENDED = "ended"


class Change(NamedTuple):
    """What a reading changed, and the episode as it is after it."""

    what: What
    episode: Episode


@dataclass(slots=True)
class _Run:
    onset_ms: int
    last_ms: int
    peak_bpm: float
    samples: int
    dense_from_ms: int
    """Start of the last readings without a gap over `max_gap_ms`, and how many they are."""
    dense_samples: int
    slow_samples: int
    raised_ms: int | None = None

    def episode(self, *, is_over: bool) -> Episode | None:
        if self.raised_ms is None:
            return None
        return Episode(
            self.onset_ms, self.raised_ms, self.last_ms, self.peak_bpm, self.samples, is_over
        )


class Tracker:
    """Follows the readings of one band as they come; holds a run, not the readings.

    Readings not newer than the last one are ignored: late data changes nothing here.
    """

    def __init__(self, ceiling_bpm: float, rule: Sustained) -> None:
        self.ceiling_bpm, self._rule = ceiling_bpm, rule
        self._run: _Run | None = None
        self._last_ms: int | None = None

    @property
    def episode(self) -> Episode | None:
        """Return the episode under way, if there is one."""
        return self._run.episode(is_over=False) if self._run else None

    def feed(self, sample: Sample) -> Change | None:
        """Take the next reading and say what it changed, if anything.

        Give only readings that pass the gate. A reading that comes after too long a silence ends
        what was before it and may begin a new run; it cannot do both end one and raise another.
        """
        if self._last_ms is not None and sample.at_utc_ms <= self._last_ms:
            return None
        ended = self.silent_at(sample.at_utc_ms)
        self._last_ms = sample.at_utc_ms
        if sample.bpm < self.ceiling_bpm:
            return ended or self._end()
        if self._run is None:
            self._run = _Run(
                sample.at_utc_ms, sample.at_utc_ms, sample.bpm, 1, sample.at_utc_ms, 1, 1
            )
            return ended
        return self._go_on(self._run, sample)

    def silent_at(self, now_utc_ms: int) -> Change | None:
        """End the run if nothing was heard for too long before `now_utc_ms`, and say so.

        Nothing calls this by itself: a band that falls silent sends nothing to call it.
        """
        if self._run and now_utc_ms - self._run.last_ms > self._rule.slow_max_gap_ms:
            return self._end()
        return None

    def _end(self) -> Change | None:
        episode = self._run.episode(is_over=True) if self._run else None
        self._run = None
        return Change(What.ENDED, episode) if episode else None

    def _go_on(self, run: _Run, sample: Sample) -> Change | None:
        is_slow = sample.at_utc_ms - run.last_ms > self._rule.max_gap_ms
        run.last_ms = sample.at_utc_ms
        run.peak_bpm = max(run.peak_bpm, sample.bpm)
        run.samples += 1
        if is_slow:
            run.slow_samples += 1
            run.dense_from_ms, run.dense_samples = sample.at_utc_ms, 1
        else:
            run.dense_samples += 1
        what = What.CONTINUES
        if run.raised_ms is None:
            if not self._is_sustained(run):
                return None
            run.raised_ms, what = sample.at_utc_ms, What.RAISED
        episode = run.episode(is_over=False)
        return Change(what, episode) if episode else None

    def _is_sustained(self, run: _Run) -> bool:
        rule = self._rule
        dense = (
            run.dense_samples >= rule.min_samples
            and run.last_ms - run.dense_from_ms >= rule.min_span_ms
        )
        slow = (
            run.slow_samples >= rule.slow_samples and run.last_ms - run.onset_ms >= rule.min_span_ms
        )
        return dense or slow


def episodes(samples: Iterable[Sample], ceiling_bpm: float, rule: Sustained) -> list[Episode]:
    """Return every sustained run of `samples`, which are in order of time.

    Of readings of one moment the first counts. The last episode is not over unless a reading after
    it says so.
    """
    tracker = Tracker(ceiling_bpm, rule)
    found = [
        change.episode
        for change in map(tracker.feed, samples)
        if change and change.what is What.ENDED
    ]
    return [*found, tracker.episode] if tracker.episode else found

"""How far a reading reaches: the days it touches, and what a window reads beyond itself."""

from dataclasses import dataclass
from datetime import timedelta

from config.conventions import Conventions
from config.counters import load_counters
from storage.memory import SAME_STAMP_WITHIN_MS

SECOND_MS = 1_000
MINUTE_MS = 60_000


@dataclass(frozen=True)
class Reach:
    """Spans in milliseconds, derived from the conventions; nothing is chosen here."""

    before_ms: int
    """Held time changes at most this long before a reading: a neighbour within the spike rule's
    reach (C4) is dropped or comes back, and the sample before it is held on (C5). Band memory that
    is read again may move a reading by as much as one stamp can be off."""
    after_ms: int
    """The same after it; a step count changes the still flag of the minutes that follow (C16), and
    a running total what the totals soon after it say."""
    beyond_ms: int
    """Read this long beyond an edge, and held time is right as far as an interruption can span
    (C11): more than interruption, hold and spike reach together, and the still flag's minutes;
    and the repeats of a stamp are all there."""

    counter_ms: int
    """A running total changes the steps of minutes at most this long before and after it (K2, K3);
    what it changes beyond, it changes for its own local day alone."""

    @property
    def before(self) -> timedelta:
        """Return `before_ms` as a span of time."""
        return timedelta(milliseconds=self.before_ms)

    @property
    def after(self) -> timedelta:
        """Return `after_ms` as a span of time."""
        return timedelta(milliseconds=self.after_ms)


def reach_of(conventions: Conventions) -> Reach:
    """Return how far one reading reaches under these conventions."""
    numbers = load_counters()
    disturbed_ms = (
        conventions.spike_reach_s + conventions.longest_hold_s
    ) * SECOND_MS + SAME_STAMP_WITHIN_MS
    still_ms = conventions.still_minutes * MINUTE_MS
    counter_ms = (numbers.told_late_s + numbers.clock_tolerance_s) * SECOND_MS + MINUTE_MS
    after_ms = max(disturbed_ms, SAME_STAMP_WITHIN_MS + still_ms + counter_ms)
    beyond_ms = 2 * (disturbed_ms + conventions.longest_interruption_s * SECOND_MS) + still_ms
    return Reach(
        before_ms=disturbed_ms,
        after_ms=after_ms,
        beyond_ms=max(beyond_ms, after_ms),
        counter_ms=counter_ms,
    )

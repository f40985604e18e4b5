"""The time written into a sealed batch."""

import time
from typing import NamedTuple, Protocol


class SealTime(NamedTuple):
    """When a batch was sealed."""

    utc_ms: int
    mono_ms: int
    """Of a clock that no one sets: it orders batches where the wall clock jumped."""


class Clock(Protocol):
    """Says when a batch is sealed, given the time of its newest reading."""

    def at_seal(self, newest_at_utc_ms: int) -> SealTime:
        """Return wall time and monotonic time."""
        ...


class SystemClock:
    """The box's own clocks."""

    def at_seal(self, newest_at_utc_ms: int) -> SealTime:
        """Return the time now."""
        del newest_at_utc_ms
        # CLOCK_BOOTTIME goes on while the box sleeps.
        return SealTime(
            time.time_ns() // 10**6, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 10**6
        )


class ContentClock:
    """For replays: a batch counts as sealed when its newest reading was heard.

    So a recording gives the same batches whenever, and however often interrupted, it is replayed.
    """

    def at_seal(self, newest_at_utc_ms: int) -> SealTime:
        """Return the newest reading's time, twice."""
        return SealTime(newest_at_utc_ms, newest_at_utc_ms)

"""One person's recording as a band would have given it: in order of time, in even chunks."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ingest.batch.reading import Quantity, Reading

MINUTE_MS = 60_000
DAY_MS = 86_400_000

CHUNK_READINGS = 8_000
"""Readings in a chunk, at most."""

CHUNK_DAYS = 100
"""A chunk spans at most this long, far below the age at which the hub puts readings aside."""


@dataclass(frozen=True)
class Track:
    """What one person's band recorded. Values stand as they were, out-of-range ones too."""

    person: str
    hr_at_ms: NDArray[np.int64]
    hr_bpm: NDArray[np.float64]
    steps_at_ms: NDArray[np.int64]
    """The start of the minute."""
    steps: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of readings."""
        return len(self.hr_at_ms) + len(self.steps_at_ms)

    def bounds_ms(self) -> tuple[int, int] | None:
        """Return the first and the last time of a reading, or None without any."""
        at = np.concatenate([self.hr_at_ms, self.steps_at_ms])
        return (int(at.min()), int(at.max())) if at.size else None


def chunks(track: Track, device_key: str) -> Iterator[list[Reading]]:
    """Yield the readings in order of time; the cuts depend on the content alone."""
    at = np.concatenate([track.hr_at_ms, track.steps_at_ms])
    value = np.concatenate([track.hr_bpm, track.steps])
    is_steps = np.arange(at.size) >= len(track.hr_at_ms)
    order = np.lexsort((value, is_steps, at))  # by time, then quantity, then value
    at, value, is_steps = at[order], value[order], is_steps[order]
    for first, last in pairwise(_cuts(at)):
        yield [
            Reading(device_key, Quantity.STEPS_INCREMENT, v, t, MINUTE_MS)
            if s
            else Reading(device_key, Quantity.HEART_RATE_BPM, v, t)
            for v, t, s in zip(
                value[first:last].tolist(),
                at[first:last].tolist(),
                is_steps[first:last].tolist(),
                strict=True,
            )
        ]


def _cuts(at_ms: NDArray[np.int64]) -> list[int]:
    """Return where chunks begin, and the end: by number, and where a chunk would span too long."""
    cuts = [0]
    while cuts[-1] < at_ms.size:
        first = cuts[-1]
        too_late = int(np.searchsorted(at_ms, at_ms[first] + CHUNK_DAYS * DAY_MS))
        cuts.append(min(first + CHUNK_READINGS, too_late, at_ms.size))
    return cuts

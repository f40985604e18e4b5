"""One person's recording as a band would have given it: in order of time, in even chunks."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ingest.batch.columns import Chunk, Columns
from ingest.batch.reading import Quantity

MINUTE_MS = 60_000
DAY_MS = 86_400_000

CHUNK_READINGS = 6_000
"""Readings in a chunk, at most: as many as always fit into one row of the spool and one batch."""

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


def chunks(track: Track, device_key: str) -> Iterator[Chunk]:
    """Yield the readings in order of time; the cuts depend on the content alone."""
    at = np.concatenate([track.hr_at_ms, track.steps_at_ms])
    value = np.concatenate([track.hr_bpm, track.steps])
    is_steps = np.arange(at.size) >= len(track.hr_at_ms)
    order = np.lexsort((value, is_steps, at))  # by time, then quantity, then value
    at, value, is_steps = at[order], value[order], is_steps[order]
    for first, last in pairwise(_cuts(at)):
        here = slice(first, last)
        steps = is_steps[here]
        groups = (
            (Quantity.HEART_RATE_BPM, ~steps, 0),
            (Quantity.STEPS_INCREMENT, steps, MINUTE_MS),
        )
        yield Chunk(
            (device_key,),
            tuple(
                _columns(quantity, at[here][mine], value[here][mine], span_ms)
                for quantity, mine, span_ms in groups
                if mine.any()
            ),
        )


def _columns(
    quantity: Quantity, at_ms: NDArray[np.int64], value: NDArray[np.float64], span_ms: int
) -> Columns:
    return Columns(
        quantity=quantity,
        device_index=array("H", bytes(2 * at_ms.size)),
        at_utc_ms=array("q", at_ms.tobytes()),
        value=array("d", value.tobytes()),
        span_ms=array("I", [span_ms]) * at_ms.size,
        flags=array("B", bytes(at_ms.size)),
        device_ts_ms=None,
    )


def _cuts(at_ms: NDArray[np.int64]) -> list[int]:
    """Return where chunks begin, and the end: by number, and where a chunk would span too long."""
    cuts = [0]
    while cuts[-1] < at_ms.size:
        first = cuts[-1]
        too_late = int(np.searchsorted(at_ms, at_ms[first] + CHUNK_DAYS * DAY_MS))
        cuts.append(min(first + CHUNK_READINGS, too_late, at_ms.size))
    return cuts

"""Beats of FIT: lists of intervals that stand between the records and carry no time of their own.

Each interval ends one beat after the one before, counted from the record in front of the first.
The count is put right where beats were lost: as soon as it is further from the records than
`MOST_APART_MS`, it starts again at the newest one.
"""

from collections.abc import Iterator, Sequence

from config.errors import Rejected
from ingest.gateway.files import values

MOST_APART_MS = 5_000


class Beats:
    """Places intervals in time."""

    def __init__(self) -> None:
        """Begin a file: no record yet."""
        self._record_ms: int | None = None
        self._beat_ms = 0.0

    def seen(self, record_ms: int) -> None:
        """Take the time of a record."""
        if self._record_ms is None or abs(self._beat_ms - record_ms) > MOST_APART_MS:
            self._beat_ms = float(record_ms)
        self._record_ms = record_ms

    def take(self, intervals: Sequence[float | None]) -> Iterator[tuple[int, float]]:
        """Give (end in ms UTC, interval in ms); raise Rejected("time") before any record."""
        if self._record_ms is None:
            raise Rejected("time", "beats before any record")
        for interval in intervals:
            length_ms = values.rr_interval_ms(interval)
            if length_ms is not None:
                self._beat_ms += length_ms
                yield round(self._beat_ms), length_ms

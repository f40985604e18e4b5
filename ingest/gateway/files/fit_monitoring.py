"""A day of a watch (`monitoring` messages): pulse, and steps as totals of each kind of movement.

Most messages carry only the low 16 bits of their time, which count on from the last whole one. The
totals rise through the local day and start again at midnight. An increment is the rise since the
message before of the same kind, in the same file. What a kind had before its first message is
unknown and left out, so that steps are never counted twice; a file that begins at local midnight
begins with nothing.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from config.errors import Rejected
from ingest.gateway.files import values
from ingest.gateway.files.fit_times import stamp_ms

TIMESTAMP, LOCAL_TIMESTAMP = 253, 0
CYCLES, ACTIVITY_TYPE, CYCLES_16, TYPE_AND_INTENSITY, TIMESTAMP_16, HEART_RATE = 3, 5, 9, 24, 26, 27
ON_FOOT = frozenset({1, 6})
"""Running and walking: their cycles are steps. Of other kinds they are strokes or turns."""
TYPE_BITS = 0x1F
DAY_S = 86_400
LOW_16 = 0xFFFF


class Monitored(NamedTuple):
    """What one message said."""

    at_utc_ms: int
    bpm: float | None
    steps: float | None
    """Since `steps_span_ms` before."""
    steps_span_ms: int


class Monitoring:
    """Follows times and totals through one file."""

    def __init__(self) -> None:
        """Begin a file: no time, no totals."""
        self._stamp: int | None = None
        self._steps_at_ms: int | None = None
        self._totals: dict[int, float] = {}
        self._unseen: float | None = None
        """The total of a kind that has not been heard of: 0 from midnight on, else unknown."""

    def begin(self, fields: Mapping[int, Any]) -> None:
        """Take `monitoring_info`: what the totals count from."""
        stamp, local = fields.get(TIMESTAMP), fields.get(LOCAL_TIMESTAMP)
        at_ms = stamp_ms(stamp)
        self._stamp = stamp
        if isinstance(local, int) and local % DAY_S == 0:
            self._totals, self._unseen, self._steps_at_ms = {}, 0.0, at_ms

    def take(self, fields: Mapping[int, Any]) -> Monitored:
        """Return what a message says; raise Rejected where its time or a value cannot be."""
        at_ms = self._at_ms(fields)
        bpm = values.heart_rate_bpm(fields.get(HEART_RATE))
        kind, total = _kind(fields), values.steps(_cycles(fields))
        if kind not in ON_FOOT or total is None:
            return Monitored(at_ms, bpm, None, 0)
        before, start_ms = self._totals.get(kind, self._unseen), self._steps_at_ms
        self._totals[kind] = total
        if start_ms is not None and at_ms < start_ms:
            return Monitored(at_ms, bpm, None, 0)  # the clock was put back
        self._steps_at_ms = at_ms
        if before is None or start_ms is None or total < before or start_ms == at_ms:
            if before is not None and start_ms == at_ms and total >= before:
                self._totals[kind] = before  # its rise counts with the next message
            return Monitored(at_ms, bpm, None, 0)
        return Monitored(at_ms, bpm, total - before, at_ms - start_ms)

    def _at_ms(self, fields: Mapping[int, Any]) -> int:
        stamp, low = fields.get(TIMESTAMP), fields.get(TIMESTAMP_16)
        if stamp is None and low is not None:
            if self._stamp is None:
                raise Rejected("time", "half a time, and no whole one before it")
            stamp = self._stamp + ((low - self._stamp) & LOW_16)
        at_ms = stamp_ms(stamp)
        self._stamp = stamp
        return at_ms


def _kind(fields: Mapping[int, Any]) -> int | None:
    kind = fields.get(ACTIVITY_TYPE)
    if isinstance(kind, int):
        return kind
    packed = fields.get(TYPE_AND_INTENSITY)
    if isinstance(packed, tuple | bytes) and len(packed) == 1:
        packed = packed[0]
    return packed & TYPE_BITS if isinstance(packed, int) else None


def _cycles(fields: Mapping[int, Any]) -> float | None:
    for field in (CYCLES, CYCLES_16):
        if isinstance(fields.get(field), int):
            return float(fields[field])
    return None

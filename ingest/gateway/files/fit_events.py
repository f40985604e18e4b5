"""Heart rate that chest straps kept for later (`hr` messages): values with 12 bits of time each.

A first message gives a time of day and, beside it, the strap's own clock (1/1024 s); the following
ones give only the low 12 bits of that clock, which turn over every 4 s.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from config.errors import Rejected
from ingest.gateway.files import values
from ingest.gateway.files.fit_times import stamp_ms

TIMESTAMP, FRACTION, FILTERED_BPM, EVENT_TIMESTAMP, EVENT_TIMESTAMP_12 = 253, 0, 6, 9, 10
TICKS_PER_S, FRACTIONS_PER_S = 1024, 32_768
LOW_BITS = 12
TURN = 1 << LOW_BITS
TICKS_IN_ALL = 1 << 32


class HeartRateEvents:
    """Follows the strap's clock through one file."""

    def __init__(self) -> None:
        """Begin a file: the clock is not known yet."""
        self._anchor: tuple[float, int] | None = None
        """A time of day (ms UTC) and the tick it stands beside."""
        self._newest = 0

    def take(self, fields: Mapping[int, Any]) -> Iterator[tuple[int, float]]:
        """Give (ms UTC, bpm); raise Rejected("time") where nothing says when."""
        ticks = self._ticks(fields)
        bpm = _several(fields.get(FILTERED_BPM))
        if self._anchor is None:
            raise Rejected("time", "the strap's clock is not known")
        at_ms, first = self._anchor
        for tick, value in zip(ticks, bpm, strict=False):
            pulse = values.heart_rate_bpm(value)
            if tick is not None and pulse is not None:
                yield round(at_ms + (tick - first) * 1000 / TICKS_PER_S), pulse

    def _ticks(self, fields: Mapping[int, Any]) -> list[int | None]:
        whole = list(_several(fields.get(EVENT_TIMESTAMP)))
        known = [tick for tick in whole if tick is not None]
        if known:
            if fields.get(TIMESTAMP) is not None:
                fraction = (fields.get(FRACTION) or 0) * 1000 / FRACTIONS_PER_S
                self._anchor = stamp_ms(fields[TIMESTAMP]) + fraction, known[0]
            self._newest = known[-1]
            return whole
        low = fields.get(EVENT_TIMESTAMP_12)
        if low is None or self._anchor is None:
            raise Rejected("time", "the strap's clock is not known")
        return [self._turned(part) for part in _twelve_bits(low)]

    def _turned(self, low: int) -> int:
        """Return the next tick that ends in these bits."""
        tick = (self._newest & ~(TURN - 1)) | low
        if tick < self._newest:
            tick += TURN
        self._newest = tick % (TICKS_IN_ALL * TURN)
        return self._newest


def _twelve_bits(data: object) -> list[int]:
    """Take packed numbers of 12 bits apart, the lowest first."""
    if isinstance(data, int):
        data = (data,)
    if not isinstance(data, bytes | tuple | list):
        raise Rejected("value", "no packed times")
    packed = bytes(data)
    bits = int.from_bytes(packed, "little")
    return [(bits >> LOW_BITS * n) & (TURN - 1) for n in range(len(packed) * 8 // LOW_BITS)]


def _several(value: Any) -> tuple[Any, ...]:  # noqa: ANN401 - whatever the file holds
    if value is None:
        return ()
    return tuple(value) if isinstance(value, tuple | list | bytes) else (value,)

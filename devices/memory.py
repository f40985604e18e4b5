"""What of a band's memory has been read: each value once, whole, and placed in UTC.

The stamps are the band's wall clock, which a talk sets when it begins: the offset to UTC at this
connection. A stamp the band wrote while its clock was wrong cannot be told from a right one.
"""

from collections.abc import Iterable

from devices.talk import TalkTerms
from devices.value import Value
from devices.wall_clock import DAY_MS, MINUTE_MS, day_of, utc_ms, wall_ms

LONGEST_SLOT_MS = 15 * MINUTE_MS


class Memory:
    """Reads of one band's memory, over one connection."""

    def __init__(self, terms: TalkTerms, *, keeps_days: int) -> None:
        self._offset_min = terms.utc_offset_min
        self._keeps_days = keeps_days
        self._begun_utc_ms = 0
        self._said: set[tuple[str, int]] = set()
        self.since_utc_ms = terms.since_utc_ms
        self.read_through_utc_ms: int | None = None

    def begin(self, now_utc_ms: int) -> list[int]:
        """Begin to read; return the midnights (band's clock) of the days to ask for, newest first.

        Newest first, for a wearer may walk away at any moment.
        """
        self._begun_utc_ms = now_utc_ms
        today_ms = day_of(wall_ms(now_utc_ms, self._offset_min))
        oldest_ms = today_ms - (self._keeps_days - 1) * DAY_MS
        if self.since_utc_ms is not None:
            oldest_ms = max(oldest_ms, day_of(wall_ms(self.since_utc_ms, self._offset_min)))
        return list(range(today_ms, min(oldest_ms, today_ms) - 1, -DAY_MS))

    def end(self) -> None:
        """All days were answered without a gap: the next read begins where this one did."""
        begun_ms = wall_ms(self._begun_utc_ms, self._offset_min)
        begun_ms -= begun_ms % LONGEST_SLOT_MS
        self.read_through_utc_ms = self.since_utc_ms = utc_ms(begun_ms, self._offset_min)
        self._said = {said for said in self._said if said[1] + LONGEST_SLOT_MS > begun_ms}

    def new(self, values: Iterable[Value], now_utc_ms: int, slot_ms: int) -> list[Value]:
        """Return the stamped values that are new, placed in UTC.

        `slot_ms` is how long the slot of a value without a span is. A slot that has not ended is
        left for the next read: its value may still change, and bands leave yesterday's values in
        the slots to come.
        """
        placed = []
        for value in values:
            if value.device_ts_ms is None:
                continue
            at_utc_ms = utc_ms(value.device_ts_ms, self._offset_min)
            ends_utc_ms = at_utc_ms + (value.span_ms or slot_ms)
            said = (value.quantity, value.device_ts_ms)
            if (
                said in self._said
                or ends_utc_ms > now_utc_ms
                or (self.since_utc_ms is not None and ends_utc_ms <= self.since_utc_ms)
            ):
                continue
            self._said.add(said)
            placed.append(value._replace(at_utc_ms=at_utc_ms))
        return placed

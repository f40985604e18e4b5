"""What of a band's memory has been read: each value once, whole, and placed in UTC.

The stamps are the band's wall clock; how wrong that was is estimated (`devices.band_clock`). Until
enough of the memory has come to show it, values may be held back: what would be placed by one
offset must not lie beside what was placed by another.
"""

from collections.abc import Iterable

from devices.band_clock import BandClock
from devices.talk import TalkTerms
from devices.value import Value
from devices.wall_clock import DAY_MS, MINUTE_MS, day_of, utc_ms, wall_ms

LONGEST_SLOT_MS = 15 * MINUTE_MS


class Memory:
    """Reads of one band's memory, over one connection."""

    def __init__(self, terms: TalkTerms, *, keeps_days: int, holds_back: bool = False) -> None:
        """`holds_back`: give nothing before `settle_clock`; for memories that come in pieces."""
        self._offset_min = terms.utc_offset_min
        self._keeps_days = keeps_days
        self._begun_utc_ms = 0
        self._said: set[tuple[str, int]] = set()
        self._waiting: list[tuple[Value, int]] = []
        self._holds_back = holds_back
        self.clock = BandClock(terms.utc_offset_min, terms.newest_stamp_ms)
        self.since_utc_ms = terms.since_utc_ms
        self.read_through_utc_ms: int | None = None

    def begin(self, now_utc_ms: int) -> list[int]:
        """Begin to read; return the midnights (band's clock) of the days to ask for, newest first.

        Newest first, for a wearer may walk away at any moment.
        """
        if self._begun_utc_ms:  # the clock was set when the first read of this link began
            self.clock = BandClock(self._offset_min, self.clock.newest_stamp_ms)
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

    def new(
        self, values: Iterable[Value], now_utc_ms: int, slot_ms: int, *, shows_clock: bool = True
    ) -> list[Value]:
        """Return the stamped values that are new, placed in UTC.

        `slot_ms` is how long the slot of a value without a span is. A slot that has not ended is
        left for the next read: its value may still change, and bands leave yesterday's values in
        the slots to come. Where they do, such stamps show nothing of the clock: `shows_clock`.
        """
        stamped = [
            (value, value.span_ms or slot_ms) for value in values if value.device_ts_ms is not None
        ]
        if shows_clock:
            self.clock.stamped((self._unsaid(*slot) for slot in stamped), now_utc_ms)
        self._waiting += stamped
        return [] if self._holds_back else self.held_back(now_utc_ms)

    @property
    def clock_ahead_ms(self) -> int | None:
        """How far the band's clock was ahead when this read began; None: nothing showed it."""
        return self.clock.ahead_ms

    @property
    def newest_stamp_ms(self) -> int | None:
        """The newest stamp told so far, over this link or before."""
        return self.clock.newest_stamp_ms

    def settle_clock(self) -> None:
        """Enough has come to know the clock by: hold back no longer."""
        self._holds_back = False

    def held_back(self, now_utc_ms: int) -> list[Value]:
        """Return what was held back, placed by what is known of the clock."""
        waiting, self._waiting = self._waiting, []
        return [
            placed
            for value, lasts_ms in waiting
            if (placed := self._placed(value, lasts_ms, now_utc_ms)) is not None
        ]

    def _unsaid(self, value: Value, lasts_ms: int) -> tuple[int, int]:
        """Return a stamp and its slot; what was told over this link shows nothing."""
        stamp_ms = value.device_ts_ms or 0
        return (0, 0) if (value.quantity, stamp_ms) in self._said else (stamp_ms, lasts_ms)

    def _placed(self, value: Value, lasts_ms: int, now_utc_ms: int) -> Value | None:
        stamp_ms = value.device_ts_ms or 0
        said = (value.quantity, stamp_ms)
        if said in self._said:
            return None
        oldest_ms = wall_ms(now_utc_ms, self._offset_min) - self._keeps_days * DAY_MS
        if stamp_ms < oldest_ms:
            self._said.add(said)
            return value._replace(at_utc_ms=None, clock_suspect=True)
        if self._was_read(stamp_ms + lasts_ms):
            return None
        at_utc_ms = utc_ms(stamp_ms - self.clock.applied_ms, self._offset_min)
        if at_utc_ms + lasts_ms > now_utc_ms:
            return None
        self._said.add(said)
        self.clock.placed(stamp_ms)
        return value._replace(at_utc_ms=at_utc_ms, clock_suspect=self.clock.is_suspect)

    def _was_read(self, ends_ms: int) -> bool:
        """Say whether a slot that ends then, by the band's clock, was read before."""
        if self.since_utc_ms is None:
            return False
        return ends_ms <= wall_ms(self.since_utc_ms, self._offset_min)


class WithMemory:
    """What a talk says of the memory it reads."""

    _memory: Memory

    @property
    def read_through_utc_ms(self) -> int | None:
        """The band's memory is read, without a gap, up to here."""
        return self._memory.read_through_utc_ms

    @property
    def newest_stamp_ms(self) -> int | None:
        """The newest of the band's stamps told so far."""
        return self._memory.newest_stamp_ms

    @property
    def clock_ahead_ms(self) -> int | None:
        """How far the band's clock was ahead when the last read began."""
        return self._memory.clock_ahead_ms

    def held_back(self, now_utc_ms: int) -> list[Value]:
        """Return what waited for the clock to be known."""
        return self._memory.held_back(now_utc_ms)

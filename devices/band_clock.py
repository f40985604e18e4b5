"""How wrong a band's clock is, estimated anew at each connection.

A band's stamps are its own wall clock, which a talk sets when it begins. Whether it was right until
then shows in two ways: the band says what it shows before it is set, or it has a record that it
cannot have yet: a band writes no stamp before its clock gets there, so its clock is ahead by the
newest stamp that lies in the future, at least. A clock that ran behind shows in no stamp: what is
stamped longer ago than the band remembers was written under such a clock, and is not placed.

The offset is taken out of the times of what was remembered since the last connection; the stamps
stay beside them, untouched.
"""

from collections.abc import Iterable

from devices.wall_clock import MINUTE_MS, wall_ms

SUSPECT_MS = 2 * MINUTE_MS
"""A clock that is wrong by more makes the times of what it stamped doubtful."""


class BandClock:
    """The estimate for one band, over one connection."""

    def __init__(self, utc_offset_min: int, newest_stamp_ms: int | None = None) -> None:
        """Take the zone the clock is set to, and the newest stamp of the connections before.

        What lies in the future and was told before shows nothing: the clock was set since.
        """
        self._offset_min = utc_offset_min
        self._told_before_ms = newest_stamp_ms
        self.newest_stamp_ms = newest_stamp_ms
        self.ahead_ms: int | None = None

    @property
    def applied_ms(self) -> int:
        """How much is taken out of the stamps: 0 where nothing showed that the clock is wrong."""
        return self.ahead_ms or 0

    @property
    def is_suspect(self) -> bool:
        """The clock was wrong by more than the times can bear."""
        return abs(self.applied_ms) > SUSPECT_MS

    def told(self, shown_ms: int, now_utc_ms: int) -> None:
        """Note what the band said that its clock shows, before it was set."""
        self.ahead_ms = shown_ms - wall_ms(now_utc_ms, self._offset_min)

    def stamped(self, slots_ms: Iterable[tuple[int, int]], now_utc_ms: int) -> None:
        """Note records that the band has written, as (stamp, ms they last): none of its future.

        A clock that is hours ahead is about to be set back, so its newest slot will never be more
        than it is: that one ends now. One that only drifts goes on with its slot.
        """
        newest_ms, lasts_ms = max(slots_ms, default=(0, 0))
        if self._told_before_ms is not None and newest_ms <= self._told_before_ms:
            return
        ahead_ms = newest_ms - wall_ms(now_utc_ms, self._offset_min)
        if ahead_ms > SUSPECT_MS:
            ahead_ms += lasts_ms
        if ahead_ms > 0:
            self.ahead_ms = max(ahead_ms, self.applied_ms)

    def placed(self, stamp_ms: int) -> None:
        """Note that a value with this stamp was told."""
        if self.newest_stamp_ms is None or stamp_ms > self.newest_stamp_ms:
            self.newest_stamp_ms = stamp_ms

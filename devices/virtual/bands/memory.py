"""What a band remembers: worked out from the wearer when asked, by the band's own wall clock."""

from dataclasses import dataclass
from datetime import UTC, datetime

from devices.virtual.bands.band import Pulse, Steps
from devices.virtual.bands.day import DAY_MS, MINUTE_MS


@dataclass
class Memory:
    """Pulse and steps of the days kept; `ahead_ms` is how far the band's wall clock leads UTC.

    A wall clock is counted in ms as if it were UTC. Nothing is remembered from before
    `worn_since_utc_ms`, nor of the future. Setting the clock moves what is remembered with it;
    a real band's older stamps would stay as they were written.
    """

    pulse: Pulse
    steps: Steps
    days_kept: int
    worn_since_utc_ms: int
    ahead_ms: int

    def set_clock(self, wall_ms: int, now_utc_ms: int) -> None:
        """Set the band's wall clock, as a client does."""
        self.ahead_ms = wall_ms - now_utc_ms

    def wall(self, utc_ms: int) -> datetime:
        """Return what the band's clock shows, without a zone of its own."""
        return datetime.fromtimestamp((utc_ms + self.ahead_ms) / 1000, UTC)

    def midnight_ms(self, days_ago: int, now_utc_ms: int) -> int | None:
        """Return when that day began on the band's clock; None for a day it does not keep."""
        if not 0 <= days_ago < self.days_kept:
            return None
        return ((now_utc_ms + self.ahead_ms) // DAY_MS - days_ago) * DAY_MS

    def bpm_at(self, wall_ms: int, now_utc_ms: int) -> int | None:
        """Return the pulse remembered for that moment of the band's clock."""
        utc_ms = wall_ms - self.ahead_ms
        if not self.worn_since_utc_ms <= utc_ms <= now_utc_ms:
            return None
        return self.pulse(utc_ms)

    def steps_between(self, wall_ms: int, until_wall_ms: int, now_utc_ms: int) -> int:
        """Return the steps counted between two moments of the band's clock."""
        first = max(wall_ms - self.ahead_ms, self.worn_since_utc_ms)
        last = min(until_wall_ms - self.ahead_ms, now_utc_ms)
        return self.steps(last) - self.steps(first) if first < last else 0

    def steps_today(self, now_utc_ms: int) -> int:
        """Return the steps since the band's midnight."""
        midnight = (now_utc_ms + self.ahead_ms) // DAY_MS * DAY_MS
        return self.steps_between(midnight, midnight + DAY_MS, now_utc_ms)


def ahead_ms(utc_offset_min: int) -> int:
    """Return how far a wall clock of that zone leads UTC."""
    return utc_offset_min * MINUTE_MS

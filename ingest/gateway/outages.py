"""Notices when an ear of the box is away, and tells the district: such hours excuse its patients.

An ear is the box itself, all its adapters together (they hear the same room), or a scanner in a
corner that nothing else may hear. What lasts is measured by the clock that nobody sets.
"""

from collections.abc import Callable, Collection

from ingest.batch.outage import Outage
from ingest.gateway.edge_time import EdgeTime

LEAST_MS = 120_000
"""Shorter than that is a restart or a hiccup, and holds of a minute bridge half of it."""
AGAIN_MS = 3_600_000
"""One that goes on is told again: a night may judge the day meanwhile."""
LONGEST_OFF_MS = 14 * 86_400_000
"""What is away for longer is out of use, not out of order: that is for people to say. Of a box that
was off for longer nothing is told; of an ear that is away, or was thrown away, its first part."""
BOX, ADAPTERS = "box", "adapters"


class Outages:
    """Which ears are away, since when. Its methods belong to the event loop's thread."""

    def __init__(self, add_event: Callable[[Outage], None], time: EdgeTime) -> None:
        """`add_event` takes what is to be told."""
        self._add_event, self._time = add_event, time
        self._since_mono_ms: dict[str, int] = {}
        self._told_mono_ms: dict[str, int] = {}
        self._started_mono_ms = time.mono_ms()
        self._last_alive_utc_ms: int | None = None

    @property
    def standing(self) -> int:
        """How many ears are away now."""
        return len(self._since_mono_ms)

    def was_off(self, last_alive_utc_ms: int) -> None:
        """Take when the box last ran, by a clock that was right then; call it at the start.

        Until when it was off is told once the hub has said what time it is: a clock that woke in
        another year would make an outage of that year.
        """
        self._last_alive_utc_ms = last_alive_utc_ms

    def look(self, away: Collection[str]) -> None:
        """Note which ears are away now; call it every second."""
        now_ms = self._time.mono_ms()
        if self._last_alive_utc_ms is not None and self._time.hub_ahead_ms is not None:
            self._tell_that_it_was_off(self._last_alive_utc_ms, now_ms)
            self._last_alive_utc_ms = None
        for ear in away:
            since_ms = self._since_mono_ms.setdefault(ear, now_ms)
            self._tell_so_far(ear, since_ms, now_ms, AGAIN_MS)
        for ear in self._since_mono_ms.keys() - set(away):
            since_ms = self._since_mono_ms.pop(ear)
            if now_ms - since_ms >= LEAST_MS:
                self._tell_so_far(ear, since_ms, now_ms, 1)
            self._told_mono_ms.pop(ear, None)

    def _tell_that_it_was_off(self, since_utc_ms: int, now_mono_ms: int) -> None:
        until_utc_ms = self._time.utc_ms() - (now_mono_ms - self._started_mono_ms)
        if LEAST_MS <= until_utc_ms - since_utc_ms <= LONGEST_OFF_MS:
            self._tell(BOX, since_utc_ms, until_utc_ms)

    def _tell_so_far(self, ear: str, since_mono_ms: int, now_mono_ms: int, news_ms: int) -> None:
        """Tell of an ear, if there is so much to add to what was told; up to the longest."""
        until_mono_ms = min(now_mono_ms, since_mono_ms + LONGEST_OFF_MS)
        if until_mono_ms - self._told_mono_ms.get(ear, since_mono_ms) < news_ms:
            return
        self._told_mono_ms[ear] = until_mono_ms
        ahead_ms = self._time.utc_ms() - now_mono_ms
        self._tell(ear, since_mono_ms + ahead_ms, until_mono_ms + ahead_ms)

    def _tell(self, ear: str, began_utc_ms: int, until_utc_ms: int) -> None:
        self._add_event(
            Outage(
                centre="",
                gateway="",
                boot=b"",
                number=0,
                age_ms=None,
                ear=ear,
                began_utc_ms=max(began_utc_ms, 0),
                until_utc_ms=until_utc_ms,
                is_sure=self._time.hub_ahead_ms is not None,
            )
        )

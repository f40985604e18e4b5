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
BOX, ADAPTERS = "box", "adapters"


class Outages:
    """Which ears are away, since when. Its methods belong to the event loop's thread."""

    def __init__(self, add_event: Callable[[Outage], None], time: EdgeTime) -> None:
        """`add_event` takes what is to be told."""
        self._add_event, self._time = add_event, time
        self._since_mono_ms: dict[str, int] = {}
        self._told_mono_ms: dict[str, int] = {}

    @property
    def standing(self) -> int:
        """How many ears are away now."""
        return len(self._since_mono_ms)

    def was_off(self, last_alive_utc_ms: int) -> None:
        """Tell that the box did not run from then until now; call it once, at the start."""
        now_utc_ms = self._time.utc_ms()
        if now_utc_ms - last_alive_utc_ms >= LEAST_MS:
            self._tell(BOX, last_alive_utc_ms, now_utc_ms)

    def look(self, away: Collection[str]) -> None:
        """Note which ears are away now; call it every second."""
        now_ms = self._time.mono_ms()
        for ear in away:
            since_ms = self._since_mono_ms.setdefault(ear, now_ms)
            told_ms = self._told_mono_ms.get(ear, since_ms)
            if now_ms - told_ms >= AGAIN_MS:
                self._tell_until_now(ear, since_ms, now_ms)
        for ear in self._since_mono_ms.keys() - set(away):
            since_ms = self._since_mono_ms.pop(ear)
            if now_ms - since_ms >= LEAST_MS:
                self._tell_until_now(ear, since_ms, now_ms)
            self._told_mono_ms.pop(ear, None)

    def _tell_until_now(self, ear: str, since_mono_ms: int, now_mono_ms: int) -> None:
        self._told_mono_ms[ear] = now_mono_ms
        now_utc_ms = self._time.utc_ms()
        self._tell(ear, now_utc_ms - (now_mono_ms - since_mono_ms), now_utc_ms)

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

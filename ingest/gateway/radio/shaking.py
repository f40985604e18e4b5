"""One link's part in making its band vibrate: begin it, stay, and end it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence

import structlog

from devices.family import Family, Vibration
from devices.talk import Write
from devices.vibration import ALERT_LEVEL, vibration_of
from ingest.gateway.radio.bands import Band
from ingest.gateway.radio.border import RadioFault
from ingest.gateway.radio.counters import RadioCounters
from ingest.gateway.radio.pace import Pace

log = structlog.get_logger()

WriteAll = Callable[[Sequence[Write]], Awaitable[None]]


class Shaking:
    """What one link knows of a vibration that was asked for, or goes on."""

    def __init__(self, band: Band, counters: RadioCounters, pace: Pace, write: WriteAll) -> None:
        """Take the band, and how to write to it (raising RadioFault)."""
        self._band, self._counters, self._pace, self._write = band, counters, pace, write
        self._on: Vibration | None = None
        self._ends_mono_s = 0.0

    @property
    def is_on(self) -> bool:
        """The band is being shaken: it is not to be left now."""
        return self._on is not None

    @property
    def ends_in_s(self) -> float | None:
        """How long it goes on; None: it is not shaken."""
        return None if self._on is None else self._ends_mono_s - time.monotonic()

    async def look(self, family: Family | None, offered: Collection[str]) -> None:
        """Begin what is asked for, end what is over. A fault costs the vibration, not the link."""
        self._band.offers_alert = ALERT_LEVEL in offered
        if self._band.shake_asked_mono_s is not None:
            asked_s, self._band.shake_asked_mono_s = self._band.shake_asked_mono_s, None
            vibration = vibration_of(family, offered)
            if vibration is None:
                self._failed("unable")
            elif await self._written(vibration.writes):
                self._on = vibration
                self._ends_mono_s = time.monotonic() + self._pace.shake_s
                self._counters.vibrations_done += 1
                waited_s = round(time.monotonic() - asked_s, 2)
                log.info("vibrated", device=self._band.key, after_s=waited_s)
        if self._on is not None and time.monotonic() >= self._ends_mono_s:
            vibration, self._on = self._on, None
            await self._written(vibration.stop)

    async def _written(self, writes: Sequence[Write]) -> bool:
        """Write apart from what the talk writes: some bands lose what comes too soon."""
        if not writes:
            return True
        try:
            await asyncio.sleep(self._pace.apart_s)
            await self._write(writes)
            await asyncio.sleep(self._pace.apart_s)
        except RadioFault as fault:
            self._failed(fault.reason)
            return False
        return True

    def _failed(self, reason: str) -> None:
        self._counters.vibrations_failed[reason] += 1
        log.info("not_vibrated", device=self._band.key, why=reason)

"""The radio: its parts, and what they tell each other."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from zoneinfo import ZoneInfo

import structlog
from bleak.backends.device import BLEDevice

from config.gateway_settings import RadioSettings
from ingest.batch.reading import Reading
from ingest.gateway.radio.adapters import AdapterWatch
from ingest.gateway.radio.bands import Band, Bands
from ingest.gateway.radio.basket import Basket
from ingest.gateway.radio.board import board
from ingest.gateway.radio.counters import RadioCounters
from ingest.gateway.radio.hearing import Hearing
from ingest.gateway.radio.holding import Holding
from ingest.gateway.radio.intake import Intake
from ingest.gateway.radio.link import Link, LinkParts
from ingest.gateway.radio.links import Links
from ingest.gateway.radio.memory import Memory
from ingest.gateway.radio.pace import Pace
from ingest.gateway.radio.presence import Presence
from ingest.gateway.radio.serving import Serving
from ingest.gateway.radio.station import Station
from ingest.gateway.radio.vibrations import Vibrations

log = structlog.get_logger()


class Radio:
    """All adapters of the settings and all bands of the roster."""

    def __init__(
        self,
        settings: RadioSettings,
        *,
        registered: Callable[[], Mapping[str, str | None]],
        on_heard: Callable[[Sequence[Reading]], None],
        counters: RadioCounters,
        basket: Basket,
        cursor: Mapping[str, str],
        pace: Pace,
        device_key_of: Callable[[str], str | None] | None = None,
    ) -> None:
        self._counters, self._pace = counters, pace
        self._bands = Bands(registered, pace, device_key_of)
        self._vibrations = Vibrations(self._bands, counters)
        self._intake = Intake(basket, on_heard, counters, session_bpm=settings.session_bpm)
        self._hearing = Hearing(self._bands, self._intake, counters)
        self._watch = AdapterWatch(pace, self._bus_lost)
        self._stations = [Station(address) for address in dict.fromkeys(settings.adapters)]
        self._serving = Serving(self._watch, self._hearing, self._bands, counters, pace)
        self._presence = Presence(settings.silent_after_s, counters)
        self._links = Links(settings.links_per_adapter, pace)
        counters.board = lambda: board(
            self._bands,
            self._stations,
            settings.links_per_adapter,
            self._state,
            settings.silent_after_s,
        )
        parts = LinkParts(
            intake=self._intake,
            memory=Memory(cursor, basket),
            counters=counters,
            pace=pace,
            silent_after_s=settings.silent_after_s,
            time_zone=ZoneInfo(settings.time_zone),
            fail=self._hearing.fail,
        )

        def link(band: Band, device: BLEDevice, hci: str) -> Link:
            return Link(band, device, hci, parts)

        self._holding = Holding(link, counters, settings.poll_every_s)

    async def run(self) -> None:
        """Hear until cancelled. Anything unforeseen ends it, a callback's error too."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch.run(), name="adapters")
            group.create_task(self._look_after(), name="links")
            for station in self._stations:
                group.create_task(self._serving.serve(station), name=f"adapter {station.address}")
            await self._hearing.failed

    def vibrate(self, device_key: str) -> None:
        """Ask that a band vibrate; returns at once."""
        self._vibrations.ask(device_key, time.monotonic())

    def close(self) -> None:
        """Hear no more, from now on."""
        self._intake.is_open = False

    async def _look_after(self) -> None:
        """Again and again: who is registered, who is there, who gets a link."""
        while True:
            mono_s = time.monotonic()
            self._bands.refresh()
            self._presence.look(self._bands, mono_s)
            self._vibrations.look(mono_s)
            for station in self._stations:
                station.see(self._bands)
            waiting = self._links.waiting(self._bands, mono_s, self._stations)
            while pair := self._links.next_pair(self._stations, waiting):
                station, band = pair
                waiting.remove(band)
                self._holding.begin(station, band, mono_s)
            self._links.give_way(self._stations, waiting, mono_s)
            self._tell(len(waiting), mono_s)
            await asyncio.sleep(self._pace.deal_s)

    def _tell(self, waiting: int, mono_s: float) -> None:
        count, offered = self._counters, self._hearing.passers_by.offered(mono_s)
        count.adapters = {station.address: self._state(station) for station in self._stations}
        count.bands_registered = len(self._bands)
        count.bands_linked = sum(band.is_linked for band in self._bands)
        count.bands_waiting = waiting
        count.models = Counter(band.own_name for band in self._bands if band.own_name)
        count.offered, count.bands_offered = offered, len(offered)

    def _state(self, station: Station) -> str:
        adapter = self._watch.adapters.get(station.address)
        if adapter is not None and not adapter.powered:
            return "off"
        return station.fault or "scanning"

    def _bus_lost(self, reason: str) -> None:
        self._counters.bus_outages += 1
        log.warning("bus_lost", why=reason)

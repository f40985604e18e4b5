"""Use one adapter whenever it is there: scan, and hold the links that run on it."""

import asyncio
import time

import structlog

from config.errors import Unavailable
from ingest.gateway.radio.adapters import AdapterWatch
from ingest.gateway.radio.bands import Bands
from ingest.gateway.radio.border import RadioFault
from ingest.gateway.radio.counters import RadioCounters
from ingest.gateway.radio.hearing import Hearing
from ingest.gateway.radio.pace import Pace, Retry
from ingest.gateway.radio.station import Station, scanning

log = structlog.get_logger()

STUCK_AFTER = 10
"""Scans refused in a row as already running: only a new process gets out of that."""


class Serving:
    """What all adapters have in common."""

    def __init__(
        self,
        watch: AdapterWatch,
        hearing: Hearing,
        bands: Bands,
        counters: RadioCounters,
        pace: Pace,
    ) -> None:
        """Take who knows the adapters, and who listens."""
        self._watch, self._hearing, self._bands = watch, hearing, bands
        self._counters, self._pace = counters, pace

    async def serve(self, station: Station) -> None:
        """Scan whenever the adapter is there, until cancelled. Its links end with it."""
        while True:
            await self._watch.until(lambda: self._watch.usable(station.address) is not None)
            adapter = self._watch.usable(station.address)
            if adapter is None:
                continue  # it was there when we were woken, and went before we looked
            station.hci = adapter.hci
            async with asyncio.TaskGroup() as links:
                station.group = links
                await self._scan(station, adapter.hci)
                self._away(station)

    async def _scan(self, station: Station, hci: str) -> None:
        """Scan, anew after each fault, while the adapter is there under this name."""
        retry, refused = Retry(self._pace), 0
        while self._is_there(station, hci):
            try:
                listener = self._hearing.listener(station)
                async with scanning(hci, listener, self._pace) as station.scanner:
                    refused = 0
                    self._scans(station)
                    await self._gone_or_quiet(station, hci, retry)
            except RadioFault as fault:
                refused = refused + 1 if fault.reason == "InProgress" else 0
                self._failed(station, fault)
            finally:
                station.scanner = None
            if refused >= STUCK_AFTER:
                raise Unavailable(f"adapter {station.address} is stuck in a scan: power cycle it")
            if self._is_there(station, hci):
                await self._until_gone(station, hci, retry.next_s())

    async def _gone_or_quiet(self, station: Station, hci: str, retry: Retry) -> None:
        """Wait until the adapter is gone; raise RadioFault when it hears nothing for long."""
        begun_s = time.monotonic()
        while self._is_there(station, hci):
            if station.heard_mono_s > begun_s:
                retry.worked()
            due_s = max(station.heard_mono_s, begun_s) + self._pace.quiet_s
            left_s = due_s - time.monotonic()
            if left_s <= 0:
                raise RadioFault("quiet")
            await self._until_gone(station, hci, left_s)

    async def _until_gone(self, station: Station, hci: str, at_most_s: float) -> None:
        try:
            async with asyncio.timeout(at_most_s):
                await self._watch.until(lambda: not self._is_there(station, hci))
        except TimeoutError:
            return

    def _is_there(self, station: Station, hci: str) -> bool:
        adapter = self._watch.usable(station.address)
        return adapter is not None and adapter.hci == hci

    def _scans(self, station: Station) -> None:
        self._counters.scans_started += 1
        station.fault = None
        if station.outage_since_mono_s is not None:
            outage_s = round(time.monotonic() - station.outage_since_mono_s, 3)
            self._counters.last_outage_s = outage_s
            station.outage_since_mono_s = None
            log.info("adapter_back", adapter=station.address, hci=station.hci, outage_s=outage_s)
        else:
            log.info("adapter_scans", adapter=station.address, hci=station.hci)

    def _failed(self, station: Station, fault: RadioFault) -> None:
        self._counters.scans_failed[fault.reason] += 1
        station.fault = fault.reason
        # At night nobody is there: that an adapter hears nothing is no warning by itself.
        note = log.info if fault.reason == "quiet" else log.warning
        note("scan_failed", adapter=station.address, why=fault.reason)

    def _away(self, station: Station) -> None:
        """Forget what held for the adapter that was there, and end its links."""
        station.group = station.hci = None
        station.outage_since_mono_s = time.monotonic()
        station.fault = "missing"
        self._counters.adapter_outages += 1
        for band in self._bands:
            band.sightings.pop(station.address, None)
            if band.ear == station.address:
                band.ear = None  # whoever else hears it counts from now on
        log.warning("adapter_gone", adapter=station.address)
        for task in list(station.tasks):
            task.cancel()

"""Hold links: begin one, note how it ended, and when to try again."""

import time
from collections.abc import Callable

import structlog
from bleak.backends.device import BLEDevice

from ingest.gateway.radio.bands import Band
from ingest.gateway.radio.border import RadioFault
from ingest.gateway.radio.counters import RadioCounters
from ingest.gateway.radio.link import Link
from ingest.gateway.radio.station import Station

log = structlog.get_logger()

OURS = frozenset(("unregistered", "adapter_gone", "stopped"))
"""Ends of a link that say nothing against its band."""

MakeLink = Callable[[Band, BLEDevice, str], Link]
"""Given a band, what bleak found it by, and the adapter's name of the day."""


class Holding:
    """The links of all adapters."""

    def __init__(self, make: MakeLink, counters: RadioCounters, poll_every_s: float) -> None:
        """Take how a link is made, and how often a band is read that is then left."""
        self._make, self._counters, self._poll_every_s = make, counters, poll_every_s

    def begin(self, station: Station, band: Band, mono_s: float) -> None:
        """Connect in the background; the band counts as linked from now on."""
        if station.group is None or station.hci is None:
            raise RuntimeError("a link on an adapter that is away")
        link = self._make(band, band.sightings[station.address].device, station.hci)
        station.is_connecting = band.is_linked = True
        station.links[band] = mono_s
        band.waiting_since_mono_s = None
        band.must_leave = not band.is_registered
        task = station.group.create_task(self._hold(station, band, link), name=f"link {band.key}")
        station.tasks.add(task)
        task.add_done_callback(station.tasks.discard)

    async def _hold(self, station: Station, band: Band, link: Link) -> None:
        is_open, reason, read_before_s = False, "stopped", band.read_mono_s
        self._counters.connects_tried += 1
        try:
            await link.connect()
            is_open, station.is_connecting = True, False
            self._opened(station, band)
            reason = await link.held()
        except RadioFault as fault:
            reason = fault.reason
        finally:
            if not is_open:
                station.is_connecting = False
            if station.group is None:
                reason = "adapter_gone"
            try:
                if is_open:
                    await link.leave()
            finally:
                del station.links[band]
                if band.read_mono_s > read_before_s:
                    band.failures = 0
                elif reason not in OURS:
                    band.failures += 1  # also where it only gave way: it had its turn
                self._ended(band, link, reason, is_open=is_open)

    def _opened(self, station: Station, band: Band) -> None:
        station.links[band] = time.monotonic()
        self._counters.links_opened += 1
        log.info("link_opened", device=band.key, adapter=station.address)

    def _ended(self, band: Band, link: Link, reason: str, *, is_open: bool) -> None:
        outcome = self._counters.links_ended if is_open else self._counters.connects_failed
        outcome[reason] += 1
        log.info("link_ended" if is_open else "connect_failed", device=band.key, why=reason)
        band.is_linked = band.is_reading = False
        band.said_by_link.clear()
        mono_s = band.tried_mono_s = time.monotonic()
        if link.frames:
            band.retry.worked()
        match reason:
            case "gave_way":
                band.not_before_mono_s = mono_s  # at the end of the queue
            case "done":
                band.not_before_mono_s = mono_s + self._poll_every_s
            case _:
                band.not_before_mono_s = mono_s + band.retry.next_s()

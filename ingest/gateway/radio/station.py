"""One adapter as the collector uses it: its scan, and the links it holds."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field

from bleak import BleakAdapter, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from ingest.gateway.radio.bands import NEVER, Band, Bands, Sighting
from ingest.gateway.radio.border import RadioFault, bounded
from ingest.gateway.radio.pace import Pace

OnAdvert = Callable[[BLEDevice, AdvertisementData], None]


@dataclass(slots=True, eq=False)
class Station:
    """One adapter of the settings, there or not."""

    address: str
    hci: str | None = None
    """Its name while it is there and may be used."""
    group: asyncio.TaskGroup | None = None
    """Where its links run; None while it is away."""
    scanner: BleakScanner | None = None
    """What scans with it now."""
    heard_mono_s: float = NEVER
    is_connecting: bool = False
    """BlueZ makes one connection of an adapter at a time; two at once end in InProgress."""
    links: dict[Band, float] = field(default_factory=dict)
    """The bands it is linked with, and since when (monotonic seconds)."""
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    outage_since_mono_s: float | None = None
    fault: str | None = "missing"
    """Why it does not scan."""

    def see(self, bands: Bands) -> None:
        """Note which bands BlueZ holds as being in reach, and forget the others.

        That nothing is signalled says nothing: BlueZ signals what changes, and a band that only
        offers its service, at an even strength, changes nothing. What was not heard for half a
        minute BlueZ takes away by itself.
        """
        scanner = self.scanner
        seen = scanner.discovered_devices_and_advertisement_data if scanner is not None else {}
        here = {}
        for address, found in seen.items():
            if (band := bands.get(address)) is not None:
                here[band] = found
        for band in bands:
            if band not in here:
                band.sightings.pop(self.address, None)
            elif self.address not in band.sightings:
                device, advert = here[band]
                band.sightings[self.address] = Sighting(device, advert.rssi, NEVER)
                band.learn(advert)

    @property
    def held(self) -> Collection[Band]:
        """The bands that hold one of its links."""
        return self.links.keys()


@contextlib.asynccontextmanager
async def scanning(hci: str, on_advert: OnAdvert, pace: Pace) -> AsyncIterator[BleakScanner]:
    """Scan with one adapter; raise RadioFault where that cannot be begun."""
    is_open = True

    def heard(device: BLEDevice, advert: AdvertisementData) -> None:
        if is_open:
            on_advert(device, advert)

    scanner = BleakScanner(heard, bluez={"adapter": hci, "filters": {"DuplicateData": True}})
    await bounded(scanner.start(), pace.scan_s)
    try:
        yield scanner
    finally:
        is_open = False
        await _stop(scanner, hci, pace)


async def _stop(scanner: BleakScanner, hci: str, pace: Pace) -> None:
    """Take the scanner's callback back, whatever has become of bus and adapter.

    A call on a bus that is gone waits for ever in dbus-fast, and bleak would hold its lock
    meanwhile: so let bleak connect anew first.
    """
    with contextlib.suppress(RadioFault):
        await bounded(BleakAdapter.get(bluez={"adapter": hci}), pace.ask_s)
    with contextlib.suppress(RadioFault):
        await bounded(scanner.stop(), pace.ask_s)

"""A look around: are the adapters there, does BlueZ answer, which bands are heard now."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from devices.registry import families_of_advert
from ingest.gateway.irk import AddressResolver
from ingest.gateway.radio.adapters import AdapterWatch
from ingest.gateway.radio.border import RadioFault, ended
from ingest.gateway.radio.pace import Pace
from ingest.gateway.radio.station import OnAdvert, scanning


@dataclass(frozen=True, slots=True)
class HeardBand:
    """One band in reach: who it is, and nothing of what it says."""

    families: tuple[str, ...]
    """What its adverts may be of."""
    registered: bool
    """The roster names it."""
    claimed: bool
    """The roster does not, and its wearer has said whose it is."""
    rssi_dbm: int
    """The strongest."""


class _Known(NamedTuple):
    """The bands that are somebody's, by their addresses in capitals."""

    registered: frozenset[str]
    claimed: frozenset[str]


@dataclass(slots=True)
class Around:
    """What was found."""

    bus: bool = False
    """The system bus answers."""
    adapters: dict[str, str] = field(default_factory=dict)
    """All that BlueZ has and all of the settings: `scans`, `on`, `off`, `missing`, or the fault."""
    bands: dict[str, HeardBand] = field(default_factory=dict)
    """Bands of a known family, registered or claimed, by address."""
    others: int = 0
    """Other devices in reach."""

    def as_dict(self) -> dict[str, object]:
        """Return what JSON writes."""
        return asdict(self)


async def look_around(
    adapters: Collection[str],
    registered: Mapping[str, str | None],
    *,
    for_s: float,
    claimed: Collection[str] = (),
    identity_keys: Mapping[str, bytes] | None = None,
) -> Around:
    """Listen for a while with these adapters; without any, only say which there are.

    `claimed` are the bands that their wearers have said are theirs. `identity_keys` are those of
    registered bands that change their address: they are named as the roster names them.
    """
    around, pace = Around(), Pace()
    watch = AdapterWatch(pace, lambda _reason: None)
    watching = asyncio.ensure_future(watch.run())
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(pace.ask_s):
                await watch.until(lambda: watch.bus_is_there and all(map(watch.usable, adapters)))
        around.bus = watch.bus_is_there
        around.adapters = {
            address: "on" if adapter.powered else "off"
            for address, adapter in watch.adapters.items()
        }
        names = {address: found.hci for address in adapters if (found := watch.usable(address))}
        around.adapters |= {
            address: "missing" for address in adapters if address not in watch.adapters
        }
        async with AsyncExitStack() as scans:
            keys = identity_keys or {}
            own = AddressResolver(lambda: keys).device_key
            known = _Known(
                frozenset(key.upper() for key in registered),
                frozenset(key.upper() for key in claimed),
            )
            listener = _listener(around, known, own)
            for address, hci in names.items():
                try:
                    await scans.enter_async_context(scanning(hci, listener, pace))
                    around.adapters[address] = "scans"
                except RadioFault as fault:
                    around.adapters[address] = fault.reason
            if "scans" in around.adapters.values():
                await asyncio.sleep(for_s)
    finally:
        await ended(watching)
    return around


def _listener(around: Around, known: _Known, own: Callable[[str], str | None]) -> OnAdvert:
    others: set[str] = set()

    def heard(device: BLEDevice, advert: AdvertisementData) -> None:
        families = families_of_advert(
            advert.manufacturer_data, advert.service_data, advert.service_uuids
        )
        address = (own(device.address) or device.address).upper()
        registered, claimed = address in known.registered, address in known.claimed
        if not (families or registered or claimed):
            others.add(address)
            around.others = len(others)
            return
        before = around.bands.get(address)
        names = {family.key for family in families} | set(before.families if before else ())
        rssi_dbm = max(advert.rssi, before.rssi_dbm) if before else advert.rssi
        around.bands[address] = HeardBand(
            tuple(sorted(names)), registered, claimed and not registered, rssi_dbm
        )

    return heard

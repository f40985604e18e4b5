"""What the adapters hear, sorted: whose it is, whether it is new, and where it goes."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from devices.family import Family
from devices.registry import load_families
from ingest.gateway.radio.adverts import Outcome, is_heard_by, said_anew
from ingest.gateway.radio.bands import Band, Bands, Sighting
from ingest.gateway.radio.counters import RadioCounters
from ingest.gateway.radio.intake import Intake
from ingest.gateway.radio.passers_by import PassersBy
from ingest.gateway.radio.station import Station

Data = tuple[object, object, object]
ADDRESSES_HELD = 4_096
"""By one adapter; a band behind private addresses takes a new one every quarter of an hour."""


class LastShown:
    """What BlueZ last showed of the addresses heard lately."""

    def __init__(self) -> None:
        """Start with none."""
        self._data_of: OrderedDict[str, Data] = OrderedDict()

    def __len__(self) -> int:
        """Return how many addresses are held."""
        return len(self._data_of)

    def before(self, address: str, data: Data) -> Data:
        """Return what was shown before this, nothing of an address not heard lately."""
        before = self._data_of.pop(address, (None, None, None))
        self._data_of[address] = data
        if len(self._data_of) > ADDRESSES_HELD:
            self._data_of.popitem(last=False)
        return before


class Hearing:
    """Takes in the adverts of all adapters, in the event loop."""

    def __init__(self, bands: Bands, intake: Intake, counters: RadioCounters) -> None:
        """Take where registered bands are found, and where their values go."""
        self._bands, self._intake, self._counters = bands, intake, counters
        self.passers_by = PassersBy()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """What a callback raised: bleak and dbus-fast would only log it."""

    def listener(self, station: Station) -> Callable[[BLEDevice, AdvertisementData], None]:
        """Return what bleak is to call for one adapter, for one scan."""
        shown = LastShown()

        def heard(device: BLEDevice, advert: AdvertisementData) -> None:
            try:
                self._heard(station, shown, device, advert)
            except Exception as error:  # noqa: BLE001 - handed on to whoever waits for `failed`
                self.fail(error)

        return heard

    def fail(self, error: Exception) -> None:
        """End the collector with what a callback raised."""
        if not self.failed.done():
            self.failed.set_exception(error)

    def _heard(
        self,
        station: Station,
        shown: LastShown,
        device: BLEDevice,
        advert: AdvertisementData,
    ) -> None:
        mono_s = time.monotonic()
        band = self._bands.get(device.address)
        properties = advert.platform_data[1]
        if "RSSI" not in properties:
            return  # not an advert: BlueZ tells of a band that it does not hear
        station.heard_mono_s = mono_s
        if band is None:
            self._counters.unregistered_adverts += 1
            self.passers_by.heard(device.address, advert, mono_s)
            return
        manufacturer, service = properties.get("ManufacturerData"), properties.get("ServiceData")
        rssi = properties["RSSI"]
        before = shown.before(device.address, (manufacturer, service, rssi))
        new = advert._replace(
            manufacturer_data={} if manufacturer is before[0] else advert.manufacturer_data,
            service_data={} if service is before[1] else advert.service_data,
        )
        has_data = bool(new.manufacturer_data or new.service_data)
        if has_data or rssi is not before[2]:
            band.sightings[station.address] = Sighting(device, advert.rssi, mono_s)
        if has_data:
            self._advert(station, band, new, mono_s)
        elif rssi is not before[2]:
            band.was_heard(mono_s)  # it advertises its service alone
        band.learn(advert)

    def _advert(
        self, station: Station, band: Band, advert: AdvertisementData, mono_s: float
    ) -> None:
        self._counters.adverts += 1
        if not is_heard_by(band, station.address, mono_s):
            self._counters.adverts_elsewhere += 1
            return
        outcomes = {self._said(band, family, advert, mono_s) for family in _speaking(advert)}
        first = next((outcome for outcome in Outcome if outcome in outcomes), Outcome.EMPTY)
        name = first.value
        setattr(self._counters, name, getattr(self._counters, name) + 1)
        band.was_heard(mono_s)

    def _said(
        self, band: Band, family: Family, advert: AdvertisementData, mono_s: float
    ) -> Outcome:
        said = said_anew(band, family, advert.manufacturer_data, advert.service_data, mono_s)
        if said.outcome is Outcome.REJECTED:
            self._intake.rejected(said.data, said.reason)
        elif said.values:
            self._intake.live(band, said.values, mono_s, counted=said.counted)
        return said.outcome


def _speaking(advert: AdvertisementData) -> list[Family]:
    """Return the families whose values stand in the advert itself."""
    return [
        family
        for family in load_families().values()
        if (match := family.advert) is not None
        and (
            match.company_id in advert.manufacturer_data
            or match.service_data_uuid in advert.service_data
        )
    ]

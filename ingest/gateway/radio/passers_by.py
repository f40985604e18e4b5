"""Bands in reach that are not registered: offered by address, name and kind, never with a value."""

from collections import OrderedDict
from collections.abc import Mapping

from bleak.backends.scanner import AdvertisementData

from devices.registry import families_of_advert
from ingest.gateway.neighbour import Neighbour

MOST = 1_000
"""Addresses held; private addresses change every quarter of an hour."""
OFFERED_S = 60.0
LOOK_AGAIN_S = 10.0
LONGEST_NAME = 24


class PassersBy:
    """Who else is in reach, in memory alone."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._seen: OrderedDict[str, tuple[float, Neighbour]] = OrderedDict()

    def heard(self, address: str, advert: AdvertisementData, mono_s: float) -> None:
        """Note an address and the families its adverts may be of; its values are not looked at."""
        seen = self._seen.get(address)
        if seen is not None and mono_s - seen[0] < LOOK_AGAIN_S:
            return
        families = families_of_advert(
            advert.manufacturer_data, advert.service_data, advert.service_uuids
        )
        name = "".join(filter(str.isprintable, advert.local_name or ""))[:LONGEST_NAME]
        self._seen[address] = (
            mono_s,
            Neighbour(address, tuple(family.key for family in families), name, advert.rssi),
        )
        self._seen.move_to_end(address)
        if len(self._seen) > MOST:
            self._seen.popitem(last=False)

    def offered(self, mono_s: float) -> Mapping[str, Neighbour]:
        """Return what is in reach and may be a band of ours, by address."""
        return {
            address: neighbour
            for address, (seen_s, neighbour) in self._seen.items()
            if neighbour.families and mono_s - seen_s <= OFFERED_S
        }

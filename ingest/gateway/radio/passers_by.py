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
        if self.is_known(address, mono_s):
            return
        families = families_of_advert(
            advert.manufacturer_data, advert.service_data, advert.service_uuids
        )
        keys = tuple(family.key for family in families)
        self.note(Neighbour(address, keys, advert.local_name or "", advert.rssi), mono_s)

    def is_known(self, address: str, mono_s: float) -> bool:
        """Say whether an address was noted so lately that it need not be looked at again."""
        seen = self._seen.get(address)
        return seen is not None and mono_s - seen[0] < LOOK_AGAIN_S

    def note(self, neighbour: Neighbour, mono_s: float) -> None:
        """Note who is in reach; of a name what can be printed."""
        name = "".join(filter(str.isprintable, neighbour.name))[:LONGEST_NAME]
        self._seen[neighbour.address] = (mono_s, neighbour._replace(name=name))
        self._seen.move_to_end(neighbour.address)
        if len(self._seen) > MOST:
            self._seen.popitem(last=False)

    def offered(self, mono_s: float) -> Mapping[str, Neighbour]:
        """Return what is in reach and may be a band of ours, by address."""
        return {
            address: neighbour
            for address, (seen_s, neighbour) in self._seen.items()
            if neighbour.families and mono_s - seen_s <= OFFERED_S
        }

"""Bands in reach that are not registered: offered by address and family, never with a value."""

from collections import OrderedDict
from collections.abc import Mapping

from bleak.backends.scanner import AdvertisementData

from devices.registry import families_of_advert

MOST = 1_000
"""Addresses held; private addresses change every quarter of an hour."""
OFFERED_S = 60.0
LOOK_AGAIN_S = 30.0


class PassersBy:
    """Who else is in reach, in memory alone."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._seen: OrderedDict[str, tuple[float, tuple[str, ...]]] = OrderedDict()

    def heard(self, address: str, advert: AdvertisementData, mono_s: float) -> None:
        """Note an address and the families its adverts may be of; its values are not looked at."""
        seen = self._seen.get(address)
        if seen is not None and mono_s - seen[0] < LOOK_AGAIN_S:
            return
        families = families_of_advert(
            advert.manufacturer_data, advert.service_data, advert.service_uuids
        )
        self._seen[address] = (mono_s, tuple(family.key for family in families))
        self._seen.move_to_end(address)
        if len(self._seen) > MOST:
            self._seen.popitem(last=False)

    def offered(self, mono_s: float) -> Mapping[str, tuple[str, ...]]:
        """Return the addresses in reach that a family of ours may have, with the families."""
        return {
            address: families
            for address, (seen_s, families) in self._seen.items()
            if families and mono_s - seen_s <= OFFERED_S
        }

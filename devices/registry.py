"""All families, found by looking into the files of this package."""

import pkgutil
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

import devices
from devices.family import Family

STANDARD_PULSE = "hrs"
"""The family of the Heart Rate Service, which bands of other families may offer too."""


@cache
def load_families() -> Mapping[str, Family]:
    """Return every family by its key; a file that cannot be imported, or a key twice, is a bug."""
    modules = [module for module in pkgutil.iter_modules(devices.__path__) if not module.ispkg]
    found = (getattr(import_module(f"devices.{m.name}"), "FAMILY", None) for m in modules)
    return MappingProxyType(by_key(family for family in found if family is not None))


def by_key(found: Iterable[Family]) -> dict[str, Family]:
    """Return families by their keys; each key may be there once."""
    families: dict[str, Family] = {}
    for family in found:
        if family.key in families:
            raise RuntimeError(f"two files declare the family {family.key}")
        families[family.key] = family
    return families


def families_of_advert(
    manufacturer_data: Mapping[int, bytes],
    service_data: Mapping[str, bytes],
    service_uuids: Collection[str],
) -> tuple[Family, ...]:
    """Return the families whose values an advert carries, or whose service it offers.

    Keys and UUIDs as bleak gives them: company numbers, and 128-bit UUIDs in lower case.
    """
    return tuple(
        family
        for family in load_families().values()
        if (
            family.advert is not None
            and (
                family.advert.company_id in manufacturer_data
                or family.advert.service_data_uuid in service_data
            )
        )
        or family.service_uuid in service_uuids
    )


def family_of_link(told: Family, services: Collection[str]) -> Family:
    """Return how to talk with a band whose services are known by now; `told` if they agree.

    A band that is taken for one of the Heart Rate Service is talked with by the service of its
    maker where its pulse would be a stored one. One that lacks the service of its family is of the
    one other family whose service it offers: makers sell one ring with two firmwares.
    """
    talkative = [
        family
        for family in load_families().values()
        if family.talk is not None and family.service_uuid in services
    ]
    stored = [family for family in talkative if family.has_stored_pulse]
    if told.service_uuid in services:
        return stored[0] if stored and told.key == STANDARD_PULSE else told
    others = [family for family in talkative if family.key != STANDARD_PULSE]
    return others[0] if len(others) == 1 and told.service_uuid is not None else told

"""The topics of scanners: what is subscribed to, and what a message's topic says it is.

`PREFIX/SCANNER/BTtoMQTT/MAC` is an advert, `PREFIX/SCANNER/LWT` says online or offline (retained),
`PREFIX/SCANNER/SYStoMQTT` tells of the scanner's health. Phones have one topic each.
"""

import json
from collections.abc import Collection
from enum import Enum
from typing import NamedTuple

from ingest.gateway.scanner.message import address_of_topic


class Kind(Enum):
    """What a message is about."""

    ADVERT = "BTtoMQTT"
    LIFE = "LWT"
    HEALTH = "SYStoMQTT"
    PHONE = ""


class Origin(NamedTuple):
    """Where a message comes from."""

    kind: Kind
    scanner: str
    """The scanner's name, or a phone's topic."""
    address: str | None = None
    """The address the topic ends with."""


def subscriptions(prefixes: Collection[str], phones: Collection[str]) -> list[str]:
    """Return the topic filters to subscribe to."""
    found = [
        f"{prefix}/+/{kind.value}{'/+' if kind is Kind.ADVERT else ''}"
        for prefix in prefixes
        for kind in (Kind.ADVERT, Kind.LIFE, Kind.HEALTH)
    ]
    return [*found, *phones]


def origin_of(topic: str, prefixes: Collection[str], phones: Collection[str]) -> Origin | None:
    """Return what a topic says; None for one that nobody here has asked for."""
    if topic in phones:
        return Origin(Kind.PHONE, topic)
    for prefix in prefixes:
        levels = topic.removeprefix(f"{prefix}/").split("/")
        match levels if topic.startswith(f"{prefix}/") else ():
            case [scanner, Kind.ADVERT.value, mac]:
                return Origin(Kind.ADVERT, scanner, address_of_topic(mac))
            case [scanner, Kind.LIFE.value]:
                return Origin(Kind.LIFE, scanner)
            case [scanner, Kind.HEALTH.value]:
                return Origin(Kind.HEALTH, scanner)
    return None


def health_of(payload: bytes) -> int | None:
    """Return how many messages a scanner says its queue has lost; None where it does not say."""
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    lost = said.get("msgblck") if isinstance(said, dict) else None
    return lost if isinstance(lost, int) and not isinstance(lost, bool) and lost >= 0 else None

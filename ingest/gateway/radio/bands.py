"""The bands of the roster, and what the box knows of each while it runs."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import structlog
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from devices.family import Family
from devices.registry import families_of_advert, load_families
from ingest.gateway.radio.pace import Pace, Retry

log = structlog.get_logger()

NEVER = float("-inf")
"""A moment before all others, of the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One adapter heard one band: what a connection begins with."""

    device: BLEDevice
    rssi_dbm: int
    mono_s: float


UNREADABLE_KNOWN = 8
"""A band has few forms of what we cannot read, and sends them again and again."""


@dataclass(slots=True)
class Part:
    """The last of one kind of data in a band's adverts."""

    data: bytes = b""
    counter: object = None
    changed_mono_s: float = NEVER
    next_mono_s: float = NEVER
    """When the next repetition would be due at the rate that is kept."""
    unreadable: deque[bytes] = field(default_factory=lambda: deque(maxlen=UNREADABLE_KNOWN))
    """What could not be read, and is kept aside already."""


@dataclass(slots=True)
class Run:
    """The pulses of one height that a band remembers, one after another."""

    bpm: float | None = None
    since_utc_ms: int = 0
    last_utc_ms: int = 0
    values: int = 0


@dataclass(slots=True, eq=False)
class Band:
    """One registered band. Times are of the monotonic clock, in seconds."""

    key: str
    """As the roster spells it: it goes into every reading."""
    address: str
    """As BlueZ spells it; on the air it may have another one each quarter of an hour."""
    family: Family | None
    retry: Retry
    heard_mono_s: float = NEVER
    is_lost: bool = False
    """It was heard since the start, and is not heard now."""
    lost_mono_s: float = NEVER
    parts: dict[str, Part] = field(default_factory=dict)
    ear: str | None = None
    """The adapter whose hearing counts, so that two do not count twice."""
    ear_mono_s: float = NEVER
    sightings: dict[str, Sighting] = field(default_factory=dict)
    """The newest by each adapter."""
    said_by_link: dict[str, float] = field(default_factory=dict)
    """When its link last gave each quantity."""
    last_at_utc_ms: dict[str, int] = field(default_factory=dict)
    """The newest time of each quantity: no two readings of one share a time."""
    bpm: float | None = None
    bpm_since_mono_s: float = NEVER
    remembered: Run = field(default_factory=Run)
    """Of the pulses out of its memory: whether they stand still."""
    link_family: Family | None = None
    """How to talk with it over a link; None: its adverts say all."""
    own_name: str | None = None
    """What it calls itself, empty for nothing; None: not asked yet. Nothing is decided by it."""
    read_mono_s: float = NEVER
    """Its last successful read: its memory to the end, or a frame where it has none to read."""
    is_reading: bool = False
    """Its link has not come to the end of its memory yet."""
    tried_mono_s: float = NEVER
    failures: int = 0
    """Links in a row without a successful read."""
    session_mono_s: float = NEVER
    """When its pulse was last one of somebody who exercises."""
    not_before_mono_s: float = NEVER
    waiting_since_mono_s: float | None = None
    """Since when it is in reach, due, and without a link."""
    is_linked: bool = False
    """A link is open, or being opened."""
    must_leave: bool = False
    """Its link is wanted by another, or it is registered no more."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when its link has something to look at."""
    is_registered: bool = True
    shake_asked_mono_s: float | None = None
    """Since when an alarm waits for it to vibrate."""
    shaken_mono_s: float = NEVER
    """When it was asked to last, and was not refused for being too soon."""
    offers_alert: bool | None = None
    """Whether it offers the Immediate Alert Service; None: it was never linked."""

    def learn(self, advert: AdvertisementData) -> None:
        """See how to talk with a band whose family says nothing of how it is heard.

        One whose adverts carry its values is listened to and needs no link.
        """
        family = self.family
        if self.link_family is not None or (family is not None and family.advert is not None):
            return
        families = families_of_advert(
            advert.manufacturer_data, advert.service_data, advert.service_uuids
        )
        if all(family.advert is None for family in families):
            talkative = (family for family in families if family.talk is not None)
            self.link_family = next(talkative, None)

    @property
    def queued_mono_s(self) -> float:
        """From when on it counts as waiting: who was read longest ago is the next.

        One that is not read twice in a row counts from its last try, or it would always be next.
        """
        return max(self.read_mono_s, self.tried_mono_s) if self.failures > 1 else self.read_mono_s

    def ask_to_leave(self) -> None:
        """Let its link end, in good order."""
        self.must_leave = True
        self.woken.set()

    def was_heard(self, mono_s: float) -> None:
        """Note that there was a sign of life."""
        self.heard_mono_s = mono_s


class Bands:
    """The registered bands by BlueZ's spelling of their address."""

    def __init__(
        self,
        registered: Callable[[], Mapping[str, str | None]],
        pace: Pace,
        device_key_of: Callable[[str], str | None] | None = None,
    ) -> None:
        """Take where the truth stands: address and family key (or None) of each band.

        `device_key_of` says whose private address one is that is of this hour alone.
        """
        self._registered, self._pace, self._device_key_of = registered, pace, device_key_of
        self._known: dict[str, str | None] = {}
        self._by_address: dict[str, Band] = {}

    def __iter__(self) -> Iterator[Band]:
        return iter(self._by_address.values())

    def __len__(self) -> int:
        return len(self._by_address)

    def get(self, address: str) -> Band | None:
        """Return the band of an address, its own or a private one of the day, if registered."""
        band = self._by_address.get(address)
        if band is None and self._device_key_of is not None:
            key = self._device_key_of(address)
            return None if key is None else self.named(key)
        return band

    def named(self, device_key: str) -> Band | None:
        """Return the band that the roster names so."""
        return self._by_address.get(device_key.upper())

    def refresh(self) -> None:
        """Look at the roster again: bands come and go while the box runs."""
        registered = self._registered()
        if registered == self._known:
            return
        self._known = dict(registered)
        by_address: dict[str, Band] = {}
        for key, family in self._known.items():
            address = key.upper()
            band = self._by_address.get(address)
            if band is None or band.key != key or _key(band.family) != _key(_family(family)):
                band = self._new(key, address, family)
            by_address[address] = band
        for address, band in self._by_address.items():
            if by_address.get(address) is not band:
                band.is_registered = False
                band.ask_to_leave()
        self._by_address = by_address
        log.info("bands_registered", bands=len(by_address))

    def _new(self, key: str, address: str, family_key: str | None) -> Band:
        family = _family(family_key)
        if family_key is not None and family is None:
            # Told by a district of a newer version: what its adverts say is heard all the same.
            log.warning("unknown_family", device=key, family=family_key)
        band = Band(key, address, family, Retry(self._pace))
        if family is not None and family.talk is not None:
            band.link_family = family
        return band


def _family(key: str | None) -> Family | None:
    return None if key is None else load_families().get(key)


def _key(family: Family | None) -> str | None:
    return None if family is None else family.key

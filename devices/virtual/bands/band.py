"""A virtual band: what it says, its battery, and the book of what it sent.

The book lets a test balance its accounts: what was heard must be what was sent.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

HEART_RATE, STEPS_COUNTER, STEPS_INCREMENT = "heart_rate_bpm", "steps_counter", "steps_increment"
BATTERY = "battery_pct"
"""Quantities as readings name them."""

Pulse = Callable[[int], int | None]
"""Heart rate in beats a minute at a UTC time in ms; None: the band measures none (not worn)."""

Steps = Callable[[int], int]
"""Steps walked until a UTC time in ms, from any beginning; it never falls."""


def utc_now_ms() -> int:
    """Return the wall clock in UTC milliseconds."""
    return time.time_ns() // 1_000_000


def nobody_walks(_at_utc_ms: int) -> int:
    """Return the steps of a wearer who sits: none, at any time."""
    return 0


@dataclass(frozen=True)
class Advert:
    """What a band says on the air without a link; `values` names each value a listener can read."""

    manufacturer_data: Mapping[int, bytes] = field(default_factory=dict)
    service_data: Mapping[str, bytes] = field(default_factory=dict)
    service_uuids: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Frame:
    """One notification; `values` names each value in it, once per value."""

    characteristic: str
    data: bytes
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Characteristic:
    """A characteristic a band offers; flags as BlueZ names them."""

    uuid: str
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Service:
    """A service a band offers."""

    uuid: str
    characteristics: tuple[Characteristic, ...]


class Linkable(Protocol):
    """What a band does over a link; each maker's has its own."""

    @property
    def services(self) -> tuple[Service, ...]:
        """What it offers."""

    def beat(self, now_utc_ms: int) -> Sequence[Frame]:
        """Return what the band sends of itself, once a second."""

    def written(self, characteristic: str, data: bytes, now_utc_ms: int) -> Sequence[Frame]:
        """Return the answers to what was written."""

    def read(self, characteristic: str) -> bytes | None:
        """Return a characteristic's value, None where reading is not permitted."""

    def link_lost(self) -> None:
        """Forget whatever holds for one link only."""


@dataclass(eq=False)
class VirtualBand:
    """A band in the room. `clock` gives UTC milliseconds."""

    address: str
    name: str
    advert: Callable[[int], Advert]
    """What is on the air at a UTC time in ms; asked once a beat while somebody listens."""
    link: Linkable | None = None
    """What it does over a link; None: it takes none."""
    clock: Callable[[], int] = utc_now_ms
    is_away: bool = False
    """Out of everybody's reach."""
    is_flat: bool = False
    """An empty battery: no adverts, no link."""
    is_silent: bool = False
    """Linked, and yet it notifies nothing."""
    refused_reads: set[str] = field(default_factory=set)
    """Characteristics it lets nobody read."""
    sent_adverts: Counter[str] = field(default_factory=Counter)
    """Adverts sent while an adapter was discovering in reach, by the adapter's address."""
    sent_notifications: Counter[str] = field(default_factory=Counter)
    """Notifications sent on an open link to who had subscribed, by characteristic."""
    sent_reads: Counter[str] = field(default_factory=Counter)
    """Values given to who read them over a link, by characteristic."""
    sent_values: Counter[str] = field(default_factory=Counter)
    """Values in those adverts and notifications, by quantity."""

    def flat(self) -> None:
        """Run the battery down: the link breaks at the next beat."""
        self.is_flat = True

    def charge(self) -> None:
        """Give it a full battery again."""
        self.is_flat = False

    def silent(self) -> None:
        """Stop notifying while the link stands."""
        self.is_silent = True

    def speak(self) -> None:
        """Notify again."""
        self.is_silent = False

"""An adapter: who discovers on it, what it hears, and how many links it holds.

BlueZ, doc/org.bluez.Adapter.rst.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from dbus_fast import Message, Variant

from devices.virtual.bands.band import Advert, Linkable, VirtualBand
from devices.virtual.bluez.bus import Answer, Refused
from devices.virtual.bluez.device import Device
from devices.virtual.bluez.faults import BLUEZ_ERROR, Delays, Refusal
from devices.virtual.bluez.tree import Tree

ADAPTER = "org.bluez.Adapter1"
TRUE, FALSE = Variant("b", True), Variant("b", False)  # noqa: FBT003 - D-Bus values
FILTER_KEYS = {
    *("UUIDs", "RSSI", "Pathloss", "Transport", "DuplicateData", "Discoverable", "Pattern"),
}
"""What SetDiscoveryFilter takes; this adapter acts on UUIDs, RSSI and DuplicateData."""

Reach = Callable[[], Linkable | None]
"""Tells what a Connect would find: None where the band is out of reach or linked elsewhere."""


@dataclass(frozen=True)
class Filter:
    """One client's wishes; BlueZ merges those of all clients that discover."""

    uuids: frozenset[str] = frozenset()
    rssi: int | None = None
    duplicates: bool = False

    def passes(self, advert: Advert, rssi: int) -> bool:
        """Tell whether this client wants the advert."""
        if self.rssi is not None and rssi < self.rssi:
            return False
        return not self.uuids or bool(self.uuids & set(advert.service_uuids))


class Adapter:
    """One Adapter1 object and the devices under it."""

    def __init__(self, tree: Tree, address: str, number: int, delays: Delays) -> None:
        self.address, self.name = address, f"hci{number}"
        self.path = f"/org/bluez/{self.name}"
        self.devices: dict[str, Device] = {}
        """By the band's address."""
        self.most_connecting = 0
        """The most Connects that were ever under way at one time."""
        self._tree, self._delays = tree, delays
        self._filters: dict[str, Filter] = {}
        self._discoverers: set[str] = set()
        self._connecting = 0
        self.is_powered = True

    def appear(self) -> None:
        """Come up on the bus, powered."""
        stated: dict[str, tuple[str, Any]] = {
            "Address": ("s", self.address),
            "AddressType": ("s", "public"),
            "Name": ("s", self.name),
            "Alias": ("s", self.name),
            "Class": ("u", 0),
            "Powered": ("b", True),
            "Discoverable": ("b", False),
            "Pairable": ("b", False),
            "Discovering": ("b", False),
            "UUIDs": ("as", []),
            "Modalias": ("s", "usb:v1D6Bp0246d0542"),
            "Roles": ("as", ["central", "peripheral"]),
        }
        properties = {name: Variant(kind, value) for name, (kind, value) in stated.items()}
        self._tree.add(self.path, {ADAPTER: properties})

    def vanish(self) -> None:
        """Go, with all devices under it."""
        self.forget_clients()
        for device in self.devices.values():
            device.break_link()
        self.devices.clear()
        self._tree.remove(self.path)

    def vanish_unsaid(self) -> None:
        """Go as some controllers do: the objects first, so that no link's end can be told."""
        self._tree.remove(self.path)
        self.vanish()

    def forget_clients(self) -> None:
        """Nobody discovers here any more."""
        self._filters.clear()
        self._discoverers.clear()

    def left(self, client: str) -> None:
        """End the discovery and subscriptions of a client that has gone, and no one else's."""
        self._filters.pop(client, None)
        if client in self._discoverers:
            self._stop(client)
        for device in self.devices.values():
            if device.gatt is not None:
                device.gatt.left(client)

    @property
    def is_discovering(self) -> bool:
        """Somebody listens here."""
        return bool(self._discoverers)

    @property
    def links(self) -> int:
        """Links that stand."""
        return sum(device.is_linked for device in self.devices.values())

    def hears(self, band: VirtualBand, advert: Advert, rssi: int) -> None:
        """Take one advert off the air."""
        filters = [self._filters.get(client, Filter()) for client in self._discoverers]
        if not any(wish.passes(advert, rssi) for wish in filters):
            return
        band.sent_adverts[self.address] += 1
        band.sent_values.update(advert.values)
        device = self.devices.get(band.address)
        if device is None:
            device = self.devices[band.address] = Device(self._tree, self.path, band, self._delays)
        device.heard(advert, rssi, duplicates=any(wish.duplicates for wish in filters))

    def forget_unheard(self) -> None:
        """Take devices off the bus that nobody has heard for long and nobody is linked to."""
        before = asyncio.get_running_loop().time() - self._delays.forget_s
        for address, device in list(self.devices.items()):
            if device.heard_at < before and not device.is_busy:
                self._remove(address)

    def power(self, *, on: bool) -> None:
        """Switch the radio; off ends every link and every discovery."""
        self.is_powered = on
        if not on:
            for device in self.devices.values():
                device.break_link()
            self.forget_clients()
            self._say_discovering()
        self._tree.change(self.path, ADAPTER, {"Powered": TRUE if on else FALSE})

    def serve(self, client: str, call: Message) -> Answer:
        """Answer a call to the adapter itself."""
        if not self.is_powered and call.member != "RemoveDevice":
            raise Refused(*Refusal.NOT_READY.value)
        match call.member:
            case "SetDiscoveryFilter":
                self._filters[client] = _filter(call.body[0])
            case "StartDiscovery":
                if client in self._discoverers:
                    raise Refused(*Refusal.IN_PROGRESS.value)
                self._discoverers.add(client)
                self._say_discovering()
            case "StopDiscovery":
                if client not in self._discoverers:
                    raise Refused(f"{BLUEZ_ERROR}.Failed", "No discovery started")
                self._stop(client)
            case "RemoveDevice":
                self._remove_at(call.body[0])
            case _:
                text = f"no method {call.member} on an adapter"
                raise Refused("org.freedesktop.DBus.Error.UnknownMethod", text)
        return Answer()

    async def connect(
        self, device: Device, reach: Reach, link_limit: int | None, refusal: Refusal | None
    ) -> Answer:
        """Connect to a band, within the links this adapter holds."""
        if not self.is_powered:
            raise Refused(*Refusal.NOT_READY.value)
        if refusal is not None:
            return await device.fail_to_connect(refusal)
        is_new = not device.is_busy
        if is_new and link_limit is not None and self.links + self._connecting >= link_limit:
            raise Refused(*Refusal.TOO_MANY_LINKS.value)
        self._connecting += is_new
        self.most_connecting = max(self.most_connecting, self._connecting)
        try:
            return await device.connect(lambda: reach() if self.is_powered else None)
        finally:
            self._connecting -= is_new

    def device_at(self, path: str) -> Device | None:
        """Return the device whose object, or whose characteristic, lies at this path."""
        return next((d for d in self.devices.values() if _lies_at(path, d.path)), None)

    def _stop(self, client: str) -> None:
        self._discoverers.discard(client)
        if not self._discoverers:
            self._say_discovering()
            for device in self.devices.values():
                device.unheard()

    def _say_discovering(self) -> None:
        value = TRUE if self._discoverers else FALSE
        if self._tree.value(self.path, ADAPTER, "Discovering") != value.value:
            self._tree.change(self.path, ADAPTER, {"Discovering": value})

    def _remove_at(self, path: str) -> None:
        device = self.device_at(path)
        if device is None:
            raise Refused(f"{BLUEZ_ERROR}.DoesNotExist", "Does Not Exist")
        self._remove(device.band.address)

    def _remove(self, address: str) -> None:
        device = self.devices.pop(address)
        device.break_link()
        self._tree.remove(device.path)


def at_path(adapters: Iterable[Adapter], path: str) -> Adapter | None:
    """Return the adapter at or above a path."""
    return next((adapter for adapter in adapters if _lies_at(path, adapter.path)), None)


def _lies_at(path: str, above: str) -> bool:
    return path == above or path.startswith(f"{above}/")


def _filter(wishes: dict[str, Variant]) -> Filter:
    unknown = wishes.keys() - FILTER_KEYS
    if unknown:
        raise Refused(f"{BLUEZ_ERROR}.InvalidArguments", f"unknown filter: {min(unknown)}")
    plain = {name: variant.value for name, variant in wishes.items()}
    return Filter(
        uuids=frozenset(uuid.lower() for uuid in plain.get("UUIDs", ())),
        rssi=plain.get("RSSI"),
        duplicates=plain.get("DuplicateData", False),
    )

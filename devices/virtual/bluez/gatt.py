"""A linked band's services and characteristics on the bus: read, write, notify.

BlueZ, doc/org.bluez.GattService.rst and org.bluez.GattCharacteristic.rst.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

from dbus_fast import Message, Variant

from devices.virtual.bands.band import Frame, Linkable, VirtualBand
from devices.virtual.bluez.bus import Answer, Refused
from devices.virtual.bluez.faults import BLUEZ_ERROR, Delays
from devices.virtual.bluez.tree import Interfaces, Tree

SERVICE, CHARACTERISTIC = "org.bluez.GattService1", "org.bluez.GattCharacteristic1"
DESCRIPTOR = "org.bluez.GattDescriptor1"
CLIENT_CONFIGURATION = "00002902-0000-1000-8000-00805f9b34fb"
MTU_BYTES = 247
FIRST_HANDLE = 0x000A
NOTIFICATIONS, INDICATIONS = 1, 2
"""What a subscription writes, by what the characteristic offers."""


class Gatt:
    """The table of one link; it ends with the link."""

    def __init__(
        self, tree: Tree, device_path: str, band: VirtualBand, link: Linkable, delays: Delays
    ) -> None:
        self._tree, self._band, self._link, self._delays = tree, band, link, delays
        self._device_path = device_path
        self._uuids: dict[str, str] = {}
        self._paths: dict[str, str] = {}
        self._subscribers: dict[str, set[str]] = {}
        self._waiting: deque[Frame] = deque()
        self._pump: asyncio.TimerHandle | None = None

    def __contains__(self, path: str) -> bool:
        return path in self._uuids or self._tree_has_descriptor(path)

    def publish(self) -> None:
        """Put everything the band offers on the bus."""
        handle = FIRST_HANDLE
        for service in self._link.services:
            service_path = f"{self._device_path}/service{handle:04x}"
            of_service = {
                "UUID": Variant("s", service.uuid),
                "Device": Variant("o", self._device_path),
                "Primary": Variant("b", True),  # noqa: FBT003 - a D-Bus value, not an option
                "Includes": Variant("ao", []),
            }
            self._tree.add(service_path, {SERVICE: of_service})
            for characteristic in service.characteristics:
                path = f"{service_path}/char{handle + 1:04x}"
                self._uuids[path] = characteristic.uuid
                self._paths[characteristic.uuid] = path
                self._tree.add(
                    path, _characteristic(service_path, characteristic.uuid, characteristic.flags)
                )
                if _can_be_subscribed(characteristic.flags):
                    self._subscribers[path] = set()
                    self._tree.add(f"{path}/desc{handle + 3:04x}", _configuration(path))
                handle += 3
            handle += 1

    def end(self) -> None:
        """Drop what still waits: the link is gone, and was not sent."""
        self._waiting.clear()
        if self._pump is not None:
            self._pump.cancel()
            self._pump = None

    def left(self, client: str) -> None:
        """End the subscriptions of a client whose connection ended."""
        for path in self._subscribers:
            self._unsubscribe(path, client)

    def is_subscribed(self) -> bool:
        """Tell whether anybody wants any notification."""
        return any(self._subscribers.values())

    def send(self, frames: Sequence[Frame]) -> None:
        """Queue frames for the link; it carries a few in each connection interval."""
        self._waiting.extend(frames)
        if self._pump is None:
            self._carry()

    def serve(self, client: str, call: Message) -> Answer:
        """Answer a call to a characteristic or descriptor."""
        path = call.path or ""
        if path not in self._uuids:
            return self._serve_descriptor(path, call)
        uuid = self._uuids[path]
        match call.member:
            case "ReadValue":
                return self._read(path, uuid)
            case "WriteValue":
                self._check_flag(path, ("write", "write-without-response"), "Write not permitted")
                now_utc_ms = self._band.clock()
                self.send(self._link.written(uuid, bytes(call.body[0]), now_utc_ms))
                return Answer()
            case "StartNotify":
                return self._subscribe(path, client)
            case "StopNotify":
                self._unsubscribe(path, client)
                return Answer()
        raise Refused("org.freedesktop.DBus.Error.UnknownMethod", f"no method {call.member}")

    def _read(self, path: str, uuid: str) -> Answer:
        self._check_flag(path, ("read",), "Read not permitted")
        refused = uuid in self._band.refused_reads
        value = None if refused else self._link.read(uuid)
        if value is None:
            raise Refused(f"{BLUEZ_ERROR}.NotPermitted", "Read not permitted")
        self._band.sent_reads[uuid] += 1
        return Answer("ay", (value,))

    def _check_flag(self, path: str, needed: tuple[str, ...], otherwise: str) -> None:
        flags = self._tree.value(path, CHARACTERISTIC, "Flags")
        if not set(needed) & set(flags):
            raise Refused(f"{BLUEZ_ERROR}.NotPermitted", otherwise)

    def _subscribe(self, path: str, client: str) -> Answer:
        subscribers = self._subscribers.get(path)
        if subscribers is None:
            raise Refused(f"{BLUEZ_ERROR}.NotSupported", "Operation is not supported")
        if client in subscribers:
            raise Refused(f"{BLUEZ_ERROR}.InProgress", "Already notifying")
        subscribers.add(client)
        if len(subscribers) == 1:
            self._tree.change(path, CHARACTERISTIC, {"Notifying": Variant("b", True)})  # noqa: FBT003 - a D-Bus value
        return Answer()

    def _unsubscribe(self, path: str, client: str) -> None:
        subscribers = self._subscribers.get(path, set())
        if client in subscribers:
            subscribers.discard(client)
            if not subscribers and path in self._tree:
                self._tree.change(path, CHARACTERISTIC, {"Notifying": Variant("b", False)})  # noqa: FBT003 - a D-Bus value

    def _carry(self) -> None:
        self._pump = None
        for _ in range(min(self._delays.frames_per_interval, len(self._waiting))):
            self._notify(self._waiting.popleft())
        if self._waiting:
            loop = asyncio.get_running_loop()
            self._pump = loop.call_later(self._delays.connection_interval_s, self._carry)

    def _notify(self, frame: Frame) -> None:
        path = self._paths[frame.characteristic]
        if self._band.is_silent or self._band.is_away or not self._subscribers.get(path):
            return
        self._band.sent_notifications[frame.characteristic] += 1
        self._band.sent_values.update(frame.values)
        self._tree.change(path, CHARACTERISTIC, {"Value": Variant("ay", frame.data)})

    def _tree_has_descriptor(self, path: str) -> bool:
        return path.rpartition("/")[0] in self._subscribers and path in self._tree

    def _serve_descriptor(self, path: str, call: Message) -> Answer:
        if call.member != "ReadValue":
            raise Refused(f"{BLUEZ_ERROR}.NotPermitted", "Write not permitted")
        characteristic = path.rpartition("/")[0]
        flags = self._tree.value(characteristic, CHARACTERISTIC, "Flags")
        on = NOTIFICATIONS if "notify" in flags else INDICATIONS
        is_on = bool(self._subscribers[characteristic])
        return Answer("ay", (bytes([on if is_on else 0, 0]),))


def _can_be_subscribed(flags: Sequence[str]) -> bool:
    """Tell whether a characteristic speaks by itself; indications are notifications confirmed."""
    return "notify" in flags or "indicate" in flags


def _characteristic(service_path: str, uuid: str, flags: Sequence[str]) -> Interfaces:
    stated = {
        "UUID": Variant("s", uuid),
        "Service": Variant("o", service_path),
        "Flags": Variant("as", list(flags)),
        "MTU": Variant("q", MTU_BYTES),
    }
    if _can_be_subscribed(flags):
        stated["Notifying"] = Variant("b", False)  # noqa: FBT003 - a D-Bus value
    return {CHARACTERISTIC: stated}


def _configuration(path: str) -> Interfaces:
    stated = {"UUID": Variant("s", CLIENT_CONFIGURATION), "Characteristic": Variant("o", path)}
    return {DESCRIPTOR: stated}

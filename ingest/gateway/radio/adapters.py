"""Which Bluetooth adapters BlueZ has now, found by their own address.

The kernel's names (hci0, hci1) move when a dongle is pulled and plugged, and bleak, left to choose,
takes any of them: so an adapter is named by its address in the settings and looked up here.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog
from dbus_fast import BusType, Message, MessageType, unpack_variants
from dbus_fast.aio import MessageBus

from ingest.gateway.radio.border import RadioFault, bounded, radio_faults
from ingest.gateway.radio.pace import Pace, Retry

log = structlog.get_logger()

BLUEZ = "org.bluez"
ADAPTER = "org.bluez.Adapter1"
DBUS = "org.freedesktop.DBus"
OBJECTS = "org.freedesktop.DBus.ObjectManager"
PROPERTIES = "org.freedesktop.DBus.Properties"
RULES = (
    f"type='signal',interface='{OBJECTS}',arg0path='/org/bluez/'",
    f"type='signal',interface='{PROPERTIES}',arg0='{ADAPTER}'",
    f"type='signal',interface='{DBUS}',member='NameOwnerChanged',arg0='{BLUEZ}'",
)


@dataclass(frozen=True, slots=True)
class Adapter:
    """One adapter as BlueZ shows it."""

    address: str
    hci: str
    """The name of the day, as bleak wants it: hci0."""
    powered: bool


class AdapterWatch:
    """Keeps the list of adapters, over its own connection to the system bus, until cancelled."""

    def __init__(self, pace: Pace, on_bus_lost: Callable[[str], None]) -> None:
        """Take the times between tries, and whom to tell the reason when the bus is gone."""
        self._pace, self._on_bus_lost = pace, on_bus_lost
        self._by_path: dict[str, Adapter] = {}
        self._changed = asyncio.Event()
        self._ask_again = asyncio.Event()
        self.bus_is_there = False

    @property
    def adapters(self) -> Mapping[str, Adapter]:
        """The adapters that are there, by address."""
        return {adapter.address: adapter for adapter in self._by_path.values()}

    def usable(self, address: str) -> Adapter | None:
        """Return the adapter if it is there and switched on."""
        adapter = self.adapters.get(address)
        return adapter if adapter is not None and adapter.powered else None

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition on this list holds."""
        while not condition():
            await self._changed.wait()

    async def run(self) -> None:
        """Connect to the bus, follow what BlueZ says; connect again when the bus goes."""
        retry = Retry(self._pace)
        while True:
            try:
                await self._follow(retry)
            except RadioFault as fault:
                if self.bus_is_there:
                    self._on_bus_lost(fault.reason)
                log.warning("bus_away", why=fault.reason)
            finally:
                self.bus_is_there = False
                self._put({})
            await asyncio.sleep(retry.next_s())

    async def _follow(self, retry: Retry) -> None:
        with radio_faults():
            bus = MessageBus(bus_type=BusType.SYSTEM)
        await bounded(bus.connect(), self._pace.ask_s)
        gone = _gone(bus)
        try:
            bus.add_message_handler(self._heard)
            for rule in RULES:
                await self._call(bus, DBUS, "/org/freedesktop/DBus", DBUS, "AddMatch", rule)
            while not gone.done():
                self._ask_again.clear()
                adapters = await self._asked(bus)
                self.bus_is_there = True
                self._put(adapters)
                retry.worked()
                await self._gone_or_due(gone)
            with radio_faults():
                gone.result()
            raise RadioFault("bus")
        finally:
            bus.disconnect()
            gone.cancel()

    async def _gone_or_due(self, gone: asyncio.Future[Any]) -> None:
        """Wait until the bus is gone or it is time to ask for the list anew."""
        asked: asyncio.Future[Any] = asyncio.ensure_future(self._ask_again.wait())
        try:
            await asyncio.wait(
                {gone, asked},
                timeout=self._pace.look_again_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            asked.cancel()

    async def _asked(self, bus: MessageBus) -> dict[str, Adapter]:
        """Return the adapters by path: none where BlueZ is not running."""
        try:
            reply = await self._call(bus, BLUEZ, "/", OBJECTS, "GetManagedObjects")
        except RadioFault as fault:
            if fault.reason not in {"ServiceUnknown", "NameHasNoOwner"}:
                raise
            return {}
        objects: Mapping[str, Any] = unpack_variants(reply.body[0])
        return {
            path: _adapter(path, interfaces[ADAPTER])
            for path, interfaces in objects.items()
            if ADAPTER in interfaces
        }

    async def _call(
        self, bus: MessageBus, name: str, path: str, interface: str, member: str, *body: str
    ) -> Message:
        message = Message(
            destination=name,
            path=path,
            interface=interface,
            member=member,
            signature="s" * len(body),
            body=list(body),
        )
        reply = await bounded(bus.call(message), self._pace.ask_s)
        if reply.message_type is MessageType.ERROR:
            raise RadioFault((reply.error_name or "").rpartition(".")[2] or "bus")
        return reply

    def _heard(self, message: Message) -> None:
        """Take in a signal. Never raises: dbus-fast would only log it."""
        if message.message_type is not MessageType.SIGNAL:
            return
        match message.member, message.body:
            case "InterfacesAdded", [str(path), dict(interfaces)] if ADAPTER in interfaces:
                added = _adapter(path, unpack_variants(interfaces[ADAPTER]))
                self._put(self._by_path | {path: added})
            case "InterfacesRemoved", [str(path), list(interfaces)] if ADAPTER in interfaces:
                self._put({kept: it for kept, it in self._by_path.items() if kept != path})
            case "PropertiesChanged", [str(interface), dict(changed), _] if interface == ADAPTER:
                self._power(message.path or "", unpack_variants(changed))
            case "NameOwnerChanged", [str(name), _, _] if name == BLUEZ:
                self._put({})
                self._ask_again.set()

    def _power(self, path: str, changed: Mapping[str, Any]) -> None:
        adapter = self._by_path.get(path)
        if adapter is not None and "Powered" in changed:
            powered = replace(adapter, powered=bool(changed["Powered"]))
            self._put(self._by_path | {path: powered})

    def _put(self, by_path: dict[str, Adapter]) -> None:
        self._by_path = by_path
        self._changed.set()  # whoever waits now is woken, and looks; later ones wait anew
        self._changed.clear()


def _gone(bus: MessageBus) -> asyncio.Future[Any]:
    return asyncio.ensure_future(
        bus.wait_for_disconnect()  # type: ignore[no-untyped-call]  # dbus-fast gives it no types
    )


def _adapter(path: str, properties: Mapping[str, Any]) -> Adapter:
    return Adapter(
        address=str(properties.get("Address", "")).upper(),
        hci=path.rpartition("/")[2],
        powered=bool(properties.get("Powered", False)),
    )

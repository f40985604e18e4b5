"""What clients call on `org.bluez`: objects, properties, adapters, devices, characteristics."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from dbus_fast import Message

from devices.virtual.bands.band import Linkable, VirtualBand
from devices.virtual.bluez.adapter import ADAPTER, Adapter, at_path
from devices.virtual.bluez.bus import Answer, Refused
from devices.virtual.bluez.device import DEVICE, Device
from devices.virtual.bluez.faults import Delays, Faults
from devices.virtual.bluez.tree import ERROR, OBJECT_MANAGER, PROPERTIES, Tree

WithinReach = Callable[[Adapter, VirtualBand], Linkable | None]
"""Tells what a Connect from that adapter would find of a band."""


class Calls:
    """Finds out what a call is for, and lets it be answered there."""

    def __init__(
        self,
        tree: Tree,
        adapters: Mapping[str, Adapter],
        within_reach: WithinReach,
        faults: Faults,
        delays: Delays,
    ) -> None:
        self._tree, self._adapters, self._within_reach = tree, adapters, within_reach
        self._faults, self._delays = faults, delays

    async def serve(self, client: str, call: Message) -> Answer:
        """Answer a call, or raise Refused."""
        path = call.path or ""
        if call.interface == OBJECT_MANAGER and call.member == "GetManagedObjects":
            return self._tree.managed()
        if path not in self._tree:
            raise Refused(f"{ERROR}.UnknownObject", f"nothing at {path}")
        if call.interface == PROPERTIES:
            return self._serve_properties(path, call)
        adapter = at_path(self._adapters.values(), path)
        if adapter is None:
            raise Refused(f"{ERROR}.UnknownMethod", f"no method {call.member} at {path}")
        if call.interface == ADAPTER:
            return adapter.serve(client, call)
        device = adapter.device_at(path)
        if device is None:
            raise Refused(f"{ERROR}.UnknownObject", f"nothing at {path}")
        if call.interface == DEVICE:
            return await self._serve_device(adapter, device, call)
        return await device.serve_gatt(client, call)

    async def _serve_device(self, adapter: Adapter, device: Device, call: Message) -> Answer:
        match call.member:
            case "Connect":
                return await self._connect(adapter, device)
            case "Disconnect":
                await self._faults.may_disconnect.wait()
                await asyncio.sleep(self._delays.disconnect_s)
                device.break_link()
                return Answer()
            case "Pair":
                await self._connect(adapter, device)
                return device.pair()
        raise Refused(f"{ERROR}.UnknownMethod", f"no method {call.member} on a device")

    async def _connect(self, adapter: Adapter, device: Device) -> Answer:
        refusal = self._faults.refusals.popleft() if self._faults.refusals else None
        reach = partial(self._within_reach, adapter, device.band)
        return await adapter.connect(device, reach, self._faults.link_limit, refusal)

    def _serve_properties(self, path: str, call: Message) -> Answer:
        match call.member:
            case "Get":
                return self._tree.get(path, *call.body)
            case "GetAll":
                return self._tree.get_all(path, *call.body)
            case "Set":
                interface, name, variant = call.body
                adapter = at_path(self._adapters.values(), path)
                if interface == ADAPTER and name == "Powered" and adapter is not None:
                    adapter.power(on=variant.value)
                else:
                    self._tree.set(path, interface, name, variant)
                return Answer()
        raise Refused(f"{ERROR}.UnknownMethod", f"no method {call.member} of properties")

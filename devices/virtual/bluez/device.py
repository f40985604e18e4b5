"""A band as one adapter knows it: what was heard of it, and the link to it.

BlueZ, doc/org.bluez.Device.rst.
"""

import asyncio
from collections.abc import Callable

from dbus_fast import Message, Variant

from devices.virtual.bands.band import Advert, Linkable, VirtualBand
from devices.virtual.bluez.bus import Answer, Refused
from devices.virtual.bluez.faults import BLUEZ_ERROR, Delays, Refusal
from devices.virtual.bluez.gatt import Gatt
from devices.virtual.bluez.tree import Tree

DEVICE = "org.bluez.Device1"
TRUE, FALSE = Variant("b", True), Variant("b", False)  # noqa: FBT003 - D-Bus values


class Device:
    """One Device1 object; it stays while it is linked or was lately heard."""

    def __init__(self, tree: Tree, adapter_path: str, band: VirtualBand, delays: Delays) -> None:
        self.band = band
        self.path = f"{adapter_path}/dev_{band.address.upper().replace(':', '_')}"
        self.gatt: Gatt | None = None
        """The band's services, once they are known."""
        self.is_linked = False
        """The link stands, as far as this side knows."""
        self.heard_at = 0.0
        """When it was last heard, by the loop's clock."""
        self._tree, self._adapter_path, self._delays = tree, adapter_path, delays
        self._link_end = asyncio.Event()
        self._connecting: asyncio.Future[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def is_busy(self) -> bool:
        """Linked, or about to be."""
        return self.is_linked or self._connecting is not None

    def heard(self, advert: Advert, rssi: int, *, duplicates: bool) -> None:
        """Take an advert; what did not change is signalled only with `duplicates`.

        BlueZ says the same data again only when a client set DuplicateData: a wearer at a constant
        pulse looks silent without it.
        """
        self.heard_at = asyncio.get_running_loop().time()
        said = _said(advert, rssi)
        if self.path in self._tree:  # services seen over a link stay known
            known = self._tree.value(self.path, DEVICE, "UUIDs")
            said["UUIDs"] = Variant("as", sorted({*known, *advert.service_uuids}))
        else:
            self._tree.add(self.path, {DEVICE: self._first_heard() | said})
            return
        repeated = {"ManufacturerData", "ServiceData"} if duplicates else set()
        changed = {
            name: variant
            for name, variant in said.items()
            if name in repeated or self._tree.value(self.path, DEVICE, name) != variant.value
        }
        self._tree.change(self.path, DEVICE, changed)

    def unheard(self) -> None:
        """Discovery ended: what was measured on the air no longer holds."""
        if self.path in self._tree:
            self._tree.change(self.path, DEVICE, {}, gone=("RSSI",))

    async def connect(self, reached: Callable[[], Linkable | None]) -> Answer:
        """Bring the link up, or refuse as BlueZ does when nobody answers.

        `reached` is asked once the air is free: what is in reach and free to be linked to.
        """
        if self.is_linked:
            return Answer()
        if self._connecting is not None:
            raise Refused(*Refusal.IN_PROGRESS.value)
        self._connecting = asyncio.get_running_loop().create_future()
        try:
            await self._unless_broken(self._delays.connect_s)
            link = reached()
            if link is None:
                await self._unless_broken(self._delays.no_answer_s)
                raise Refused(*Refusal.ABORT_BY_LOCAL.value)
            self._come_up(link)
            await self._unless_broken(self._delays.reply_s)
        finally:
            self._connecting = None
        return Answer()

    async def fail_to_connect(self, refusal: Refusal) -> Answer:
        """Refuse a Connect; of a link that aborts, clients see its short life."""
        await asyncio.sleep(self._delays.connect_s)
        if refusal is Refusal.ABORT_BY_LOCAL:
            loop = asyncio.get_running_loop()
            self._say_connected(TRUE)
            loop.call_later(self._delays.disconnect_s, self._say_connected, FALSE)
        raise Refused(*refusal.value)

    def break_link(self) -> None:
        """End the link, or the attempt at one, and say so."""
        if self._connecting is not None and not self._connecting.done():
            self._connecting.set_result(None)
        for timer in self._timers:
            timer.cancel()
        self._timers = []
        if not self.is_linked:
            return
        self.is_linked = False
        self._link_end.set()
        if self.band.link is not None:
            self.band.link.link_lost()
        self.heard_at = asyncio.get_running_loop().time()
        if self.gatt is not None:
            self.gatt.end()
            self.gatt = None
        if self.path in self._tree:
            changed = {"Connected": FALSE, "ServicesResolved": FALSE}
            self._tree.change(self.path, DEVICE, changed)
            self._tree.remove_below(self.path)

    def pair(self) -> Answer:
        """Pair: the virtual bands ask for nothing."""
        self._tree.change(self.path, DEVICE, {"Paired": TRUE, "Bonded": TRUE})
        return Answer()

    async def serve_gatt(self, client: str, call: Message) -> Answer:
        """Answer a call to one of its characteristics; a band out of reach answers never."""
        if self.band.is_away and self.is_linked:
            await self._link_end.wait()
        if self.gatt is None or (call.path or "") not in self.gatt:
            raise Refused(f"{BLUEZ_ERROR}.Failed", "Not connected")
        return self.gatt.serve(client, call)

    async def _unless_broken(self, wait_s: float) -> None:
        """Wait; refuse if the link, or the attempt at one, is broken meanwhile."""
        if self._connecting is not None:
            done, _ = await asyncio.wait({self._connecting}, timeout=wait_s)
            if done:
                raise Refused(*Refusal.ABORT_BY_LOCAL.value)

    def _come_up(self, link: Linkable) -> None:
        self.is_linked = True
        self._link_end.clear()
        loop, delays = asyncio.get_running_loop(), self._delays
        resolve_s = max(delays.resolve_s, delays.announce_s)
        self._timers = [
            loop.call_later(delays.announce_s, self._say_connected, TRUE),
            loop.call_later(resolve_s, self._resolve, link),
        ]

    def _say_connected(self, value: Variant) -> None:
        if self.path in self._tree:
            self._tree.change(self.path, DEVICE, {"Connected": value})

    def _resolve(self, link: Linkable) -> None:
        self.gatt = Gatt(self._tree, self.path, self.band, link, self._delays)
        self.gatt.publish()
        uuids = [service.uuid for service in link.services]
        known = self._tree.value(self.path, DEVICE, "UUIDs")
        merged = Variant("as", sorted({*known, *uuids}))
        self._tree.change(self.path, DEVICE, {"UUIDs": merged, "ServicesResolved": TRUE})

    def _first_heard(self) -> dict[str, Variant]:
        address = self.band.address.upper()
        name = self.band.name
        stated = {
            "Address": Variant("s", address),
            "AddressType": Variant("s", "random"),
            "Alias": Variant("s", name or address.replace(":", "-")),
            "Adapter": Variant("o", self._adapter_path),
            "LegacyPairing": FALSE,
        }
        if name:
            stated["Name"] = Variant("s", name)
        for absent in ("Paired", "Bonded", "Trusted", "Blocked", "Connected", "ServicesResolved"):
            stated[absent] = FALSE
        return stated


def _said(advert: Advert, rssi: int) -> dict[str, Variant]:
    """Return an advert as Device1 properties; the keys of ManufacturerData are uint16."""
    said = {"RSSI": Variant("n", rssi), "UUIDs": Variant("as", sorted(advert.service_uuids))}
    if advert.manufacturer_data:
        makers = {key: Variant("ay", data) for key, data in advert.manufacturer_data.items()}
        said["ManufacturerData"] = Variant("a{qv}", makers)
    if advert.service_data:
        services = {uuid: Variant("ay", data) for uuid, data in advert.service_data.items()}
        said["ServiceData"] = Variant("a{sv}", services)
    return said

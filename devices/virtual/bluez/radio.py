"""The virtual radio: adapters and bands in a room, served as `org.bluez` to unmodified clients."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from dbus_fast import Message

from devices.virtual.bands.band import Linkable, VirtualBand
from devices.virtual.bluez.adapter import Adapter
from devices.virtual.bluez.bus import Answer, Bus
from devices.virtual.bluez.calls import Calls
from devices.virtual.bluez.device import Device
from devices.virtual.bluez.faults import Delays, Faults, Refusal
from devices.virtual.bluez.tree import Tree

SERVICE_NAME = "org.bluez"
PHASES = 20
"""Bands speak in this many turns within a beat, as real ones are out of step with each other."""
DEFAULT_RSSI_DBM = -60


@dataclass
class Place:
    """Where a band is: the adapters in whose reach it stands, and how loud it is there."""

    adapters: frozenset[str]
    rssi_dbm: int


class VirtualBluez:
    """An `org.bluez` on a unix socket of its own, on the loop that enters it.

    `adapters` are their addresses, in the order of their hci numbers. Every band speaks once in
    `beat_s`; with None only when `beat()` is called. Set `DBUS_SYSTEM_BUS_ADDRESS` to `address`
    before a client connects. All methods are called on the loop it runs on.
    """

    def __init__(
        self,
        adapters: Iterable[str],
        *,
        delays: Delays | None = None,
        beat_s: float | None = 1.0,
        link_limit: int | None = None,
    ) -> None:
        self.adapters: dict[str, Adapter] = {}
        """The plugged ones, by address."""
        self._first_adapters = tuple(adapters)
        self._delays, self._beat_s = delays or Delays(), beat_s
        self._faults = Faults(link_limit)
        self._faults.may_disconnect.set()
        self._bus = Bus(SERVICE_NAME, self._serve, self._left)
        self._tree = Tree(self._bus.signal)
        self._calls = Calls(
            self._tree, self.adapters, self._within_reach, self._faults, self._delays
        )
        self._bands: dict[VirtualBand, Place] = {}
        self._goes_on = asyncio.Event()
        self._goes_on.set()
        self._ticking: asyncio.Task[None] | None = None
        self._directory: Path | None = None

    @property
    def address(self) -> str:
        """The value for `DBUS_SYSTEM_BUS_ADDRESS`."""
        return f"unix:path={self._socket_path}"

    async def __aenter__(self) -> Self:
        self._directory = Path(tempfile.mkdtemp(prefix="radio-"))  # mode 0700
        await self._bus.open(self._socket_path)
        for address in self._first_adapters:
            self.plug_adapter(address)
        if self._beat_s is not None:
            self._ticking = asyncio.create_task(self._tick(self._beat_s), name="virtual-radio")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking
        self.crash()
        await self._bus.gone()
        shutil.rmtree(self._socket_path.parent)

    def add_band(
        self,
        band: VirtualBand,
        *,
        adapters: Iterable[str] | None = None,
        rssi: int = DEFAULT_RSSI_DBM,
    ) -> None:
        """Bring a band into the room, in reach of these adapters; without, of all that ever are."""
        reach = self._first_adapters if adapters is None else adapters
        self._bands[band] = Place(frozenset(reach), rssi)

    def walk_away(self, band: VirtualBand) -> None:
        """Out of reach: nothing is heard, and a link breaks after the supervision time."""
        band.is_away = True
        loop = asyncio.get_running_loop()
        loop.call_later(self._delays.supervision_s, self._break_if_away, band)

    def come_back(self, band: VirtualBand) -> None:
        """In reach again, where it was before."""
        band.is_away = False

    def plug_adapter(self, address: str) -> Adapter:
        """Plug an adapter in, at the lowest free hci number: it may be another than before."""
        taken = {adapter.name for adapter in self.adapters.values()}
        number = next(n for n in range(len(taken) + 1) if f"hci{n}" not in taken)
        adapter = self.adapters[address] = Adapter(self._tree, address, number, self._delays)
        adapter.appear()
        return adapter

    def pull_adapter(self, address: str) -> None:
        """Pull an adapter: its links end, and everything under it leaves the bus."""
        self.adapters.pop(address).vanish()

    def tear_out_adapter(self, address: str) -> None:
        """Pull an adapter of whose links nobody says that they ended; their objects are gone."""
        self.adapters.pop(address).vanish_unsaid()

    def crash(self) -> None:
        """Crash the bus and the service with it: sockets close, and nothing is remembered."""
        self._bus.close()
        self._forget_everything()
        self._socket_path.unlink(missing_ok=True)

    async def restart(self) -> None:
        """Start bus and service again at the same address; adapters come up as if just plugged."""
        await self._bus.gone()
        await self._bus.open(self._socket_path)
        for adapter in self.adapters.values():
            adapter.appear()

    def crash_service(self) -> None:
        """Let `org.bluez` alone die: the bus says no more than that the name has no owner."""
        self._bus.service_dies()
        self._forget_everything()

    def restart_service(self) -> None:
        """Start `org.bluez` again on the same bus."""
        self._bus.service_starts()
        for adapter in self.adapters.values():
            adapter.appear()

    def refuse_connects(self, count: int, refusal: Refusal = Refusal.ABORT_BY_LOCAL) -> None:
        """Refuse the next `count` Connects, on whatever adapter they come."""
        self._faults.refusals.extend([refusal] * count)

    @property
    def link_limit(self) -> int | None:
        """How many links one adapter holds; None: any number."""
        return self._faults.link_limit

    @link_limit.setter
    def link_limit(self, links: int | None) -> None:
        self._faults.link_limit = links

    @property
    def hang_disconnects(self) -> bool:
        """Whether Disconnect is left unanswered, and the link standing."""
        return not self._faults.may_disconnect.is_set()

    @hang_disconnects.setter
    def hang_disconnects(self, hang: bool) -> None:
        if hang:
            self._faults.may_disconnect.clear()
        else:
            self._faults.may_disconnect.set()

    def pause(self) -> None:
        """Let no band speak of itself, so that accounts can be balanced."""
        self._goes_on.clear()

    def resume(self) -> None:
        """Let the bands speak again."""
        self._goes_on.set()

    def beat(self) -> None:
        """Let every band speak once, now."""
        for band in list(self._bands):
            self._beat(band)
        for adapter in self.adapters.values():
            adapter.forget_unheard()

    @property
    def _socket_path(self) -> Path:
        if self._directory is None:
            raise RuntimeError("the virtual radio has no address before it is entered")
        return self._directory / "bus"

    async def _tick(self, beat_s: float) -> None:
        """Drive all bands from one task, each in its turn of the beat."""
        loop = asyncio.get_running_loop()
        due, phase = loop.time(), 0
        while True:
            await self._goes_on.wait()
            for number, band in enumerate(list(self._bands)):
                if number % PHASES == phase:
                    self._beat(band)
            if phase == 0:
                for adapter in self.adapters.values():
                    adapter.forget_unheard()
            phase = (phase + 1) % PHASES
            due = max(due + beat_s / PHASES, loop.time() - beat_s)
            await asyncio.sleep(max(0.0, due - loop.time()))

    def _beat(self, band: VirtualBand) -> None:
        place = self._bands[band]
        if band.is_flat:
            self._break(band)
            return
        link = self._link(band)
        if band.is_away:
            return
        now_utc_ms = band.clock()
        if link is not None:
            if band.link is not None and link.gatt is not None and link.gatt.is_subscribed():
                link.gatt.send(band.link.beat(now_utc_ms))
            return
        listening = [a for a in self._reaching(place) if a.is_discovering]
        if listening:
            advert = band.advert(now_utc_ms)
            for adapter in listening:
                adapter.hears(band, advert, place.rssi_dbm)

    def _reaching(self, place: Place) -> list[Adapter]:
        return [a for address, a in self.adapters.items() if address in place.adapters]

    def _devices(self, band: VirtualBand) -> list[Device]:
        known = (adapter.devices.get(band.address) for adapter in self.adapters.values())
        return [device for device in known if device is not None]

    def _link(self, band: VirtualBand) -> Device | None:
        return next((device for device in self._devices(band) if device.is_linked), None)

    def _break_if_away(self, band: VirtualBand) -> None:
        if band.is_away:
            self._break(band)

    def _break(self, band: VirtualBand) -> None:
        for device in self._devices(band):
            device.break_link()

    def _within_reach(self, adapter: Adapter, band: VirtualBand) -> Linkable | None:
        place = self._bands.get(band)
        if place is None or band.is_away or adapter.address not in place.adapters:
            return None
        is_free = not band.is_flat and self._link(band) is None
        return band.link if is_free else None

    def _forget_everything(self) -> None:
        for adapter in self.adapters.values():
            for device in adapter.devices.values():
                device.break_link()
            adapter.devices.clear()
            adapter.forget_clients()
        self._tree.clear()

    def _left(self, client: str) -> None:
        for adapter in self.adapters.values():
            if adapter.path in self._tree:
                adapter.left(client)

    async def _serve(self, client: str, call: Message) -> Answer:
        return await self._calls.serve(client, call)

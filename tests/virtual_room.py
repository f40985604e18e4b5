"""A room with the virtual radio, and unmodified bleak listening in it."""

import asyncio
from contextlib import asynccontextmanager

from bleak import BleakClient, BleakScanner
from bleak.exc import BleakError

from devices.virtual.bands import heart_rate_strap
from devices.virtual.bands.uuids import HEART_RATE_MEASUREMENT
from tests.patience import PATIENCE_S

HCI0, HCI1 = "00:00:00:00:00:01", "00:00:00:00:00:02"


class Room:
    """The virtual radio and what unmodified bleak hears of it."""

    def __init__(self, radio):
        self.radio = radio
        self.heard = []

    def scanner(self, adapter="hci0", **filters):
        return BleakScanner(
            lambda device, advert: self.heard.append((device.address, advert)),
            bluez={"adapter": adapter, "filters": {"DuplicateData": True, **filters}},
        )

    def adverts_of(self, band):
        return [advert for address, advert in self.heard if address == band.address]

    async def until_plugged(self, adapter="hci0"):
        """Wait until bleak, too, has heard of an adapter that was plugged in."""
        while True:
            try:
                async with self.scanner(adapter):
                    return
            except BleakError:
                await asyncio.sleep(0.001)

    async def find(self, band, adapter="hci0"):
        """Return bleak's device of a band; the bands speak on until it is found."""
        async with self.scanner(adapter) as scanner:
            while True:
                self.radio.beat()
                await asyncio.sleep(0.001)
                for device in scanner.discovered_devices:
                    if device.address == band.address:
                        return device

    @staticmethod
    async def until(condition):
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110 - any condition, whoever brings it about
                await asyncio.sleep(0.001)


ADDRESS = "C0:FF:EE:00:01:01"


def strap(address=ADDRESS, pulse=lambda _: 90):
    return heart_rate_strap(address, pulse, battery_pct=83)


class Listener:
    """A bleak client and what it was notified of."""

    def __init__(self, device, adapter="hci0"):
        self.frames = []
        self.ended = asyncio.Event()
        self.client = BleakClient(
            device,
            disconnected_callback=lambda _: self.ended.set(),
            bluez={"adapter": adapter},
            timeout=5,
        )

    async def subscribe(self):
        await self.client.start_notify(
            HEART_RATE_MEASUREMENT, lambda _, data: self.frames.append(bytes(data))
        )


async def linked(room, band, adapter="hci0"):
    listener = Listener(await room.find(band, adapter), adapter)
    await listener.client.connect()
    return listener


@asynccontextmanager
async def linked_to(room, band):
    listener = await linked(room, band)
    try:
        yield listener
    finally:
        await listener.client.disconnect()

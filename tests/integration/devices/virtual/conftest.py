import asyncio

import pytest
from bleak import BleakScanner

from devices.virtual.bluez import PROMPT, VirtualBluez

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
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.001)


@pytest.fixture
def in_the_room(monkeypatch):
    """Play a scene with a virtual radio; nothing of it, and nothing of bleak's, may stay."""

    def play(scene, *, adapters=(HCI0, HCI1), delays=PROMPT, beat_s=None, link_limit=None):
        async def played():
            async with VirtualBluez(
                adapters, delays=delays, beat_s=beat_s, link_limit=link_limit
            ) as radio:
                monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", radio.address)
                await asyncio.wait_for(scene(Room(radio)), 20)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            if left:  # bleak's watcher of its socket, which ends when it sees the end of it
                _, left = await asyncio.wait(left, timeout=5)
            assert left == set()

        asyncio.run(played())

    return play

import asyncio

import pytest

from devices.virtual.bluez import PROMPT, VirtualBluez
from tests.patience import PATIENCE_S
from tests.virtual_room import HCI0, HCI1, Room


@pytest.fixture
def in_the_room(monkeypatch):
    """Play a scene with a virtual radio; nothing of it, and nothing of bleak's, may stay."""

    def play(scene, *, adapters=(HCI0, HCI1), delays=PROMPT, beat_s=None, link_limit=None):
        async def played():
            async with VirtualBluez(
                adapters, delays=delays, beat_s=beat_s, link_limit=link_limit
            ) as radio:
                monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", radio.address)
                await asyncio.wait_for(scene(Room(radio)), PATIENCE_S)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            if left:  # bleak's watcher of its socket, which ends when it sees the end of it
                _, left = await asyncio.wait(left, timeout=PATIENCE_S)
            assert left == set()

        asyncio.run(played())

    return play

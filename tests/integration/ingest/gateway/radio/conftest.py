import asyncio

import pytest

from devices.virtual.bluez import PROMPT, VirtualBluez
from tests.patience import PATIENCE_S
from tests.radio_room import HCI0, HCI1


@pytest.fixture
def on_the_air(monkeypatch):
    """Play a scene with a virtual radio; nothing of it or of the collector may stay."""

    def play(scene, *, beat_s=0.05, delays=PROMPT, link_limit=None, timeout_s=PATIENCE_S):
        async def played():
            async with VirtualBluez(
                (HCI0, HCI1), delays=delays, beat_s=beat_s, link_limit=link_limit
            ) as radio:
                monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", radio.address)
                result = await asyncio.wait_for(scene(radio), timeout_s)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            if left:  # bleak's watcher of its socket, which ends when it sees the end of it
                _, left = await asyncio.wait(left, timeout=PATIENCE_S)
            assert left == set()
            return result

        return asyncio.run(played())

    return play

"""What a linked band calls itself: maker, model and firmware, for the people who look after it.

Nothing is decided by it, and nothing waits for it: any band can say any name.
"""

from collections.abc import Collection

from bleak import BleakClient

from config.errors import Rejected
from devices import device_information
from ingest.gateway.radio.border import RadioFault, bounded


async def own_name(client: BleakClient, offered: Collection[str], within_s: float) -> str:
    """Return what the band says of itself, in one line; empty where it says nothing.

    `offered` are its characteristics; `within_s` is the time for each answer. What is refused, or
    is no text, is left out; after an answer that does not come no more is asked.
    """
    said: list[str] = []
    for uuid in device_information.PARTS:
        if uuid not in offered:
            continue
        try:
            data = await bounded(client.read_gatt_char(uuid), within_s)
            said.append(device_information.text(bytes(data)))
        except Rejected:
            continue
        except RadioFault as fault:
            if fault.reason == "timeout":
                break
    return " ".join(said)

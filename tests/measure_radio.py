"""What the virtual radio costs, and that it loses nothing: `python -m tests.measure_radio`.

Bands at 1 Hz over two adapters, a fifth of them linked; unmodified bleak listens in a process of
its own. It prints, for each number of bands, the share of one core that the radio took and the one
that bleak took, and what was sent and heard. Shares depend on the machine; the rest does not.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter

from bleak import BleakClient, BleakScanner

from devices.virtual.bands import heart_rate_strap, mi_advert
from devices.virtual.bands.uuids import HEART_RATE_MEASUREMENT
from devices.virtual.bluez import VirtualBluez

ADAPTERS = ("00:00:00:00:00:01", "00:00:00:00:00:02")
SECONDS = 20.0
LINKED_SHARE = 5


def address(number):
    """Return the address of a band by its number."""
    return f"C0:FF:EE:00:00:{number:02X}"


async def listen(linked):
    """Link to that many bands, then count what is heard until the input ends."""
    heard = Counter()
    found = {}

    def advert(device, said):
        found[device.address] = device
        if said.manufacturer_data:
            heard["adverts"] += 1

    options = {"adapter": "hci0", "filters": {"DuplicateData": True}}
    clients = []
    async with BleakScanner(advert, bluez=options):
        for number in range(linked):
            while address(number) not in found:  # noqa: ASYNC110 - bleak tells it by a callback
                await asyncio.sleep(0.05)
            client = BleakClient(found[address(number)], bluez={"adapter": "hci0"})
            await client.connect()
            await client.start_notify(
                HEART_RATE_MEASUREMENT, lambda *_: heard.update(["notifications"])
            )
            clients.append(client)
        say({"ready": True})
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        await asyncio.to_thread(sys.stdin.readline)
        cpu_share = (time.process_time() - began_cpu_s) / (time.perf_counter() - began_s)
        await asyncio.to_thread(sys.stdin.readline)
        say({"heard": heard, "cpu_share": cpu_share})
        for client in clients:
            await client.disconnect()


def say(what):
    """Print one line for the process that measures."""
    print(json.dumps(what), flush=True)  # noqa: T201 - its output


async def measure(bands):
    """Return a line about that many bands."""
    linked = bands // LINKED_SHARE
    straps = [heart_rate_strap(address(n), lambda _: 90) for n in range(linked)]
    sayers = [mi_advert(address(n), lambda _: 72) for n in range(linked, bands)]
    async with VirtualBluez(ADAPTERS) as radio:
        for band in [*straps, *sayers]:
            radio.add_band(band, adapters=ADAPTERS[:1])
        listener = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.measure_radio", "listen", str(linked)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": radio.address},
        )
        await listener.stdout.readline()
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        await asyncio.sleep(SECONDS)
        share = (time.process_time() - began_cpu_s) / (time.perf_counter() - began_s)
        listener.stdin.write(b"\n")
        radio.pause()
        await asyncio.sleep(1)
        listener.stdin.write(b"\n")
        told = json.loads(await listener.stdout.readline())
        await listener.wait()
    adverts = sum(sum(band.sent_adverts.values()) for band in sayers)
    notified = sum(sum(band.sent_notifications.values()) for band in straps)
    heard = told["heard"]
    return (
        f"{bands:>3} bands, {linked} linked: radio {share:.1%} of a core, "
        f"bleak {told['cpu_share']:.1%}; adverts sent {adverts}, heard {heard['adverts']}; "
        f"notifications sent {notified}, heard {heard['notifications']}"
    )


def main():
    """Print a line for each number of bands."""
    if sys.argv[1:2] == ["listen"]:
        asyncio.run(listen(int(sys.argv[2])))
        return
    for bands in (50, 200):
        print(asyncio.run(measure(bands)), flush=True)  # noqa: T201 - its output


if __name__ == "__main__":
    main()

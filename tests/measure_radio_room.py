"""What a room costs one box: `python -m tests.measure_radio_room [bands links seconds]`.

The bands are on a virtual radio in a process of its own; here run the gateway's radio, spool and
sealing as they do in a centre, with the times of a real one and no broker. Printed: whether what
was stored is what was sent, processor time, how old a reading is when it is on disk, and how long
each outage lasts until the room is whole again.
"""

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import structlog

from config.fields import Broker
from config.gateway_settings import GatewaySettings
from devices.virtual.bluez import VirtualBluez
from ingest.batch.keys import make_keys
from ingest.gateway.radio.pace import Pace
from ingest.gateway.run import run_gateway
from ingest.gateway.spool import Spool
from tests.radio_room import HCI0, HCI1, Collector, mi, roster, strap, values_sent

BANDS, LINKS, SECONDS = 50, 10, 60
SETTLE_S = 5.0
NO_BROKER = Broker(host="127.0.0.1", port=9)


def people(bands, links):
    """Return the bands of the room: those heard by their adverts, then those linked to."""
    return [mi(number) for number in range(bands - links)] + [strap(n) for n in range(links)]


async def radio_process(bands, links):
    """Serve the room; obey the commands that come in, one a line."""
    room = people(bands, links)
    async with VirtualBluez((HCI0, HCI1)) as radio:
        for number, band in enumerate(room):
            radio.add_band(band, adapters=[(HCI0, HCI1)[number % 2]])
        say(radio.address)
        while line := await asyncio.to_thread(sys.stdin.readline):
            command = line.strip()
            match command:
                case "pull":
                    radio.pull_adapter(HCI0)
                case "plug":
                    radio.plug_adapter(HCI0)
                case "crash":
                    radio.crash()
                case "restart":
                    await radio.restart()
                case "away" | "back":
                    for band in room:
                        (radio.walk_away if command == "away" else radio.come_back)(band)
                case "pause":
                    radio.pause()
            adverts = sum(band.sent_adverts.total() for band in room)
            say({"values": values_sent(*room), "adverts": adverts})


def say(what):
    """Say a line to whoever reads."""
    print(json.dumps(what), flush=True)  # noqa: T201 - its output


class Room:
    """The room from outside: commands to the radio's process."""

    def __init__(self, process):
        self.process = process

    async def line(self):
        return json.loads(await self.process.stdout.readline())

    async def do(self, command):
        self.process.stdin.write(f"{command}\n".encode())
        return await self.line()


@contextlib.asynccontextmanager
async def room_of(bands, links):
    """Start the room in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.measure_radio_room", "--radio", str(bands), str(links),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    room = Room(process)
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = await room.line()
    try:
        yield room
    finally:
        process.stdin.close()
        await process.wait()


def timed_append(ages_s):
    """Let the spool say how old the oldest of what it was given live is, once it is on disk."""
    append = Spool.append

    def timed(self, readings, **given):
        count = append(self, readings, **given)
        if count and given["lane"] == "live":
            ages_s.append(time.time() - min(reading.at_utc_ms for reading in readings) / 1000)
        return count

    Spool.append = timed


async def whole_again(room, collector, bands, *commands):
    """Do something to the room; return how long until every band said something since."""
    for command in commands[:-1]:
        await room.do(command)
        await asyncio.sleep(3)
    since = len(collector.at_the_edge)
    began_s = time.monotonic()
    await room.do(commands[-1])
    keys = set(roster(*bands))
    await collector.until(
        lambda: {reading.device_key for reading in collector.at_the_edge[since:]} >= keys, 120
    )
    return time.monotonic() - began_s


async def measure(bands, links, seconds):
    """Run a gateway in the room and print what came of it."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    ages_s, everyone = [], people(bands, links)
    timed_append(ages_s)
    collector = Collector(roster(*everyone))
    with tempfile.TemporaryDirectory() as folder:
        async with room_of(bands, links) as room:
            settings = GatewaySettings(
                centre="centre", gateway="hall-1", data_dir=Path(folder), broker=NO_BROKER
            )
            stop = asyncio.Event()
            source = collector.source(pace=Pace(), links_per_adapter=max(5, links))
            collector.reading = asyncio.ensure_future(
                run_gateway(
                    settings, make_keys(), make_keys().public.signing, source,
                    stop=stop, radio=collector.counters.as_dict,
                )
            )  # fmt: skip
            counters = collector.counters
            began_s = time.monotonic()
            await collector.until(lambda: counters.links_opened == links, 120)
            say(f"{links} links opened in {time.monotonic() - began_s:.1f} s")
            cpu_s = time.process_time()
            await asyncio.sleep(seconds)
            cpu = (time.process_time() - cpu_s) / seconds
            sent = await room.do("pause")
            values = Counter(sent["values"])
            values["battery_pct"] += links  # read, not said
            await asyncio.sleep(SETTLE_S)
            stored = Counter(str(reading.quantity) for reading in collector.at_the_edge)
            say(
                f"{bands} bands, {links} of them linked, {seconds} s at 1 Hz: sent "
                f"{dict(values)}, stored {dict(stored)}, equal: {stored == values}; adverts sent "
                f"{sent['adverts']}, heard {counters.adverts}, taken {counters.adverts_taken}"
            )
            say(f"processor: {100 * cpu:.1f} % of one core; on disk after {max(ages_s):.2f} s most")
            stop.set()
            final = await collector.reading
            say(f"stored {final.stored} in the spool; dropped {counters.dropped_live}")
            say(final.radio)


async def outages(bands, links):
    """Print how long the room takes to be whole again after each outage."""
    everyone = people(bands, links)
    collector = Collector(roster(*everyone))
    async with room_of(bands, links) as room:
        source = collector.source(pace=Pace(), links_per_adapter=max(5, links))
        collector.reading = asyncio.ensure_future(collector.read(source, {}))
        first_s = await whole_again(room, collector, everyone, "")
        say(f"from the start until every band was heard: {first_s:.1f} s")
        for name, *commands in (
            ("adapter pulled for 3 s", "pull", "plug"),
            ("bus crashed for 3 s", "crash", "restart"),
            ("all bands out of reach for 3 s", "away", "back"),
        ):
            again_s = await whole_again(room, collector, everyone, *commands)
            say(f"{name}: whole again {again_s:.1f} s after its return")
        await collector.end()
        say(collector.counters.as_dict())


def main():
    """Measure, or be the radio's process."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    if "--radio" in sys.argv:
        asyncio.run(radio_process(*numbers))
        return
    bands, links, seconds = (*numbers, *(BANDS, LINKS, SECONDS)[len(numbers) :])
    asyncio.run(measure(bands, links, seconds))
    asyncio.run(outages(bands, links))


if __name__ == "__main__":
    main()

"""What is done to the chain: each fault by its name, at a moment that chance chooses."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from itertools import cycle, islice
from pathlib import Path

from ingest.gateway.run import SPOOL_FILE
from scripts.bench.chaos.chain import Chain
from scripts.bench.chaos.clock import DAY_S

FULL_S, WRONG_S = 3.0, 5.0
GATHERED_S = 3.0
"""So long the hub is away before bytes are flipped: so that there is something to hit."""
MOST_FLIPS = 3


async def _fill_the_disk(chain: Chain, chance: random.Random) -> None:
    """Leave no byte for a while; the gateway may be killed meanwhile, as it may any time."""
    await asyncio.to_thread(chain.disk.fill)
    await asyncio.sleep(FULL_S / 2)
    if chance.random() < 1 / 2:
        await chain.gateway.kill()
    await asyncio.sleep(FULL_S / 2)
    chain.disk.make_room()


async def _flip_bytes(chain: Chain, chance: random.Random) -> None:
    """Change some bits of the spool file while its gateway is down."""
    async with chain.hub.down():
        await asyncio.sleep(GATHERED_S)
        async with chain.gateway.down():
            _flip(chain.box.folder / SPOOL_FILE, chance.randint(1, MOST_FLIPS), chance)


async def _flip_a_byte_of_the_log(chain: Chain, chance: random.Random) -> None:
    """Kill the gateway, so that its last minutes stand in the log alone, and change a bit there."""
    async with chain.hub.down():
        await asyncio.sleep(GATHERED_S)
        async with chain.gateway.killed():
            log = chain.box.folder / f"{SPOOL_FILE}-wal"
            if log.exists() and log.stat().st_size:
                _flip(log, 1, chance)


def _flip(path: Path, times: int, chance: random.Random) -> None:
    """Flip a bit in each of a few bytes that are not empty space."""
    data = bytearray(path.read_bytes())
    places = [place for place, byte in enumerate(data) if byte]
    for place in chance.sample(places, times):
        data[place] ^= 1 << chance.randrange(8)
    with path.open("r+b") as file:
        file.write(data)


async def _wrong_clock(chain: Chain, seconds: int) -> None:
    """Set the box's clock wrong, and after a while right."""
    chain.clock.jump(seconds)
    await asyncio.sleep(WRONG_S)
    chain.clock.set_right()


Fault = Callable[[Chain, random.Random], Awaitable[None]]

KILLS: Mapping[str, Fault] = {
    "kill the gateway": lambda chain, _chance: chain.gateway.kill(),
    "kill the hub": lambda chain, _chance: chain.hub.kill(),
    "kill the broker": lambda chain, _chance: chain.kill_broker(),
    "kill the broker, wipe its state": lambda chain, _chance: chain.wipe_broker(),
    "crash the database": lambda chain, _chance: chain.crash_database(),
}
OTHERS: Mapping[str, Fault] = {
    "fill the disk": _fill_the_disk,
    "flip bytes in the spool": _flip_bytes,
    "flip a byte in the spool's log": _flip_a_byte_of_the_log,
    "clock a day ahead": lambda chain, _chance: _wrong_clock(chain, DAY_S),
    "clock a day behind": lambda chain, _chance: _wrong_clock(chain, -DAY_S),
}
"""By name. When one returns the chain is whole again, or on its way to it."""
FAULTS = {**KILLS, **OTHERS}


def planned(kills: int, others: int, chance: random.Random) -> list[str]:
    """Return the names of all faults of a run: so many kills, and each other fault so often."""
    names = [*islice(cycle(KILLS), kills), *[*OTHERS] * others]
    return chance.sample(names, len(names))

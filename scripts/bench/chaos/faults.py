"""What is done to the chain: each fault by its name, at a moment that chance chooses."""

import asyncio
import random
from pathlib import Path

from ingest.gateway.run import SPOOL_FILE
from scripts.bench.chaos.chain import Chain
from scripts.bench.chaos.clock import DAY_S

KILLS = (
    "kill the gateway",
    "kill the hub",
    "kill the broker",
    "kill the broker, wipe its state",
    "crash the database",
)
OTHERS = ("fill the disk", "flip bytes in the spool", "clock a day ahead", "clock a day behind")

FULL_S, WRONG_S = 3.0, 5.0
GATHERED_S = 3.0
"""So long the hub is away before bytes are flipped: so that there is something to hit."""
MOST_FLIPS = 3


def planned(kills: int, others: int, chance: random.Random) -> list[str]:
    """Return the names of all faults of a run: so many kills, and each other fault so often."""
    names = (KILLS * (kills // len(KILLS) + 1))[:kills] + OTHERS * others
    return chance.sample(names, len(names))


async def commit(name: str, chain: Chain, chance: random.Random) -> None:
    """Do it; when this returns the chain is whole again, or on its way to it."""
    match name:
        case "kill the gateway":
            await chain.gateway.kill()
        case "kill the hub":
            await chain.hub.kill()
        case "kill the broker":
            await chain.kill_broker(wiped=False)
        case "kill the broker, wipe its state":
            await chain.kill_broker(wiped=True)
        case "crash the database":
            await chain.crash_database()
        case "fill the disk":
            await _fill_the_disk(chain, chance)
        case "flip bytes in the spool":
            await _flip_bytes(chain, chance)
        case "clock a day ahead":
            await _wrong_clock(chain, DAY_S)
        case "clock a day behind":
            await _wrong_clock(chain, -DAY_S)
        case _:
            raise ValueError(name)


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
    spool = chain.box.folder / SPOOL_FILE
    async with chain.hub.down():
        await asyncio.sleep(GATHERED_S)
        async with chain.gateway.down():
            _flip(spool, chance)


def _flip(spool: Path, chance: random.Random) -> None:
    """Flip a bit in each of a few bytes that are not empty space."""
    data = bytearray(spool.read_bytes())
    places = [place for place, byte in enumerate(data) if byte]
    for place in chance.sample(places, chance.randint(1, MOST_FLIPS)):
        data[place] ^= 1 << chance.randrange(8)
    with spool.open("r+b") as file:
        file.write(data)


async def _wrong_clock(chain: Chain, seconds: int) -> None:
    """Set the box's clock wrong, and after a while right."""
    chain.clock.jump(seconds)
    await asyncio.sleep(WRONG_S)
    chain.clock.set_right()

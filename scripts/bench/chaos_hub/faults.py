"""What is done to the district side: each fault by its name, at a moment that chance chooses."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from itertools import cycle, islice

import psycopg

from scripts.bench.chaos.full_disk import Partition
from scripts.bench.chaos_hub.ground import Ground

FULL_S = 3.0
STARVED_S = 3.0
TRY_S = 0.05
MOST_CONNECTIONS = 1_000


async def _kill_a_hub(ground: Ground, chance: random.Random) -> None:
    await chance.choice(ground.hubs).kill()


async def _kill_all_hubs(ground: Ground, _chance: random.Random) -> None:
    await asyncio.gather(*(hub.kill() for hub in ground.hubs))


async def _fill_the_disk(ground: Ground, chance: random.Random) -> None:
    """Leave the database no byte for a while; its server may be killed meanwhile.

    It may also end by itself, where it can write no log: whoever looks after it starts it again.
    """
    await asyncio.to_thread(ground.disk.fill)
    await asyncio.sleep(FULL_S / 2)
    if chance.random() < 1 / 4:
        await asyncio.to_thread(ground.postgres.stop, immediately=True)
    await asyncio.sleep(FULL_S / 2)
    ground.disk.make_room()
    await asyncio.sleep(TRY_S)
    await ground.start_database_again()


async def _take_all_connections(ground: Ground, _chance: random.Random) -> None:
    """Cut the hubs' connections, and take every one that the server has to give."""
    await asyncio.to_thread(_starve, ground.dsn)


def _starve(dsn: str) -> None:
    with ExitStack() as taken:
        conn = taken.enter_context(psycopg.connect(dsn, autocommit=True))
        for _number in range(MOST_CONNECTIONS):
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE 'adhere-hub%'"
            )
            try:
                taken.enter_context(psycopg.connect(dsn, autocommit=True))
            except psycopg.OperationalError:
                break
        conn.execute("SELECT pg_sleep(%s)", (STARVED_S,))


Fault = Callable[[Ground, random.Random], Awaitable[None]]

FAULTS: Mapping[str, Fault] = {
    "kill a hub": _kill_a_hub,
    "kill all hubs": _kill_all_hubs,
    "crash the database": lambda ground, _chance: ground.crash_database(),
    "kill the broker": lambda ground, _chance: ground.kill_broker(wipe=False),
    "kill the broker, wipe its state": lambda ground, _chance: ground.kill_broker(wipe=True),
    "fill the database's disk": _fill_the_disk,
    "take all connections": _take_all_connections,
}
"""By name. When one returns, all is there again or being started by whoever looks after it."""
NEEDS_A_PARTITION = "fill the database's disk"


def planned(count: int, ground: Ground, chance: random.Random) -> list[str]:
    """Return the names of so many faults, each kind about as often, in an order of chance."""
    kinds = [
        name for name in FAULTS if name != NEEDS_A_PARTITION or isinstance(ground.disk, Partition)
    ]
    return chance.sample(names := list(islice(cycle(kinds), count)), len(names))

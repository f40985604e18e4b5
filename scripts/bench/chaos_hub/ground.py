"""What is tormented: a broker, a database on a disk of its own, hubs that are kept running."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from config.errors import Unavailable
from config.fields import Broker
from ingest.batch.keys import Keys
from ingest.broker import LOOPBACK
from scripts.bench.chaos.brokers import Killable, broker_at
from scripts.bench.chaos.chain import Service
from scripts.bench.chaos.full_disk import Disk, Partition, disk_at
from scripts.replay.hub_process import hub_keys, secrets_of, write_settings
from scripts.show.ports import held_port
from storage.embedded import EmbeddedPostgres

DISK_MB = 768


@dataclass
class Ground:
    """Broker, database, hubs."""

    broker: Killable
    disk: Disk
    postgres: EmbeddedPostgres
    keys: Keys
    """The hub's."""
    hubs: tuple[Service, ...]

    @property
    def dsn(self) -> str:
        """The database's."""
        return self.postgres.dsn

    async def kill_broker(self, *, wipe: bool) -> None:
        """Kill it, and start it again; with `wipe`, with nothing of what it knew."""
        await asyncio.to_thread(self.broker.kill)
        if wipe:
            self.broker.wipe()
        await asyncio.to_thread(self.broker.start)

    async def crash_database(self) -> None:
        """End the server at once, writing nothing (`pg_ctl stop -m immediate`), and start it."""
        await asyncio.to_thread(self.postgres.stop, immediately=True)
        await asyncio.to_thread(self.postgres.start)

    async def start_database_again(self) -> None:
        """Start the server where it has ended by itself, as a supervisor would."""
        if self.postgres.pid is None:
            await asyncio.to_thread(self.postgres.start)

    def require_hubs(self) -> None:
        """Raise Unavailable where a hub has ended with a fault that a new start does not mend."""
        for hub in self.hubs:
            if hub.ended.is_set():
                tail = hub.log.read_bytes()[-2000:].decode("utf-8", "replace")
                raise Unavailable(f"{hub.name} ended (exit code {hub.code}):\n{tail}")


@contextmanager
def servers_in(folder: Path) -> Iterator[tuple[Killable, Disk, EmbeddedPostgres]]:
    """Run broker and database; the database's folder is a partition where one may be mounted."""
    with ExitStack() as running:
        disk = running.enter_context(disk_at(folder / "disk", DISK_MB))
        if isinstance(disk, Partition) and os.geteuid() == 0:
            disk.folder.chmod(0o711)  # the server runs as another account and passes through here
        postgres = running.enter_context(
            EmbeddedPostgres(disk.folder / "postgres", base=disk.folder / "base")
        )
        port = running.enter_context(held_port())
        broker = running.enter_context(broker_at(port, folder / "broker"))
        yield broker, disk, postgres


@asynccontextmanager
async def ground_in(
    folder: Path, broker: Killable, disk: Disk, postgres: EmbeddedPostgres, workers: int
) -> AsyncIterator[Ground]:
    """Run hubs beside them while the block runs."""
    keys = hub_keys(folder / "hub")
    to_broker = Broker(
        host=LOOPBACK,
        port=broker.port,
        username=broker.username,
        password=None if broker.password is None else SecretStr(broker.password),
    )
    settings = folder / "district.toml"
    write_settings(settings, folder / "hub", folder / "reports", to_broker)
    hubs = tuple(
        Service(
            f"hub-{number}",
            ["scripts.main", "hub", "--settings", str(settings)],
            folder / f"hub-{number}.log",
            secrets_of(postgres.dsn, to_broker),
        )
        for number in range(workers)
    )
    async with AsyncExitStack() as running:
        for hub in hubs:
            hub.start()
            running.push_async_callback(hub.stop)
        yield Ground(broker, disk, postgres, keys, hubs)

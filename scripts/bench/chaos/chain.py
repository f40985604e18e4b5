"""The processes of a chaos run: each is started, killed at any moment, and started again."""

import asyncio
import contextlib
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from config.errors import Unavailable
from config.fields import Broker
from config.language import _
from ingest.batch.keys import raw, save_keys
from ingest.broker import LOOPBACK
from ingest.hub import HUB_KEY_FILE
from scripts.bench.box import CENTRE, GATEWAY, Box, environment
from scripts.bench.chaos.brokers import Killable, broker_at
from scripts.bench.chaos.clock import BoxClock
from scripts.bench.chaos.full_disk import Disk, disk_at
from scripts.replay.hub_process import secrets_of, write_settings
from scripts.replay.leash import leashed
from scripts.show.ports import held_port
from storage.database import connect
from storage.embedded import EmbeddedPostgres
from storage.gateways import enrol_gateway
from storage.migrate import migrate

EXIT_UNAVAILABLE = 4
AGAIN_S = 0.2
"""A process that says it can go on after a new start is started again so soon, as by systemd."""
STOP_S = 30.0
DISK_MB = 64


class Service:
    """One of our processes, kept running: started again when it is killed or gives up."""

    def __init__(
        self, name: str, arguments: Sequence[str], log: Path, environ: Mapping[str, str]
    ) -> None:
        self.name, self.log = name, log
        self.starts = 0
        self.gave_up = 0
        """How often it ended by itself and was started again."""
        self.ended = asyncio.Event()
        """It ended in order, or with a fault that a new start does not mend."""
        self.code: int | None = None
        self.said = b""
        self._arguments, self._environ = arguments, environ
        self._process: asyncio.subprocess.Process | None = None
        self._may_run = asyncio.Event()
        self._may_run.set()
        self._may_run_again, self._is_to_come_back = True, False
        self._keeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start it, and keep it running."""
        self._keeping = asyncio.create_task(self._keep(), name=self.name)

    @property
    def is_running(self) -> bool:
        """Whether it runs at the moment."""
        return self._process is not None and self._process.returncode is None

    async def kill(self) -> None:
        """SIGKILL it at once; it is started again at once."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    @asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        """End it in order, and let it stay down as long as the block runs."""
        self._may_run.clear()
        self._is_to_come_back = self.is_running
        await self._terminate()
        try:
            yield
        finally:
            self._may_run.set()

    @asynccontextmanager
    async def killed(self) -> AsyncIterator[None]:
        """Kill it, and let it stay down as long as the block runs."""
        self._may_run.clear()
        await self.kill()
        try:
            yield
        finally:
            self._may_run.set()

    async def stop(self) -> None:
        """SIGTERM; SIGKILL after a while."""
        self._may_run_again = False
        self._may_run.set()
        await self._terminate()
        if self._keeping is not None:
            await self._keeping

    async def _terminate(self) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await process.wait()
            await self.kill()

    async def _keep(self) -> None:
        while self._may_run_again:
            await self._may_run.wait()
            self._is_to_come_back = False
            self.starts += 1
            with self.log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *leashed([sys.executable, "-m", *self._arguments]),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=log,
                    env=environment() | dict(self._environ),
                    start_new_session=True,
                )
            self.said, _err = await self._process.communicate()
            self.code = self._process.returncode
            if self.code == EXIT_UNAVAILABLE:
                self.gave_up += 1
                await asyncio.sleep(AGAIN_S)
            elif self.code is not None and self.code >= 0 and not self._is_to_come_back:
                break
        self.ended.set()


class Chain:
    """Gateway, broker, hub, database; the box's disk and clock."""

    def __init__(
        self, box: Box, disk: Disk, clock: BoxClock, broker: Killable, postgres: EmbeddedPostgres
    ) -> None:
        self.box, self.disk, self.clock = box, disk, clock
        self.broker, self.postgres = broker, postgres
        self.gateway: Service
        self.hub: Service

    async def kill_broker(self) -> None:
        """Kill the broker, and start it again."""
        await asyncio.to_thread(self.broker.kill)
        await asyncio.to_thread(self.broker.start)

    async def wipe_broker(self) -> None:
        """Kill the broker, and start it again with nothing of what it knew."""
        await asyncio.to_thread(self.broker.kill)
        self.broker.wipe()
        await asyncio.to_thread(self.broker.start)

    async def crash_database(self) -> None:
        """Kill the database's server; it recovers at its start."""
        await asyncio.to_thread(self.postgres.kill)
        await asyncio.to_thread(self.postgres.start)

    def final_status(self) -> dict[str, Any]:
        """Return the gateway's last word; raise Unavailable where it ended without one."""
        if self.gateway.code != 0:
            tail = self.gateway.log.read_bytes()[-2000:].decode("utf-8", "replace")
            raise Unavailable(
                _("the gateway ended with exit code %(code)s:\n%(tail)s")
                % {"code": self.gateway.code, "tail": tail}
            )
        status: dict[str, Any] = json.loads(self.gateway.said.splitlines()[-1])
        return status

    def restarts(self) -> Counter[str]:
        """Return how often a process gave up by itself and was started again."""
        return Counter({one.name: one.gave_up for one in (self.gateway, self.hub)})


@asynccontextmanager
async def chain_in(folder: Path, socket: Path) -> AsyncIterator[Chain]:
    """Make and start all of it in a new folder; the gateway asks the observer at `socket`."""
    async with AsyncExitStack() as running:
        chain = running.enter_context(_ground(folder))
        broker, postgres = chain.broker, chain.postgres
        hub_folder = folder / "hub"
        hub_folder.mkdir(mode=0o700)
        save_keys(hub_folder / HUB_KEY_FILE, chain.box.hub_keys)
        to_broker = Broker(
            host=LOOPBACK,
            port=broker.port,
            username=broker.username,
            password=None if broker.password is None else SecretStr(broker.password),
        )
        write_settings(folder / "district.toml", hub_folder, folder / "reports", to_broker)
        secrets = secrets_of(postgres.dsn, to_broker)
        chain.hub = Service(
            "hub",
            ["scripts.main", "hub", "--settings", str(folder / "district.toml")],
            folder / "hub.log",
            secrets,
        )
        chain.gateway = Service(
            "gateway",
            [
                "scripts.bench.chaos.gateway",
                *(str(chain.box.settings_path), str(socket), str(chain.clock.path)),
                *chain.disk.gateway_arguments,
            ],
            folder / "gateway.log",
            {name: value for name, value in secrets.items() if "BROKER" in name},
        )
        for service in (chain.hub, chain.gateway):
            service.start()
            running.push_async_callback(service.stop)
        yield chain


@contextmanager
def _ground(folder: Path) -> Iterator[Chain]:
    with ExitStack() as ground:
        port = ground.enter_context(held_port())
        disk = ground.enter_context(disk_at(folder / "disk", DISK_MB))
        broker = ground.enter_context(broker_at(port, folder / "broker"))
        postgres = ground.enter_context(EmbeddedPostgres(folder / "postgres"))
        box = Box(disk.folder / "box", folder / "gateway.toml", port)
        box.make()
        box.write_settings(
            username=broker.username, quota_mb=2 * DISK_MB, resend_after_s=2, seal_after_s=0.5
        )
        with connect(postgres.dsn) as conn:
            migrate(conn)
            conn.execute(
                "INSERT INTO organisation (kind, code, name) VALUES ('centre', %s, 'Bench')",
                (CENTRE,),
            )
            enrol_gateway(
                conn,
                centre=CENTRE,
                gateway=GATEWAY,
                signing_key=raw(box.keys.public.signing),
                encryption_key=raw(box.keys.public.encryption),
            )
        yield Chain(box, disk, BoxClock(folder / "clock"), broker, postgres)

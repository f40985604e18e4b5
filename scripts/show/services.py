"""What the demo runs beside its gateways: database, broker, hub, watch, portal, each by itself."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from config.errors import Unavailable
from config.fields import Broker
from config.language import _
from ingest.broker import LOOPBACK, EmbeddedBroker
from scripts.replay.guard import alive
from scripts.replay.hub_process import secrets_of
from scripts.replay.leash import leashed
from scripts.replay.process import OurProcess, started
from scripts.show.folder import ShowFolder
from storage.database import connect
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate

APPLICATION = "adhere-demo"
Watch = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Ground:
    """Database and broker, which everything else stands on."""

    dsn: str
    """Of a login that is no superuser."""
    broker: Broker
    watches: tuple[Watch, ...]
    """Each ends with Unavailable when its service does."""

    @property
    def secrets(self) -> Mapping[str, str]:
        """What our processes are told by their environment alone."""
        return secrets_of(self.dsn, self.broker)


def ground(services: ExitStack | AsyncExitStack, folder: ShowFolder) -> Ground:
    """Start the embedded database, brought up to date, and the embedded broker."""
    postgres = services.enter_context(EmbeddedPostgres(folder.postgres))
    with connect(postgres.dsn, application=APPLICATION) as conn:
        migrate(conn)
    embedded = services.enter_context(EmbeddedBroker())
    broker = Broker(
        host=embedded.host,
        port=embedded.port,
        username=embedded.username,
        password=SecretStr(embedded.password),
    )
    return Ground(
        postgres.process_dsn(),
        broker,
        (
            lambda: alive(_("the embedded database"), lambda: postgres.pid),
            lambda: alive(_("the embedded broker"), lambda: embedded.pid),
        ),
    )


@dataclass(frozen=True)
class Portal:
    """Where the pages will be."""

    port: int

    @property
    def url(self) -> str:
        """How a browser on this machine reaches them."""
        return f"http://{LOOPBACK}:{self.port}"


def write_settings(
    folder: ShowFolder,
    *,
    broker: Broker,
    portal: Portal,
    report_dir: Path,
    schemes: tuple[Path, ...],
    language: str,
    time_zone: str,
) -> None:
    """Write the district's settings file; the secrets go by the environment."""
    lines = [
        f"data_dir = {json.dumps(str(folder.hub))}",
        f"time_zone = {json.dumps(time_zone)}",
        "[broker]",
        f"host = {json.dumps(broker.host)}",
        f"port = {broker.port}",
        f"username = {json.dumps(broker.username)}",
        "[nightly]",
        f"report_dir = {json.dumps(str(report_dir.absolute()))}",
        f"language = {json.dumps(language)}",
        "[alerts]",
        f"language = {json.dumps(language)}",
        f"file = {json.dumps(str(folder.messages))}",
        "[portal]",
        f"host = {json.dumps(LOOPBACK)}",
        f"port = {portal.port}",
        f"public_url = {json.dumps(portal.url)}",
        "[payment]",
        f"schemes = {json.dumps([str(path) for path in schemes])}",
        # What is shown may be a recording of years ago.
        "[storage]",
        "policies = false",
    ]
    folder.settings.write_text("\n".join(lines) + "\n", "utf-8")


@dataclass(frozen=True)
class District:
    """The processes of the district; each has ended in order when the block ends."""

    hub: OurProcess
    watch: OurProcess
    portal: OurProcess

    @property
    def all(self) -> tuple[OurProcess, ...]:
        """All of them."""
        return (self.hub, self.watch, self.portal)


@asynccontextmanager
async def district(folder: ShowFolder, secrets: Mapping[str, str]) -> AsyncIterator[District]:
    """Start hub, watch and portal; none need be ready when the block begins."""
    settings = ["--settings", str(folder.settings)]
    names = {"hub": _("the hub"), "watch": _("the watch"), "portal": _("the portal")}
    commands = {
        "hub": ["hub", *settings],
        "watch": ["watch", *settings],
        "portal": ["portal", "serve", *settings],
    }
    async with AsyncExitStack() as running:
        processes = {
            command: await running.enter_async_context(
                started(
                    arguments,
                    name=names[command],
                    ready=f"{command}_ready",
                    log_path=folder.log(command),
                    environ=secrets,
                )
            )
            for command, arguments in commands.items()
        }
        yield District(**processes)


async def once(
    arguments: list[str], *, name: str, log_path: Path, environ: Mapping[str, str]
) -> dict[str, Any]:
    """Run one of our commands to its end; return the JSON it prints, raise Unavailable without."""
    with log_path.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *leashed([sys.executable, "-m", "scripts.main", *arguments]),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env={**os.environ, "ADHERE_LANGUAGE": "en", **environ},
            start_new_session=True,
        )
    try:
        out, _err = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise Unavailable(
            _("%(name)s failed (exit code %(code)s); its log is %(path)s")
            % {"name": name, "code": process.returncode, "path": log_path}
        )
    said: dict[str, Any] = json.loads(out)
    return said

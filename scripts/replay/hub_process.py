"""The hub as a subprocess of a replay: its settings and key, its start, its end, its counters."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from config.errors import Unavailable
from config.fields import Broker
from config.language import _
from config.settings import BROKER_PASSWORD, DATABASE_DSN
from ingest.batch.keys import Keys, load_keys, make_keys, save_keys
from ingest.hub import HUB_KEY_FILE
from scripts.replay.guard import while_lives
from scripts.replay.leash import leashed

STOP_S = 30.0
LAST_LINES = 5


def hub_keys(data_dir: Path) -> Keys:
    """Return the hub's keys out of its data folder; make them the first time."""
    path = data_dir / HUB_KEY_FILE
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        save_keys(path, make_keys())
    return load_keys(path)


def write_settings(path: Path, data_dir: Path, report_dir: Path, broker: Broker) -> None:
    """Write the district's settings file; the secrets go by the environment."""
    lines = [
        f"data_dir = {json.dumps(str(data_dir))}",
        "[broker]",
        f"host = {json.dumps(broker.host)}",
        f"port = {broker.port}",
        f"allow_plaintext = {json.dumps(broker.allow_plaintext)}",
        *([f"username = {json.dumps(broker.username)}"] if broker.username else []),
        "[nightly]",
        f"report_dir = {json.dumps(str(report_dir))}",
    ]
    half = path.with_suffix(".half")
    half.write_text("\n".join(lines) + "\n", "utf-8")
    half.replace(path)


def secrets_of(dsn: str, broker: Broker) -> Mapping[str, str]:
    """Return what the hub is told by its environment alone."""
    secrets = {DATABASE_DSN: dsn}
    if broker.password is not None:
        secrets[BROKER_PASSWORD] = broker.password.get_secret_value()
    return secrets


class HubProcess:
    """A hub that runs, or has ended and left its counters."""

    def __init__(self, process: asyncio.subprocess.Process, log_path: Path) -> None:
        """Follow the process from now on."""
        self.counters: dict[str, Any] = {}
        self.ready = asyncio.Event()
        self._process, self._log_path = process, log_path
        self._last: list[str] = []
        self._followed = asyncio.create_task(self._follow(), name="hub")

    async def lives(self) -> None:
        """Wait until the process ends, and then raise Unavailable."""
        await asyncio.wait({self._followed})
        raise self._ended_badly()

    async def stop(self) -> None:
        """Let it finish what it has in hand; kill it when that takes too long."""
        if not self._followed.done():
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            await asyncio.wait({self._followed}, timeout=STOP_S)
        if not self._followed.done():
            self._process.kill()
        await self._followed

    async def _follow(self) -> None:
        """Copy its log to the file; notice what it says of itself."""
        stderr = self._process.stderr
        with self._log_path.open("ab") as log:
            while stderr is not None and (line := await stderr.readline()):
                log.write(line)
                log.flush()
                self._notice(line.decode("utf-8", "replace").rstrip())
        await self._process.wait()

    def _notice(self, line: str) -> None:
        self._last = [*self._last, line][-LAST_LINES:]
        try:
            event = json.loads(line)
        except ValueError:
            return
        if event.get("event") == "hub_ready":
            self.ready.set()
        elif event.get("event") == "hub_stopped":
            self.counters = event

    def _ended_badly(self) -> Unavailable:
        return Unavailable(
            _(
                "the hub ended (exit code %(code)s); its log is %(path)s. Nothing is lost: run the "
                "same command again to go on. Its last words:\n%(last)s"
            )
            % {
                "code": self._process.returncode,
                "path": self._log_path,
                "last": "\n".join(self._last),
            }
        )


@asynccontextmanager
async def running_hub(
    settings: Path, secrets: Mapping[str, str], log_path: Path
) -> AsyncIterator[HubProcess]:
    """Run `adhere hub` while the block runs; it works when the block begins."""
    command = [sys.executable, "-m", "scripts.main", "hub", "--settings", str(settings)]
    process = await asyncio.create_subprocess_exec(
        *leashed(command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "ADHERE_LANGUAGE": "en", **secrets},
        start_new_session=True,  # Ctrl-C is for us; we stop it in our own order
    )
    hub = HubProcess(process, log_path)
    try:
        await while_lives(hub.ready.wait(), hub.lives())
        yield hub
    finally:
        await hub.stop()

"""One of our own commands as a subprocess: started, followed by its log, stopped in order."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from config.errors import Unavailable
from config.language import _
from scripts.replay.guard import while_lives
from scripts.replay.leash import leashed

STOP_S = 30.0
LAST_LINES = 5


class OurProcess:
    """A command that runs, or has ended; it says how it stands in its log, one event a line."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, log_path: Path, ready: str
    ) -> None:
        """Follow the process from now on; `ready` is the event by which it says that it works."""
        self.events: dict[str, dict[str, Any]] = {}
        """The last of each kind that it has logged."""
        self.is_ready = asyncio.Event()
        self._name, self._process, self._log_path, self._ready = name, process, log_path, ready
        self._last: list[str] = []
        self._followed = asyncio.create_task(self._follow(), name=name)

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
        if isinstance(event, dict) and "event" in event:
            self.events[str(event["event"])] = event
        if self._ready in self.events:
            self.is_ready.set()

    def _ended_badly(self) -> Unavailable:
        return Unavailable(
            _(
                "%(name)s ended (exit code %(code)s); its log is %(path)s. Nothing is lost. "
                "Its last words:\n%(last)s"
            )
            % {
                "name": self._name,
                "code": self._process.returncode,
                "path": self._log_path,
                "last": "\n".join(self._last),
            }
        )


@asynccontextmanager
async def started(
    arguments: Sequence[str],
    *,
    name: str,
    ready: str,
    log_path: Path,
    environ: Mapping[str, str],
) -> AsyncIterator[OurProcess]:
    """Run `adhere ARGUMENTS` while the block runs; it need not work yet when the block begins."""
    process = await asyncio.create_subprocess_exec(
        *leashed([sys.executable, "-m", "scripts.main", *arguments]),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "ADHERE_LANGUAGE": "en", **environ},
        start_new_session=True,  # Ctrl-C is for us; we stop it in our own order
    )
    ours = OurProcess(name, process, log_path, ready)
    try:
        yield ours
    finally:
        await ours.stop()


async def until_ready(*processes: OurProcess) -> None:
    """Wait until all of them work; raise Unavailable where one ends instead."""
    for one in processes:
        await while_lives(one.is_ready.wait(), one.lives())

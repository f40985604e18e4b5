"""Days without a network, then all of it at once: how fast, on how much disk, and whole or not.

A gateway in a process of its own takes in the readings of days as fast as it can while there is no
broker. Then there is one, and at its other end a hub that counts: each reading has one place in a
table of its own, so that one lost, one doubled and one changed are found by themselves.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import Unavailable
from config.language import _
from ingest.batch.keys import save_keys
from ingest.gateway import status as statuses
from ingest.gateway.run import SPOOL_FILE
from scripts.bench.box import Box, environment
from scripts.bench.chaos.brokers import Killable, broker_at
from scripts.bench.days_heard import Days
from scripts.bench.process_cost import MB, ProcessCost
from scripts.replay.leash import leashed
from scripts.show.ports import held_port

Progress = Callable[[str, float], None]

QUOTA_MB = 1024
"""What the settings say unless changed: the disk that is promised to be enough."""
BYTES_A_READING = 3
PER_S = 120_000
"""For the budget: disk a reading takes in the spool and in the count, and how fast it is, about."""
LOOK_S = 0.5
STALLED_S = 180.0
"""Without any progress for so long it has failed."""
KEYS_FILE = "hub.key"


@dataclass(frozen=True)
class Drained:
    """What the counting hub found."""

    counted: int
    missing: int
    doubled: int
    changed: int
    batches: int
    deliveries: int
    """Batches that came, those that came again too."""
    seconds: float
    """From the first batch to the last."""

    @property
    def is_whole(self) -> bool:
        """Whether every reading came, once, as it was heard."""
        return not (self.missing or self.doubled or self.changed)


@dataclass(frozen=True)
class OutageFigures:
    """One run."""

    days: Days
    fill_s: float
    """Until all was on disk."""
    disk_mb: float
    """The spool, when all was on disk and sealed."""
    drained: Drained
    cpu_fill_s: float
    cpu_drain_s: float
    rss_mb: float
    broker: str
    status: Mapping[str, Any]

    @property
    def fill_per_s(self) -> float:
        """Readings to disk a second."""
        return self.days.readings / self.fill_s

    @property
    def drain_per_s(self) -> float:
        """Readings to the hub a second."""
        return self.days.readings / self.drained.seconds if self.drained.seconds else 0.0

    @property
    def bytes_a_reading(self) -> float:
        """Of disk."""
        return self.disk_mb * MB / self.days.readings

    @property
    def times_real_time(self) -> float:
        """How much faster than they were heard readings leave."""
        return self.drain_per_s / self.days.bands


def budget_s(days: Days) -> float:
    """Return how long it takes, about."""
    return 30 + 2 * days.readings / PER_S


def budget_mb(days: Days) -> float:
    """Return how much disk it takes for a while, about."""
    return 50 + days.readings * BYTES_A_READING / MB


async def run(days: Days, folder: Path, progress: Progress) -> OutageFigures:
    """Fill and drain in a new folder; raise Unavailable where it stalls or a process fails."""
    with held_port() as port:
        box = Box(folder / "box", folder / "gateway.toml", port)
        box.make()
        box.write_settings(quota_mb=QUOTA_MB)
        async with _filling(box, days, folder / "gateway.log") as gateway:
            cost, began_s = ProcessCost(gateway.process.pid), time.monotonic()
            fill_s = await _filled(gateway, box, days, began_s, progress)
            cpu_fill_s, disk_mb = cost.cpu_s(), _spool_mb(box)
            with broker_at(port, folder / "broker") as broker:
                counted, status, cpu_s, rss_mb = await _drain(
                    gateway, box, broker, days, cost, progress
                )
                name = broker.name
    return OutageFigures(
        days=days,
        fill_s=fill_s,
        disk_mb=disk_mb,
        drained=Drained(**counted),
        cpu_fill_s=cpu_fill_s,
        cpu_drain_s=cpu_s - cpu_fill_s,
        rss_mb=rss_mb,
        broker=name,
        status=status,
    )


class _Gateway:
    """The gateway's process, and what it logs."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process, self.log = process, log
        self.is_all_heard = asyncio.Event()
        self.following = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        stderr = self.process.stderr
        with self.log.open("ab") as log:
            while stderr is not None and (line := await stderr.readline()):
                log.write(line)
                if b'"source_ended"' in line:
                    self.is_all_heard.set()

    def must_run(self) -> None:
        """Raise Unavailable where it has ended."""
        if self.process.returncode is not None:
            raise Unavailable(
                _("the gateway ended with exit code %(code)d: see %(log)s")
                % {"code": self.process.returncode, "log": self.log}
            )


@asynccontextmanager
async def _filling(box: Box, days: Days, log: Path) -> AsyncIterator[_Gateway]:
    words = ["scripts.bench.days_heard", str(box.settings_path), days.dumps()]
    process = await asyncio.create_subprocess_exec(
        *leashed([sys.executable, "-m", *words]),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    )
    gateway = _Gateway(process, log)
    try:
        yield gateway
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await gateway.following


async def _filled(
    gateway: _Gateway, box: Box, days: Days, began_s: float, progress: Progress
) -> float:
    """Wait until all is on disk and sealed; return how long the disk took."""
    fill_s, moved_s, before = None, time.monotonic(), -1
    while True:
        await asyncio.sleep(LOOK_S)
        gateway.must_run()
        if fill_s is None and gateway.is_all_heard.is_set():
            fill_s = time.monotonic() - began_s
        path = box.folder / statuses.STATUS_FILE
        said = statuses.read(box.folder) if path.exists() else {}
        stored, unsealed = int(str(said.get("stored", 0))), int(str(said.get("unsealed", 1)))
        progress(_("Filling the spool, no network"), stored / days.readings)
        if fill_s is not None and stored >= days.readings and not unsealed:
            return fill_s
        if stored - unsealed != before:
            moved_s, before = time.monotonic(), stored - unsealed
        if time.monotonic() - moved_s > STALLED_S:
            raise Unavailable(_("the spool does not fill: see %(log)s") % {"log": gateway.log})


async def _drain(
    gateway: _Gateway,
    box: Box,
    broker: Killable,
    days: Days,
    cost: ProcessCost,
    progress: Progress,
) -> tuple[dict[str, Any], Mapping[str, Any], float, float]:
    """Let the gateway drain into the counting hub; return its count, status, CPU seconds, MiB."""
    async with _counting_hub(box, broker, days) as hub:
        moved_s, before, cpu_s, rss_mb = time.monotonic(), -1, 0.0, 0.0
        while gateway.process.returncode is None:
            counted = (await _ask(hub, "count"))["counted"]
            progress(_("Draining"), counted / days.readings)
            if counted != before:
                moved_s, before = time.monotonic(), counted
            if time.monotonic() - moved_s > STALLED_S:
                raise Unavailable(_("the drain has stalled: see %(log)s") % {"log": gateway.log})
            try:
                cpu_s, rss_mb = cost.cpu_s(), cost.peak_rss_mb()
            except Unavailable:
                break  # it has just ended
            await asyncio.sleep(LOOK_S)
        stdout = gateway.process.stdout
        said = b"" if stdout is None else await stdout.read()
        await gateway.process.wait()
        if gateway.process.returncode != 0:
            gateway.must_run()
        return await _ask(hub, "end"), json.loads(said), cpu_s, rss_mb


@asynccontextmanager
async def _counting_hub(
    box: Box, broker: Killable, days: Days
) -> AsyncIterator[asyncio.subprocess.Process]:
    folder = box.settings_path.parent
    save_keys(folder / KEYS_FILE, box.hub_keys)
    account = {"username": broker.username, "password": broker.password}
    told = {"port": broker.port, "keys": str(folder / KEYS_FILE), "box": str(box.folder), **account}
    process = await asyncio.create_subprocess_exec(
        *leashed([sys.executable, "-m", "scripts.bench.counting_hub", days.dumps()]),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    )
    try:
        await _ask(process, json.dumps(told))
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


async def _ask(process: asyncio.subprocess.Process, question: str) -> dict[str, Any]:
    if process.stdin is not None:
        process.stdin.write(f"{question}\n".encode())
    line = b"" if process.stdout is None else await process.stdout.readline()
    if not line:
        raise Unavailable(_("the counting hub has ended"))
    answer: dict[str, Any] = json.loads(line)
    return answer


def _spool_mb(box: Box) -> float:
    return sum(path.stat().st_size for path in box.folder.glob(f"{SPOOL_FILE}*")) / MB

"""What a room full of bands costs a box, and whether all of it reaches the disk.

The gateway is `adhere gateway run` in its own process; bands and radio are in another; a third,
this one, looks at both from outside. The uplink is down, so that everything is still in the spool
at the end and can be counted there: reading by reading, against the book of what was said.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import Unavailable
from config.language import _
from ingest.batch.reading import Quantity
from ingest.gateway.run import SPOOL_FILE
from scripts.bench.box import Box, environment
from scripts.bench.made_room import RoomPlan
from scripts.bench.process_cost import ProcessCost
from scripts.bench.spool_seen import readings_in
from scripts.replay.leash import leashed
from scripts.show.ports import held_port

Progress = Callable[[str, float], None]

COME_IN_S = 180.0
"""At most, until every band was heard and every link is open."""
LOOK_S = 0.5
SETTLE_S = 3.0
"""What was said last is on its way no longer than this."""
STOP_S = 30.0
DBUS = "DBUS_SYSTEM_BUS_ADDRESS"
NO_EARLIER_MS = 5
"""A reading may seem so much older than its saying: the clock's own grain."""


@dataclass(frozen=True)
class Account:
    """What was said against what is stored, reading by reading."""

    sent: int
    stored: int
    lost: int
    """Said, and not in the spool."""
    doubled: int
    """In the spool more often than said."""
    changed: int
    """Pulses that stand in the spool otherwise than they were said, or in another order."""
    heard_p99_s: float
    """From a pulse on the air to the reading's time."""

    @property
    def agrees(self) -> bool:
        """Whether nothing is lost, doubled or changed."""
        return not (self.lost or self.doubled or self.changed)


@dataclass(frozen=True)
class RoomFigures:
    """One run."""

    plan: RoomPlan
    account: Account
    seconds: float
    """Of them processor and memory were measured: all bands heard, all links open."""
    come_in_s: float
    cpu_share: float
    """Of one core, by the gateway alone."""
    rss_mb: float
    """The most it held at any time."""
    sent_per_s: float
    latency_p50_s: float
    latency_p99_s: float
    """From a reading to its commit in the spool, by the gateway's own count."""
    latency_most_s: float
    status: Mapping[str, Any]
    """What the gateway said of itself at the end."""


async def run(plan: RoomPlan, seconds: float, folder: Path, progress: Progress) -> RoomFigures:
    """Measure a gateway in the planned room for so long; `folder` is new and empty.

    Raises Unavailable where not all come in, or a process ends too early.
    """
    with held_port() as nobody:
        box = Box(folder / "box", folder / "gateway.toml", nobody)
        box.make()
        box.register(plan.families)
        links = -(-plan.linked // plan.adapters)
        box.write_settings(adapters=plan.adapter_addresses, links_per_adapter=max(1, links))
        async with _room(plan) as room, _gateway(box, room.address, folder / "log") as gateway:
            cost, began_s = ProcessCost(gateway.pid), time.monotonic()
            while (count := await room.ask("count"))["heard_of"] < plan.adverts + plan.linked:
                whole = plan.adverts + plan.linked
                progress(_("The bands come in"), count["heard_of"] / whole)
                if time.monotonic() - began_s > COME_IN_S or gateway.returncode is not None:
                    raise Unavailable(_("not all bands came in: see %(log)s") % {"log": folder})
                await asyncio.sleep(LOOK_S)
            come_in_s = time.monotonic() - began_s
            began_s, cpu_s, before = time.monotonic(), cost.cpu_s(), count["readings"]
            while (done_s := time.monotonic() - began_s) < seconds:
                progress(_("Listening"), done_s / seconds)
                await asyncio.sleep(min(LOOK_S, seconds - done_s))
            measured_s, used_s = time.monotonic() - began_s, cost.cpu_s() - cpu_s
            sent = (await room.ask("count"))["readings"] - before
            await room.ask(f"end {folder / 'book.json'}")
            await asyncio.sleep(SETTLE_S)
            rss_mb = cost.peak_rss_mb()
            status = await _stopped(gateway)
    progress(_("Reading the spool"), 1)
    book = json.loads((folder / "book.json").read_text("utf-8"))
    ages = status["on_disk_after_s"]
    return RoomFigures(
        plan=plan,
        account=account_of(book, box),
        seconds=measured_s,
        come_in_s=come_in_s,
        cpu_share=used_s / measured_s,
        rss_mb=rss_mb,
        sent_per_s=sent / measured_s,
        latency_p50_s=ages.get("p50", 0.0),
        latency_p99_s=ages.get("p99", 0.0),
        latency_most_s=ages.get("most", 0.0),
        status=status,
    )


def account_of(book: Mapping[str, Any], box: Box) -> Account:
    """Compare the book of what was said with what the spool holds."""
    stored: Counter[tuple[str, str]] = Counter()
    pulses: dict[str, list[tuple[int, int]]] = {}
    for reading in readings_in(box.folder / SPOOL_FILE, box.opened):
        stored[reading.device_key, str(reading.quantity)] += 1
        if reading.quantity == Quantity.HEART_RATE_BPM:
            pulses.setdefault(reading.device_key, []).append(
                (reading.at_utc_ms, int(reading.value))
            )
    sent = Counter(
        {
            (address.lower(), quantity): count
            for address, said in book.items()
            for quantity, count in said["sent"].items()
        }
    )
    changed, delays_ms = 0, []
    for address, said in book.items():
        heard = sorted(pulses.get(address.lower(), []))
        for (heard_ms, heard_bpm), (said_ms, said_bpm) in zip(heard, said["pulses"], strict=False):
            delays_ms.append(heard_ms - said_ms)
            changed += heard_bpm != said_bpm or heard_ms < said_ms - NO_EARLIER_MS
    delays_ms.sort()
    return Account(
        sent=sent.total(),
        stored=stored.total(),
        lost=(sent - stored).total(),
        doubled=(stored - sent).total(),
        changed=changed,
        heard_p99_s=delays_ms[int(0.99 * (len(delays_ms) - 1))] / 1000 if delays_ms else 0.0,
    )


@dataclass(frozen=True)
class _Room:
    """The room from outside: a question a line, an answer a line."""

    address: str
    process: asyncio.subprocess.Process

    async def ask(self, command: str) -> dict[str, Any]:
        if self.process.stdin is not None:
            self.process.stdin.write(f"{command}\n".encode())
        answer: dict[str, Any] = json.loads(await _line(self.process))
        return answer


@asynccontextmanager
async def _room(plan: RoomPlan) -> AsyncIterator[_Room]:
    process = await asyncio.create_subprocess_exec(
        *leashed([sys.executable, "-m", "scripts.bench.made_room", plan.dumps()]),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield _Room(json.loads(await _line(process)), process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


async def _line(process: asyncio.subprocess.Process) -> bytes:
    line = b"" if process.stdout is None else await process.stdout.readline()
    if not line:
        raise Unavailable(_("the virtual radio has ended"))
    return line


@asynccontextmanager
async def _gateway(box: Box, bus: str, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the gateway as an operator does; kill it where it has not ended by itself."""
    command = ["gateway", "run", "--settings", str(box.settings_path), "--json"]
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *leashed([sys.executable, "-m", "scripts.main", *command]),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=environment() | {DBUS: bus},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _stopped(gateway: asyncio.subprocess.Process) -> Mapping[str, Any]:
    gateway.terminate()
    async with asyncio.timeout(STOP_S):
        out, _err = await gateway.communicate()
    if gateway.returncode != 0:
        raise Unavailable(
            _("the gateway ended with exit code %(code)d") % {"code": gateway.returncode}
        )
    status: Mapping[str, Any] = json.loads(out)
    return status

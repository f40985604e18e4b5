"""The gateway: what a source hears goes to the spool, into batches, and on to the hub."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from functools import partial
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from config.errors import AdhereError, Unavailable
from config.gateway_settings import GatewaySettings
from ingest.batch.columns import Chunk
from ingest.batch.keys import Keys
from ingest.batch.topics import LANES, Lane
from ingest.gateway import disk, status
from ingest.gateway.ages import Ages
from ingest.gateway.batches import Draft, Sealed
from ingest.gateway.clock import Clock, SystemClock
from ingest.gateway.disk import Disk
from ingest.gateway.files.inbox import Inbox
from ingest.gateway.heard import Heard
from ingest.gateway.safety import Edge
from ingest.gateway.sealing import SealPolicy, sealer
from ingest.gateway.spool import Spool, SpoolFull
from ingest.gateway.spool_rows import PAGE_BYTES
from ingest.gateway.status import Status
from ingest.gateway.uplink import Uplink, UplinkPolicy

log = structlog.get_logger()

Source = Callable[[Mapping[str, str]], AsyncGenerator[Heard]]
"""Given where it stood (the stored cursor, {} at first), gives what is heard from there on."""

SPOOL_FILE = "spool.sqlite"
HEARD_AHEAD = 4
"""Flushes held in memory while the disk writes: a source that can wait is made to."""
DRAIN_S = 10.0
FULL_AGAIN_S = 0.5
SEAL_LOOK_S = 0.25
DRAINED_LOOK_S = 1.0
STATUS_EVERY_S = 10.0


async def run_gateway(  # noqa: PLR0913 - the parts of a gateway, each given by name
    settings: GatewaySettings,
    keys: Keys,
    hub_key: Ed25519PublicKey,
    source: Source,
    *,
    stop: asyncio.Event,
    drain: bool = False,
    clock: Clock | None = None,
    boot: bytes | None = None,
    sealing: SealPolicy | None = None,
    uplink: UplinkPolicy | None = None,
    edge: Edge | None = None,
    radio: Callable[[], Mapping[str, object]] | None = None,
    inbox: Inbox | None = None,
) -> Status:
    """Run until `stop` is set; return the last status. Any part that fails ends all.

    On stop nothing more is heard, what was heard goes to disk, what was not sent stays in the
    spool. With `drain` the gateway also ends by itself, once the source has ended and the hub has
    answered for every batch and event. `boot` names a new spool (else random bytes do).

    `edge` takes rosters, sends events and shows the page; None: nothing but readings is passed on,
    as in a replay. It must hear of readings from the source itself (`Edge.heard`), before any
    queue. `radio` gives the counters of the source for the status. `inbox` takes in files.
    """
    open_spool = partial(
        Spool,
        settings.data_dir / SPOOL_FILE,
        keys.spool_tag_key(),
        quota_pages=settings.spool.quota_mb * 2**20 // PAGE_BYTES,
        boot=boot,
    )
    async with disk.opened(open_spool) as spool:
        gateway = _Gateway(
            settings,
            spool,
            sealing or SealPolicy(live_after_s=settings.uplink.seal_after_s),
            sealer(
                centre=settings.centre,
                gateway=settings.gateway,
                keys=keys,
                clock=clock or SystemClock(),
            ),
            edge,
            radio or dict,
        )
        gateway.inbox = inbox
        policy = uplink or UplinkPolicy(resend_after_s=settings.uplink.resend_after_s)
        gateway.uplink = Uplink(
            spool,
            settings.broker,
            settings.centre,
            settings.gateway,
            hub_key,
            policy,
            state=lambda: {"state": "online"} | gateway.status().as_dict(),
            edge=edge,
        )
        if edge is not None:
            edge.events.on_added = gateway.uplink.send_events
            edge.link_is_up = lambda: gateway.uplink.traffic.connected
        cursor = await spool.do(lambda opened: opened.cursor)
        try:
            await gateway.run(source(cursor), stop=stop, drain=drain)
        except ExceptionGroup as group:
            raise _foreseen(group) from group
        finally:
            if edge is not None:
                await edge.close()
            final = gateway.status()
            _write_status(settings, final)
    return final


class _Gateway:
    """The parts, and what they tell each other."""

    uplink: Uplink
    inbox: Inbox | None = None

    def __init__(
        self,
        settings: GatewaySettings,
        spool: Disk,
        policy: SealPolicy,
        make: Callable[[Draft], Sealed],
        edge: Edge | None,
        radio: Callable[[], Mapping[str, object]],
    ) -> None:
        self.settings, self.spool, self.policy, self.make = settings, spool, policy, make
        self.edge, self.radio = edge, radio
        self.heard: asyncio.Queue[Heard] = asyncio.Queue(HEARD_AHEAD)
        self.stored = asyncio.Event()
        """Something reached the disk, or the source ended."""
        self.ended = False
        """The source has no more, and all it had is on disk."""
        self.all_sealed = asyncio.Event()
        self.spool_full = 0
        self.ages = Ages()

    async def run(self, source: AsyncGenerator[Heard], *, stop: asyncio.Event, drain: bool) -> None:
        async with asyncio.TaskGroup() as group:
            collector = group.create_task(self.collect(source), name="collect")
            recorder = group.create_task(self.record(), name="record")
            workers = [
                recorder,
                group.create_task(self.seal(), name="seal"),
                group.create_task(self.uplink.run(), name="uplink"),
                group.create_task(self.report(), name="report"),
            ]
            if self.edge is not None:
                workers.append(group.create_task(self.edge.run(), name="edge"))
            if self.inbox is not None:
                taking = self.inbox.run(self.keep, self.cursor, self.waiting_batches)
                workers.append(group.create_task(taking, name="inbox"))
            if drain:
                await _first(stop.wait(), self.drained())
            else:
                await stop.wait()
            collector.cancel()  # 1. hear no more; a radio hands over what it heard last
            await asyncio.wait({collector}, timeout=DRAIN_S)
            await self.put_away()  # 2. what was heard goes to disk
            for worker in workers:  # 3. what was not sent stays in the spool
                worker.cancel()

    async def collect(self, source: AsyncGenerator[Heard]) -> None:
        """Hear; a source that can wait is made to wait while the disk is behind."""
        async with contextlib.aclosing(source) as hearing:
            async for heard in hearing:
                await self.heard.put(heard)
        await self.heard.join()
        if self.inbox is not None:
            await self.inbox.emptied()
        log.info("source_ended", gateway=self.settings.gateway)
        self.ended = True
        self.stored.set()

    async def record(self) -> None:
        """Put what is heard on disk, in order; while the spool is full, hold it and say so."""
        while True:
            await self.keep(await self.heard.get())
            self.heard.task_done()

    async def keep(self, heard: Heard) -> None:
        """Return once it is on disk."""
        while not await self.store(heard):  # noqa: ASYNC110 - no one event says there is room
            await asyncio.sleep(FULL_AGAIN_S)
        self.stored.set()

    async def cursor(self) -> Mapping[str, str]:
        """Return where the sources stand."""
        return await self.spool.do(lambda spool: spool.cursor)

    def waiting_batches(self) -> int:
        """Count the batches that the hub has not answered for."""
        return self.spool.unsettled_batches

    async def store(self, heard: Heard) -> bool:
        try:
            await self.spool.do(
                lambda spool: spool.append(
                    heard.readings, lane=heard.lane, cursor=heard.cursor, bad=heard.bad
                ),
                "store",
            )
        except SpoolFull:
            self.say_full()
            return False
        if heard.lane == "live" and not isinstance(heard.readings, Chunk):
            self.ages.stored(heard.readings)
        return True

    def say_full(self) -> None:
        self.spool_full += 1
        # What to do: make the uplink work, or the quota larger, or room on the disk.
        log.error("spool_full", gateway=self.settings.gateway)

    async def put_away(self) -> None:
        try:
            async with asyncio.timeout(DRAIN_S):
                await self.heard.join()
        except TimeoutError as error:
            raise Unavailable("what was heard last could not be stored before the end") from error

    async def seal(self) -> None:
        """Turn chunks into batches as the policy says."""
        since: dict[Lane, float] = {}
        while True:
            self.stored.clear()
            for lane in LANES:
                while self.is_due(lane, since):
                    try:
                        await self.spool.do(self.sealing(lane), "seal")
                    except SpoolFull:
                        self.say_full()
                        await asyncio.sleep(FULL_AGAIN_S)
                        continue
                    since.pop(lane, None)
                    self.uplink.wake()
            if self.ended:
                self.all_sealed.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SEAL_LOOK_S if since else None):
                    await self.stored.wait()

    def sealing(self, lane: Lane) -> Callable[[Spool], object]:
        most = self.policy.chunks(lane)
        return lambda spool: spool.seal(lane, max_chunks=most, make=self.make)

    def is_due(self, lane: Lane, since: dict[Lane, float]) -> bool:
        chunks = self.spool.unsealed(lane)
        if not chunks:
            since.pop(lane, None)
            return False
        waits_s = time.monotonic() - since.setdefault(lane, time.monotonic())
        after_s = self.policy.after_s(lane)
        enough = chunks >= self.policy.chunks(lane)
        return self.ended or enough or (after_s is not None and waits_s >= after_s)

    async def drained(self) -> None:
        """Wait until the hub has answered for everything."""
        await self.all_sealed.wait()
        while self.spool.unsettled_batches or (self.edge and self.edge.events.waiting):
            self.uplink.settled.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAINED_LOOK_S):
                    await self.uplink.settled.wait()

    async def report(self) -> None:
        """Tell how things stand, every few seconds."""
        while True:
            now = self.status()
            await asyncio.to_thread(_write_status, self.settings, now)
            self.uplink.say_state()
            await asyncio.sleep(STATUS_EVERY_S)

    def status(self) -> Status:
        count, traffic = self.spool.counters, self.uplink.traffic
        return Status(
            centre=self.settings.centre,
            gateway=self.settings.gateway,
            at_utc_ms=time.time_ns() // 10**6,
            connected=traffic.connected,
            stored=count["stored"],
            sealed=count["sealed"],
            receipted=count["receipted"],
            refused=count["refused"],
            damaged=count["lost_unsealed"] + count["lost_sealed"],
            unsealed=count["stored"] - count["sealed"] - count["lost_unsealed"],
            waiting_batches=self.spool.unsettled_batches,
            refused_batches=count["refused_batches"],
            bad_input=count["bad_input"],
            spool_rebuilt=count["rebuilt"],
            spool_full=self.spool_full,
            sent_batches=traffic.sent_batches,
            resent_batches=traffic.resent_batches,
            receipts_rejected=traffic.receipts_rejected,
            hub_clock_ahead_ms=traffic.hub_clock_ahead_ms,
            spool_s={part: round(spent, 3) for part, spent in self.spool.seconds.items()},
            on_disk_after_s=self.ages.summary(),
            edge={} if self.edge is None else self.edge.status(),
            radio=self.radio(),
        )


def _write_status(settings: GatewaySettings, now: Status) -> None:
    """Write the status file; a full disk costs it, and nothing else."""
    try:
        status.write(settings.data_dir, now)
    except OSError as error:
        log.error("status_not_written", gateway=settings.gateway, why=error.strerror)  # noqa: TRY400 - foreseen


def _foreseen(group: ExceptionGroup) -> Exception:
    """Return the one error of ours that ended the group; anything else is a bug, shown whole."""
    ours, bugs = group.split(AdhereError)
    if ours is None or bugs is not None:
        return group
    first: Exception = ours
    while isinstance(first, ExceptionGroup):
        first = first.exceptions[0]
    return first


async def _first(*waits: Coroutine[Any, Any, Any]) -> None:
    """Wait for whichever ends first; cancel the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()

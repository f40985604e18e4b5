"""The gateway: what a source hears goes to the spool, into batches, and on to the hub."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from config.errors import AdhereError, Unavailable
from config.gateway_settings import GatewaySettings
from ingest.batch.columns import Chunk
from ingest.batch.keys import Keys
from ingest.batch.reading import Reading
from ingest.batch.to_hub import Recipient
from ingest.batch.topics import LANES, Lane
from ingest.gateway import disk, status
from ingest.gateway.ages import Ages
from ingest.gateway.batches import Draft, Sealed
from ingest.gateway.clock import BoxClock, Clock, Part, Stamp
from ingest.gateway.disk import Disk
from ingest.gateway.edge_time import EdgeTime
from ingest.gateway.files.inbox import Inbox
from ingest.gateway.glance import showing
from ingest.gateway.heard import Heard, Source
from ingest.gateway.resigning import resigned
from ingest.gateway.safety import Edge
from ingest.gateway.sealing import MANY_READINGS, SealPolicy, TakenBytes, sealer
from ingest.gateway.spool import Spool, SpoolFull
from ingest.gateway.spool_rows import PAGE_BYTES
from ingest.gateway.status import Status
from ingest.gateway.uplink import Uplink, UplinkPolicy
from ingest.gateway.watchdog import Supervisor, watch

log = structlog.get_logger()

SPOOL_FILE = "spool.sqlite"
HEARD_AHEAD = 4
"""Flushes held in memory while the disk writes: a source that can wait is made to."""
DRAIN_S = 10.0
FULL_AGAIN_S = 0.5
SEAL_LOOK_S = 0.25
DRAINED_LOOK_S = 1.0
STATUS_EVERY_S = 10.0
CLOCK_LOOK_S = 0.5
DAY_MS = 86_400_000
REFUSED_LOOK_S = 3_600.0
TIME_AWAITED_S = 20.0
"""A connected box that has not been told the time by then has a hub that only says it in receipts:
one batch goes, with its times marked as they are, to earn one."""
MARKED_EVERY_S = 60.0
HELD_SHARE = 0.5
"""Of the quota: beyond it readings of an unknown time are sealed, marked, to take less room."""


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
    box_time: EdgeTime | None = None,
    hub_encryption: X25519PublicKey | None = None,
    look: Callable[[], Mapping[str, object]] | None = None,
    supervisor: Supervisor | None = None,
    scanners: Callable[[], Mapping[str, object]] | None = None,
) -> Status:
    """Run until `stop` is set; return the last status. Any part that fails ends all.

    On stop nothing more is heard, what was heard goes to disk, what was not sent stays in the
    spool. With `drain` the gateway also ends by itself, once the source has ended and the hub has
    answered for every batch and event. `boot` names a new spool (else random bytes do).

    `edge` takes rosters, sends events and shows the page; None: nothing but readings is passed on,
    as in a replay. It must hear of readings from the source itself (`Edge.heard`), before any
    queue. `radio` and `scanners` give counters of the sources for the status. `inbox` takes in
    files. `box_time` is the edge's unless it is given. `hub_encryption`: batches are readable by
    that hub alone; None: they are only signed. `look` gives what `adhere gateway top` shows beside
    the status. `supervisor` is told that the gateway is ready, alive and stopping.
    """
    if box_time is None:
        box_time = EdgeTime() if edge is None else edge.time
    seals = clock or BoxClock(box_time)
    taken = TakenBytes()
    readable_by = None
    if hub_encryption is not None:
        readable_by = Recipient(hub_encryption, settings.centre, settings.gateway)
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
                clock=seals,
                readable_by=readable_by,
                taken=taken,
            ),
            edge,
            radio or dict,
            seals,
            taken,
        )
        gateway.inbox = inbox
        gateway.look, gateway.scanners = look or dict, scanners or dict
        gateway.supervisor = supervisor or Supervisor()
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
            clock=seals,
            box_time=box_time,
            dress=partial(resigned, keys=keys),
            is_revoked=lambda: edge is not None and edge.is_revoked,
            on_time=gateway.stored.set,
        )
        if edge is not None:
            edge.events.on_added = gateway.uplink.send_events
            edge.link_is_up = lambda: gateway.uplink.traffic.connected
            edge.unsent = lambda: gateway.spool.unsettled_batches
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
    look: Callable[[], Mapping[str, object]] = dict
    scanners: Callable[[], Mapping[str, object]] = dict
    supervisor = Supervisor()

    def __init__(
        self,
        settings: GatewaySettings,
        spool: Disk,
        policy: SealPolicy,
        make: Callable[[Draft], Sealed],
        edge: Edge | None,
        radio: Callable[[], Mapping[str, object]],
        clock: Clock,
        taken: TakenBytes,
    ) -> None:
        self.settings, self.spool, self.policy, self.make = settings, spool, policy, make
        self.edge, self.radio, self.clock, self.taken = edge, radio, clock, taken
        self.heard: asyncio.Queue[Heard] = asyncio.Queue(HEARD_AHEAD)
        self.stored = asyncio.Event()
        """Something reached the disk, or the source ended."""
        self.ended = False
        """The source has no more, and all it had is on disk."""
        self.all_sealed = asyncio.Event()
        self.spool_full = 0
        self.owed: dict[Lane, int] = {}
        """By lane, how many chunks were due and did not fit into the last batch."""
        self.has_unsure = any(map(spool.unsealed, LANES))
        """Readings wait of which it may not be known when they were heard."""
        self.marked_mono_s = 0.0
        """When a batch was last sealed although it was not known what time it is."""
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
                group.create_task(self.watch_clock(), name="clock"),
                group.create_task(self.give_up_refused(), name="refused"),
                group.create_task(self.show(), name="glance"),
                group.create_task(
                    watch(
                        self.supervisor, self.spool, lambda: self.uplink.beat_mono_s, self.in_words
                    ),
                    name="watchdog",
                ),
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
            self.supervisor.tell("STOPPING=1")
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
        parts: Sequence[Part] = [(heard.readings, None)]
        if heard.by_box_clock and len(heard.readings):
            parts = self.clock.stamped(heard.readings)
        for number, part in enumerate(parts, start=1):
            # Where the source stands is stored with the last of what it gave.
            end = heard if number == len(parts) else Heard([], heard.lane)
            while not await self.store(end, *part):  # noqa: ASYNC110 - no one event says so
                await asyncio.sleep(FULL_AGAIN_S)
        self.stored.set()

    async def cursor(self) -> Mapping[str, str]:
        """Return where the sources stand."""
        return await self.spool.do(lambda spool: spool.cursor)

    def waiting_batches(self) -> int:
        """Count the batches that the hub has not answered for."""
        return self.spool.unsettled_batches

    async def store(
        self, heard: Heard, readings: Sequence[Reading] | Chunk, stamp: Stamp | None
    ) -> bool:
        try:
            await self.spool.do(
                lambda spool: spool.append(
                    readings, lane=heard.lane, cursor=heard.cursor, bad=heard.bad, stamp=stamp
                ),
                "store",
            )
        except SpoolFull:
            self.say_full()
            return False
        self.has_unsure = self.has_unsure or (stamp is not None and not stamp.known)
        if heard.lane == "live" and not isinstance(readings, Chunk):
            self.ages.stored(readings)
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
            # One batch at a time, and each time live ones first: history never holds them up.
            while lane := next((lane for lane in LANES if self.is_due(lane, since)), None):
                before = self.spool.unsealed(lane)
                try:
                    await self.spool.do(self.sealing(lane), "seal")
                except SpoolFull:
                    self.say_full()
                    await asyncio.sleep(FULL_AGAIN_S)
                    continue
                if not self.policy.is_fixed:
                    # What was due with it and did not fit is due now.
                    owed = self.owed.pop(lane, before) - (before - self.spool.unsealed(lane))
                    if owed > 0:
                        self.owed[lane] = owed
                since.pop(lane, None)
                self.uplink.wake()
            if self.ended and not any(map(self.spool.unsealed, LANES)):
                self.all_sealed.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SEAL_LOOK_S if since else None):
                    await self.stored.wait()

    def sealing(self, lane: Lane) -> Callable[[Spool], object]:
        return partial(
            Spool.seal,
            lane=lane,
            max_chunks=self.policy.most(lane),
            max_bytes=None if self.policy.is_fixed else self.taken.bytes,
            make=self.make,
            shift_ms=self.clock.shift_ms,
        )

    def is_due(self, lane: Lane, since: dict[Lane, float]) -> bool:
        chunks = self.spool.unsealed(lane)
        if not chunks:
            since.pop(lane, None)
            self.owed.pop(lane, None)
            return False
        if self.is_held():
            since.setdefault(lane, time.monotonic())
            return False
        waits_s = time.monotonic() - since.setdefault(lane, time.monotonic())
        after_s = self.policy.after_s(lane, self.uplink.slow_s())
        enough = chunks >= self.policy.enough(lane)
        if not self.policy.is_fixed:
            enough = enough or self.unsealed_readings() >= MANY_READINGS
        late = after_s is not None and waits_s >= after_s
        return self.ended or enough or late or lane in self.owed

    def is_held(self) -> bool:
        """Say whether nothing is sealed now, because it may soon be known what time it was."""
        if not self.has_unsure:
            return False
        if self.clock.knows_time():
            self.has_unsure = False
            return False
        now = time.monotonic()
        if self.spool.share_used > HELD_SHARE:
            return False
        connected_s = self.uplink.connected_for_s()
        if connected_s < TIME_AWAITED_S or now - self.marked_mono_s < MARKED_EVERY_S:
            return True
        self.marked_mono_s = now
        return False

    def unsealed_readings(self) -> int:
        """Count the readings on disk that are in no batch yet."""
        count = self.spool.counters
        return count["stored"] - count["sealed"] - count["lost_unsealed"]

    async def watch_clock(self) -> None:
        """Notice where the wall clock is set."""
        while True:
            self.clock.look()
            await asyncio.sleep(CLOCK_LOOK_S)

    async def give_up_refused(self) -> None:
        """Release what the hub refused so long ago that nobody will look at it any more."""
        while True:
            if self.clock.knows_time():
                before = self.clock.utc_ms() - self.settings.spool.refused_days * DAY_MS
                await self.spool.do(partial(_release_before, utc_ms=before))
            await asyncio.sleep(REFUSED_LOOK_S)

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

    async def show(self) -> None:
        """Answer `adhere gateway top`; where no socket can be, that alone is lost."""
        try:
            async with showing(self.settings.data_dir, self.at_a_glance):
                await asyncio.Event().wait()
        except OSError as error:
            log.error("glance_cannot_listen", why=error.strerror)  # noqa: TRY400 - foreseen

    def at_a_glance(self) -> Mapping[str, object]:
        return {"status": self.status().as_dict(), **self.look()}

    def in_words(self) -> str:
        """Say in a line how things stand: `systemctl status` shows it."""
        reached = "reached" if self.uplink.traffic.connected else "NOT reached"
        waiting = self.spool.unsettled_batches
        return f"district {reached}, {waiting} batches wait"

    def status(self) -> Status:
        count, traffic = self.spool.counters, self.uplink.traffic
        return Status(
            centre=self.settings.centre,
            gateway=self.settings.gateway,
            at_utc_ms=time.time_ns() // 10**6,
            connected=traffic.connected,
            boot=self.spool.boot.hex(),
            stored=count["stored"],
            sealed=count["sealed"],
            receipted=count["receipted"],
            refused=count["refused"],
            released=count["released"],
            damaged=count["lost_unsealed"] + count["lost_sealed"],
            unsealed=self.unsealed_readings(),
            waiting_batches=self.spool.unsettled_batches,
            refused_batches=count["refused_batches"],
            bad_input=count["bad_input"],
            spool_rebuilt=count["rebuilt"],
            spool_full=self.spool_full,
            sent=traffic.sent_readings,
            sent_batches=traffic.sent_batches,
            resent_batches=traffic.resent_batches,
            receipts_rejected=traffic.receipts_rejected,
            hub_clock_ahead_ms=traffic.hub_clock_ahead_ms,
            clock_known=self.clock.is_known(),
            clock_contradicted=self.clock.is_contradicted(),
            clock_jumps=self.clock.jumps,
            clock_corrected=count["corrected"],
            clock_suspect=count["clock_suspect"],
            mqtt=self.uplink.dialect.name,
            hub_listens=self.uplink.is_heard,
            broker_refusals=self.uplink.not_taken,
            spool_used=round(self.spool.share_used, 4),
            has_ballast=self.spool.has_ballast,
            spool_s={part: round(spent, 3) for part, spent in self.spool.seconds.items()},
            on_disk_after_s=self.ages.summary(),
            edge={} if self.edge is None else self.edge.status(),
            radio=self.radio(),
            files={} if self.inbox is None else self.inbox.status(),
            scanners=self.scanners(),
        )


def _release_before(spool: Spool, utc_ms: int) -> None:
    """Give up batches that the hub refused and that were sealed before; a full disk can wait."""
    old = [one.seq for one in spool.refused_batches() if one.sealed_utc_ms < utc_ms]
    with contextlib.suppress(SpoolFull):
        spool.release(old)


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

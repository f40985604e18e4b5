"""The gateway: what a source hears goes to the spool, into batches, and on to the hub."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from config.errors import AdhereError
from config.gateway_settings import GatewaySettings
from ingest.batch.keys import Keys
from ingest.batch.to_hub import Recipient
from ingest.gateway import damaged_spool, disk
from ingest.gateway.clock import BoxClock, Clock
from ingest.gateway.edge_time import EdgeTime
from ingest.gateway.files.inbox import Inbox
from ingest.gateway.heard import Heard, Source
from ingest.gateway.keeping import Keeper
from ingest.gateway.resigning import resigned
from ingest.gateway.safety import Edge
from ingest.gateway.seal_turns import SealTurns
from ingest.gateway.sealing import SealPolicy, TakenBytes, sealer
from ingest.gateway.spool import Spool
from ingest.gateway.spool_ground import CannotStore
from ingest.gateway.spool_rows import PAGE_BYTES
from ingest.gateway.status import Status
from ingest.gateway.telling import Teller
from ingest.gateway.uplink import Uplink, UplinkPolicy
from ingest.gateway.watchdog import Supervisor, watch

SPOOL_FILE = "spool.sqlite"
COLLECT_ENDS_S = 10.0
DRAINED_LOOK_S = 1.0
CLOCK_LOOK_S = 0.5
DAY_MS = 86_400_000
REFUSED_LOOK_S = 3_600.0


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
    spool_within_s: float | None = None,
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
    `spool_within_s`: a spool that cannot be opened is waited for so long, then all but the spool
    begins; the source is given no cursor then. None: all needs the spool. Raises Unavailable.
    """
    if box_time is None:
        box_time = EdgeTime() if edge is None else edge.time
    clock = clock or BoxClock(box_time)
    open_spool = partial(
        Spool,
        settings.data_dir / SPOOL_FILE,
        keys.spool_tag_key(),
        quota_pages=settings.spool.quota_mb * 2**20 // PAGE_BYTES,
        boot=boot,
    )
    async with disk.opened(open_spool, wait_s=spool_within_s) as spool:
        keeper = Keeper(settings.gateway, spool, clock)
        link = Uplink(
            spool,
            settings.broker,
            settings.centre,
            settings.gateway,
            hub_key,
            uplink or UplinkPolicy(resend_after_s=settings.uplink.resend_after_s),
            state=lambda: {"state": "online"} | teller.status().as_dict(),
            edge=edge,
            clock=clock,
            box_time=box_time,
            dress=partial(resigned, keys=keys),
            is_revoked=lambda: edge is not None and edge.is_revoked,
            on_time=keeper.stored.set,
        )
        teller = Teller(
            settings,
            spool,
            keeper,
            link,
            clock,
            edge,
            inbox,
            radio=radio or dict,
            scanners=scanners or dict,
            look=look or dict,
        )
        taken = TakenBytes()
        make = sealer(
            centre=settings.centre,
            gateway=settings.gateway,
            keys=keys,
            clock=clock,
            readable_by=None
            if hub_encryption is None
            else Recipient(hub_encryption, settings.centre, settings.gateway),
            taken=taken,
        )
        policy = sealing or SealPolicy(live_after_s=settings.uplink.seal_after_s)
        turns = SealTurns(spool, keeper, link, clock, policy, make, taken)
        if edge is not None:
            edge.events.on_added = link.send_events
            edge.link_is_up = lambda: link.traffic.connected
            edge.unsent = lambda: spool.unsettled_batches
            edge.can_store = lambda: keeper.can_store
        gateway = _Gateway(
            settings,
            spool,
            keeper,
            turns,
            link,
            teller,
            clock,
            edge,
            inbox,
            supervisor or Supervisor(),
        )

        def opened() -> None:
            keeper.spool_opened()
            link.wake()

        spool.on_opened = opened
        cursor = {} if spool_within_s is not None and not spool.is_open else await keeper.cursor()
        try:
            await gateway.run(source(cursor), stop=stop, drain=drain)
        except ExceptionGroup as group:
            raise _foreseen(group) from group
        finally:
            if edge is not None:
                await edge.close()
            final = teller.status()
            teller.write(final)
    return final


@dataclass(frozen=True, slots=True)
class _Gateway:
    """The parts, at work side by side."""

    settings: GatewaySettings
    spool: disk.Disk
    keeper: Keeper
    turns: SealTurns
    uplink: Uplink
    teller: Teller
    clock: Clock
    edge: Edge | None
    inbox: Inbox | None
    supervisor: Supervisor

    async def run(self, source: AsyncGenerator[Heard], *, stop: asyncio.Event, drain: bool) -> None:
        async with asyncio.TaskGroup() as group:
            emptied = None if self.inbox is None else self.inbox.emptied
            collector = group.create_task(self.keeper.collect(source, emptied), name="collect")
            workers = [
                group.create_task(work, name=name) for name, work in self.work_beside().items()
            ]
            if drain:
                await _first(stop.wait(), self.drained())
            else:
                await stop.wait()
            self.supervisor.tell("STOPPING=1")
            collector.cancel()  # 1. hear no more; a radio hands over what it heard last
            await asyncio.wait({collector}, timeout=COLLECT_ENDS_S)
            await self.keeper.put_away()  # 2. what was heard goes to disk
            for worker in workers:  # 3. what was not sent stays in the spool
                worker.cancel()

    def work_beside(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """Return what goes on until the end, by name."""
        work = {
            "record": self.keeper.record(),
            "seal": self.turns.run(),
            "uplink": self.uplink.run(),
            "report": self.teller.report(),
            "clock": self.watch_clock(),
            "refused": self.give_up_refused(),
            "glance": self.teller.show(),
            "disk": self.spool.keep_open(),
            "watchdog": watch(
                self.supervisor, self.spool, lambda: self.uplink.beat_mono_s, self.teller.in_words
            ),
        }
        if self.edge is not None:
            work["edge"] = self.edge.run()
        if self.inbox is not None:
            work["inbox"] = self.inbox.run(
                self.keeper.keep, self.keeper.cursor, lambda: self.spool.unsettled_batches
            )
        return work

    async def watch_clock(self) -> None:
        """Notice where the wall clock is set."""
        while True:
            self.clock.look()
            await asyncio.sleep(CLOCK_LOOK_S)

    async def give_up_refused(self) -> None:
        """Release what the hub refused so long ago that nobody will look at it any more.

        And what was put aside of a damaged spool.
        """
        while True:
            if self.clock.knows_time():
                now_ms = self.clock.utc_ms()
                before = now_ms - self.settings.spool.refused_days * DAY_MS
                with contextlib.suppress(CannotStore):
                    await self.spool.do(partial(_release_before, utc_ms=before))
                with contextlib.suppress(OSError):
                    await asyncio.to_thread(
                        damaged_spool.forget_old, self.settings.data_dir / SPOOL_FILE, now_ms
                    )
            await asyncio.sleep(REFUSED_LOOK_S)

    async def drained(self) -> None:
        """Wait until the hub has answered for everything."""
        await self.turns.all_sealed.wait()
        while self.spool.unsettled_batches or (self.edge and self.edge.events.waiting):
            self.uplink.settled.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAINED_LOOK_S):
                    await self.uplink.settled.wait()


def _release_before(spool: Spool, utc_ms: int) -> None:
    """Give up batches that the hub refused and that were sealed before; a full disk can wait."""
    spool.batches.release([b.seq for b in spool.batches.refused() if b.sealed_utc_ms < utc_ms])


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

"""The uplink: what waits in the spool goes to the hub until the hub's receipt says it is there.

Live batches are sent at once, newest first; of history at most two batches are on the way at a
time, so what is heard now never waits behind a day without a network. A batch that stays without
a word (its hub is too old for it, say) is sent again when those behind it have had their turn: it
holds nobody up. Events of the edge go before all of it, straight from memory, also while the disk
hangs. The broker's own acknowledgements promise nothing and are ignored.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from config.errors import Rejected, Unavailable
from config.fields import Broker
from config.waiting import spread_s
from ingest.batch.receipt import Receipt, open_receipt
from ingest.batch.topics import Lane, event_topic, lane_topic
from ingest.gateway.batches import Waiting
from ingest.gateway.disk import Disk
from ingest.gateway.link import Link, connected
from ingest.gateway.safety import Edge
from ingest.gateway.spool import Spool, SpoolFull
from ingest.gateway.spool_file import SpoolDamaged

log = structlog.get_logger()

MAX_BACKLOG_ON_THE_WAY = 2
MAX_LIVE_ON_THE_WAY = 32


@dataclass(frozen=True, slots=True)
class UplinkPolicy:
    """Times of the uplink, in seconds."""

    resend_after_s: float = 30.0
    resend_event_after_s: float = 5.0
    """An event without a receipt; each further wait is twice as long."""
    live_for_s: float = 60.0
    """A live batch sealed longer ago is history and queues as such."""
    reconnect_least_s: float = 1.0
    reconnect_most_s: float = 60.0
    """Doubling in between, each wait a random part of it, so that boxes come back one by one."""


@dataclass(slots=True)
class Traffic:
    """What the uplink did since the start; what must be exact is counted in the spool."""

    connected: bool = False
    sent_batches: int = 0
    resent_batches: int = 0
    receipts: int = 0
    receipts_rejected: int = 0
    """Receipts that did not verify, or were for another gateway or spool."""
    hub_clock_ahead_ms: int | None = None
    """The hub's clock minus this box's when the newest receipt came."""


@dataclass(frozen=True, slots=True)
class _OnTheWay:
    lane: Lane
    sent_mono_s: float


@dataclass(slots=True)
class Uplink:
    """Sends one gateway's batches and takes in its receipts."""

    disk: Disk
    broker: Broker
    centre: str
    gateway: str
    hub_key: Ed25519PublicKey
    policy: UplinkPolicy
    state: Callable[[], dict[str, object]]
    """What to publish about this gateway."""
    edge: Edge | None = None
    """Whose events to send, and who takes rosters; None: a gateway that only passes on."""
    traffic: Traffic = field(default_factory=Traffic)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever a receipt came in."""
    _link: Link | None = None
    _on_the_way: dict[int, _OnTheWay] = field(default_factory=dict)
    _unanswered: set[int] = field(default_factory=set)
    """Sent, and too long without a receipt."""
    _backlog_at: int = -1
    """The batch of the backlog sent last, over connections: the next in turn is behind it."""

    def wake(self) -> None:
        """Look again at what there is to send."""
        if self._link is not None:
            self._link.woken.set()

    def send_events(self) -> None:
        """Send what the edge has raised, in the call that raises it: no disk can delay it."""
        if self._link is not None:
            self._send_events(self._link)
            self.wake()

    def say_state(self) -> None:
        """Publish how this gateway stands, where there is a connection."""
        if self._link is not None:
            self._link.publish_state(self.state())

    async def run(self) -> None:
        """Connect, send, take in; connect again when the connection goes. Until cancelled."""
        wait_s = self.policy.reconnect_least_s
        while True:
            try:
                async with connected(
                    self.broker, centre=self.centre, gateway=self.gateway
                ) as self._link:
                    self.traffic.connected = True
                    wait_s = self.policy.reconnect_least_s
                    log.info("broker_connected", gateway=self.gateway)
                    await self._converse(self._link)
            except SpoolDamaged:
                raise  # not the broker's fault: the spool is mended when the gateway starts again
            except Unavailable as error:
                log.warning("broker_away", gateway=self.gateway, why=str(error))
            finally:
                self._link = None
                self.traffic.connected = False
                self._on_the_way.clear()
                if self.edge is not None:
                    self.edge.events.connection_lost()
            await asyncio.sleep(spread_s(wait_s))
            wait_s = min(2 * wait_s, self.policy.reconnect_most_s)

    async def _converse(self, link: Link) -> None:
        link.publish_state(self.state())
        while link.lost is None:
            link.woken.clear()
            self._send_events(link)
            await self._take_roster(link)
            while not link.receipts.empty():
                await self._take_in(link.receipts.get_nowait())
            self._give_up_waiting()
            await self._send(link)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._until_resend_s()):
                    await link.woken.wait()
        raise Unavailable(f"connection lost: {link.lost}")

    def _send_events(self, link: Link) -> None:
        if self.edge is None:
            return
        events = self.edge.events
        topic = event_topic(self.centre, self.gateway)
        for held in events.due(self.policy.resend_event_after_s):
            link.publish(topic, events.message(held))

    async def _take_roster(self, link: Link) -> None:
        sealed, link.roster = link.roster, None
        if self.edge is not None and sealed is not None:
            await self.edge.take_roster(sealed)

    async def _send(self, link: Link) -> None:
        while batch := await self._next("live", MAX_LIVE_ON_THE_WAY):
            self._publish(link, batch, "live")
        while batch := await self._next("backlog", MAX_BACKLOG_ON_THE_WAY):
            self._publish(link, batch, "backlog")

    async def _next(self, lane: Lane, most: int) -> Waiting | None:
        if sum(sent.lane == lane for sent in self._on_the_way.values()) >= most:
            return None
        since = int((time.time() - self.policy.live_for_s) * 1000)
        but = frozenset(self._on_the_way)
        if lane == "live":
            return await self.disk.do(lambda spool: spool.waiting_live(but=but, since_utc_ms=since))
        for after in {self._backlog_at: None, -1: None}:  # behind the last one; then all over again
            look = partial(Spool.waiting_backlog, but=but, since_utc_ms=since, after=after)
            batch = await self.disk.do(look)
            if batch is not None:
                self._backlog_at = batch.seq
                return batch
        return None

    def _publish(self, link: Link, batch: Waiting, lane: Lane) -> None:
        link.publish(lane_topic(self.centre, self.gateway, lane), batch.message)
        self._on_the_way[batch.seq] = _OnTheWay(lane, time.monotonic())
        self.traffic.sent_batches += 1
        self.traffic.resent_batches += batch.seq in self._unanswered

    def _until_resend_s(self) -> float:
        waits_s = self.policy.resend_after_s
        if self._on_the_way:
            oldest = min(sent.sent_mono_s for sent in self._on_the_way.values())
            waits_s = max(0.0, oldest + waits_s - time.monotonic())
        if self.edge is not None:
            event_s = self.edge.events.next_due_s(self.policy.resend_event_after_s)
            waits_s = waits_s if event_s is None else min(waits_s, event_s)
        return waits_s

    def _give_up_waiting(self) -> None:
        """Make room for the next in turn; what had no receipt in time gets another turn."""
        due = time.monotonic() - self.policy.resend_after_s
        for seq, sent in list(self._on_the_way.items()):
            if sent.sent_mono_s <= due:
                del self._on_the_way[seq]
                self._unanswered.add(seq)

    async def _take_in(self, message: bytes) -> None:
        self.traffic.receipts += 1
        try:
            receipt = self._opened(message)
        except Rejected as error:
            self.traffic.receipts_rejected += 1
            log.warning("receipt_rejected", gateway=self.gateway, reason=error.reason)
            return
        self.traffic.hub_clock_ahead_ms = receipt.hub_utc_ms - time.time_ns() // 10**6
        if self.edge is not None:
            self.edge.take_receipt(receipt)
        if receipt.committed or receipt.refused:
            try:
                await self._settle(receipt)
            except SpoolFull:
                # A full disk deletes nothing: the batch is sent again, and receipted again.
                log.error("receipt_not_kept", gateway=self.gateway)  # noqa: TRY400 - foreseen
        self.settled.set()

    def _opened(self, message: bytes) -> Receipt:
        receipt = open_receipt(message, self.hub_key)
        if (receipt.centre, receipt.gateway) != (self.centre, self.gateway):
            raise Rejected("wrong_gateway", "a receipt for another gateway")
        return receipt

    async def _settle(self, receipt: Receipt) -> None:
        settled = await self.disk.do(lambda spool: spool.settle(receipt))
        for seq, reason in settled.refused:
            log.error("batch_refused", gateway=self.gateway, seq=seq, reason=reason)
        for seq in (*settled.committed, *(seq for seq, _ in settled.refused)):
            self._on_the_way.pop(seq, None)
            self._unanswered.discard(seq)

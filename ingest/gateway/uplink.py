"""The uplink: what waits in the spool goes to the hub until the hub's receipt says it is there.

Live batches are sent at once, newest first; of history at most two batches are on the way at a
time, so what is heard now never waits behind a day without a network. A batch that stays without
a word (its hub is too old for it, say) is sent again when those behind it have had their turn: it
holds nobody up. Events of the edge go before all of it, straight from memory, also while the disk
hangs. The broker's own acknowledgements promise nothing; what it refuses is logged and counted.

A box that has not heard the hub's time yet asks for it with its state: a number that the hub's
answer names, so that no old answer can be taken for it.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from config.errors import Rejected, Unavailable
from config.fields import Broker
from config.waiting import spread_s
from ingest.batch.content import BOOT_BYTES
from ingest.batch.receipt import Receipt, open_receipt
from ingest.batch.topics import Lane, event_topic, lane_topic
from ingest.gateway.batches import Waiting
from ingest.gateway.clock import BoxClock, Clock
from ingest.gateway.disk import Disk
from ingest.gateway.edge_time import EdgeTime
from ingest.gateway.link import Dialect, Link, connected
from ingest.gateway.safety import Edge
from ingest.gateway.spool import Spool
from ingest.gateway.spool_ground import CannotStore

log = structlog.get_logger()

MAX_BACKLOG_ON_THE_WAY = 2
MAX_LIVE_ON_THE_WAY = 32
ASK_TIME_AGAIN_S = 3_600.0
"""Once it is known what time it is."""
LONGEST_WAIT_S = 60.0
"""The loop turns at least this often."""
UNHEARD_LOOK_S = 2.0
"""While the broker says that nobody has subscribed: how often it is asked again."""
AVERAGED = 0.3
"""How much the newest receipt counts in the average time to a receipt."""


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
    sent_readings: int = 0
    """Without what was sent again."""
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
class _Quickness:
    """How long live batches wait for their receipt just now."""

    average_s: float = 0.0
    last_receipt_mono_s: float = 0.0
    first_sent: dict[int, float] = field(default_factory=dict)
    """Of live batches without a receipt, when each was sent first."""

    def settled(self, seq: int) -> None:
        """Take note of a receipt, for whatever batch."""
        now = self.last_receipt_mono_s = time.monotonic()
        sent = self.first_sent.pop(seq, None)
        if sent is not None:
            self.average_s += AVERAGED * (now - sent - self.average_s)

    def slow_s(self) -> float:
        """Return the average, or how long the hub has been silent if that is longer already.

        A batch that is never answered while others are says nothing of the way.
        """
        unheard = [s for s in self.first_sent.values() if s > self.last_receipt_mono_s]
        return max(self.average_s, time.monotonic() - min(unheard) if unheard else 0.0)


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
    clock: Clock = field(default_factory=BoxClock)
    box_time: EdgeTime = field(default_factory=EdgeTime)
    """What the hub says of the time goes there."""
    dress: Callable[[bytes], bytes] = lambda message: message
    """Gives a waiting message the form it is sent in: the signature of now."""
    is_revoked: Callable[[], bool] = lambda: False
    """While it says so nothing but the state is sent: the district takes nothing from this box."""
    on_time: Callable[[], None] = lambda: None
    """Called when it has become known what time it is."""
    beat_mono_s: float = field(default_factory=time.monotonic)
    """When the loop last turned; it turns at least every minute."""
    dialect: Dialect = field(default_factory=Dialect)
    traffic: Traffic = field(default_factory=Traffic)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever a receipt came in."""
    _link: Link | None = None
    _on_the_way: dict[int, _OnTheWay] = field(default_factory=dict)
    _unanswered: set[int] = field(default_factory=set)
    """Sent, and too long without a receipt."""
    _since_mono_s: float = 0.0
    _quick: _Quickness = field(default_factory=_Quickness)
    _asked: tuple[bytes, int] | None = None
    """The number the hub is to name with its time, and when it was given (monotonic ms)."""
    _ask_next_mono_s: float = 0.0
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
            self._link.publish_state(self._said())

    def connected_for_s(self) -> float:
        """Return how long the connection stands; 0 without one."""
        return time.monotonic() - self._since_mono_s if self.traffic.connected else 0.0

    def slow_s(self) -> float:
        """Return how long the way to a receipt takes just now; infinite without a connection."""
        return self._quick.slow_s() if self.traffic.connected else float("inf")

    @property
    def is_heard(self) -> bool | None:
        """Say whether a hub listens, where the broker tells."""
        return None if self._link is None else self._link.is_heard

    @property
    def not_taken(self) -> dict[str, int]:
        """What the broker has against our messages on this connection, where it tells."""
        return {} if self._link is None else dict(self._link.not_taken)

    async def run(self) -> None:
        """Connect, send, take in; connect again when the connection goes. Until cancelled."""
        wait_s = self.policy.reconnect_least_s
        while True:
            self.beat_mono_s = time.monotonic()
            try:
                async with connected(
                    self.broker, centre=self.centre, gateway=self.gateway, dialect=self.dialect
                ) as self._link:
                    self.traffic.connected = True
                    self._since_mono_s = time.monotonic()
                    self._ask_next_mono_s = 0.0
                    wait_s = self.policy.reconnect_least_s
                    log.info("broker_connected", gateway=self.gateway, mqtt=self.dialect.name)
                    await self._converse(self._link)
            except Unavailable as error:
                log.warning("broker_away", gateway=self.gateway, why=str(error))
            finally:
                self._link = None
                self.traffic.connected = False
                self._on_the_way.clear()
                self._quick.first_sent.clear()
                if self.edge is not None:
                    self.edge.events.connection_lost()
            self.beat_mono_s = time.monotonic()
            await asyncio.sleep(spread_s(wait_s))
            wait_s = min(2 * wait_s, self.policy.reconnect_most_s)

    async def _converse(self, link: Link) -> None:
        link.publish_state(self._said())
        while link.lost is None:
            self.beat_mono_s = time.monotonic()
            link.woken.clear()
            self._send_events(link)
            await self._take_roster(link)
            while not link.receipts.empty():
                await self._take_in(link.receipts.get_nowait())
            self._give_up_waiting()
            if link.was_unheard:
                link.was_unheard = False
                self._send_all_again()
            if not self.is_revoked():
                await self._send(link)
            try:
                async with asyncio.timeout(self._until_resend_s()):
                    await link.woken.wait()
            except TimeoutError:
                if link.is_heard is False:
                    link.publish_state(self._said())  # its acknowledgement says who listens
        raise Unavailable(f"connection lost: {link.lost}")

    def _said(self) -> dict[str, object]:
        """Return the state, with the question for the time where it is time to ask."""
        now_s = time.monotonic()
        if now_s < self._ask_next_mono_s:
            return self.state()
        if self.box_time.hub_ahead_ms is not None:
            self._ask_next_mono_s = now_s + ASK_TIME_AGAIN_S
        self._asked = (secrets.token_bytes(BOOT_BYTES), self.box_time.mono_ms())
        return self.state() | {"asks_time": self._asked[0].hex()}

    def _send_events(self, link: Link) -> None:
        if self.edge is None or self.is_revoked():
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
        lanes: tuple[tuple[Lane, int], ...] = (
            ("live", MAX_LIVE_ON_THE_WAY),
            ("backlog", MAX_BACKLOG_ON_THE_WAY),
        )
        for lane, most in lanes:
            try:
                while batch := await self._next(lane, most):
                    self._publish(link, batch, lane)
            except CannotStore:
                # What the edge tells goes out all the same; the rest when the spool is open again,
                # or has room to put a damaged row aside: the other lane may make it.
                continue

    async def _next(self, lane: Lane, most: int) -> Waiting | None:
        if sum(sent.lane == lane for sent in self._on_the_way.values()) >= most:
            return None
        since = int(self.clock.utc_ms() - self.policy.live_for_s * 1000)
        but = frozenset(self._on_the_way)
        if lane == "live":
            return await self.disk.do(lambda spool: spool.batches.live(but=but, since_utc_ms=since))
        for after in {self._backlog_at: None, -1: None}:  # behind the last one; then all over again
            batch = await self.disk.do(
                partial(_next_of_backlog, but=but, since_utc_ms=since, after=after)
            )
            if batch is not None:
                self._backlog_at = batch.seq
                return batch
        return None

    def _publish(self, link: Link, batch: Waiting, lane: Lane) -> None:
        link.publish(lane_topic(self.centre, self.gateway, lane), self.dress(batch.message))
        now = time.monotonic()
        self._on_the_way[batch.seq] = _OnTheWay(lane, now)
        if lane == "live":
            self._quick.first_sent.setdefault(batch.seq, now)
        again = batch.seq in self._unanswered
        self.traffic.sent_batches += 1
        self.traffic.resent_batches += again
        self.traffic.sent_readings += 0 if again else batch.readings

    def _until_resend_s(self) -> float:
        waits_s = LONGEST_WAIT_S
        if self.is_heard is False:
            waits_s = UNHEARD_LOOK_S
        if self._on_the_way:
            oldest = min(sent.sent_mono_s for sent in self._on_the_way.values())
            resend_s = oldest + self.policy.resend_after_s - time.monotonic()
            waits_s = min(waits_s, max(0.0, resend_s))
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

    def _send_all_again(self) -> None:
        """Count as unanswered what was sent while no hub listened."""
        log.info("hub_listens", gateway=self.gateway, again=len(self._on_the_way))
        self._unanswered.update(self._on_the_way)
        self._on_the_way.clear()

    async def _take_in(self, message: bytes) -> None:
        self.traffic.receipts += 1
        try:
            receipt = self._opened(message)
        except Rejected as error:
            self.traffic.receipts_rejected += 1
            log.warning("receipt_rejected", gateway=self.gateway, reason=error.reason)
            return
        self.traffic.hub_clock_ahead_ms = receipt.hub_utc_ms - self.box_time.wall_ms()
        self._take_time(receipt)
        if self.edge is not None:
            self.edge.take_receipt(receipt)
        if receipt.committed or receipt.refused:
            try:
                await self._settle(receipt)
            except CannotStore:
                # A full disk deletes nothing, nor does a sick one: the batch is sent again, and
                # receipted again.
                log.error("receipt_not_kept", gateway=self.gateway)  # noqa: TRY400 - foreseen
        self.settled.set()

    def _take_time(self, receipt: Receipt) -> None:
        """Take the hub's clock out of an answer to what we asked, or to a batch of a moment ago."""
        was_known = self.box_time.hub_ahead_ms is not None
        asked_ms = None
        if self._asked is not None and receipt.boot == self._asked[0]:
            asked_ms = self._asked[1]
            self._asked, self._ask_next_mono_s = None, time.monotonic() + ASK_TIME_AGAIN_S
        elif not was_known:
            asked_ms = self._sent_ms(receipt)
        if asked_ms is None:
            self.box_time.heard_hub(receipt.hub_utc_ms)
            return
        self.box_time.hub_answered(receipt.hub_utc_ms, asked_ms)
        if not was_known:
            self.on_time()

    def _sent_ms(self, receipt: Receipt) -> int | None:
        """Return when a batch was sent (monotonic ms) that it names; None: none sent only once."""
        for seq, _ in receipt.committed:
            sent = self._on_the_way.get(seq)
            if sent is not None and seq not in self._unanswered:
                ago_s = time.monotonic() - sent.sent_mono_s
                return self.box_time.mono_ms() - round(1000 * ago_s)
        return None

    def _opened(self, message: bytes) -> Receipt:
        receipt = open_receipt(message, self.hub_key)
        if (receipt.centre, receipt.gateway) != (self.centre, self.gateway):
            raise Rejected("wrong_gateway", "a receipt for another gateway")
        return receipt

    async def _settle(self, receipt: Receipt) -> None:
        settled = await self.disk.do(lambda spool: spool.batches.settle(receipt))
        for seq, reason in settled.refused:
            log.error("batch_refused", gateway=self.gateway, seq=seq, reason=reason)
        for seq in (*settled.committed, *(seq for seq, _ in settled.refused)):
            self._on_the_way.pop(seq, None)
            self._unanswered.discard(seq)
            self._quick.settled(seq)


def _next_of_backlog(
    spool: Spool, *, but: Collection[int], since_utc_ms: int, after: int
) -> Waiting | None:
    return spool.batches.backlog(but=but, since_utc_ms=since_utc_ms, after=after)

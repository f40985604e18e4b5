"""The worker: opened messages in, rows and receipts out; each ends stored or set aside.

One call to `settle` is one transaction for all batches, and one for each event before them: an
event is urgent, and seldom. It may be called again with the same messages after
Unavailable, and after a crash it will be: storing is idempotent, a receipt sent twice does no harm.
"""

import time
from collections.abc import Callable, Iterable, Sequence

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from config.errors import Rejected
from ingest.batch.receipt import Receipt, seal_receipt
from ingest.batch.topics import receipt_topic
from ingest.hub.allowance import Allowance
from ingest.hub.buffer import Message
from ingest.hub.counters import Counters, Times
from ingest.hub.edge import EventIdentity, OpenedEvent, StateSaid, aged
from ingest.hub.letters import keep
from ingest.hub.prepared import Prepared, SetAside
from ingest.hub.reader import Identity, Opened
from ingest.hub.receipts import Refusal, sealed_event_receipts, sealed_receipts
from ingest.hub.unforeseen import alone
from storage.claims import store_edge_event
from storage.database import Connection
from storage.edge import EventOutcome, put_gateway_state
from storage.ingest import Outcome, store_batches

log = structlog.get_logger()

FORKED = "forked_spool"
FORKED_EVENT = "forked_event"
UNFORESEEN = "unforeseen"
MOST_NEW_DAYS = 10
"""Of all tables, in one turn: so long at most live batches wait for history of many days."""


class Worker:
    """Settles messages with one database connection."""

    def __init__(
        self,
        conn: Connection,
        hub_key: Ed25519PrivateKey,
        publish: Callable[[str, bytes], None],
        counters: Counters,
        times: Times,
        has_roster: Callable[[str, str, int], None],
        allowance: Allowance,
    ) -> None:
        """Own nothing: all parts are the caller's.

        `has_roster` is told which version a gateway says it has; `allowance` says what of an
        unsigned flood is kept.
        """
        self._has_roster, self._allowance = has_roster, allowance
        self._conn, self._hub_key = conn, hub_key
        self._publish, self._counters, self._times = publish, counters, times

    def settle(self, prepared: Prepared) -> list[Opened]:
        """Store or set aside every message, then send receipts: they may be acknowledged now.

        Returns the batches that are neither, because some days of their readings are still to be
        made: to be given again, after others. Raises Unavailable: some may be stored, none may be
        acknowledged; call again with the same.
        """
        aside = list(prepared.aside)
        committed: list[Identity] = []
        left: list[Opened] = []
        self._send_events(self._stored_events(prepared.events, aside), ())
        self._keep_states(prepared.states, aside)
        with self._times.database:
            outcomes = self._stored(prepared.sound, aside)
        for one, outcome in outcomes:
            if outcome is Outcome.WAITING:
                left.append(one)
            elif outcome is Outcome.FORKED:
                detail = "this place in the chain holds another content: restored or cloned spool"
                aside.append(SetAside(one.message, FORKED, detail, one.identity))
                log.error("forked_spool", **_named(one.identity))
            else:
                committed.append(one.identity)
        self._count(outcomes)
        self._send(committed, ())
        with self._times.database:
            kept = keep(self._conn, aside, self._allowance, self._counters)
        self._send((), [Refusal(a.identity, a.reason) for a in kept if a.identity is not None])
        self._send_events((), [(a.event, a.reason) for a in kept if a.event is not None])
        return left

    def _stored_events(
        self, events: Sequence[OpenedEvent], aside: list[SetAside]
    ) -> list[EventIdentity]:
        """Store events, each in its own transaction; return those that are in the database."""
        committed = []
        for one in events:
            try:
                with self._times.database, alone():
                    said = aged(one.event, _waited_ms(one.message))
                    outcome = store_edge_event(self._conn, said)
            except Rejected as error:
                aside.append(_refused(one, error))
                continue
            if outcome is EventOutcome.FORKED:
                self._counters.forked_events += 1
                detail = "this number is another event's: a copied box"
                aside.append(SetAside(one.message, FORKED_EVENT, detail, event=one.identity))
                continue
            committed.append(one.identity)
            self._counters.events += outcome is EventOutcome.STORED
            self._counters.duplicate_events += outcome is EventOutcome.DUPLICATE
        return committed

    def _keep_states(self, states: Sequence[StateSaid], aside: list[SetAside]) -> None:
        for one in states:
            try:
                with alone():
                    self._keep_state(one)
            except Rejected as error:
                aside.append(SetAside(one.message, error.reason, error.detail, is_proven=False))
                continue
            self._counters.states += 1

    def _keep_state(self, one: StateSaid) -> None:
        with self._times.database:
            put_gateway_state(
                self._conn,
                centre=one.centre,
                gateway=one.gateway,
                online=one.online,
                said=one.said,
                said_utc_ms=one.said_utc_ms,
                is_retained=one.message.is_retained,
                waited_ms=_waited_ms(one.message),
            )
        if one.roster_version is not None:
            self._has_roster(one.centre, one.gateway, one.roster_version)
        if one.asks_time is not None and not one.message.is_retained:
            self._tell_time(one.centre, one.gateway, one.asks_time)

    def _tell_time(self, centre: str, gateway: str, number: bytes) -> None:
        """Answer a gateway that asks for the time: a receipt for nothing, under its number."""
        with self._times.receipts:
            now_ms = time.time_ns() // 1_000_000
            receipt = Receipt(centre, gateway, number, now_ms, ())
            self._publish(receipt_topic(centre, gateway), seal_receipt(receipt, self._hub_key))
            self._counters.receipts += 1

    def _stored(
        self, sound: Sequence[Opened], aside: list[SetAside], most_new_days: int = MOST_NEW_DAYS
    ) -> list[tuple[Opened, Outcome]]:
        """Store all in one transaction; when the database refuses one, each in its own."""
        if not sound:
            return []
        try:
            with alone():
                outcomes = self._in_one_transaction(sound, most_new_days)
                return list(zip(sound, outcomes, strict=True))
        except Rejected as error:
            if len(sound) == 1:
                aside.append(_refused(sound[0], error))
                return []
        # The days of this turn are made: each of them by itself would make as many once more.
        return [pair for one in sound for pair in self._stored([one], aside, most_new_days=0)]

    def _in_one_transaction(self, sound: Sequence[Opened], most_new_days: int) -> list[Outcome]:
        self._counters.transactions += 1
        batches = [one.batch for one in sound]
        return store_batches(self._conn, batches, most_new_days=most_new_days)

    def _count(self, outcomes: Sequence[tuple[Opened, Outcome]]) -> None:
        for one, outcome in outcomes:
            if outcome is Outcome.STORED:
                self._counters.stored += 1
                self._counters.readings += one.reading_count
                self._counters.bytes += len(one.message.payload)
            elif outcome is Outcome.DUPLICATE:
                self._counters.duplicate += 1
            elif outcome is Outcome.FORKED:
                self._counters.forked += 1

    def _send(self, committed: Iterable[Identity], refused: Iterable[Refusal]) -> None:
        with self._times.receipts:
            now_ms = time.time_ns() // 1_000_000
            for topic, payload in sealed_receipts(
                committed, refused, hub_utc_ms=now_ms, key=self._hub_key
            ):
                self._publish(topic, payload)
                self._counters.receipts += 1

    def _send_events(
        self, committed: Iterable[EventIdentity], refused: Iterable[tuple[EventIdentity, str]]
    ) -> None:
        with self._times.receipts:
            now_ms = time.time_ns() // 1_000_000
            for topic, payload in sealed_event_receipts(
                committed, refused, hub_utc_ms=now_ms, key=self._hub_key
            ):
                self._publish(topic, payload)
                self._counters.receipts += 1


def _refused(one: Opened | OpenedEvent, error: Rejected) -> SetAside:
    """Return it as set aside. Of a fault of ours its gateway hears nothing: it sends it again."""
    aside = SetAside(one.message, error.reason, error.detail)
    if error.reason == UNFORESEEN:
        return aside
    if isinstance(one, OpenedEvent):
        return aside._replace(event=one.identity)
    return aside._replace(identity=one.identity)


def _waited_ms(message: Message) -> int:
    """Return how long a message has been here."""
    came_s = message.came_mono_s
    return 0 if came_s is None else round(1000 * (time.monotonic() - came_s))


def _named(identity: Identity) -> dict[str, object]:
    return {
        "centre": identity.centre,
        "gateway": identity.gateway,
        "boot": identity.boot.hex(),
        "seq": identity.seq,
    }

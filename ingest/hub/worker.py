"""The worker: messages in, rows and receipts out; every message ends stored or set aside.

One call to `settle` is one micro-batch. It may be called again with the same messages after
Unavailable, and after a crash it will be: storing is idempotent, a receipt sent twice does no harm.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from config.errors import Rejected
from ingest.hub.buffer import Message
from ingest.hub.counters import Counters, Times
from ingest.hub.keyring import Keyring
from ingest.hub.reader import Identity, Opened, opened
from ingest.hub.receipts import Refusal, sealed_receipts
from storage.database import Connection
from storage.ingest import Outcome, store_batches, store_dead_letter

log = structlog.get_logger()

FORKED = "forked_spool"
TOPIC_KEPT = 300
"""Longer topics are cut in the dead letters; the longest good one has 150 characters."""


class SetAside(NamedTuple):
    """A message that cannot be stored, and why; `identity` where its gateway is to be told."""

    message: Message
    reason: str
    detail: str
    identity: Identity | None = None


class Worker:
    """Settles messages with one database connection."""

    def __init__(
        self,
        conn: Connection,
        keyring: Keyring,
        hub_key: Ed25519PrivateKey,
        publish: Callable[[str, bytes], None],
        commit_rows: int,
        counters: Counters,
        times: Times,
    ) -> None:
        """Own nothing: all parts are the caller's."""
        self._conn, self._keyring, self._hub_key = conn, keyring, hub_key
        self._commit_rows = commit_rows
        self._publish, self._counters, self._times = publish, counters, times

    def settle(self, messages: Sequence[Message]) -> int:
        """Store or set aside the first messages, as many as make one transaction; send receipts.

        Returns how many those are, at least one: they may be acknowledged now.
        Raises Unavailable: some may be stored, none may be acknowledged; call again with all.
        """
        done, sound, aside = self._sorted(messages)
        committed: list[Identity] = []
        with self._times.database:
            outcomes = self._stored(sound, aside)
        for one, outcome in outcomes:
            if outcome is Outcome.FORKED:
                detail = "this place in the chain holds another content: restored or cloned spool"
                aside.append(SetAside(one.message, FORKED, detail, one.identity))
                log.error("forked_spool", **_named(one.identity))
            else:
                committed.append(one.identity)
        self._count(outcomes)
        self._send(committed, ())
        with self._times.database:
            for letter in aside:
                store_dead_letter(
                    self._conn,
                    topic=letter.message.topic[:TOPIC_KEPT],
                    reason=letter.reason,
                    detail=letter.detail,
                    data=letter.message.payload,
                )
        for letter in aside:
            self._report(letter)
        self._send((), [Refusal(a.identity, a.reason) for a in aside if a.identity is not None])
        return done

    def _sorted(self, messages: Sequence[Message]) -> tuple[int, list[Opened], list[SetAside]]:
        """Open messages until they hold enough rows for one transaction."""
        sound: list[Opened] = []
        aside: list[SetAside] = []
        seen: set[tuple[str, bytes]] = set()
        rows = done = 0
        for message in messages:
            if rows >= self._commit_rows:
                break
            done += 1
            if (message.topic, message.payload) in seen:
                self._counters.repeated += 1
                continue
            seen.add((message.topic, message.payload))
            try:
                one = opened(message, self._keyring, self._times)
                sound.append(one)
                rows += one.reading_count
            except Rejected as error:
                aside.append(SetAside(message, error.reason, error.detail))
        return done, sound, aside

    def _stored(
        self, sound: Sequence[Opened], aside: list[SetAside]
    ) -> list[tuple[Opened, Outcome]]:
        """Store all in one transaction; when the database refuses one, each in its own."""
        if not sound:
            return []
        try:
            return list(zip(sound, self._in_one_transaction(sound), strict=True))
        except Rejected as error:
            if len(sound) == 1:
                aside.append(
                    SetAside(sound[0].message, error.reason, error.detail, sound[0].identity)
                )
                return []
        return [pair for one in sound for pair in self._stored([one], aside)]

    def _in_one_transaction(self, sound: Sequence[Opened]) -> list[Outcome]:
        self._counters.transactions += 1
        return store_batches(self._conn, [one.batch for one in sound])

    def _count(self, outcomes: Sequence[tuple[Opened, Outcome]]) -> None:
        for one, outcome in outcomes:
            if outcome is Outcome.STORED:
                self._counters.stored += 1
                self._counters.readings += one.reading_count
                self._counters.bytes += len(one.message.payload)
            elif outcome is Outcome.DUPLICATE:
                self._counters.duplicate += 1
            else:
                self._counters.forked += 1

    def _report(self, letter: SetAside) -> None:
        self._counters.dead_lettered += 1
        reasons = self._counters.dead_letters
        reasons[letter.reason] = reasons.get(letter.reason, 0) + 1
        log.warning(
            "dead_letter",
            topic=letter.message.topic[:TOPIC_KEPT],
            reason=letter.reason,
            detail=letter.detail,
            length=len(letter.message.payload),
        )

    def _send(self, committed: Iterable[Identity], refused: Iterable[Refusal]) -> None:
        with self._times.receipts:
            now_ms = time.time_ns() // 1_000_000
            for topic, payload in sealed_receipts(
                committed, refused, hub_utc_ms=now_ms, key=self._hub_key
            ):
                self._publish(topic, payload)
                self._counters.receipts += 1


def _named(identity: Identity) -> dict[str, object]:
    return {
        "centre": identity.centre,
        "gateway": identity.gateway,
        "boot": identity.boot.hex(),
        "seq": identity.seq,
    }

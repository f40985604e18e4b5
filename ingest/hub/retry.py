"""Trying a dead letter again: the hub's own reading path over the bytes that were kept.

What could not be read then (a key that was missing, a newer schema, a gateway not yet enrolled) is
stored as if it had come now. No receipt is sent: the gateway has the bytes still, sends them again
and gets it then, or gave them up. What is stored twice is a duplicate, so trying twice is safe.
"""

from functools import partial
from typing import NamedTuple

from config.errors import Rejected
from ingest.batch.to_hub import HubSecrets
from ingest.hub.buffer import Message
from ingest.hub.counters import Counters, Times
from ingest.hub.edge import OpenedEvent, aged
from ingest.hub.keyring import Keyring
from ingest.hub.prepared import Prepared
from ingest.hub.unforeseen import alone
from storage.claims import store_edge_event
from storage.database import Connection
from storage.dead_letters import Kept
from storage.edge import EventOutcome
from storage.gateways import find_gateway_key
from storage.ingest import Outcome, store_batches

TRUNCATED = "truncated"
NOT_RETRIABLE = "not_retriable"


class Retried(NamedTuple):
    """What came of it: `stored`, `duplicate`, or why not."""

    outcome: str
    detail: str = ""
    """No value of any reading."""
    batch: tuple[int, bytes, int] | None = None
    """Which batch it is: gateway, boot and number; None of anything else."""


def retry(conn: Connection, letter: Kept, secrets: HubSecrets) -> Retried:
    """Store what is in a letter, committed on return; say what came of it.

    `conn` works as the hub. Keys are looked up anew: a revoked gateway stays refused. Raises
    Unavailable when the outcome is unknown: trying again is safe.
    """
    if not letter.is_whole:
        kept = f"{len(letter.data)} of {letter.full_length} bytes were kept"
        return Retried(TRUNCATED, kept)
    if letter.topic.endswith("/state"):
        return Retried(NOT_RETRIABLE, "how a gateway stood then is no news now")
    keyring = Keyring(partial(find_gateway_key, conn), refresh_s=0)
    prepared = Prepared(secrets)
    prepared.add(Message(letter.topic, letter.data), keyring, Counters(), Times())
    for aside in prepared.aside:
        return Retried(aside.reason, aside.detail)
    try:
        with alone():
            if prepared.events:
                return _event(conn, prepared.events[0], letter.waited_ms)
            (outcome,) = store_batches(conn, [one.batch for one in prepared.sound])
    except Rejected as error:
        return Retried(error.reason, error.detail)
    return Retried(
        "forked_spool" if outcome is Outcome.FORKED else outcome.value,
        batch=prepared.sound[0].batch.key,
    )


def _event(conn: Connection, one: OpenedEvent, waited_ms: int) -> Retried:
    """Store an event as old as it is by now: nobody is called for what is over."""
    outcome = store_edge_event(conn, aged(one.event, waited_ms))
    return Retried("forked_event" if outcome is EventOutcome.FORKED else outcome.value)

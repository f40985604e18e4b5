"""Receipts: the hub's signed word on what it has committed, and what it has refused for good.

Sent after COMMIT, and again for every duplicate: the first one may have been lost on the way.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ingest.batch.receipt import Receipt, seal_receipt
from ingest.batch.topics import receipt_topic
from ingest.hub.edge import EventIdentity
from ingest.hub.reader import Identity

BATCHES_PER_RECEIPT = 500


class Refusal(NamedTuple):
    """A batch that is in the dead letters for good: its gateway keeps it and stops sending."""

    identity: Identity
    reason: str


def sealed_receipts(
    committed: Iterable[Identity],
    refused: Iterable[Refusal],
    *,
    hub_utc_ms: int,
    key: Ed25519PrivateKey,
) -> Iterator[tuple[str, bytes]]:
    """Yield topic and payload of as few receipts as say it all, one spool file each."""
    said: dict[tuple[str, str, bytes], tuple[list[Identity], list[Refusal]]] = {}
    for identity in committed:
        said.setdefault(identity[:3], ([], []))[0].append(identity)
    for refusal in refused:
        said.setdefault(refusal.identity[:3], ([], []))[1].append(refusal)
    for (centre, gateway, boot), (stored, set_aside) in said.items():
        left, left_refused = iter(stored), iter(set_aside)
        while True:
            now = tuple((i.seq, i.content_sha256) for i in islice(left, BATCHES_PER_RECEIPT))
            now_refused = tuple(
                (r.identity.seq, r.identity.content_sha256, r.reason)
                for r in islice(left_refused, BATCHES_PER_RECEIPT)
            )
            if not now and not now_refused:
                break
            receipt = Receipt(centre, gateway, boot, hub_utc_ms, now, now_refused)
            yield receipt_topic(centre, gateway), seal_receipt(receipt, key)


def sealed_event_receipts(
    committed: Iterable[EventIdentity],
    refused: Iterable[tuple[EventIdentity, str]],
    *,
    hub_utc_ms: int,
    key: Ed25519PrivateKey,
) -> Iterator[tuple[str, bytes]]:
    """Yield topic and payload of receipts for events, one start of a gateway each."""
    said: dict[tuple[str, str, bytes], tuple[list[int], list[tuple[int, str]]]] = {}
    for identity in committed:
        said.setdefault(identity[:3], ([], []))[0].append(identity.number)
    for identity, reason in refused:
        said.setdefault(identity[:3], ([], []))[1].append((identity.number, reason))
    for (centre, gateway, boot), (stored, set_aside) in said.items():
        left, left_refused = iter(stored), iter(set_aside)
        while True:
            now = tuple(islice(left, BATCHES_PER_RECEIPT))
            now_refused = tuple(islice(left_refused, BATCHES_PER_RECEIPT))
            if not now and not now_refused:
                break
            receipt = Receipt(
                centre, gateway, boot, hub_utc_ms, (), (), events=now, refused_events=now_refused
            )
            yield receipt_topic(centre, gateway), seal_receipt(receipt, key)

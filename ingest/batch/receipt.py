"""The hub's signed word on batches and events: which it has committed, which it refuses for good.

Only this lets a gateway delete. A refusal tells a gateway whose signature was right that a batch
went to the dead letters (`forked_spool`): it keeps the bytes and stops sending them. `boot` says
whose numbers these are: those of a spool's batches, or those of one start's events.
"""

from dataclasses import dataclass
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from config.errors import Rejected
from ingest.batch import cbor, sign1
from ingest.batch.content import BOOT_BYTES, SHA256_BYTES, as_bytes, as_code, as_whole
from ingest.batch.keys import kid_for
from ingest.batch.limits import MAX_SEALED_BYTES, MAX_UTC_MS, SCHEMA_VERSION

TYP = "adhere-receipt"
MAX_REASON = 64

SCHEMA, CENTRE, GATEWAY, BOOT, HUB_UTC, COMMITTED, REFUSED, EVENTS, REFUSED_EVENTS = range(1, 10)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of batches of one gateway's spool, or of events of one of its starts."""

    centre: str
    gateway: str
    boot: bytes
    hub_utc_ms: int
    """The hub's clock: it corrects a box whose own is wrong."""
    committed: tuple[tuple[int, bytes], ...]
    """(seq, content_sha256): stored, now or earlier."""
    refused: tuple[tuple[int, bytes, str], ...] = ()
    """(seq, content_sha256, reason): never to be stored."""
    events: tuple[int, ...] = ()
    """Numbers of events: stored, now or earlier."""
    refused_events: tuple[tuple[int, str], ...] = ()
    """(number, reason): never to be stored."""


def seal_receipt(receipt: Receipt, hub_key: Ed25519PrivateKey) -> bytes:
    """Return the signed message to publish."""
    items: dict[int, Any] = {
        SCHEMA: SCHEMA_VERSION,
        CENTRE: receipt.centre,
        GATEWAY: receipt.gateway,
        BOOT: receipt.boot,
        HUB_UTC: receipt.hub_utc_ms,
        COMMITTED: receipt.committed,
        REFUSED: receipt.refused,
    }
    if receipt.events:
        items[EVENTS] = receipt.events
    if receipt.refused_events:
        items[REFUSED_EVENTS] = receipt.refused_events
    packed = cbor2.dumps(items)
    return sign1.sign(packed, typ=TYP, key=hub_key, kid=kid_for(hub_key.public_key()))


def open_receipt(sealed: bytes, hub_public_key: Ed25519PublicKey) -> Receipt:
    """Return the receipt that exactly this hub has signed.

    Raises Rejected: `oversize`, `not_cose`, `bad_signature`, `unsupported_schema`, `malformed`.
    """
    message = sign1.parse(sealed, max_bytes=MAX_SEALED_BYTES)
    items = cbor.read(sign1.verify(message, typ=TYP, key=hub_public_key))
    if not isinstance(items, dict):
        raise Rejected("malformed", "no map")
    schema = items.get(SCHEMA)
    if isinstance(schema, int) and schema != SCHEMA_VERSION:
        raise Rejected("unsupported_schema", f"version {schema}")
    return Receipt(
        centre=as_code(items.get(CENTRE)),
        gateway=as_code(items.get(GATEWAY)),
        boot=as_bytes(items.get(BOOT), BOOT_BYTES),
        hub_utc_ms=as_whole(items.get(HUB_UTC), 0, MAX_UTC_MS),
        committed=tuple(_named(item) for item in _list(items.get(COMMITTED))),
        refused=tuple(_refusal(item) for item in _list(items.get(REFUSED))),
        events=tuple(_number(item) for item in _list(items.get(EVENTS, []))),
        refused_events=tuple(_refused_event(item) for item in _list(items.get(REFUSED_EVENTS, []))),
    )


def _list(item: object) -> list[Any]:
    if not isinstance(item, list):
        raise Rejected("malformed", "a list is missing")
    return item


def _named(item: object) -> tuple[int, bytes]:
    match item:
        case [seq, name]:
            return as_whole(seq, 0, 2**63 - 1), as_bytes(name, SHA256_BYTES)
        case _:
            raise Rejected("malformed", "a batch is not named by number and hash")


def _refusal(item: object) -> tuple[int, bytes, str]:
    match item:
        case [seq, name, str() as reason] if 0 < len(reason) <= MAX_REASON:
            return (*_named([seq, name]), reason)
        case _:
            raise Rejected("malformed", "a refusal gives no reason")


def _number(item: object) -> int:
    return as_whole(item, 0, 2**63 - 1)


def _refused_event(item: object) -> tuple[int, str]:
    match item:
        case [number, str() as reason] if 0 < len(reason) <= MAX_REASON:
            return _number(number), reason
        case _:
            raise Rejected("malformed", "a refused event gives no reason")

"""The hub's notice to a box that none of its keys is taken any more.

Retained where the box's roster was, and signed by the hub, so that nobody else can silence a box.
It names keys, not a box: one that was enrolled anew with other keys is not meant by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from config.errors import Rejected
from ingest.batch import cbor, sign1
from ingest.batch.content import as_bytes, as_code, as_whole
from ingest.batch.keys import kid_for
from ingest.batch.limits import SCHEMA_VERSION
from ingest.batch.parts import as_map, as_utc_ms

TYP = "adhere-revocation"
MAX_KEYS = 64
MAX_BYTES = 4_096
SCHEMA, CENTRE, GATEWAY, KIDS, HUB_UTC = range(1, 6)


@dataclass(frozen=True, slots=True)
class Revocation:
    """Which keys of which box are not taken any more."""

    centre: str
    gateway: str
    kids: tuple[bytes, ...]
    """The short names of signing keys, 8 bytes each; the latest if there are more than can be."""
    hub_utc_ms: int


def seal_revocation(revocation: Revocation, hub_key: Ed25519PrivateKey) -> bytes:
    """Return the signed message to retain."""
    payload = cbor2.dumps(
        {
            SCHEMA: SCHEMA_VERSION,
            CENTRE: revocation.centre,
            GATEWAY: revocation.gateway,
            KIDS: list(revocation.kids[-MAX_KEYS:]),
            HUB_UTC: revocation.hub_utc_ms,
        }
    )
    return sign1.sign(payload, typ=TYP, key=hub_key, kid=kid_for(hub_key.public_key()))


def is_revocation(message: bytes) -> bool:
    """Say whether a message calls itself such a notice; that proves nothing."""
    try:
        return sign1.parse(message, max_bytes=MAX_BYTES).typ == TYP
    except Rejected:
        return False


def open_revocation(message: bytes, hub_key: Ed25519PublicKey) -> Revocation:
    """Return the notice that exactly this hub has signed.

    Raises Rejected: `oversize`, `not_cose`, `bad_signature`, `unsupported_schema`, `malformed`.
    """
    signed = sign1.verify(sign1.parse(message, max_bytes=MAX_BYTES), typ=TYP, key=hub_key)
    items = as_map(cbor.read(signed))
    schema = items.get(SCHEMA)
    if isinstance(schema, int) and schema != SCHEMA_VERSION:
        raise Rejected("unsupported_schema", f"version {schema}")
    as_whole(schema, SCHEMA_VERSION, SCHEMA_VERSION)
    return Revocation(
        as_code(items.get(CENTRE)),
        as_code(items.get(GATEWAY)),
        _kids(items.get(KIDS)),
        as_utc_ms(items.get(HUB_UTC)),
    )


def _kids(item: object) -> tuple[bytes, ...]:
    if not isinstance(item, Sequence) or isinstance(item, str | bytes) or len(item) > MAX_KEYS:
        raise Rejected("malformed", "no list of keys")
    return tuple(as_bytes(kid, sign1.KID_BYTES) for kid in item)

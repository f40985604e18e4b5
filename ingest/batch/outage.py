"""What a gateway says of the time in which it heard nothing, or not with all its ears.

Signed and numbered among its events, on the same topic, receipted as events are. Hours without an
ear can not be held against a patient. One that lasts is said again each hour, with a later end.
"""

from dataclasses import dataclass
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from config.errors import Rejected
from ingest.batch import cbor, sign1
from ingest.batch.content import BOOT_BYTES, as_bytes, as_code, as_whole
from ingest.batch.event import MAX_EVENT_BYTES
from ingest.batch.keys import kid_for
from ingest.batch.limits import SCHEMA_VERSION
from ingest.batch.parts import as_map, as_utc_ms

OUTAGE_TYP = "adhere-outage"
MAX_EAR_CHARACTERS = 80
SCHEMA, CENTRE, GATEWAY, BOOT, NUMBER, AGE, EAR, BEGAN, UNTIL, IS_SURE = range(1, 11)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """An ear of the gateway was away; times are the box's best guess."""

    centre: str
    gateway: str
    boot: bytes
    number: int
    """Among the events of that start."""
    age_ms: int | None
    """From `until_utc_ms` to sending; None where the box itself was started anew between."""
    ear: str
    """`box` (it did not run), `adapters` (all of them), or `scanner NAME`."""
    began_utc_ms: int
    until_utc_ms: int
    """Its end, or how long it has lasted so far."""
    is_sure: bool
    """The box had the time from the hub; False: from its own clock, which may be wrong."""


def seal_outage(outage: Outage, key: Ed25519PrivateKey) -> bytes:
    """Return the signed message to publish."""
    items = {
        SCHEMA: SCHEMA_VERSION,
        CENTRE: outage.centre,
        GATEWAY: outage.gateway,
        BOOT: outage.boot,
        NUMBER: outage.number,
        AGE: outage.age_ms,
        EAR: outage.ear,
        BEGAN: outage.began_utc_ms,
        UNTIL: outage.until_utc_ms,
        IS_SURE: outage.is_sure,
    }
    packed = cbor2.dumps(items)
    return sign1.sign(packed, typ=OUTAGE_TYP, key=key, kid=kid_for(key.public_key()))


def open_outage(sealed: bytes, public_key: Ed25519PublicKey) -> Outage:
    """Return the outage that exactly this key has signed.

    Raises Rejected: `oversize`, `not_cose`, `bad_signature`, `unsupported_schema`, `malformed`.
    """
    message = sign1.parse(sealed, max_bytes=MAX_EVENT_BYTES)
    items = as_map(cbor.read(sign1.verify(message, typ=OUTAGE_TYP, key=public_key)))
    schema = items.get(SCHEMA)
    if isinstance(schema, int) and schema != SCHEMA_VERSION:
        raise Rejected("unsupported_schema", f"version {schema}")
    as_whole(schema, SCHEMA_VERSION, SCHEMA_VERSION)
    age = items.get(AGE)
    outage = Outage(
        centre=as_code(items.get(CENTRE)),
        gateway=as_code(items.get(GATEWAY)),
        boot=as_bytes(items.get(BOOT), BOOT_BYTES),
        number=as_whole(items.get(NUMBER), 0, 2**63 - 1),
        age_ms=None if age is None else as_whole(age, 0, 2**63 - 1),
        ear=_ear(items.get(EAR)),
        began_utc_ms=as_utc_ms(items.get(BEGAN)),
        until_utc_ms=as_utc_ms(items.get(UNTIL)),
        is_sure=items.get(IS_SURE) is True,
    )
    if outage.until_utc_ms <= outage.began_utc_ms:
        raise Rejected("malformed", "over before it began")
    return outage


def _ear(item: Any) -> str:  # noqa: ANN401 - whatever the bytes say
    if isinstance(item, str) and 0 < len(item) <= MAX_EAR_CHARACTERS and item.isprintable():
        return item
    raise Rejected("malformed", "an ear without a name, or with a strange one")

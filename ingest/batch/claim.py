"""What people say on the on-site page: this band is mine (a claim); register this one (an offer).

Both are signed by the gateway, numbered among its events, travel on the same topic and are
receipted as events are. A claim's end says everything its beginning said: whichever comes first
is enough, and both together say the same.
"""

from dataclasses import dataclass
from typing import Any, Literal

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from config.errors import Rejected
from ingest.batch import cbor, sign1
from ingest.batch.content import BOOT_BYTES, as_bytes, as_code, as_whole
from ingest.batch.event import MAX_EVENT_BYTES
from ingest.batch.keys import kid_for
from ingest.batch.limits import SCHEMA_VERSION
from ingest.batch.parts import as_device_key, as_map, as_subject, as_utc_ms, as_word

CLAIM_TYP = "adhere-claim"
OFFER_TYP = "adhere-offer"
CLAIM_BYTES = 16
MAX_CLAIM_MS = 25 * 3_600_000
"""A claim is over at local midnight; a day has at most 25 hours."""
MAX_FAMILIES = 16

(
    SCHEMA, CENTRE, GATEWAY, BOOT, NUMBER, AGE, DEVICE, CLAIM, FAMILY, SUBJECT, BEGAN, LATEST,
    ENDED, WHY_ENDED, SAID, IS_SURE, FAMILIES, OFFERED,
) = range(1, 19)  # fmt: skip

WhyEnded = Literal["finished", "silent", "midnight", "another_wearer", "another_band", "roster"]
WHY_ENDED_WORDS: tuple[WhyEnded, ...] = (
    "finished", "silent", "midnight", "another_wearer", "another_band", "roster",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Somebody said that a band is theirs, or that is over; times are the box's best guess."""

    centre: str
    gateway: str
    boot: bytes
    number: int
    """Among the events of that start."""
    age_ms: int | None
    """From saying so to sending; None where the box itself was started anew between."""
    claim: bytes
    """16 random bytes: which claim it is."""
    device_key: str
    family: str | None
    subject: str
    began_utc_ms: int
    latest_utc_ms: int
    """The local midnight at which it ends, if nothing ends it before."""
    ended_utc_ms: int | None
    """None: it goes on."""
    why_ended: WhyEnded | None
    said_utc_ms: int
    """When it was claimed, or when the box noticed the end: `age_ms` counts from here."""
    is_sure: bool
    """The box had the time from the hub; False: from its own clock, which may be wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Somebody at the page asks the district to register a band that is near by."""

    centre: str
    gateway: str
    boot: bytes
    number: int
    age_ms: int | None
    device_key: str
    families: tuple[str, ...]
    """What it may be, by its adverts."""
    offered_utc_ms: int


def seal_claim(claim: Claim, key: Ed25519PrivateKey) -> bytes:
    """Return the signed message to publish."""
    items = _common(claim) | {
        CLAIM: claim.claim,
        FAMILY: claim.family,
        SUBJECT: claim.subject,
        BEGAN: claim.began_utc_ms,
        LATEST: claim.latest_utc_ms,
        ENDED: claim.ended_utc_ms,
        WHY_ENDED: claim.why_ended,
        SAID: claim.said_utc_ms,
        IS_SURE: claim.is_sure,
    }
    return _signed(items, CLAIM_TYP, key)


def seal_offer(offer: Offer, key: Ed25519PrivateKey) -> bytes:
    """Return the signed message to publish."""
    items = _common(offer) | {FAMILIES: offer.families, OFFERED: offer.offered_utc_ms}
    return _signed(items, OFFER_TYP, key)


def open_claim(sealed: bytes, public_key: Ed25519PublicKey) -> Claim:
    """Return the claim that exactly this key has signed.

    Raises Rejected: `oversize`, `not_cose`, `bad_signature`, `unsupported_schema`, `malformed`.
    """
    items = _opened(sealed, CLAIM_TYP, public_key)
    family, ended, why = items.get(FAMILY), items.get(ENDED), items.get(WHY_ENDED)
    claim = Claim(
        **_named(items),
        claim=as_bytes(items.get(CLAIM), CLAIM_BYTES),
        family=None if family is None else as_word(family),
        subject=as_subject(items.get(SUBJECT)),
        began_utc_ms=as_utc_ms(items.get(BEGAN)),
        latest_utc_ms=as_utc_ms(items.get(LATEST)),
        ended_utc_ms=None if ended is None else as_utc_ms(ended),
        why_ended=None if why is None else _why(why),
        said_utc_ms=as_utc_ms(items.get(SAID)),
        is_sure=_flag(items.get(IS_SURE)),
    )
    if not 0 < claim.latest_utc_ms - claim.began_utc_ms <= MAX_CLAIM_MS:
        raise Rejected("malformed", "a claim is not within a day")
    if (claim.ended_utc_ms is None) != (claim.why_ended is None):
        raise Rejected("malformed", "an end without its reason, or a reason without an end")
    if claim.ended_utc_ms is not None and claim.ended_utc_ms < claim.began_utc_ms:
        raise Rejected("malformed", "over before it began")
    return claim


def open_offer(sealed: bytes, public_key: Ed25519PublicKey) -> Offer:
    """Return the offer that exactly this key has signed; raises as `open_claim` does."""
    items = _opened(sealed, OFFER_TYP, public_key)
    families = items.get(FAMILIES)
    if not isinstance(families, list) or len(families) > MAX_FAMILIES:
        raise Rejected("malformed", "no families, or too many")
    return Offer(
        **_named(items),
        families=tuple(as_word(family) for family in families),
        offered_utc_ms=as_utc_ms(items.get(OFFERED)),
    )


def _common(said: Claim | Offer) -> dict[int, Any]:
    return {
        SCHEMA: SCHEMA_VERSION,
        CENTRE: said.centre,
        GATEWAY: said.gateway,
        BOOT: said.boot,
        NUMBER: said.number,
        AGE: said.age_ms,
        DEVICE: said.device_key,
    }


def _named(items: dict[int | str, Any]) -> dict[str, Any]:
    age = items.get(AGE)
    return {
        "centre": as_code(items.get(CENTRE)),
        "gateway": as_code(items.get(GATEWAY)),
        "boot": as_bytes(items.get(BOOT), BOOT_BYTES),
        "number": as_whole(items.get(NUMBER), 0, 2**63 - 1),
        "age_ms": None if age is None else as_whole(age, 0, 2**63 - 1),
        "device_key": as_device_key(items.get(DEVICE)),
    }


def _signed(items: dict[int, Any], typ: str, key: Ed25519PrivateKey) -> bytes:
    return sign1.sign(cbor2.dumps(items), typ=typ, key=key, kid=kid_for(key.public_key()))


def _opened(sealed: bytes, typ: str, public_key: Ed25519PublicKey) -> dict[int | str, Any]:
    message = sign1.parse(sealed, max_bytes=MAX_EVENT_BYTES)
    items = as_map(cbor.read(sign1.verify(message, typ=typ, key=public_key)))
    schema = items.get(SCHEMA)
    if isinstance(schema, int) and schema != SCHEMA_VERSION:
        raise Rejected("unsupported_schema", f"version {schema}")
    as_whole(schema, SCHEMA_VERSION, SCHEMA_VERSION)
    return items


def _why(item: object) -> WhyEnded:
    for word in WHY_ENDED_WORDS:
        if item == word:
            return word
    raise Rejected("malformed", "an end for no reason we know")


def _flag(item: object) -> bool:
    if not isinstance(item, bool):
        raise Rejected("malformed", "neither true nor false")
    return item

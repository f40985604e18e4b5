"""Whatever a gateway tells on its `event` topic: an alarm, a claim, an offer or an outage."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ingest.batch import sign1
from ingest.batch.claim import (
    CLAIM_TYP,
    OFFER_TYP,
    Claim,
    Offer,
    open_claim,
    open_offer,
    seal_claim,
    seal_offer,
)
from ingest.batch.event import MAX_EVENT_BYTES, Event, open_event, seal_event
from ingest.batch.outage import OUTAGE_TYP, Outage, open_outage, seal_outage

Told = Event | Claim | Offer | Outage


def seal_told(told: Told, key: Ed25519PrivateKey) -> bytes:
    """Return the signed message to publish."""
    match told:
        case Claim():
            return seal_claim(told, key)
        case Offer():
            return seal_offer(told, key)
        case Outage():
            return seal_outage(told, key)
        case Event():
            return seal_event(told, key)


def open_told(sealed: bytes, public_key: Ed25519PublicKey) -> Told:
    """Return what exactly this key has signed, by what the message says it is.

    Raises Rejected: `oversize`, `not_cose`, `bad_signature`, `unsupported_schema`, `malformed`.
    """
    match sign1.parse(sealed, max_bytes=MAX_EVENT_BYTES).typ:
        case typ if typ == CLAIM_TYP:
            return open_claim(sealed, public_key)
        case typ if typ == OFFER_TYP:
            return open_offer(sealed, public_key)
        case typ if typ == OUTAGE_TYP:
            return open_outage(sealed, public_key)
        case _:
            return open_event(sealed, public_key)

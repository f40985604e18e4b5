"""COSE_Sign1 (RFC 9052, 4.2) with Ed25519, and nothing else of COSE.

A message is exactly one tagged COSE_Sign1. The protected header must say EdDSA (1: -8) and what
is signed (16: `typ`, RFC 9596), so that a batch can never pass for a receipt; a `crit` header is
refused, for this reader understands no extension. Other headers are ignored, as RFC 9052 asks.
The key is the caller's: the message only hints at it by `kid`.

Why not the `cwt` package: version 3.3 accepts unknown critical headers, another algorithm's name
over an EdDSA signature, a MAC structure in place of a signature, and bytes after the message. It
is the tests' second opinion instead.
"""

from typing import Any, NamedTuple

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from config.errors import Rejected
from ingest.batch import cbor

TAG = 18
ALG, CRIT, KID, TYP = 1, 2, 4, 16
EDDSA = -8
KID_BYTES = 8


class Message(NamedTuple):
    """A COSE_Sign1 taken apart, not yet verified."""

    protected: bytes
    typ: str
    kid: bytes
    payload: memoryview
    signature: bytes


def sign(payload: bytes, *, typ: str, key: Ed25519PrivateKey, kid: bytes) -> bytes:
    """Return the signed message; the same input gives the same bytes."""
    protected = cbor2.dumps({ALG: EDDSA, TYP: typ})
    signature = key.sign(_to_be_signed(protected, payload))
    return cbor2.dumps(cbor2.CBORTag(TAG, [protected, {KID: kid}, payload, signature]))


def parse(message: bytes, *, max_bytes: int) -> Message:
    """Take a message apart; raise Rejected("oversize") or Rejected("not_cose"). Proves nothing."""
    if len(message) > max_bytes:
        raise Rejected("oversize", f"more than {max_bytes} bytes")
    try:
        match cbor.read(message):
            case cbor.Tagged(18, [memoryview(), dict(), memoryview(), memoryview()] as parts):
                protected, unprotected, payload, signature = parts
                headers = cbor.read(protected)
            case _:
                headers = None
    except Rejected as error:
        raise Rejected("not_cose", error.detail) from error
    if not isinstance(headers, dict) or headers.get(ALG) != EDDSA:
        raise Rejected("not_cose", "no COSE_Sign1 with EdDSA")
    kid = _kid(headers, unprotected)
    return Message(bytes(protected), _typ(headers), kid, payload, bytes(signature))


def verify(message: Message, *, typ: str, key: Ed25519PublicKey) -> memoryview:
    """Return the payload that `key` has signed as `typ`; raise Rejected("bad_signature")."""
    if message.typ != typ:
        raise Rejected("bad_signature", "signed as something else")
    try:
        key.verify(message.signature, _to_be_signed(message.protected, message.payload))
    except InvalidSignature as error:
        raise Rejected("bad_signature") from error
    return message.payload


def _to_be_signed(protected: bytes, payload: bytes | memoryview) -> bytes:
    return cbor2.dumps(["Signature1", protected, b"", bytes(payload)])


def _typ(protected: dict[int | str, Any]) -> str:
    typ = protected.get(TYP)
    if not isinstance(typ, str):
        raise Rejected("not_cose", "does not say what is signed")
    return typ


def _kid(protected: dict[int | str, Any], unprotected: dict[int | str, Any]) -> bytes:
    if CRIT in protected or CRIT in unprotected:
        raise Rejected("not_cose", "critical header")
    if ALG in unprotected or protected.keys() & unprotected.keys():
        raise Rejected("not_cose", "header twice or in the wrong place")
    kid = protected.get(KID, unprotected.get(KID))
    if not isinstance(kid, memoryview) or len(kid) != KID_BYTES:
        raise Rejected("not_cose", "no key identifier")
    return bytes(kid)

"""The roster: whom a gateway is to protect, and all it ever knows of them.

Signed by the hub and readable by one gateway alone: HPKE (RFC 9180, base mode, X25519, HKDF-SHA256,
ChaCha20-Poly1305). Its `info` names centre, gateway and version, so a ciphertext cannot be moved
into another roster. The signature is checked first: nothing that the hub did not sign is decrypted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from config.errors import Rejected
from ingest.batch import cbor, sign1
from ingest.batch.content import as_code, as_whole
from ingest.batch.envelope import compressed, decompressed
from ingest.batch.keys import Keys, key_id, kid_for
from ingest.batch.limits import MAX_SEALED_BYTES, SCHEMA_VERSION
from ingest.batch.parts import as_bpm, as_device_key, as_map, as_subject, as_utc_ms, as_word

TYP = "adhere-roster"
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
MAX_BANDS = 1_500
MAX_RECIPIENTS = 4

SCHEMA, CENTRE, GATEWAY, VERSION, RECIPIENTS = range(1, 6)
ISSUED, EXPIRES, BANDS = range(1, 4)


class RosterBand(NamedTuple):
    """Who wears a band from when to when, under which limits (bpm)."""

    device_key: str
    family: str | None
    """How to talk with the band; None: whatever it advertises as."""
    subject: str
    """The wearer's pseudonym."""
    worn_from_ms: int
    """UTC, inclusive. A new prescription begins a new entry, at local midnight."""
    worn_until_ms: int | None
    """UTC, exclusive; None: open."""
    ceiling_bpm: float | None
    """At or above it the effort is to stop; None: nothing is watched."""
    zone_lo_bpm: float | None
    """The lower edge belongs to the zone; None where rest or maximum are unknown."""
    zone_hi_bpm: float | None
    """The upper edge does not."""


@dataclass(frozen=True, slots=True)
class Roster:
    """All bands of one gateway's centre."""

    centre: str
    gateway: str
    version: int
    """Only rises."""
    issued_utc_ms: int
    expires_utc_ms: int
    bands: tuple[RosterBand, ...]


def seal_roster(
    roster: Roster, hub_key: Ed25519PrivateKey, recipients: Sequence[X25519PublicKey]
) -> bytes:
    """Return the signed message to retain.

    `recipients` are the encryption keys of that one gateway: two while its keys are changed.
    Raises Rejected: `oversize` (more than a broker must carry), `bad_key` (none can seal to it).
    """
    if len(roster.bands) > MAX_BANDS:
        raise Rejected("oversize", f"more than {MAX_BANDS} bands")
    packed = cbor2.dumps(
        {ISSUED: roster.issued_utc_ms, EXPIRES: roster.expires_utc_ms, BANDS: roster.bands}
    )
    info = _info(roster.centre, roster.gateway, roster.version)
    plain = compressed(packed)
    payload = cbor2.dumps(
        {
            SCHEMA: SCHEMA_VERSION,
            CENTRE: roster.centre,
            GATEWAY: roster.gateway,
            VERSION: roster.version,
            RECIPIENTS: [[key_id(key), _encrypted(plain, key, info)] for key in recipients],
        }
    )
    sealed = sign1.sign(payload, typ=TYP, key=hub_key, kid=kid_for(hub_key.public_key()))
    if len(sealed) > MAX_SEALED_BYTES:
        raise Rejected("oversize", f"{len(sealed)} bytes sealed")
    return sealed


def _encrypted(plain: bytes, key: X25519PublicKey, info: bytes) -> bytes:
    try:
        return bytes(SUITE.encrypt(plain, key, info))
    except ValueError as error:  # a point of small order: whoever made that key, no box did
        raise Rejected("bad_key", "nothing can be sealed to one of the gateway's keys") from error


def open_roster(sealed: bytes, hub_key: Ed25519PublicKey, keys: Keys) -> Roster:
    """Return the roster that exactly this hub has signed for the box of `keys`.

    Raises Rejected: `oversize`, `not_cose`, `bad_signature`, `unsupported_schema`, `malformed`,
    `unpacked_oversize`, `another_key` (none of its ciphertexts is for this box).
    """
    message = sign1.parse(sealed, max_bytes=MAX_SEALED_BYTES)
    items = as_map(cbor.read(sign1.verify(message, typ=TYP, key=hub_key)))
    schema = items.get(SCHEMA)
    if isinstance(schema, int) and schema != SCHEMA_VERSION:
        raise Rejected("unsupported_schema", f"version {schema}")
    as_whole(schema, SCHEMA_VERSION, SCHEMA_VERSION)
    centre, gateway = as_code(items.get(CENTRE)), as_code(items.get(GATEWAY))
    version = as_whole(items.get(VERSION), 1, 2**63 - 1)
    ciphertext = _for_us(items.get(RECIPIENTS), key_id(keys.encryption.public_key()))
    plain = _decrypted(ciphertext, keys.encryption, _info(centre, gateway, version))
    inside = as_map(cbor.read(decompressed(plain)))
    return Roster(
        centre,
        gateway,
        version,
        as_utc_ms(inside.get(ISSUED)),
        as_utc_ms(inside.get(EXPIRES)),
        _bands(inside.get(BANDS)),
    )


def _info(centre: str, gateway: str, version: int) -> bytes:
    return f"adhere roster 1|{centre}|{gateway}|{version}".encode()


def _for_us(recipients: object, ours: bytes) -> bytes:
    if not isinstance(recipients, list) or not 0 < len(recipients) <= MAX_RECIPIENTS:
        raise Rejected("malformed", "no recipients, or too many")
    for recipient in recipients:
        match recipient:
            case [memoryview() as name, memoryview() as ciphertext]:
                if bytes(name) == ours:
                    return bytes(ciphertext)
            case _:
                raise Rejected("malformed", "a recipient is not a key's name and a ciphertext")
    raise Rejected("another_key", "sealed to other keys than this box has")


def _decrypted(ciphertext: bytes, key: X25519PrivateKey, info: bytes) -> bytes:
    try:
        return bytes(SUITE.decrypt(ciphertext, key, info))
    except (InvalidTag, ValueError) as error:
        raise Rejected("another_key", "the ciphertext does not open") from error


def _bands(item: object) -> tuple[RosterBand, ...]:
    if not isinstance(item, list) or len(item) > MAX_BANDS:
        raise Rejected("malformed", "no bands, or too many")
    return tuple(map(_band, item))


def _band(item: Any) -> RosterBand:  # noqa: ANN401 - whatever the bytes say
    match item:
        case [device, family, subject, worn_from, worn_until, ceiling, low, high]:
            return RosterBand(
                as_device_key(device),
                None if family is None else as_word(family),
                as_subject(subject),
                as_utc_ms(worn_from),
                None if worn_until is None else as_utc_ms(worn_until),
                *(None if limit is None else as_bpm(limit) for limit in (ceiling, low, high)),
            )
        case _:
            raise Rejected("malformed", "a band has not all its parts")

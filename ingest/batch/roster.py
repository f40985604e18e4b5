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
from ingest.batch.claim_code import HASH_BYTES, SALT_BYTES
from ingest.batch.content import as_bytes, as_code, as_whole
from ingest.batch.envelope import compressed, decompressed
from ingest.batch.keys import Keys, key_id, kid_for
from ingest.batch.limits import MAX_SEALED_BYTES, SCHEMA_VERSION
from ingest.batch.parts import as_bpm, as_device_key, as_map, as_subject, as_utc_ms, as_word

TYP = "adhere-roster"
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
MAX_BANDS = 1_500
MAX_RECIPIENTS = 4
IRK_BYTES = 16

MAX_CLAIMERS = 500
"""People of a centre who may say on its page that a band is theirs."""
MAX_LIMITS = 16
"""Changes of one person's limits that a roster names ahead."""

SCHEMA, CENTRE, GATEWAY, VERSION, RECIPIENTS = range(1, 6)
ISSUED, EXPIRES, BANDS, IDENTITY_KEYS, CLAIMERS = range(1, 6)


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


class IdentityKey(NamedTuple):
    """What resolves the changing addresses of one band. A secret: it is never shown."""

    device_key: str
    irk: bytes
    """16 bytes, the most significant first."""

    def __repr__(self) -> str:
        return f"IdentityKey({self.device_key!r}, ...)"


class Limits(NamedTuple):
    """What holds for a person from a time on (bpm, None: not known or not set)."""

    from_ms: int
    """UTC, inclusive; they hold until the next ones, the last for good."""
    ceiling_bpm: float | None
    zone_lo_bpm: float | None
    zone_hi_bpm: float | None


class Claimer(NamedTuple):
    """Somebody of the centre who may say, with a code of their own, that a band is theirs."""

    subject: str
    code_salt: bytes
    code_hash: bytes
    """What `claim_code.code_hash` makes of the right code."""
    limits: tuple[Limits, ...]
    """In the order of time; none: nothing is known."""

    def __repr__(self) -> str:
        return f"Claimer({self.subject!r}, ...)"


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
    identity_keys: tuple[IdentityKey, ...] = ()
    claimers: tuple[Claimer, ...] = ()


def seal_roster(
    roster: Roster, hub_key: Ed25519PrivateKey, recipients: Sequence[X25519PublicKey]
) -> bytes:
    """Return the signed message to retain.

    `recipients` are the encryption keys of that one gateway: two while its keys are changed.
    Raises Rejected: `oversize` (more than a broker must carry), `bad_key` (none can seal to it).
    """
    if len(roster.bands) > MAX_BANDS:
        raise Rejected("oversize", f"more than {MAX_BANDS} bands")
    if len(roster.identity_keys) > MAX_BANDS or len(roster.claimers) > MAX_CLAIMERS:
        raise Rejected("oversize", "more identity keys or people than a roster may have")
    inside: dict[int, Any] = {
        ISSUED: roster.issued_utc_ms,
        EXPIRES: roster.expires_utc_ms,
        BANDS: roster.bands,
    }
    # Boxes of before skip what they do not know; without any of it the bytes are those of before.
    if roster.identity_keys:
        inside[IDENTITY_KEYS] = roster.identity_keys
    if roster.claimers:
        inside[CLAIMERS] = roster.claimers
    packed = cbor2.dumps(inside)
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
    """Return the roster that exactly this hub has signed for the box of `keys`, or those before.

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
    ours = [one.encryption for one in keys.with_former]
    ciphertext, key = _for_us(items.get(RECIPIENTS), ours)
    plain = _decrypted(ciphertext, key, _info(centre, gateway, version))
    inside = as_map(cbor.read(decompressed(plain)))
    return Roster(
        centre,
        gateway,
        version,
        as_utc_ms(inside.get(ISSUED)),
        as_utc_ms(inside.get(EXPIRES)),
        _bands(inside.get(BANDS)),
        tuple(map(_identity_key, _list(inside.get(IDENTITY_KEYS, []), MAX_BANDS))),
        tuple(map(_claimer, _list(inside.get(CLAIMERS, []), MAX_CLAIMERS))),
    )


def _info(centre: str, gateway: str, version: int) -> bytes:
    return f"adhere roster 1|{centre}|{gateway}|{version}".encode()


def _for_us(recipients: object, ours: Sequence[X25519PrivateKey]) -> tuple[bytes, X25519PrivateKey]:
    """Return the ciphertext for the first of our keys that has one, and that key."""
    if not isinstance(recipients, list) or not 0 < len(recipients) <= MAX_RECIPIENTS:
        raise Rejected("malformed", "no recipients, or too many")
    found: dict[bytes, bytes] = {}
    for recipient in recipients:
        match recipient:
            case [memoryview() as name, memoryview() as ciphertext]:
                found.setdefault(bytes(name), bytes(ciphertext))
            case _:
                raise Rejected("malformed", "a recipient is not a key's name and a ciphertext")
    for key in ours:
        if (name_of_ours := key_id(key.public_key())) in found:
            return found[name_of_ours], key
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


def _list(item: object, most: int) -> list[Any]:
    if not isinstance(item, list) or len(item) > most:
        raise Rejected("malformed", "no list, or too long")
    return item


def _identity_key(item: Any) -> IdentityKey:  # noqa: ANN401 - whatever the bytes say
    match item:
        case [device, irk]:
            return IdentityKey(as_device_key(device), as_bytes(irk, IRK_BYTES))
        case _:
            raise Rejected("malformed", "an identity key has not all its parts")


def _claimer(item: Any) -> Claimer:  # noqa: ANN401 - whatever the bytes say
    match item:
        case [subject, salt, made, limits]:
            return Claimer(
                as_subject(subject),
                as_bytes(salt, SALT_BYTES),
                as_bytes(made, HASH_BYTES),
                tuple(map(_limits, _list(limits, MAX_LIMITS))),
            )
        case _:
            raise Rejected("malformed", "a person has not all their parts")


def _limits(item: Any) -> Limits:  # noqa: ANN401 - whatever the bytes say
    match item:
        case [since, ceiling, low, high]:
            return Limits(
                as_utc_ms(since),
                *(None if limit is None else as_bpm(limit) for limit in (ceiling, low, high)),
            )
        case _:
            raise Rejected("malformed", "limits have not all their parts")


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

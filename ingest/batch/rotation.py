"""Rotation: a box asks to be known by new keys, and proves that it is the one with the old ones.

The request names the box as the district knows it. The key it has signs it, so nobody else can ask
in its name; the key it asks for signs it too, so nobody can have a key enrolled that he does not
hold. A person in the district confirms it all the same: who stole the old key can sign as well.
The district's answer is an enrolment answer.
"""

import json
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from pydantic import ValidationError

from config.errors import Misconfigured
from config.fields import Code, Strict
from config.language import _
from ingest.batch.enrolment import MAX_FILE_BYTES, Hex32, Hex64, Request
from ingest.batch.keys import Keys, PublicKeys, raw


class Rotation(Strict):
    """What a box says that wants to change its keys."""

    kind: Literal["adhere rotation request 1"] = "adhere rotation request 1"
    centre: Code
    gateway: Code
    former_signing_key: Hex32
    """By which the district knows it now."""
    signing_key: Hex32
    encryption_key: Hex32
    former_signature: Hex64
    signature: Hex64

    @property
    def keys(self) -> PublicKeys:
        """The public keys it asks to be known by."""
        return PublicKeys(
            _signing(self.signing_key),
            X25519PublicKey.from_public_bytes(bytes.fromhex(self.encryption_key)),
        )

    @property
    def as_request(self) -> Request:
        """The same as a first request: what an answer is made to."""
        return Request(
            signing_key=self.signing_key,
            encryption_key=self.encryption_key,
            signature=self.signature,
        )


def make_rotation(keys: Keys, new: Keys, *, centre: str, gateway: str) -> Rotation:
    """Return the request of the box of `keys` to be known by `new`."""
    unsigned = Rotation(
        centre=centre,
        gateway=gateway,
        former_signing_key=raw(keys.public.signing).hex(),
        signing_key=raw(new.public.signing).hex(),
        encryption_key=raw(new.public.encryption).hex(),
        former_signature="00" * 64,
        signature="00" * 64,
    )
    signed = _to_be_signed(unsigned)
    return unsigned.model_copy(
        update={
            "former_signature": keys.signing.sign(signed).hex(),
            "signature": new.signing.sign(signed).hex(),
        }
    )


def dump_rotation(rotation: Rotation) -> bytes:
    """Return the file's bytes: JSON, so that a person can look at it."""
    return (rotation.model_dump_json(indent=2) + "\n").encode()


def load_rotation(path: Path) -> Rotation:
    """Read a request; raise Misconfigured unless both keys have signed it."""
    try:
        with path.open("rb") as file:
            rotation = Rotation.model_validate_json(file.read(MAX_FILE_BYTES))
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be read: %(fault)s.") % {"path": path, "fault": error.strerror},
        ) from error
    except ValidationError as error:
        raise Misconfigured(
            _("%(path)s is no request for new keys of this version.") % {"path": path},
        ) from error
    signed = _to_be_signed(rotation)
    try:
        _signing(rotation.former_signing_key).verify(
            bytes.fromhex(rotation.former_signature), signed
        )
        _signing(rotation.signing_key).verify(bytes.fromhex(rotation.signature), signed)
    except InvalidSignature as error:
        raise Misconfigured(
            _("%(path)s was changed on the way: its signature does not fit. Have it made again.")
            % {"path": path},
        ) from error
    return rotation


def _to_be_signed(rotation: Rotation) -> bytes:
    fields = rotation.model_dump(exclude={"former_signature", "signature"})
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _signing(key: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))

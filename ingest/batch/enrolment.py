"""Enrolment: two files by which a box and a district come to know each other's keys.

The request is made on the box: its public keys, and a signature that proves it holds the signing
key. The answer is made in the district: what the box is called, the hub's public keys, where the
broker is, signed by the hub. Each side shows the other's fingerprint, and two people compare them
aloud: that, and nothing in the files, is why the keys can be trusted.
"""

import json
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from pydantic import Field, ValidationError

from config.errors import Misconfigured
from config.fields import Code, Strict
from config.language import _
from ingest.batch.keys import Keys, PublicKeys, raw

MAX_FILE_BYTES = 262_144
Hex32 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Hex64 = Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


class Request(Strict):
    """What the box says of itself."""

    kind: Literal["adhere enrolment request 1"] = "adhere enrolment request 1"
    signing_key: Hex32
    encryption_key: Hex32
    signature: Hex64

    @property
    def keys(self) -> PublicKeys:
        """The box's public keys."""
        return _public(self.signing_key, self.encryption_key)


class Answer(Strict):
    """What the district says to one box."""

    kind: Literal["adhere enrolment answer 1"] = "adhere enrolment answer 1"
    gateway_signing_key: Hex32
    """The box it is meant for."""
    centre: Code
    gateway: Code
    hub_signing_key: Hex32
    hub_encryption_key: Hex32
    broker_host: str = Field(min_length=1)
    broker_port: int = Field(ge=1, le=65_535)
    ca_pem: str | None
    """Certificates to trust for the broker's TLS; None where the system's do."""
    signature: Hex64

    @property
    def hub_keys(self) -> PublicKeys:
        """The hub's public keys."""
        return _public(self.hub_signing_key, self.hub_encryption_key)

    @classmethod
    def signed(
        cls,
        hub: Keys,
        request: Request,
        *,
        centre: str,
        gateway: str,
        broker_host: str,
        broker_port: int,
        ca_pem: str | None = None,
    ) -> Self:
        """Return the district's answer to a request, signed by the hub."""
        unsigned = cls(
            gateway_signing_key=request.signing_key,
            centre=centre,
            gateway=gateway,
            hub_signing_key=raw(hub.public.signing).hex(),
            hub_encryption_key=raw(hub.public.encryption).hex(),
            broker_host=broker_host,
            broker_port=broker_port,
            ca_pem=ca_pem,
            signature="00" * 64,
        )
        signature = hub.signing.sign(_to_be_signed(unsigned)).hex()
        return unsigned.model_copy(update={"signature": signature})


File = TypeVar("File", Request, Answer)


def make_request(keys: Keys) -> Request:
    """Return the box's request, signed with the key it asks to be known by."""
    unsigned = Request(
        signing_key=raw(keys.public.signing).hex(),
        encryption_key=raw(keys.public.encryption).hex(),
        signature="00" * 64,
    )
    signature = keys.signing.sign(_to_be_signed(unsigned)).hex()
    return unsigned.model_copy(update={"signature": signature})


def dump(file: Request | Answer) -> bytes:
    """Return the file's bytes: JSON, so that a person can look at it."""
    return (file.model_dump_json(indent=2) + "\n").encode()


def load_request(path: Path) -> Request:
    """Read a request; raise Misconfigured unless it is one and its box holds the signing key."""
    request = _load(Request, path)
    _verify(request.keys.signing, request, path)
    return request


def load_answer(path: Path, keys: Keys) -> Answer:
    """Read an answer; raise Misconfigured unless it is whole and meant for the box of `keys`."""
    answer = _load(Answer, path)
    _verify(answer.hub_keys.signing, answer, path)
    if answer.gateway_signing_key != raw(keys.public.signing).hex():
        raise Misconfigured(
            _("%(path)s answers another box's request: send it there, or make a new request here.")
            % {"path": path},
        )
    return answer


def _load(model: type[File], path: Path) -> File:
    try:
        with path.open("rb") as file:
            return model.model_validate_json(file.read(MAX_FILE_BYTES))
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be read: %(fault)s.") % {"path": path, "fault": error.strerror},
        ) from error
    except ValidationError as error:
        raise Misconfigured(
            _("%(path)s is not an enrolment file of this kind and version.") % {"path": path},
        ) from error


def _verify(key: Ed25519PublicKey, file: Request | Answer, path: Path) -> None:
    try:
        key.verify(bytes.fromhex(file.signature), _to_be_signed(file))
    except InvalidSignature as error:
        raise Misconfigured(
            _("%(path)s was changed on the way: its signature does not fit. Have it made again.")
            % {"path": path},
        ) from error


def _to_be_signed(file: Request | Answer) -> bytes:
    fields = file.model_dump(exclude={"signature"})
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _public(signing: str, encryption: str) -> PublicKeys:
    return PublicKeys(
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(signing)),
        X25519PublicKey.from_public_bytes(bytes.fromhex(encryption)),
    )

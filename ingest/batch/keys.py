"""Key files: Ed25519 to sign with, X25519 to be written to in secret; made where they are used.

A key file holds both private keys as PKCS #8 PEM, readable by its owner alone. Fingerprints are
digits, in groups, so that two people can compare them over a telephone in any language.
"""

import os
import re
import secrets
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from config.errors import Misconfigured
from config.language import _
from ingest.batch.sign1 import KID_BYTES

FINGERPRINT_GROUPS = 8
_PEM = re.compile(rb"-----BEGIN PRIVATE KEY-----.+?-----END PRIVATE KEY-----\n?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """What others may know of a box or a hub."""

    signing: Ed25519PublicKey
    encryption: X25519PublicKey

    @property
    def fingerprint(self) -> str:
        """Eight groups of five digits over both keys (132 bits): what two people compare."""
        digest = sha256(b"adhere fingerprint" + raw(self.signing) + raw(self.encryption)).digest()
        parts = (digest[i : i + 4] for i in range(0, 4 * FINGERPRINT_GROUPS, 4))
        return " ".join(f"{int.from_bytes(part) % 100_000:05d}" for part in parts)


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """The private keys of a box or a hub."""

    signing: Ed25519PrivateKey
    encryption: X25519PrivateKey
    former: "Keys | None" = None
    """What a box had before its keys were changed: it still opens what was written then."""
    spool_tag: bytes | None = None
    """The 32 bytes its spool was begun with, where they come from keys it has no more."""

    @property
    def with_former(self) -> "tuple[Keys, ...]":
        """These keys and those before them, the newest first."""
        return (self,) if self.former is None else (self, *self.former.with_former)

    @property
    def public(self) -> PublicKeys:
        """The halves to give away."""
        return PublicKeys(self.signing.public_key(), self.encryption.public_key())

    @property
    def kid(self) -> bytes:
        """How messages name the signing key."""
        return kid_for(self.signing.public_key())

    def spool_tag_key(self) -> bytes:
        """Return the 32 bytes that tag the rows of this box's spool, and of no other's."""
        if self.spool_tag is not None:
            return self.spool_tag
        derive = HKDF(SHA256(), length=32, salt=None, info=b"adhere spool tag 1")
        return derive.derive(self.signing.private_bytes_raw())


def raw(key: Ed25519PublicKey | X25519PublicKey) -> bytes:
    """Return a public key's 32 bytes."""
    return key.public_bytes_raw()


def kid_for(key: Ed25519PublicKey) -> bytes:
    """Return the key's short name: a hint for looking it up, no proof of anything."""
    return key_id(key)


def key_id(key: Ed25519PublicKey | X25519PublicKey) -> bytes:
    """Return the short name of a key of either kind."""
    return sha256(raw(key)).digest()[:KID_BYTES]


def make_keys() -> Keys:
    """Make new keys."""
    return Keys(Ed25519PrivateKey.generate(), X25519PrivateKey.generate())


def save_keys(path: Path, keys: Keys) -> None:
    """Write a new key file, whole or not at all; never over an old one (FileExistsError)."""
    pem = b"".join(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for key in (keys.signing, keys.encryption)
    )
    write_new(path, pem)


def load_keys(path: Path) -> Keys:
    """Read a key file. Raises Misconfigured: missing, open to others, or no key file."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            pem = file.read(16_384)
    except OSError as error:
        raise Misconfigured(
            _("The key file %(path)s cannot be read: %(fault)s.")
            % {"path": path, "fault": error.strerror},
        ) from error
    if mode & 0o077:
        raise Misconfigured(
            _("The key file %(path)s is open to other users; run: chmod 600 %(path)s")
            % {"path": path},
        )
    try:
        signing, encryption = (load_pem_private_key(part, None) for part in _PEM.findall(pem))
    except ValueError as error:
        raise Misconfigured(_("%(path)s is not a key file.") % {"path": path}) from error
    if not isinstance(signing, Ed25519PrivateKey) or not isinstance(encryption, X25519PrivateKey):
        raise Misconfigured(_("%(path)s is not a key file.") % {"path": path})
    return Keys(signing, encryption)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that only its owner reads: on disk whole under its name, or not there."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)  # unlike a rename, a link never replaces what is there
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

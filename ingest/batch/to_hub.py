"""Batches that the hub alone can read: HPKE (RFC 9180) to the hub's encryption key.

Base mode, X25519, HKDF-SHA256, ChaCha20-Poly1305, as for rosters the other way round. The gateway
signs the ciphertext, so the hub decrypts nothing that no gateway of its own has signed, and `info`
names centre and gateway. A batch is known by the hash of its content: encrypting the same content
again gives other bytes and the same batch.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from config.errors import Misconfigured, Rejected
from config.language import _
from ingest.batch import cbor
from ingest.batch.keys import key_id

TYP = "adhere-batch-hpke"
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


@dataclass(frozen=True, slots=True)
class Recipient:
    """The hub, as one gateway writes to it."""

    key: X25519PublicKey
    centre: str
    gateway: str

    def __post_init__(self) -> None:
        """Try the key, so that sealing cannot fail for it later; raises Misconfigured."""
        try:
            self.encrypted(b"")
        except ValueError as error:  # a point of small order
            raise Misconfigured(
                _("nothing can be encrypted to the hub's key: have this box's answer made anew")
            ) from error

    def encrypted(self, plain: bytes) -> bytes:
        """Return the payload to sign; never the same twice."""
        ciphertext = SUITE.encrypt(plain, self.key, _info(self.centre, self.gateway))
        return cbor2.dumps([key_id(self.key), bytes(ciphertext)])


class HubSecrets:
    """The keys a hub reads with: its own, and former ones while boxes still write to those."""

    def __init__(self, keys: Iterable[X25519PrivateKey]) -> None:
        """Take the private keys, in any order."""
        self._keys = {key_id(key.public_key()): key for key in keys}

    def decrypted(self, payload: memoryview, centre: str, gateway: str) -> bytes:
        """Return what a gateway encrypted to one of the keys.

        Raises Rejected: `malformed`; `another_hub_key` where it was written to a key that is not
        here, or does not open with the one that is named.
        """
        match cbor.read(payload):
            case [memoryview() as name, memoryview() as ciphertext]:
                key = self._keys.get(bytes(name))
            case _:
                raise Rejected("malformed", "not the name of a key and a ciphertext")
        if key is None:
            raise Rejected("another_hub_key", f"written to the key {bytes(name)[:8].hex()}")
        try:
            return bytes(SUITE.decrypt(bytes(ciphertext), key, _info(centre, gateway)))
        except (InvalidTag, ValueError) as error:
            raise Rejected("another_hub_key", "the ciphertext does not open") from error


def _info(centre: str, gateway: str) -> bytes:
    return f"adhere batch 1|{centre}|{gateway}".encode()

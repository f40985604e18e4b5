"""Whose private address this is: a band that hides behind changing addresses, known by its key.

A resolvable private address is 24 random bits, of which the two highest say 01, and 24 bits that
the band's identity resolving key (IRK) makes of them: the function `ah` of the Bluetooth Core
Specification, Vol 3, Part H, 2.2.2. Anybody may try a key on an address; only the right one fits,
but for one address in 16.8 million. An address is looked at once and remembered, hit or miss: a
hall full of telephones costs one AES block for each key and new address, and nothing afterwards.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.base import CipherContext
from cryptography.hazmat.primitives.ciphers.modes import ECB

PART_BYTES = 3
"""Of the random part of an address, and of its hash."""
RESOLVABLE = 0b01
"""The two highest bits of an address that a key has made."""
REMEMBERED = 4_096
"""Addresses looked at lately; a telephone takes a new one every quarter of an hour."""
_ADDRESS = re.compile(r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")


def resolves(irk: bytes, address: str) -> bool:
    """Say whether the key made the address.

    `irk`: 16 bytes, the most significant first, as the specification writes it. `address`: six
    octets in hexadecimal with colons. False for whatever is no resolvable private address.
    """
    parts = _parts(address)
    return parts is not None and _hash(_encryptor(irk), parts[0]) == parts[1]


class AddressResolver:
    """Finds the band behind an address; its methods belong to the event loop's thread."""

    def __init__(self, keys: Callable[[], Mapping[str, bytes]]) -> None:
        """`keys` gives the IRKs by device key: the same mapping again while nothing changed."""
        self._keys = keys
        self._known: Mapping[str, bytes] = {}
        self._encryptors: dict[str, CipherContext] = {}
        self._found: OrderedDict[str, str | None] = OrderedDict()

    def device_key(self, address: str) -> str | None:
        """Return the band whose key made the address.

        None where no key did, or two did: then nobody can say whose it is.
        """
        known = self._keys()
        if known is not self._known:
            self._learn(known)
        if not self._encryptors:
            return None
        if address in self._found:
            self._found.move_to_end(address)
            return self._found[address]
        parts = _parts(address)
        if parts is None:
            return None
        random, made = parts
        fit = [
            key for key, encryptor in self._encryptors.items() if _hash(encryptor, random) == made
        ]
        self._found[address] = fit[0] if len(fit) == 1 else None
        if len(self._found) > REMEMBERED:
            self._found.popitem(last=False)
        return self._found[address]

    def _learn(self, known: Mapping[str, bytes]) -> None:
        if known != self._known:
            self._encryptors = {key: _encryptor(irk) for key, irk in known.items()}
            self._found.clear()
        self._known = known


def _parts(address: str) -> tuple[bytes, bytes] | None:
    """Return the random part and the hash of a resolvable private address; None for another."""
    if not _ADDRESS.fullmatch(address):
        return None
    octets = bytes.fromhex(address.replace(":", ""))
    if octets[0] >> 6 != RESOLVABLE:
        return None
    return octets[:PART_BYTES], octets[PART_BYTES:]


def _encryptor(irk: bytes) -> CipherContext:
    """Return AES-128 of single blocks: the security function `e`, which has no chaining."""
    return Cipher(AES(irk), ECB()).encryptor()  # noqa: S305 - `ah` is one block by definition


def _hash(encryptor: CipherContext, random: bytes) -> bytes:
    return encryptor.update(random.rjust(AES.block_size // 8, b"\0"))[-PART_BYTES:]

"""A person's claim code: four digits that say on the page in the hall that it is they.

The district keeps and sends a salted, slow hash of it (scrypt, RFC 7914), never the code. That
stops nobody who has a box's private keys and an hour; it is there against a mistaken or a joking
neighbour, and the page makes who guesses wait.
"""

import hashlib
import re
import secrets
from hmac import compare_digest

DIGITS = 4
SALT_BYTES = HASH_BYTES = 16
COST, BLOCK, LANES = 2**14, 8, 1
"""16 MiB and some 50 ms each on a small box."""
_CODE = re.compile(rf"[0-9]{{{DIGITS}}}")


def new_code() -> str:
    """Return a code nobody chose: people choose 1234."""
    return f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"


def new_salt() -> bytes:
    """Return the salt of one person's next code."""
    return secrets.token_bytes(SALT_BYTES)


def is_code(typed: str) -> bool:
    """Say whether it has the form of a code."""
    return _CODE.fullmatch(typed) is not None


def code_hash(code: str, salt: bytes) -> bytes:
    """Return the hash of a code; takes its time."""
    return hashlib.scrypt(
        code.encode("ascii"), salt=salt, n=COST, r=BLOCK, p=LANES, dklen=HASH_BYTES
    )


def is_right(typed: str, salt: bytes, made: bytes) -> bool:
    """Say whether the code typed is the one of which the hash was made; takes its time."""
    return is_code(typed) and compare_digest(code_hash(typed, salt), made)

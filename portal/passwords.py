"""Passwords: argon2id, rules without ceremony, and never more than two being hashed at once.

Parameters: 64 MiB, 3 passes, 4 lanes (the second recommended choice of RFC 9106, section 4). Rules
as in OWASP ASVS 5.0, 6.2: at least 8 characters, long ones welcome, nothing prescribed about which,
and none of the commonest.
"""

import secrets
import threading
import unicodedata
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError
from argon2.low_level import hash_secret_raw

from config.language import later

LEAST_CHARACTERS = 8
MOST_CHARACTERS = 256
"""Longer ones would only be work for us."""
AT_ONCE = 2
"""Each takes 64 MiB and most of a second: a burst of log-ins must not take the machine."""
WAIT_S = 6.0
MOST_WAITING = 8
"""The next is told to come again at once: those who wait hold a thread that pages need."""

NO_OUTPUT = "A" * 43
"""In the place of a hash's 32 bytes: the terms of an account come without."""

TOO_SHORT = later("Use at least 8 characters.")
TOO_LONG = later("Use at most 256 characters.")
TOO_COMMON = later("This password is on every list of guesses. Choose another.")
IS_THE_NAME = later("The password must not be your own name or code.")


class TooBusy(Exception):
    """Too many passwords are being looked at."""


def fault_of(password: str, *names: str) -> str | None:
    """Return what is wrong with a new password (a text to translate); None: it will do."""
    plain = normal(password)
    if len(plain) < LEAST_CHARACTERS:
        return TOO_SHORT
    if len(plain) > MOST_CHARACTERS:
        return TOO_LONG
    folded = plain.casefold()
    if folded in commonest() or len(set(folded)) <= 2:  # noqa: PLR2004 - aaaaaaaa, abababab
        return TOO_COMMON
    if folded in {normal(name).casefold() for name in names}:
        return IS_THE_NAME
    return None


def normal(password: str) -> str:
    """Return the same characters however the keyboard composed them."""
    return unicodedata.normalize("NFKC", password)


@cache
def commonest() -> frozenset[str]:
    """Return the commonest passwords of 8 characters and more, in small letters."""
    text = Path(__file__).with_name("common_passwords.txt").read_text("utf-8")
    lines = (line.strip() for line in text.splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))


class Passwords:
    """Hashes and checks, two at a time."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(
            time_cost=3, memory_cost=64 * 1024, parallelism=4, hash_len=32, salt_len=16
        )
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._room = threading.BoundedSemaphore(AT_ONCE + MOST_WAITING)
        self._mine = threading.local()
        self._nobody: str | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Take one of the two turns, for this thread; raises TooBusy.

        Whoever asks inside of it whether a password may be looked at, and notes the answer there,
        lets no burst of guesses past: `hashed` and `proof` then take no other turn.
        """
        if getattr(self._mine, "turn", False):
            yield
            return
        if not self._room.acquire(blocking=False):
            raise TooBusy
        try:
            if not self._turns.acquire(timeout=WAIT_S):
                raise TooBusy
            self._mine.turn = True
            try:
                yield
            finally:
                self._mine.turn = False
                self._turns.release()
        finally:
            self._room.release()

    def hashed(self, password: str) -> str:
        """Return the hash of a password (PHC string format); raises TooBusy."""
        with self.turn():
            return self._hasher.hash(normal(password))

    def proof(self, terms: str | None, password: str) -> bytes | None:
        """Return what argon2id makes of a password by an account's terms; may raise TooBusy.

        Without terms the same work is done for nothing (None), so the time tells nothing.
        """
        if len(password) > 4 * MOST_CHARACTERS:
            password = ""
        with self.turn():
            if self._nobody is None:
                self._nobody = self._hasher.hash(secrets.token_hex())
            hashed = self._nobody if terms is None else f"{terms}${NO_OUTPUT}"
            try:
                given = extract_parameters(hashed)
            except InvalidHashError:
                return None
            salt = hashed.split("$")[4]
            output = hash_secret_raw(
                normal(password).encode(),
                b64decode(salt + "=" * (-len(salt) % 4)),
                time_cost=given.time_cost,
                memory_cost=given.memory_cost,
                parallelism=given.parallelism,
                hash_len=given.hash_len,
                type=given.type,
                version=given.version,
            )
            return None if terms is None else output

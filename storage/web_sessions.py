"""Browsers that are logged in, and how long one waits after wrong passwords.

A session ends by itself after a while without a click, and after a longer while however busy;
log-out, a new password and a disabled account end it at once. It is opened by proof alone (a
one-time link, or the output of the password hash), and a transaction that reads for it names it:
`read_as`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from storage.accounts import kept_of, new_token, token_sha256
from storage.database import Connection, border
from storage.people import Role
from storage.queries import query

KNOWN_FOR = timedelta(days=90)
"""A browser is a stranger again after so long without a log-in."""


class SignedIn(NamedTuple):
    """Whose session it is, and what the person set in it."""

    staff_id: int
    code: str
    role: Role
    name: str
    has_password: bool
    may_set_password: bool
    shows_names: bool
    seen_at: datetime


@dataclass(frozen=True)
class Patience:
    """How wrong passwords make one wait."""

    allowed: int
    """This many wrong ones bring the first wait; each further one doubles it."""
    first_wait: timedelta
    longest_wait: timedelta
    forgotten_after: timedelta


@dataclass(frozen=True)
class Opening:
    """How long a new session lasts, and what ends with it."""

    session_for: timedelta
    """At most, however busy."""
    idle: timedelta
    """Without a click; sessions that are over are swept away."""
    before: str | None
    """Token of the session the browser had: it ends."""


class Entered(NamedTuple):
    """A session that a one-time link opened."""

    token: str
    code: str
    """Whose it is."""
    sets_password: bool


def read_as(conn: Connection, token: str | None) -> None:
    """Read for this session until the transaction ends: rows are those its person may see.

    None: nobody's. Outside of a transaction it holds for nothing.
    """
    given = {"token_sha256": None if token is None else token_sha256(token)}
    with border():
        conn.execute(query("read_as"), given)


def log_in(conn: Connection, code: str, proof: bytes, opening: Opening) -> str | None:
    """Return the token of a new session; None where `proof` does not prove the password.

    `proof` is what argon2id makes of the password by `password_terms`.
    """
    token = new_token()
    with border():
        row = conn.execute(
            query("log_in"), _opened(token, opening) | {"staff": code, "proof": proof}
        ).fetchone()
    return token if row and row[0] else None


def enter_by_link(conn: Connection, link: str, opening: Opening) -> Entered | None:
    """Use a one-time link up and open a session; None: used, expired, or the account is shut."""
    token = new_token()
    given = _opened(token, opening) | {"link_sha256": token_sha256(link)}
    with border():
        row = conn.execute(query("enter_by_link"), given).fetchone()
    return None if row is None else Entered(token, *row)


def _opened(token: str, opening: Opening) -> dict[str, object]:
    return {
        "token_sha256": token_sha256(token),
        "session_for": opening.session_for,
        "idle": opening.idle,
        "before_sha256": None if opening.before is None else token_sha256(opening.before),
    }


def lock_password(conn: Connection, code: str) -> None:
    """Let nobody else try this person's password in a page until the transaction ends."""
    with border():
        conn.execute(query("lock_password"), {"staff": code})


def change_password(conn: Connection, token: str, proof: bytes | None, password_hash: str) -> bool:
    """Write the reader's own new password's hash (PHC string); other sessions and links end.

    `proof` is the old password's, None in a session made for setting one. False: not proven.
    """
    given = {
        "token_sha256": token_sha256(token),
        "proof": proof,
        "kept": kept_of(password_hash),
    }
    with border():
        row = conn.execute(query("change_password"), given).fetchone()
    return bool(row and row[0])


def find_session(conn: Connection, token: str, *, idle: timedelta) -> SignedIn | None:
    """Return whose session this is; None where it is over or the account is disabled."""
    given = {"token_sha256": token_sha256(token), "idle": idle}
    with border():
        row = conn.execute(query("find_session"), given).fetchone()
    return None if row is None else SignedIn(*row)


def touch_session(conn: Connection, token: str) -> None:
    """Note a click, from which the idle time counts anew."""
    with border():
        conn.execute(query("touch_session"), {"token_sha256": token_sha256(token)})


def show_names(conn: Connection, token: str, *, shows_names: bool) -> None:
    """Show names in full in this session, or masked."""
    given = {"token_sha256": token_sha256(token), "shows_names": shows_names}
    with border():
        conn.execute(query("show_names"), given)


def note_listed(conn: Connection, token: str, pseudonyms: Sequence[str]) -> bool:
    """Note whom the session's list shows now; return whether it is anything new."""
    given = {"token_sha256": token_sha256(token), "listed": sorted(set(pseudonyms))}
    with border():
        row = conn.execute(query("note_listed"), given).fetchone()
    return bool(row and row[0])


def end_session(conn: Connection, token: str) -> None:
    """Log out: the token opens nothing any more."""
    with border():
        conn.execute(query("end_session"), {"token_sha256": token_sha256(token)})


def know_browser(conn: Connection, token: str) -> None:
    """Note that the reader has logged in with this browser."""
    given = {"token_sha256": token_sha256(token), "known_for": KNOWN_FOR}
    with border():
        conn.execute(query("know_browser"), given)


def browser_of(conn: Connection, token: str) -> str | None:
    """Return the code of who last logged in with this browser; None: nobody lately."""
    given = {"token_sha256": token_sha256(token), "known_for": KNOWN_FOR}
    with border():
        row = conn.execute(query("find_browser"), given).fetchone()
    return None if row is None or row[0] is None else str(row[0])


def wait_key(kind: str, name: str) -> bytes:
    """Return under what failures are counted: `account` and its code, `address` and so on."""
    return hashlib.sha256(f"{kind}\0{name}".encode("utf-8", "surrogatepass")).digest()


def seconds_to_wait(conn: Connection, keys: Sequence[bytes]) -> float:
    """Return for how long no password is looked at; 0: now."""
    with border():
        row = conn.execute(query("find_wait"), {"keys": list(keys)}).fetchone()
    return float(row[0]) if row else 0.0


def note_failure(conn: Connection, key: bytes, patience: Patience) -> None:
    """Count a wrong password."""
    given = {
        "key": key,
        "allowed": patience.allowed,
        "first_wait": patience.first_wait,
        "longest_wait": patience.longest_wait,
        "forgotten_after": patience.forgotten_after,
    }
    with border(), conn.transaction():
        conn.execute(query("forget_old_failures"), given)
        conn.execute(query("note_failure"), given)


def failures(conn: Connection, key: bytes) -> int:
    """Return how many wrong passwords are remembered."""
    with border():
        row = conn.execute(query("find_failures"), {"keys": [key]}).fetchone()
    return int(row[0]) if row else 0


def forget_failures(conn: Connection, key: bytes) -> None:
    """Forget them: the right password came."""
    with border():
        conn.execute(query("forget_failures"), {"key": key})

"""Accounts of the web pages: who may log in, by which one-time link, and who looks after whom.

A token (of a link, of a session) is 256 random bits. The database keeps its SHA-256 alone, so a
reader of the tables can open nothing; no salt is needed, for such a token cannot be guessed. Of a
password it keeps the SHA-256 of what argon2id makes of it: whoever opens a session shows that
output, and none of it is in the tables.
"""

import hashlib
import secrets
from base64 import b64decode, b64encode
from datetime import datetime, timedelta
from typing import NamedTuple

from config.errors import Misconfigured, Rejected
from config.language import _
from storage.database import Connection, border
from storage.people import Role
from storage.queries import query

CARE_ROLES = frozenset({"family_doctor", "therapist", "instructor"})
"""Who may be of a care team."""


class Account(NamedTuple):
    """A person of the staff who may log in."""

    staff_id: int
    code: str
    role: Role
    name: str
    email: str | None
    has_password: bool
    disabled_at: datetime | None


class ListedAccount(NamedTuple):
    """A person of the staff, with or without an account."""

    code: str
    role: Role
    name: str
    organisation: str
    email: str | None
    has_login: bool
    has_password: bool
    disabled_at: datetime | None
    last_seen_at: datetime | None
    """The last click of a session that is still kept."""


class Link(NamedTuple):
    """A one-time link that was issued, good or not."""

    code: str
    name: str
    is_used: bool
    is_over: bool
    """Expired, or its account was disabled."""


class Terms(NamedTuple):
    """How the password of an account is to be hashed."""

    code: str
    terms: str | None
    """Algorithm, parameters and salt as in the PHC string format; None: no password opens it."""


def new_token() -> str:
    """Return 256 random bits as 43 characters that a URL and a cookie take as they are."""
    return secrets.token_urlsafe(32)


def token_sha256(token: str) -> bytes:
    """Return what the database keeps of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def put_email(conn: Connection, *, staff: str, email: str | None) -> None:
    """Write where alerts reach a person of the staff; None: nowhere by e-mail."""
    with border():
        conn.execute(query("put_email"), {"staff": staff, "email": email})


def put_care_team(conn: Connection, *, patient: str, staff: str) -> None:
    """Let a person of the staff (by code) look after a patient (by pseudonym), for good."""
    given = {"patient": patient, "staff": staff}
    with border():
        conn.execute(query("put_care_team"), given)
        row = conn.execute(query("find_care_team"), given).fetchone()
    if row is None:
        raise _unknown(f"{patient} / {staff}")


def leave_care_team(conn: Connection, *, patient: str, staff: str) -> bool:
    """Let a person look after a patient no more; return whether they did."""
    given = {"patient": patient, "staff": staff}
    with border():
        return conn.execute(query("leave_care_team"), given).fetchone() is not None


def admit_to_care_team(conn: Connection, *, patient: str, staff: str) -> None:
    """Do as `put_care_team` in a page of an administrator, who sees no patient."""
    with border():
        row = conn.execute(
            query("admit_to_care_team"), {"patient": patient, "staff": staff}
        ).fetchone()
    if row is None or not row[0]:
        raise _unknown(f"{patient} / {staff}")


def dismiss_from_care_team(conn: Connection, *, patient: str, staff: str) -> bool:
    """Do as `leave_care_team` in a page of an administrator."""
    with border():
        row = conn.execute(
            query("dismiss_from_care_team"), {"patient": patient, "staff": staff}
        ).fetchone()
    return bool(row and row[0])


def open_account(conn: Connection, staff: str) -> Account:
    """Let a person of the staff (by code) log in; without effect where they may already."""
    with border():
        conn.execute(query("open_account"), {"staff": staff})
    account = find_account(conn, staff)
    if account is None:
        raise _unknown(staff)
    return account


def find_account(conn: Connection, staff: str) -> Account | None:
    """Return the account of a person of the staff, disabled or not; None where there is none."""
    with border():
        row = conn.execute(query("find_account"), {"staff": staff}).fetchone()
    return None if row is None else Account(*row)


def accounts(conn: Connection) -> list[ListedAccount]:
    """Return everybody of the staff, by role and code."""
    with border():
        return [ListedAccount(*row) for row in conn.execute(query("read_accounts"))]


def issue_link(
    conn: Connection, staff_code: str, valid_for: timedelta, *, sets_password: bool = False
) -> str:
    """Return the token of a new one-time link; `/enter/<token>` opens the pages once.

    Opens an account where the person has none. With `sets_password` whoever enters by it may set a
    password without the old one. Raises Misconfigured where nobody has this code.
    """
    token = new_token()
    given = {
        "token_sha256": token_sha256(token),
        "staff": staff_code,
        "valid_for": valid_for,
        "sets_password": sets_password,
    }
    with border(), conn.transaction():
        open_account(conn, staff_code)
        conn.execute(query("forget_old_links"))
        conn.execute(query("insert_link"), given)
    return token


def find_link(conn: Connection, token: str) -> Link | None:
    """Return what is known of a link, without using it up; None: it was never issued."""
    with border():
        row = conn.execute(query("find_link"), {"token_sha256": token_sha256(token)}).fetchone()
    return None if row is None else Link(*row)


def password_terms(conn: Connection, staff: str) -> Terms | None:
    """Return how a password typed for this code is hashed; None: there is no such account."""
    with border():
        row = conn.execute(query("password_terms"), {"staff": staff}).fetchone()
    return None if row is None else Terms(*row)


def kept_of(password_hash: str) -> str:
    """Return what is kept of an argon2id hash (PHC string format): of its output the SHA-256."""
    before, output = password_hash.rsplit("$", 1)
    digest = hashlib.sha256(b64decode(output + "=" * (-len(output) % 4))).digest()
    kept = b64encode(digest).decode().rstrip("=")
    return f"{before.replace('$argon2id$', '$argon2id+sha256$', 1)}${kept}"


def set_password_hash(conn: Connection, *, staff_id: int, password_hash: str) -> None:
    """Write a new password's hash (PHC string); every session and unused link of theirs ends."""
    given = {"staff_id": staff_id, "password_hash": kept_of(password_hash)}
    with border(), conn.transaction():
        conn.execute(query("set_password"), given)
        conn.execute(query("end_sessions"), given)
        conn.execute(query("end_links"), given)


def disable_account(conn: Connection, staff: str) -> None:
    """Shut a person out at once: sessions and links end, the password opens nothing.

    Raises Rejected (`last_administrator`) where nobody would be left to undo it.
    """
    with border(), conn.transaction():
        account = find_account(conn, staff)
        if account is None:
            raise _unknown(staff)
        row = conn.execute(query("count_administrators"), {"staff": staff}).fetchone()
        if account.role == "administrator" and (row is None or row[0] == 0):
            raise Rejected("last_administrator")
        conn.execute(query("disable_account"), {"staff": staff})
        conn.execute(query("end_sessions"), {"staff_id": account.staff_id})
        conn.execute(query("end_links"), {"staff_id": account.staff_id})


def enable_account(conn: Connection, staff: str) -> None:
    """Let a person log in again with the password they had."""
    with border():
        row = conn.execute(query("enable_account"), {"staff": staff}).fetchone()
    if row is None:
        raise _unknown(staff)


def _unknown(name: str) -> Misconfigured:
    return Misconfigured(_("Nothing is known by the name %(name)s.") % {"name": name})

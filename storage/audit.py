"""Who read or changed what about whom, kept for the auditor. Never a measured value."""

import json
import os
import pwd
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from storage.database import Connection, border
from storage.queries import query

TERMINAL = "terminal:"
"""How the actor of a command begins; the account of a person follows."""
LONGEST_NAME = 64


class Entry(NamedTuple):
    """One row of the trail."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, object]


def note(
    conn: Connection,
    *,
    actor: str,
    action: str,
    subject: str,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Write that `actor` (a staff's code) did `action` (a short fixed word) to `subject`.

    Of what somebody did at a terminal the login to the database stands in the detail too.
    """
    given = {
        "actor": actor,
        "action": action,
        "subject": subject,
        "detail": json.dumps(dict(detail or {}), ensure_ascii=False),
    }
    with border():
        conn.execute(query("note_audit"), given)


def note_command(
    conn: Connection, *, action: str, subject: str, detail: Mapping[str, object] | None = None
) -> None:
    """Write that whoever works at this terminal did `action` to `subject`.

    Under sudo the account it works with stands in the detail: who types the command may say that
    sudo was called by another, and cannot say that of the account.
    """
    actor, account = at_terminal(), _account()
    as_another = {} if actor == f"{TERMINAL}{account}" else {"account": account}
    note(conn, actor=actor, action=action, subject=subject, detail={**(detail or {}), **as_another})


def at_terminal() -> str:
    """Return who works at this terminal, as an actor: whoever called sudo, else the account."""
    return TERMINAL + (_plain(os.environ.get("SUDO_USER", "")) or _account())


def _account() -> str:
    try:
        return _plain(pwd.getpwuid(os.getuid()).pw_name)
    except KeyError:  # a container may know no name for it
        return str(os.getuid())


def _plain(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable())[:LONGEST_NAME]


def entries(
    conn: Connection,
    *,
    actor: str | None = None,
    action: str | None = None,
    subject: str | None = None,
    before: int | None = None,
    rows: int = 100,
) -> list[Entry]:
    """Return rows of the trail, newest first; `before` is an id, for the page after."""
    given = {
        "actor": actor,
        "action": action,
        "subject": subject,
        "before": before,
        "rows": rows,
    }
    with border():
        found = conn.execute(query("read_audit"), given).fetchall()
    return [
        Entry(number, at, who, did, about, json.loads(said))
        for number, at, who, did, about, said in found
    ]

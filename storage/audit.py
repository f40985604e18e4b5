"""Who read or changed what about whom, kept for the auditor. Never a measured value."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from storage.database import Connection, border
from storage.queries import query


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
    """Write that `actor` (a staff's code) did `action` (a short fixed word) to `subject`."""
    given = {
        "actor": actor,
        "action": action,
        "subject": subject,
        "detail": json.dumps(dict(detail or {}), ensure_ascii=False),
    }
    with border():
        conn.execute(query("note_audit"), given)


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

"""Dead letters: what could not be taken, with its bytes and the reason."""

import hashlib
from datetime import datetime
from typing import NamedTuple

from config.errors import Misconfigured
from config.language import _
from storage.database import Connection, border
from storage.queries import query

LARGEST_DEAD_LETTER_BYTES = 262_144
"""Four times the largest batch; of anything longer its beginning, length and hash are kept."""


class DeadLetter(NamedTuple):
    """One thing that came, once or more often, without its bytes."""

    id: int
    topic: str
    reason: str
    detail: str
    full_length: int
    """Of what came, in bytes; what is kept may be shorter."""
    sha256: str
    first_seen_at: datetime
    last_seen_at: datetime
    times_seen: int


def store_dead_letter(conn: Connection, topic: str, reason: str, detail: str, data: bytes) -> int:
    """Keep what could not be taken; return its id. The same thing again only counts up."""
    with border():
        row = conn.execute(
            query("insert_dead_letter"),
            {
                "topic": _storable(topic),
                "reason": reason,
                "detail": _storable(detail),
                "bytes": data[:LARGEST_DEAD_LETTER_BYTES],
                "full_length": len(data),
                "sha256": hashlib.sha256(data).digest(),
            },
        ).fetchone()
    return int(row[0]) if row else 0


def latest(conn: Connection, *, reason: str | None = None, limit: int = 50) -> list[DeadLetter]:
    """Return the letters that came last, the latest first."""
    with border():
        rows = conn.execute(
            query("latest_dead_letters"), {"reason": reason, "limit": limit}
        ).fetchall()
    return [DeadLetter(*row) for row in rows]


def one(conn: Connection, letter_id: int) -> DeadLetter:
    """Return one letter. Raises Misconfigured for a number that none has."""
    with border():
        row = conn.execute(query("one_dead_letter"), {"letter_id": letter_id}).fetchone()
    if row is None:
        raise Misconfigured(_("There is no dead letter %(id)d.") % {"id": letter_id})
    return DeadLetter(*row)


def bytes_of(conn: Connection, letter_id: int) -> bytes:
    """Return what was kept of the bytes that came; empty for a number that none has."""
    with border():
        row = conn.execute(query("dead_letter_bytes"), {"letter_id": letter_id}).fetchone()
    return bytes(row[0]) if row else b""


def _storable(text: str) -> str:
    """PostgreSQL's text holds every character but U+0000, and no half of a surrogate pair."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")

"""Dead letters: what could not be taken, with its bytes, the reason, and what came of a retry.

The letter stays; its bytes go when a retry has stored them, or by age (config/retention.toml).
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from config.errors import Misconfigured
from config.language import _
from storage.database import Connection, border
from storage.queries import query

LARGEST_DEAD_LETTER_BYTES = 262_144
"""Four times the largest batch; of anything longer its beginning, length and hash are kept."""
STATE = "/state"
"""How the topics of gateways' states end."""
SETTLED = ("stored", "duplicate")
"""What a retry comes to when what came is in the tables."""


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
    gateway: str | None = None
    """On whose topic it came, be it that gateway's or not; None: nobody's that is enrolled."""
    retried_at: datetime | None = None
    retry_outcome: str | None = None
    """`stored`, `duplicate`, `truncated`, `not_retriable`, or why it was refused again."""
    retry_detail: str | None = None
    bytes_dropped_at: datetime | None = None
    """Since when its bytes are no longer kept; None: they are."""


class NewLetter(NamedTuple):
    """What could not be taken, with its bytes."""

    topic: str
    reason: str
    detail: str
    data: bytes


class Kept(NamedTuple):
    """What a retry begins with."""

    topic: str
    data: bytes
    full_length: int
    waited_ms: int
    """Since it first came, by the server's clock."""
    is_dropped: bool = False
    """Its bytes are no longer kept."""
    settled: str | None = None
    """`stored` or `duplicate`, where a retry came to that."""

    @property
    def is_whole(self) -> bool:
        """Say whether all of it was kept."""
        return len(self.data) == self.full_length


class Shown(NamedTuple):
    """A letter as a page shows it."""

    id: int
    reason: str
    gateway: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    times_seen: int
    retry_outcome: str | None


def store_dead_letter(conn: Connection, topic: str, reason: str, detail: str, data: bytes) -> int:
    """Keep what could not be taken; return its id. The same thing again only counts up.

    States are unsigned, hold no readings and differ each time: they are counted by topic and
    reason, and nothing of them is kept.
    """
    with border():
        given = _row(NewLetter(topic, reason, detail, data))
        row = conn.execute(query("insert_dead_letter"), given).fetchone()
    return int(row[0]) if row else 0


def store_dead_letters(conn: Connection, letters: Sequence[NewLetter]) -> None:
    """Keep many as `store_dead_letter` keeps one, all in one transaction, committed on return.

    Raises Rejected where the database refuses one: then none of them is kept.
    """
    given = sorted((_row(letter) for letter in letters), key=_place)
    with border(), conn.transaction(), conn.cursor() as cursor:
        cursor.executemany(query("insert_dead_letter"), given)


def latest(
    conn: Connection,
    *,
    reason: str | None = None,
    gateway_ids: Sequence[int] | None = None,
    limit: int = 50,
) -> list[DeadLetter]:
    """Return the letters that came last, the latest first."""
    given = {"reason": reason, "gateway_ids": _listed(gateway_ids), "limit": limit}
    with border():
        rows = conn.execute(query("latest_dead_letters"), given).fetchall()
    return [DeadLetter(*row) for row in rows]


def one(conn: Connection, letter_id: int) -> DeadLetter:
    """Return one letter. Raises Misconfigured for a number that none has."""
    with border():
        row = conn.execute(query("one_dead_letter"), {"letter_id": letter_id}).fetchone()
    if row is None:
        raise Misconfigured(_("There is no dead letter %(id)d.") % {"id": letter_id})
    return DeadLetter(*row)


def bytes_of(conn: Connection, letter_id: int) -> bytes:
    """Return what is kept of the bytes that came; empty for a number that none has."""
    with border():
        row = conn.execute(query("dead_letter_bytes"), {"letter_id": letter_id}).fetchone()
    return bytes(row[0]) if row and row[0] is not None else b""


def to_retry(conn: Connection, reason: str) -> list[int]:
    """Return those of a reason that can be tried and that no retry has settled, as they came."""
    with border():
        rows = conn.execute(query("dead_letters_to_retry"), {"reason": reason}).fetchall()
    return [int(row[0]) for row in rows]


def kept(conn: Connection, letter_id: int) -> Kept:
    """Return what there is to try again. Raises Misconfigured for a number that none has."""
    with border():
        row = conn.execute(query("dead_letter_to_retry"), {"letter_id": letter_id}).fetchone()
    if row is None:
        raise Misconfigured(_("There is no dead letter %(id)d.") % {"id": letter_id})
    topic, data, full_length, waited_ms, outcome = row
    return Kept(
        topic,
        bytes(data or b""),
        full_length,
        max(0, waited_ms),
        is_dropped=data is None,
        settled=outcome if outcome in SETTLED else None,
    )


def mark_retried(
    conn: Connection,
    letter_id: int,
    outcome: str,
    detail: str,
    *,
    batch: tuple[int, bytes, int] | None = None,
) -> str:
    """Write what came of a retry; return what the letter says now: `stored` stays.

    Where it is in the tables now the bytes are dropped. `batch`: gateway, boot and number.
    """
    gateway_id, boot, seq = batch or (None, None, None)
    given = {"letter_id": letter_id, "outcome": outcome, "detail": _storable(detail)}
    given |= {"gateway_id": gateway_id, "boot": boot, "seq": seq}
    with border():
        row = conn.execute(query("mark_retried"), given).fetchone()
    return str(row[0]) if row else outcome


def shown(
    conn: Connection, gateway_ids: Sequence[int], *, staff_id: int | None, limit: int = 50
) -> list[Shown]:
    """Return the letters on topics of these gateways that nothing has settled, the latest first.

    For an operator's page: `staff_id` of no centre adds those on topics of nobody; None: no.
    """
    given = {"gateway_ids": list(gateway_ids), "staff_id": staff_id, "limit": limit}
    with border():
        rows = conn.execute(query("shown_dead_letters"), given).fetchall()
    return [Shown(*row) for row in rows]


def _row(letter: NewLetter) -> dict[str, object]:
    data = b"" if letter.topic.endswith(STATE) else letter.data
    return {
        "topic": _storable(letter.topic),
        "reason": letter.reason,
        "detail": _storable(letter.detail),
        "bytes": data[:LARGEST_DEAD_LETTER_BYTES],
        "full_length": len(data),
        "sha256": hashlib.sha256(data).digest(),
    }


def _place(row: dict[str, object]) -> tuple[object, ...]:
    """Return what orders rows: so two hubs never wait for each other in a circle."""
    return row["sha256"], row["topic"], row["reason"]


def _listed(ids: Sequence[int] | None) -> list[int] | None:
    return None if ids is None else list(ids)


def _storable(text: str) -> str:
    """PostgreSQL's text holds every character but U+0000, and no half of a surrogate pair."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")

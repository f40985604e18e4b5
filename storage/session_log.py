"""The session log: what no band measures, as an instructor or a doctor wrote it down.

An entry is known by a key that its writer gives, so one that is sent twice is one entry. It is
never edited: a correction, or taking it back, is another revision with who, when and why.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from config.errors import Misconfigured, Rejected
from config.language import _
from storage.database import Connection, border
from storage.queries import query

Component = Literal["aerobic", "resistance", "balance"]
MOST_ROWS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session of one person, or that the person did not come to it."""

    date: date
    """The local day."""
    component: Component
    attended: bool = True
    minutes: float | None = None
    """None: not known."""
    rpe: float | None = None
    """Perceived exertion, Borg 6-20; None: not asked."""
    supervised_by: str | None = None
    """Code of the person of the staff who was there; None: done alone."""


class Entry(NamedTuple):
    """A revision of an entry, as it stands in the log."""

    entry_id: int
    """The number of the entry: of its first revision."""
    entry_key: str
    revision: int
    enrolment_id: int
    session: Session
    withdrawn: bool
    correction_reason: str | None
    noted_by: str
    noted_at: datetime
    supervisor: str | None
    """Names, beside the codes."""
    writer: str


def note_session(
    conn: Connection, *, enrolment_id: int, entry_key: str, session: Session, noted_by: str
) -> Entry:
    """Write an entry; written again with the same words it changes nothing.

    Raises Rejected (`session_edited`) where the key stands with other words, and Misconfigured for
    an unknown code of the staff.
    """
    given = _row(entry_key, 1, enrolment_id, session, noted_by)
    with border(), conn.transaction():
        conn.execute(query("insert_session_entry"), given)
        first = next(iter(history_of(conn, entry_key)), None)
    if first is None:
        raise _unknown(session, noted_by)
    if (first.enrolment_id, first.session) != (enrolment_id, session):
        raise Rejected("session_edited")
    return first


def correct_session(
    conn: Connection,
    *,
    entry_key: str,
    revision: int,
    session: Session | None,
    reason: str,
    noted_by: str,
) -> Entry:
    """Say it anew; None takes the entry back. `revision` is the one the writer had before them.

    Written again by the same person with the same words it changes nothing. Raises Rejected
    (`session_changed`) where another revision has come meanwhile, (`session_unknown`) without such
    an entry, and Misconfigured for an unknown code of the staff.
    """
    with border(), conn.transaction():
        known = history_of(conn, entry_key)
        if not 1 <= revision <= len(known):
            raise Rejected("session_unknown")
        before = known[revision - 1]
        said = before.session if session is None else session
        given = _row(entry_key, revision + 1, before.enrolment_id, said, noted_by) | {
            "withdrawn": session is None,
            "reason": reason,
        }
        conn.execute(query("insert_session_entry"), given)
        after = history_of(conn, entry_key)[revision : revision + 1]
    if not after:
        raise _unknown(said, noted_by)
    same = (after[0].session, after[0].withdrawn, after[0].correction_reason, after[0].noted_by)
    if same != (said, session is None, reason, noted_by):
        raise Rejected("session_changed")
    return after[0]


def history_of(conn: Connection, entry_key: str) -> list[Entry]:
    """Return every revision of an entry, the first one first; none where there is no such entry."""
    with border():
        return _entries(conn.execute(query("read_session_history"), {"entry_key": entry_key}))


def entry_of(conn: Connection, entry_id: int) -> list[Entry]:
    """Return every revision of the entry with this number; none where there is no such entry."""
    with border():
        row = conn.execute(query("find_session_key"), {"entry_id": entry_id}).fetchone()
    return [] if row is None else history_of(conn, row[0])


def sessions_between(
    conn: Connection, enrolment_id: int, since: date, until: date, *, rows: int = MOST_ROWS
) -> list[Entry]:
    """Return the newest revision of each entry of these local days, ends included, newest first.

    Entries that were taken back are among them, marked.
    """
    given = {"enrolment_id": enrolment_id, "since": since, "until": until, "rows": rows}
    with border():
        return _entries(conn.execute(query("read_session_log"), given))


def _entries(rows: Iterable[tuple[Any, ...]]) -> list[Entry]:
    names = [field.name for field in fields(Session)]
    found = []
    for entry_id, key, revision, enrolment_id, *rest in rows:
        session = Session(**dict(zip(names, rest[:6], strict=True)))
        found.append(Entry(entry_id, key, revision, enrolment_id, session, *rest[6:]))
    return found


def _row(
    entry_key: str, revision: int, enrolment_id: int, session: Session, noted_by: str
) -> dict[str, object]:
    return asdict(session) | {
        "entry_key": entry_key,
        "revision": revision,
        "enrolment_id": enrolment_id,
        "withdrawn": False,
        "reason": None,
        "noted_by": noted_by,
    }


def _unknown(session: Session, noted_by: str) -> Misconfigured:
    names = " / ".join(filter(None, [noted_by, session.supervised_by]))
    return Misconfigured(_("Nothing is known by the name %(name)s.") % {"name": names})

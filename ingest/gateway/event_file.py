"""The file of the edge's events: whole or as before after every write, set aside where damaged.

SQLite opens, reads and writes it; who calls waits for the disk. One thread at a time may.
"""

import contextlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import apsw
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from config.errors import Rejected
from ingest.batch.told import Told, open_told, seal_told
from ingest.gateway.own_file import keep_own

log = structlog.get_logger()

PAGE_BYTES = 4096
REFUSED_KEPT = 500
"""Evidence for whoever looks; more of it must not fill the file."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    boot BLOB NOT NULL, number INTEGER NOT NULL, sealed BLOB NOT NULL,
    came_mono_ms INTEGER NOT NULL, machine_start TEXT NOT NULL, refused TEXT,
    PRIMARY KEY (boot, number)
)
"""

Key = tuple[bytes, int]
"""Boot and number of an event."""
_Row = tuple[bytes, int, bytes, int, str]


class Filed(NamedTuple):
    """An event as the file holds it."""

    event: Told
    came_mono_ms: int
    machine_start: str
    """During which run of the machine it came; empty: not known, and neither is its age."""


class EventFile:
    """The file, once `open` has been able to open it."""

    def __init__(
        self,
        path: Path,
        signing: Ed25519PrivateKey,
        *,
        max_pages: int,
        former: Sequence[Ed25519PublicKey] = (),
    ) -> None:
        """Touch no disk yet. Events lie there signed, so that a damaged one is noticed."""
        self._path, self._signing, self._max_pages = path, signing, max_pages
        self._former = tuple(former)
        """What was signed with before a change of keys: it counts, and is signed anew."""
        self._db: apsw.Connection | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can be written."""
        return self._db is not None

    def open(self) -> tuple[list[Filed], int]:
        """Open it; return what waits there, and how many events of it were damaged.

        A damaged file is set aside and a new one begun.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._opened_and_read()
        except (apsw.CorruptError, apsw.NotADBError):
            log.error("events_damaged", path=str(self._path))  # noqa: TRY400 - foreseen
            for suffix in ("", "-wal", "-shm"):
                part = self._path.with_name(self._path.name + suffix)
                if part.exists():
                    part.replace(part.with_name(f"{part.name}.damaged-{secrets.token_hex(4)}"))
            return self._opened_and_read()

    def write(self, new: Sequence[Filed], gone: Mapping[Key, str | None]) -> None:
        """Add events; delete those that are gone, or mark them with the reason of a refusal."""
        if self._db is None:
            raise apsw.CantOpenError("the event file is not open")
        db = self._db
        with _transaction(db):
            for (boot, number), reason in gone.items():
                if reason is None:
                    db.execute("DELETE FROM event WHERE boot = ? AND number = ?", (boot, number))
                else:
                    _refuse(db, (boot, number), reason)
            db.execute(
                "DELETE FROM event WHERE refused IS NOT NULL AND rowid NOT IN "
                "(SELECT rowid FROM event WHERE refused IS NOT NULL ORDER BY rowid DESC LIMIT ?)",
                (REFUSED_KEPT,),
            )
            for event, came_mono_ms, machine in new:
                db.execute(
                    "INSERT OR REPLACE INTO event VALUES (?, ?, ?, ?, ?, NULL)",
                    (
                        event.boot,
                        event.number,
                        seal_told(event, self._signing),
                        came_mono_ms,
                        machine,
                    ),
                )

    def close(self) -> None:
        """Close it, if it is open."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _opened_and_read(self) -> tuple[list[Filed], int]:
        """Open and read it; only what has been read may be written, else it is tried again."""
        keep_own(self._path)
        db = apsw.Connection(str(self._path))
        try:
            self._prepare(db)
            found = self._read(db)
        except BaseException:
            db.close()
            raise
        self._db = db
        return found

    def _prepare(self, db: apsw.Connection) -> None:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")
        db.execute(_SCHEMA)
        db.execute(f"PRAGMA max_page_count = {self._max_pages}")

    def _read(self, db: apsw.Connection) -> tuple[list[Filed], int]:
        rows = db.execute(
            "SELECT boot, number, sealed, came_mono_ms, machine_start FROM event "
            "WHERE refused IS NULL ORDER BY rowid"
        ).fetchall()
        found: list[Filed] = []
        for boot, number, sealed, came_mono_ms, machine in cast("list[_Row]", rows):
            try:
                event = self._opened(db, (boot, number), sealed)
            except Rejected as error:
                log.error("event_damaged", number=number, reason=error.reason)  # noqa: TRY400 - foreseen
                _refuse(db, (boot, number), "damaged")
            else:
                found.append(Filed(event, came_mono_ms, machine))
        return found, len(rows) - len(found)

    def _opened(self, db: apsw.Connection, key: Key, sealed: bytes) -> Told:
        """Return the event that we have signed; raise Rejected."""
        try:
            return open_told(sealed, self._signing.public_key())
        except Rejected:
            for signer in self._former:
                with contextlib.suppress(Rejected):
                    event = open_told(sealed, signer)
                    again = seal_told(event, self._signing)
                    db.execute(
                        "UPDATE event SET sealed = ? WHERE boot = ? AND number = ?", (again, *key)
                    )
                    return event
            raise


def _refuse(db: apsw.Connection, key: Key, reason: str) -> None:
    db.execute("UPDATE event SET refused = ? WHERE boot = ? AND number = ?", (reason, *key))


@contextlib.contextmanager
def _transaction(db: apsw.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(apsw.Error):  # a full disk has rolled it back already
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")

"""The ground that the spool stands on: one file, its state, its room on the disk.

Every change is one transaction with the state row. Nothing is ever deleted to make room: what
stores more stops at the quota, what makes room may use a reserve of pages beyond it. On a disk that
is full before the quota is, that goes on with the room of the `ballast`; what is heard then finds
room only where something was deleted, until the disk has room again.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import cbor2
import structlog

from config.errors import Unavailable
from ingest.gateway.ballast import Ballast
from ingest.gateway.spool_file import (
    DISK_FAULTS,
    SpoolDamaged,
    damage_noticed,
    open_spool_file,
)
from ingest.gateway.spool_rows import CHUNK_TABLE, Field, State, Tagger, transaction, write_state

log = structlog.get_logger()

RESERVE_PAGES = 64
"""For sealing and deleting at the quota: more than the largest batch and the trees above it."""
MAX_SET_ASIDE_BYTES = 65_536

Damaged = tuple[int, tuple[Field, ...]]
"""A row's number, and its fields without the tag."""


class CannotStore(Unavailable):
    """Nothing can be stored just now: hold or refuse what is heard, loudly, and try again."""


class SpoolFull(CannotStore):
    """The quota is reached, or the disk is full: the uplink makes room."""


class Ground:
    """The file, opened. From one thread at a time."""

    def __init__(
        self,
        path: Path,
        tag_key: bytes,
        *,
        quota_pages: int,
        boot: bytes | None = None,
        ballast: Ballast | None = None,
    ) -> None:
        """Open or make the file; `boot` names a new one (else random bytes do).

        Raises Misconfigured: in use by another process, or written with another box's key;
        Unavailable: the disk fails.
        """
        self.tagger = Tagger(tag_key)
        self.quota_pages = quota_pages
        self.ballast = Ballast(path.parent) if ballast is None else ballast
        try:
            self.db, self.state = open_spool_file(path, self.tagger, boot=boot)
        except SpoolDamaged:
            raise
        except Unavailable:
            if not self.ballast.drop():
                raise
            self.db, self.state = open_spool_file(path, self.tagger, boot=boot)
        self.ballast.take()
        try:
            self.used_pages = self._pages() - self._free_pages()
        except (SpoolDamaged, *DISK_FAULTS) as error:
            self.close()
            raise Unavailable(f"the spool cannot be read: {error}") from error

    def close(self) -> None:
        """Put everything into the one file, and let go of it."""
        try:
            with damage_noticed():
                self.db.close()
        except (SpoolDamaged, *DISK_FAULTS):  # mended when it is opened again, which must be free
            self.db.close(force=True)

    def rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Return what a query finds. Raises SpoolDamaged."""
        with damage_noticed():
            found: list[Any] = self.db.execute(sql, values).fetchall()
        return found

    def pages_for_more(self) -> int:
        """Return the size that storing more may not pass.

        On a full disk what is heard may still take the room of what was deleted in the file.
        """
        return min(self.quota_pages if self.ballast.may_grow() else self._pages(), self.quota_pages)

    def change(self, state: State, write: Callable[[], None], *, pages: int | None = None) -> None:
        """One transaction that ends in `state`; where it fails, nothing has changed.

        `pages`: the size that storing more may not pass; None: it makes room, and on a full disk
        the ballast goes overboard for it.
        """
        state = replace(state, version=state.version + 1)
        try:
            try:
                self._write(state, write, pages)
            except apsw.FullError:
                if pages is not None or self._at_quota() or not self.ballast.drop():
                    raise
                self._write(state, write, pages)
        except apsw.FullError as error:
            raise SpoolFull("the spool has reached its quota, or the disk is full") from error
        self.state = state

    def give_up(self, table: str, rows: list[Damaged]) -> None:
        """Put damaged rows aside, and count what was in them: what is missing without them."""
        count, sealed = self.state.counters, table == "batch"
        if sealed:
            gone = count["receipted"] + count["released"] + count["lost_sealed"]
            expected = count["sealed"] - gone
        else:
            expected = count["stored"] - count["sealed"] - count["lost_unsealed"]
        lost = expected - self._held(("batch",) if sealed else CHUNK_TABLE.values(), table, rows)
        state = self.state.counted(
            **(
                {"lost_sealed": lost, "lost_batches": len(rows)}
                if sealed
                else {"lost_unsealed": lost}
            )
        )

        def write() -> None:
            for number, fields in rows:
                remove = f"DELETE FROM {table} WHERE id = ?"  # noqa: S608 - our name
                self.db.execute(remove, (number,))
                data = cbor2.dumps([number, *fields])[:MAX_SET_ASIDE_BYTES]
                self.set_aside(table, "damaged", lost if len(rows) == 1 else 0, data)

        self.change(state, write)
        log.error("spool_rows_damaged", table=table, rows=len(rows), readings_lost=lost)

    def set_aside(self, origin: str, reason: str, readings: int, data: bytes) -> None:
        """Keep what is no reading, or none any more; part of the caller's transaction."""
        self.db.execute(
            "INSERT INTO set_aside VALUES (NULL, ?, ?, ?, ?)", (origin, reason, readings, data)
        )

    def _write(self, state: State, write: Callable[[], None], pages: int | None) -> None:
        with damage_noticed():
            most = self.quota_pages + RESERVE_PAGES if pages is None else pages
            self.db.execute(f"PRAGMA max_page_count = {most}")
            with transaction(self.db):
                write()
                write_state(self.db, self.tagger, state)
        self.used_pages = self._pages() - self._free_pages()

    def _at_quota(self) -> bool:
        return self._pages() >= self.quota_pages + RESERVE_PAGES

    def _pages(self) -> int:
        return int(self.rows("PRAGMA page_count")[0][0])

    def _free_pages(self) -> int:
        return int(self.rows("PRAGMA freelist_count")[0][0])

    def _held(self, tables: Iterable[str], damaged_in: str, damaged: list[Damaged]) -> int:
        """Count the readings of all rows of `tables` but the damaged ones."""
        numbers = {number for number, _ in damaged}
        with damage_noticed():
            return sum(
                readings
                for table in tables
                for number, readings in self.db.execute(
                    f"SELECT id, readings FROM {table}"  # noqa: S608 - our own name
                )
                if isinstance(readings, int) and (table != damaged_in or number not in numbers)
            )

"""What was taken out of files so far: the same reading out of a second file adds nothing.

Of pulse, beats, battery and totals the times are remembered, by band and hour; of steps the spans,
for two spans that overlap hold some of the same steps. No value is kept here. The transaction of a
block is open while the spool stores it; after a crash between the two commits the inbox repeats
that block here alone (`Progress`).
"""

import secrets
import threading
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import groupby
from pathlib import Path

import apsw
import structlog

from ingest.batch.reading import Quantity, Reading
from ingest.gateway.files.found import BadRecord

log = structlog.get_logger()

JOURNAL_FILE = "imported.sqlite"
HOUR_MS = 3_600_000
SCHEMA = """
CREATE TABLE IF NOT EXISTS instant (
    device TEXT NOT NULL, quantity TEXT NOT NULL, hour INTEGER NOT NULL, offsets_ms BLOB NOT NULL,
    PRIMARY KEY (device, quantity, hour)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS walked (
    device TEXT NOT NULL, from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL,
    PRIMARY KEY (device, from_ms)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bad (sha256 BLOB PRIMARY KEY) WITHOUT ROWID;
"""
"""`offsets_ms`: unsigned 32-bit numbers, little-endian on every machine this runs on."""


@dataclass(slots=True)
class Fresh:
    """What of a block is new."""

    readings: list[Reading] = field(default_factory=list)
    again: int = 0
    """Readings that were taken before, from this file or another."""
    overlapping: int = 0
    """Steps over a time part of which was taken before."""
    bad: list[BadRecord] = field(default_factory=list)


class Journal:
    """One box's journal. Blocks come one after the other, from any thread; close it."""

    def __init__(self, db: apsw.Connection) -> None:
        """Take over what `open_journal` or `tried_journal` opened."""
        self._db, self._busy = db, threading.Lock()

    def close(self) -> None:
        """Let go of the file, once a thread that still works on it is done; undo what is open."""
        with self._busy:
            self._db.close()

    def forget_before(self, utc_ms: int) -> None:
        """Drop what is older than anything that is still taken."""
        with self._busy, self._db:
            self._db.execute("DELETE FROM instant WHERE hour < ?", (utc_ms // HOUR_MS,))
            self._db.execute("DELETE FROM walked WHERE to_ms < ?", (utc_ms,))

    def begin(self, readings: Sequence[Reading], bad: Sequence[BadRecord]) -> Fresh:
        """Return what is new of a block; `commit` once the spool has it, else `roll_back`."""
        with self._busy:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                return self._fresh(readings, bad)
            except BaseException:
                self._undo()
                raise

    def commit(self) -> None:
        """Remember the block."""
        with self._busy:
            self._db.execute("COMMIT")

    def roll_back(self) -> None:
        """Forget it again."""
        with self._busy:
            self._undo()

    def _undo(self) -> None:
        # Some faults, a full disk among them, have SQLite do so by itself.
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _fresh(self, readings: Sequence[Reading], bad: Sequence[BadRecord]) -> Fresh:
        fresh = Fresh()
        for (device, quantity, hour), group in groupby(readings, _shelf):
            if quantity == Quantity.STEPS_INCREMENT:
                self._walked(device, group, fresh)
            else:
                self._instants(device, quantity, hour, group, fresh)
        for record in bad:
            name = sha256(f"{record.reason}\n".encode() + record.data).digest()
            self._db.execute("INSERT OR IGNORE INTO bad VALUES (?)", (name,))
            if self._db.changes():
                fresh.bad.append(record)
        return fresh

    def _instants(
        self, device: str, quantity: str, hour: int, readings: Iterable[Reading], fresh: Fresh
    ) -> None:
        found = self._db.execute(
            "SELECT offsets_ms FROM instant WHERE (device, quantity, hour) = (?, ?, ?)",
            (device, quantity, hour),
        ).fetchone()
        offsets = array("I", b"" if found is None else found[0])
        known, before = set(offsets), len(offsets)
        for reading in readings:
            offset = reading.at_utc_ms - hour * HOUR_MS
            if offset in known:
                fresh.again += 1
                continue
            known.add(offset)
            offsets.append(offset)
            fresh.readings.append(reading)
        if len(offsets) > before:
            self._db.execute(
                "INSERT OR REPLACE INTO instant VALUES (?, ?, ?, ?)",
                (device, quantity, hour, offsets.tobytes()),
            )

    def _walked(self, device: str, readings: Iterable[Reading], fresh: Fresh) -> None:
        """Take the spans that overlap none before: those taken never overlap each other."""
        for reading in readings:
            start, end = reading.at_utc_ms, reading.at_utc_ms + max(reading.span_ms, 1)
            last = self._db.execute(
                "SELECT from_ms, to_ms FROM walked WHERE device = ? AND from_ms < ? "
                "ORDER BY from_ms DESC LIMIT 1",
                (device, end),
            ).fetchone()
            if last == (start, end):
                fresh.again += 1
            elif last is not None and last[1] > start:
                fresh.overlapping += 1
            else:
                self._db.execute("INSERT INTO walked VALUES (?, ?, ?)", (device, start, end))
                fresh.readings.append(reading)


def _shelf(reading: Reading) -> tuple[str, str, int]:
    return reading.device_key, reading.quantity, reading.at_utc_ms // HOUR_MS


def open_journal(path: Path) -> Journal:
    """Open or make it; one that is damaged is put aside, for the district knows doubles too."""
    try:
        return Journal(_opened(path))
    except (apsw.CorruptError, apsw.NotADBError):
        path.replace(path.with_name(f"{path.name}.damaged-{secrets.token_hex(4)}"))
        log.error("import_journal_damaged")  # noqa: TRY400 - foreseen
        return Journal(_opened(path))


def tried_journal(path: Path) -> Journal:
    """Return a copy in memory, to try on it what would be new; without a file an empty one."""
    db = apsw.Connection(":memory:")
    if path.exists():
        original = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            with db.backup("main", original, "main") as copying:
                copying.step()
        finally:
            original.close()
    db.execute(SCHEMA)
    return Journal(db)


def _opened(path: Path) -> apsw.Connection:
    db = apsw.Connection(str(path))
    try:
        db.set_busy_timeout(10_000)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA quick_check(1)").fetchall()
        db.execute(SCHEMA)
    except apsw.Error:
        db.close()
        raise
    path.chmod(0o600)
    return db

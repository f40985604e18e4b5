"""Saving the rows of a spool file some pages of which are destroyed.

SQLite finds a row by walking its tree, so one destroyed inner page hides every row below it. Here
each page is read by itself: rows stand on leaf pages and continue on overflow pages (the SQLite
file format, 1.6), and a row's tag proves that it is whole and belongs to this box, so nothing can
be taken for a row that is none. Deleted rows are wiped by `secure_delete` and cannot come back.
"""

import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import apsw

from ingest.batch.content import BOOT_BYTES
from ingest.gateway import wal_frames
from ingest.gateway.damaged_spool import WORKING
from ingest.gateway.spool_rows import (
    CHUNK_TABLE,
    FIELDS_TAGGED,
    PAGE_BYTES,
    SCHEMA,
    STATE_TABLES,
    Field,
    State,
    Tagger,
)
from ingest.gateway.sqlite_pages import rows_on_leaves

Readings = dict[str, dict[int, int]]
"""By table and number of a row: how many readings it holds."""
SET_ASIDE = "set_aside"


@dataclass(frozen=True, slots=True)
class Saved:
    """What could be saved; the state's counters say how much could not."""

    state: State
    readings: Readings
    copy: Path
    """Of the damaged file, as long as it is worked on: the rows are read from it once more."""

    @property
    def summary(self) -> dict[str, int]:
        """Say in numbers what was saved and lost, for the log."""
        saved = {f"saved_{table}": len(rows) for table, rows in self.readings.items()}
        lost = {name: self.state.counters.get(name, 0) for name in ("lost_unsealed", "lost_sealed")}
        return saved | lost


@contextlib.contextmanager
def reading(path: Path, tagger: Tagger) -> Iterator[Saved | None]:
    """Find all rows that prove themselves; None when there is none: not this box's file.

    A spool may be larger than the memory, so they are only counted here.
    """
    with _checkpointed_copy(path) as copy:
        yield _found(copy, tagger)


def write(db: apsw.Connection, saved: Saved, tagger: Tagger) -> None:
    """Put the saved rows, tags and all, into a new spool file; its state is there already."""
    for table, number, fields in _rows(saved.copy, tagger):
        if table == SET_ASIDE:
            db.execute("INSERT INTO set_aside VALUES (NULL, ?, ?, ?, ?)", fields)
        elif number in saved.readings.get(table, ()):
            marks = ", ".join("?" * (len(fields) + 1))
            db.execute(
                f"INSERT OR REPLACE INTO {table} VALUES ({marks})",  # noqa: S608 - our own name
                (number, *fields),
            )


def _found(copy: Path, tagger: Tagger) -> Saved | None:
    readings: Readings = {t: {} for t in FIELDS_TAGGED if t not in STATE_TABLES}
    states = []
    for table, number, fields in _rows(copy, tagger):
        if table in readings:
            readings[table][number] = int(fields[0] or 0)
        elif table in STATE_TABLES and isinstance(fields[0], bytes):
            states.append(State.loads(fields[0]))
    if not states and not any(readings.values()):
        return None
    if states:
        state = max(states, key=lambda one: one.version)
        for lane, table in CHUNK_TABLE.items():
            taken = state.taken[lane]
            readings[table] = {n: count for n, count in readings[table].items() if n > taken}
    else:
        state = _state_from(readings)
    return Saved(_counted(state, readings), readings, copy)


def _rows(copy: Path, tagger: Tagger) -> Iterator[tuple[str, int, tuple[Field, ...]]]:
    """Give table, number and fields of each row that proves itself, or was set aside."""
    for number, fields in rows_on_leaves(copy, PAGE_BYTES):
        table = _table_of(number, fields, tagger)
        if table:
            yield table, number, fields
        elif _looks_set_aside(fields):
            yield SET_ASIDE, number, fields


def _table_of(number: int, fields: tuple[Field, ...], tagger: Tagger) -> str | None:
    for table, tagged in FIELDS_TAGGED.items():
        if len(fields) == tagged + 1 and tagger.holds(table, number, fields[:-1], fields[-1]):
            return table
    return None


def _looks_set_aside(fields: tuple[Field, ...]) -> bool:
    match fields:
        case (str(), str(), int(), bytes()):
            return True
        case _:
            return False


def _state_from(readings: Readings) -> State:
    """Begin anew where both copies of the state are gone: a new boot, and no cursor."""
    found = {lane: sorted(readings[table]) for lane, table in CHUNK_TABLE.items()}
    waiting = sum(readings["batch"].values())
    unsealed = sum(sum(readings[table].values()) for table in CHUNK_TABLE.values())
    return State(
        boot=secrets.token_bytes(BOOT_BYTES),
        next_seq=max(readings["batch"], default=-1) + 1,
        heard={lane: numbers[-1] if numbers else 0 for lane, numbers in found.items()},
        taken={lane: numbers[0] - 1 if numbers else 0 for lane, numbers in found.items()},
    ).counted(stored=waiting + unsealed, sealed=waiting, sealed_batches=len(readings["batch"]))


def _counted(state: State, readings: Readings) -> State:
    """Count what is missing: what the state says must be there, less what is."""
    count = state.counters
    unsealed = count["stored"] - count["sealed"] - count["lost_unsealed"]
    gone, gone_batches = ("receipted", "released"), ("receipted_batches", "released_batches")
    waiting = count["sealed"] - sum(map(count.__getitem__, gone)) - count["lost_sealed"]
    batches = count["sealed_batches"] - sum(map(count.__getitem__, gone_batches))
    batches -= count["lost_batches"]
    there = sum(sum(readings[table].values()) for table in CHUNK_TABLE.values())
    return replace(state, version=state.version + 1).counted(
        lost_unsealed=unsealed - there,
        lost_sealed=waiting - sum(readings["batch"].values()),
        lost_batches=batches - len(readings["batch"]),
        rebuilt=1,
    )


@contextlib.contextmanager
def _checkpointed_copy(path: Path) -> Iterator[Path]:
    """Copy the file with all that is committed in its write-ahead log put in its place."""
    with tempfile.TemporaryDirectory(prefix=WORKING, dir=path.parent) as folder:
        copy = Path(folder, "copy")
        for suffix in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
        wal = Path(f"{copy}-wal")
        if wal_frames.is_damaged(wal, PAGE_BYTES):
            wal_frames.put_in_place(wal, copy, PAGE_BYTES)
            yield copy
            return
        try:
            _checkpoint(copy)
        except apsw.Error:
            # Page 1 is the same in every spool but for its counters: lend it another's.
            _lend_first_page(copy, Path(folder, "lender"))
            with contextlib.suppress(apsw.Error):
                _checkpoint(copy)
        yield copy


def _checkpoint(copy: Path) -> None:
    with contextlib.closing(apsw.Connection(str(copy))) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _lend_first_page(copy: Path, lender: Path) -> None:
    with contextlib.closing(apsw.Connection(str(lender))) as db:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(SCHEMA)
    with copy.open("r+b") as file:
        file.write(lender.read_bytes()[:PAGE_BYTES])

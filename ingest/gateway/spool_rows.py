"""The spool file's tables, and the tag by which each row proves itself.

A tag is a keyed hash over a row's table, number and fields. A flipped byte, a row moved to another
place and a file written by another box all fail it, row by row. The key comes from the box's own
key file and is never in the spool.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Self

import apsw
import cbor2

from ingest.batch.topics import LANES

PAGE_BYTES = 4096
SPOOL_VERSION = 1
"""Of the tables and of what is in them; raised when an older program must not touch the file."""
APPLICATION = 0x61646800
"""`adh` and the version once more, in another place of the header: a flipped byte is no version."""
TAG_BYTES = 16

Field = bytes | str | int | None

SCHEMA = """
CREATE TABLE owner (id INTEGER PRIMARY KEY, key_name BLOB NOT NULL);
CREATE TABLE state_a (id INTEGER PRIMARY KEY, data BLOB NOT NULL, tag BLOB NOT NULL);
CREATE TABLE state_b (id INTEGER PRIMARY KEY, data BLOB NOT NULL, tag BLOB NOT NULL);
CREATE TABLE chunk_live (
    id INTEGER PRIMARY KEY, readings INTEGER NOT NULL, data BLOB NOT NULL, tag BLOB NOT NULL
);
CREATE TABLE chunk_backlog (
    id INTEGER PRIMARY KEY, readings INTEGER NOT NULL, data BLOB NOT NULL, tag BLOB NOT NULL
);
CREATE TABLE batch (
    id INTEGER PRIMARY KEY,
    readings INTEGER NOT NULL,
    boot BLOB NOT NULL,
    lane TEXT NOT NULL,
    sealed_utc_ms INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    sealed BLOB NOT NULL,
    refused TEXT,
    tag BLOB NOT NULL
);
CREATE TABLE set_aside (
    id INTEGER PRIMARY KEY,
    origin TEXT NOT NULL,
    reason TEXT NOT NULL,
    readings INTEGER NOT NULL,
    data BLOB NOT NULL
);
"""
"""Rows are found by number alone (a batch's is its `seq`), so a table needs no index beside it.

The state is kept twice, in two tables and so on two pages: it is the one row that may not be lost.
"""

STATE_TABLES = ("state_a", "state_b")
CHUNK_TABLE: dict[str, str] = {lane: f"chunk_{lane}" for lane in LANES}
FIELDS_TAGGED = {
    "state_a": 1,
    "state_b": 1,
    "chunk_live": 2,
    "chunk_backlog": 2,
    "batch": 7,
}
"""How many fields after `id` the tag covers; the tag comes right after them.

The first field of a chunk and of a batch is how many readings it holds.
"""
COUNTERS = (
    "stored",  # readings that reached the disk
    "sealed",  # of those, readings now in batches
    "sealed_batches",
    "receipted",  # of those, readings the hub has committed
    "receipted_batches",
    "refused",  # of those, readings the hub has refused; kept here
    "refused_batches",
    "released",  # of those, readings given up by an operator or for their age; declared to the hub
    "released_batches",
    "lost_unsealed",  # readings whose row was damaged before sealing
    "lost_sealed",  # and after
    "lost_batches",
    "corrected",  # readings whose time was put right at sealing
    "clock_suspect",  # and those of which nobody can say when they were heard
    "bad_input",  # what a source gave that was no reading; kept aside
    "rebuilt",  # how often the spool file had to be rebuilt
)
"""Kept with the state, so they are exact over restarts: stored = unsealed + sealed +
lost_unsealed, and sealed = waiting + refused + released + receipted + lost_sealed."""


@dataclass(frozen=True, slots=True)
class Tagger:
    """Makes and checks tags."""

    key: bytes

    @property
    def key_name(self) -> bytes:
        """Tells one key from another without giving it away."""
        return blake2b(b"owner", key=self.key, digest_size=TAG_BYTES).digest()

    def tag(self, table: str, number: int, *fields: Field) -> bytes:
        """Return the tag of a row."""
        row = cbor2.dumps([table, number, *fields])
        return blake2b(row, key=self.key, digest_size=TAG_BYTES).digest()

    def holds(self, table: str, number: int, fields: tuple[Field, ...], tag: Field) -> bool:
        """Say whether the row is as it was written."""
        try:
            return self.tag(table, number, *fields) == tag
        except (cbor2.CBOREncodeError, UnicodeEncodeError):
            return False  # a damaged field may be what no field ever was


@dataclass(frozen=True, slots=True)
class State:
    """Where the spool stands. One row, rewritten in every transaction."""

    boot: bytes
    """Names this spool file in its batches."""
    version: int = 0
    next_seq: int = 0
    previous_sha256: bytes | None = None
    heard: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LANES, 0))
    """By lane, the number of the newest chunk."""
    taken: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LANES, 0))
    """By lane, the newest chunk that is sealed: chunks are sealed in the order of their numbers."""
    cursor: dict[str, str] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTERS, 0))

    def counted(self, **more: int) -> Self:
        """Return the state with counters raised."""
        counters = {name: count + more.pop(name, 0) for name, count in self.counters.items()}
        if more:
            raise KeyError(*more)
        return replace(self, counters=counters)

    def dumps(self) -> bytes:
        """Return the state as the row's bytes."""
        previous = self.previous_sha256
        return json.dumps(
            {
                "boot": self.boot.hex(),
                "version": self.version,
                "next_seq": self.next_seq,
                "previous_sha256": None if previous is None else previous.hex(),
                "heard": self.heard,
                "taken": self.taken,
                "cursor": self.cursor,
                "counters": self.counters,
            },
        ).encode()

    @classmethod
    def loads(cls, data: bytes) -> Self:
        """Return the state; its tag has been checked, so the bytes are as we wrote them."""
        items = json.loads(data)
        previous = items.pop("previous_sha256")
        # An older program's state does not have all of today's counters.
        items["counters"] = dict.fromkeys(COUNTERS, 0) | items["counters"]
        return cls(
            boot=bytes.fromhex(items.pop("boot")),
            previous_sha256=None if previous is None else bytes.fromhex(previous),
            **items,
        )


def write_state(db: apsw.Connection, tagger: Tagger, state: State) -> None:
    """Write both copies of the state; part of the caller's transaction."""
    data = state.dumps()
    for table in STATE_TABLES:
        db.execute(
            f"INSERT OR REPLACE INTO {table} VALUES (1, ?, ?)",  # noqa: S608 - our own name
            (data, tagger.tag(table, 1, data)),
        )


@contextmanager
def transaction(db: apsw.Connection) -> Iterator[None]:
    """All or nothing. Some faults, a full disk among them, have SQLite itself roll back at once."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise

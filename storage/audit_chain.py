"""The audit trail as a chain: sealed by the server in blocks, verified here, row by row.

A block is SHA-256 over the block before it, its own head and its rows, so that whoever edits,
removes or adds a row of the past has to change every block after it; and the newest one, the
anchor, is printed in reports and stands in backups. What is sealed and how: `seal_audit` in
migration 0021; the two are written apart from one another on purpose.
"""

import hashlib
import re
import time
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Literal, NamedTuple, Self

from config.errors import Misconfigured, Unavailable
from config.language import _
from storage.database import Connection, border, require_idle, snapshot
from storage.queries import query

BEFORE_THE_FIRST = bytes(32)
PATIENCE_S = 30.0
FETCHED_AT_ONCE = 10_000
_ANCHOR = re.compile(r"([1-9][0-9]*):([0-9a-f]{64})")


class Anchor(NamedTuple):
    """A block, by which everything before it can be held to what it was."""

    number: int
    sha256: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.sha256.hex()}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what `str` made; raises Misconfigured for anything else."""
        found = _ANCHOR.fullmatch(text.strip())
        if found is None:
            raise Misconfigured(
                _("%(text)s is no anchor: write the number, a colon and 64 hex digits")
                % {"text": text}
            )
        return cls(int(found[1]), bytes.fromhex(found[2]))


class Block(NamedTuple):
    """A row of `audit_block`."""

    number: int
    from_id: int
    to_id: int
    row_count: int
    sealed_ms: int
    previous_sha256: bytes
    sha256: bytes


class Row(NamedTuple):
    """A row of `audit`, every field but the id as the text that is sealed."""

    id: int
    at_us: str
    actor: str
    action: str
    subject: str
    detail: str


FaultKind = Literal[
    "edited", "removed", "added", "block_missing", "chain_broken", "other_anchor", "reported_anchor"
]


class Fault(NamedTuple):
    """Something in the chain that is not as it was sealed."""

    kind: FaultKind
    block: int
    from_id: int
    to_id: int


class Verified(NamedTuple):
    """What became of looking at the whole chain."""

    blocks: int
    rows: int
    """Sealed ones that are there."""
    unsealed: int
    """Written since the last block."""
    anchor: Anchor | None
    faults: tuple[Fault, ...]


def seal(conn: Connection, *, patience_s: float = PATIENCE_S) -> int:
    """Seal what was written since the last block; return how many blocks that made.

    Tries again where somebody is just writing; raises Unavailable after `patience_s`.
    """
    require_idle(conn)
    give_up = time.monotonic() + patience_s
    while True:
        try:
            with border():
                row = conn.execute(query("seal_audit")).fetchone()
        except Unavailable:
            if conn.closed or time.monotonic() >= give_up:
                raise
        else:
            return int(row[0]) if row else 0


def newest(conn: Connection) -> Anchor | None:
    """Return the newest block; None where nothing was sealed yet."""
    with border():
        row = conn.execute(query("newest_audit_block")).fetchone()
    return Anchor(int(row[0]), bytes(row[1])) if row else None


def verify(conn: Connection, held_to: Anchor | None = None) -> Verified:
    """Compute every block anew from its rows, and look for the anchors that reports have named.

    Whoever cut off the end of the trail, or changed rows and wrote the chain anew, and changed what
    is kept of the reports as well, is found by `held_to` alone: an anchor from elsewhere, on paper.
    """
    with snapshot(conn):
        blocks = [Block._make(row) for row in conn.execute(query("read_audit_blocks"))]
        known = conn.execute(query("knows_reported_anchors")).fetchone()
        reported = (
            [
                Anchor(int(number), bytes(sha256))
                for number, sha256 in conn.execute(query("read_reported_anchors"))
            ]
            if known and known[0]
            else []
        )
        with conn.cursor(name="audit_rows") as cursor:
            cursor.itersize = FETCHED_AT_ONCE
            cursor.execute(query("read_audit_rows"))
            return _verified(blocks, (Row(*row) for row in cursor), held_to, reported)


def digest(block: Block, rows: Iterable[Row]) -> tuple[bytes, int]:
    """Return the SHA-256 a block should have over these rows, and how many they are."""
    head = (block.number, block.from_id, block.to_id, block.row_count, block.sealed_ms)
    whole = hashlib.sha256(block.previous_sha256)
    whole.update(_netstrings(map(str, head)))
    count = 0
    for row in rows:
        whole.update(_netstrings(map(str, row)))
        count += 1
    return whole.digest(), count


def _netstrings(fields: Iterable[str]) -> bytes:
    """Each field with its length before it: no field can pass for the end of another."""
    return b"".join(b"%d:%b," % (len(data), data) for data in (text.encode() for text in fields))


def _verified(
    blocks: list[Block], rows: Iterator[Row], held_to: Anchor | None, reported: Iterable[Anchor]
) -> Verified:
    """Walk along blocks and rows together, both in order."""
    faults: list[Fault] = []
    sealed = unsealed = 0
    ends: Iterator[Block | None] = iter([*blocks, None])
    block = next(ends)

    def home(row: Row) -> Block | None:
        nonlocal block
        while block is not None and row.id > block.to_id:
            block = next(ends)
        return block

    seen: dict[int, tuple[bytes, int]] = {}
    for at_home, those in groupby(rows, key=home):
        if at_home is None:
            unsealed += sum(1 for _row in those)
            continue
        seen[at_home.number] = found = digest(at_home, those)
        sealed += found[1]
    before = Block(0, 0, 0, 0, 0, b"", BEFORE_THE_FIRST)
    for each in blocks:
        sha256, count = seen.get(each.number) or digest(each, ())
        if each.number != before.number + 1 or each.from_id != before.to_id + 1:
            faults.append(_fault("block_missing", each))
        elif each.previous_sha256 != before.sha256:
            faults.append(_fault("chain_broken", each))
        if sha256 != each.sha256:
            more = count - each.row_count
            kind: FaultKind = "edited" if more == 0 else "added" if more > 0 else "removed"
            faults.append(_fault(kind, each))
        before = each
    held = {Anchor(block.number, block.sha256) for block in blocks}
    faults += [
        Fault("reported_anchor", anchor.number, 0, 0) for anchor in reported if anchor not in held
    ]
    if held_to is not None and held_to not in held:
        faults.append(Fault("other_anchor", held_to.number, 0, 0))
    anchor = Anchor(before.number, before.sha256) if blocks else None
    return Verified(len(blocks), sealed, unsealed, anchor, tuple(faults))


def _fault(kind: FaultKind, block: Block) -> Fault:
    return Fault(kind, block.number, block.from_id, block.to_id)

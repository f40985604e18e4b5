"""What the spool has heard and not yet sealed: chunks of readings, by lane, in order."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ingest.batch.columns import Chunk
from ingest.batch.reading import Reading
from ingest.batch.topics import Lane
from ingest.gateway.chunking import packed_chunks, unpacked
from ingest.gateway.clock import Stamp
from ingest.gateway.heard import BadInput
from ingest.gateway.spool_file import damage_noticed
from ingest.gateway.spool_ground import MAX_SET_ASIDE_BYTES, Damaged, Ground
from ingest.gateway.spool_rows import CHUNK_TABLE

MAX_BAD_INPUT_KEPT = 10_000
"""A source gone mad must not fill the spool with what is no reading; beyond, it is only counted."""


class Heard(NamedTuple):
    """A chunk on disk."""

    number: int
    readings: Chunk
    stamp: Stamp | None
    """By which clock of this box its times were made; None: by none."""


class Chunks:
    """The chunks of one spool."""

    def __init__(self, ground: Ground) -> None:
        """Stand on that ground."""
        self._ground = ground

    def waiting(self, lane: Lane) -> int:
        """Count the chunks of a lane that wait to be sealed."""
        return self._ground.state.heard[lane] - self._ground.state.taken[lane]

    def append(
        self,
        readings: Sequence[Reading] | Chunk,
        lane: Lane,
        cursor: Mapping[str, str],
        bad: Sequence[BadInput],
        stamp: Stamp | None,
    ) -> int:
        """Store readings, and where their source now stands; see `Spool.append`."""
        rows = list(packed_chunks(readings, stamp)) if len(readings) else []
        count = sum(readings for readings, _ in rows)
        ground, table = self._ground, CHUNK_TABLE[lane]
        first = ground.state.heard[lane] + 1
        state = replace(
            ground.state,
            heard=ground.state.heard | {lane: ground.state.heard[lane] + len(rows)},
            cursor=ground.state.cursor | dict(cursor),
        ).counted(stored=count, bad_input=len(bad))

        def write() -> None:
            for number, (held, data) in enumerate(rows, start=first):
                tag = ground.tagger.tag(table, number, held, data)
                ground.db.execute(
                    f"INSERT INTO {table} VALUES (?, ?, ?, ?)",  # noqa: S608 - our own name
                    (number, held, data, tag),
                )
            if state.counters["bad_input"] <= MAX_BAD_INPUT_KEPT:
                for item in bad:
                    ground.set_aside("input", item.reason, 0, item.data[:MAX_SET_ASIDE_BYTES])

        ground.change(state, write, pages=ground.pages_for_more())
        return count

    def oldest(self, lane: Lane, limit: int, max_bytes: int | None) -> list[Heard]:
        """Return the oldest whole chunks, in order; give up damaged ones on the way."""
        ground, table = self._ground, CHUNK_TABLE[lane]
        limit = limit if max_bytes is None else self._few_enough(lane, limit, max_bytes)
        while True:
            rows = ground.rows(
                f"SELECT * FROM {table} WHERE id > ? ORDER BY id LIMIT ?",  # noqa: S608 - our name
                (ground.state.taken[lane], limit),
            )
            whole: list[Heard] = []
            damaged: list[Damaged] = []
            for number, *fields, tag in rows:
                if ground.tagger.holds(table, number, tuple(fields), tag):
                    whole.append(Heard(number, *unpacked(fields[1])))
                else:
                    damaged.append((number, tuple(fields)))
            if damaged:
                ground.give_up(table, damaged)
            if whole or not rows:
                break
        if not rows and self.waiting(lane):  # the rest was lost
            taken = ground.state.taken | {lane: ground.state.heard[lane]}
            ground.change(replace(ground.state, taken=taken), lambda: None)
        return whole

    def _few_enough(self, lane: Lane, limit: int, max_bytes: int) -> int:
        """Return how many of the oldest chunks have no more bytes than that, at least one."""
        held = 0
        with damage_noticed():
            sizes = self._ground.db.execute(
                f"SELECT length(data) FROM {CHUNK_TABLE[lane]} "  # noqa: S608 - our own name
                "WHERE id > ? ORDER BY id LIMIT ?",
                (self._ground.state.taken[lane], limit),
            )
            for number, (size,) in enumerate(sizes):
                held += size if isinstance(size, int) else 0
                if held > max_bytes:
                    return max(1, number)
        return limit

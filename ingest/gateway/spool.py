"""The spool: the gateway's store on disk. What is in it survives `kill -9` and power loss.

Readings come in as chunks and go out as signed batches; a batch's bytes stay until the hub's
receipt for exactly them. One SQLite file (WAL, `synchronous=FULL`), one connection that locks out
any other, used by one thread at a time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Self

from config.errors import Rejected
from ingest.batch.columns import Chunk, merged
from ingest.batch.content import Declared
from ingest.batch.reading import Reading
from ingest.batch.topics import Lane
from ingest.gateway.ballast import Ballast
from ingest.gateway.batches import Draft, Sealed
from ingest.gateway.chunking import corrected
from ingest.gateway.clock import Stamp
from ingest.gateway.heard import BadInput
from ingest.gateway.spool_batches import Batches
from ingest.gateway.spool_chunks import Chunks
from ingest.gateway.spool_ground import Ground
from ingest.gateway.spool_rows import CHUNK_TABLE


class Timed(NamedTuple):
    """A chunk with its times put right."""

    number: int
    readings: Chunk
    shift_ms: int | None
    """What was added to its times; None: nobody can say what they should be."""


class Spool:
    """One gateway's spool file, opened. Use it from one thread at a time, and close it."""

    def __init__(
        self,
        path: Path,
        tag_key: bytes,
        *,
        quota_pages: int,
        boot: bytes | None = None,
        ballast: Ballast | None = None,
    ) -> None:
        """Open or make the spool; `boot` names a new one (else random bytes do).

        Raises Misconfigured: in use by another process, or written with another box's key;
        Unavailable: the disk fails.
        """
        self._ground = Ground(path, tag_key, quota_pages=quota_pages, boot=boot, ballast=ballast)
        self._chunks = Chunks(self._ground)
        self.batches = Batches(self._ground)
        """What was sealed: what waits for a receipt, and what the hub has refused."""

    def close(self) -> None:
        """Put everything into the one file, and let go of it."""
        self._ground.close()

    def __enter__(self) -> Self:
        """Return the open spool."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close the spool."""
        self.close()

    @property
    def boot(self) -> bytes:
        """The 16 bytes that name this spool in its batches."""
        return self._ground.state.boot

    @property
    def cursor(self) -> Mapping[str, str]:
        """Where the source stood after the newest reading stored."""
        return self._ground.state.cursor

    @property
    def counters(self) -> Mapping[str, int]:
        """Exact counts over the life of the spool: see `spool_rows.COUNTERS`."""
        return self._ground.state.counters

    @property
    def share_used(self) -> float:
        """How much of the quota is in use, 0 to 1 and a little; any thread may look."""
        return self._ground.used_pages / self._ground.quota_pages

    @property
    def has_ballast(self) -> bool:
        """Say whether there is room for deleting on a full disk; any thread may look."""
        return self._ground.ballast.stands

    @property
    def chunks_heard(self) -> int:
        """Count the chunks ever stored."""
        return sum(self._ground.state.heard.values())

    def unsealed(self, lane: Lane) -> int:
        """Count the chunks of a lane that wait to be sealed."""
        return self._chunks.waiting(lane)

    def append(
        self,
        readings: Sequence[Reading] | Chunk,
        *,
        lane: Lane,
        cursor: Mapping[str, str] | None = None,
        bad: Sequence[BadInput] = (),
        stamp: Stamp | None = None,
    ) -> int:
        """Store what was heard, and where the source now stands; it is on disk on return.

        `stamp`: by which clock of this box they were stamped; None: by none. Returns the number of
        readings. Raises SpoolFull, and then nothing is changed; Rejected for readings that cannot
        be (see `columns.chunk_of`).
        """
        return self._chunks.append(readings, lane, cursor or {}, bad, stamp)

    def seal(
        self,
        lane: Lane,
        *,
        max_chunks: int,
        max_bytes: int | None = None,
        make: Callable[[Draft], Sealed],
        shift_ms: Callable[[Stamp], int | None] | None = None,
    ) -> Sealed | None:
        """Turn the oldest chunks of a lane into one batch, in one transaction.

        Takes `max_chunks` (and no more than `max_bytes` of them, unpacked, but always one), or half
        as many as often as that is Rejected("oversize"). `shift_ms`
        says what to add to times stamped by this box (see `clock`); None: they are as they are.
        Damaged chunks are set aside and counted. Returns None where no whole chunk was left.
        """
        chunks = []
        for number, chunk, stamp in self._chunks.oldest(lane, max_chunks, max_bytes):
            shift = 0 if shift_ms is None or stamp is None else shift_ms(stamp)
            chunks.append(Timed(number, corrected(chunk, shift), shift))
        while chunks:
            try:
                draft = self._draft(merged(chunk.readings for chunk in chunks))
                sealed = make(draft)
            except Rejected as error:
                if error.reason != "oversize" or len(chunks) == 1:
                    raise
                chunks = chunks[: len(chunks) // 2]
            else:
                self._replace_by_batch(lane, chunks, draft, sealed)
                return sealed
        return None

    def _draft(self, readings: Chunk) -> Draft:
        """Return what is to be the next batch, with what was lost and given up before it."""
        state = self._ground.state
        names = ("lost_unsealed", "lost_sealed", "released", "released_batches")
        declared = Declared(*(max(0, state.counters[name]) for name in names))
        return Draft(
            state.boot,
            state.next_seq,
            state.previous_sha256,
            readings,
            declared if any(declared) else None,
            max(0, state.counters["sealed"]),
        )

    def _replace_by_batch(
        self, lane: Lane, chunks: Sequence[Timed], draft: Draft, sealed: Sealed
    ) -> None:
        ground, table, last = self._ground, CHUNK_TABLE[lane], chunks[-1].number
        fields = (
            len(draft.readings),
            draft.boot,
            lane,
            sealed.sealed_utc_ms,
            sealed.sha256,
            sealed.message,
            None,
        )
        state = replace(
            ground.state,
            next_seq=draft.seq + 1,
            previous_sha256=sealed.sha256,
            taken=ground.state.taken | {lane: last},
        ).counted(
            sealed=len(draft.readings),
            sealed_batches=1,
            corrected=sum(len(chunk.readings) for chunk in chunks if chunk.shift_ms),
            clock_suspect=sum(len(chunk.readings) for chunk in chunks if chunk.shift_ms is None),
        )

        def write() -> None:
            # First delete: at the quota the batch is written where its chunks stood.
            ground.db.execute(f"DELETE FROM {table} WHERE id <= ?", (last,))  # noqa: S608 - our name
            ground.db.execute(
                "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (draft.seq, *fields, ground.tagger.tag("batch", draft.seq, *fields)),
            )

        ground.change(state, write)

"""The spool: the gateway's store on disk. What is in it survives `kill -9` and power loss.

Readings come in as chunks and go out as signed batches; a batch's bytes stay until the hub's
receipt for exactly them. One SQLite file (WAL, `synchronous=FULL`), one connection that locks out
any other, used by one thread at a time. Every change is one transaction with the state row.

Nothing is ever deleted to make room: at the quota `append` raises SpoolFull, while sealing and
deleting go on, for they may use a reserve of pages beyond it. On a disk that is full before the
quota is, they go on with the room of the `ballast`; what is heard then finds room only where
something was deleted, until the disk has room again.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import apsw
import cbor2
import structlog

from config.errors import Rejected, Unavailable
from ingest.batch.columns import Chunk, merged
from ingest.batch.content import Declared
from ingest.batch.reading import Reading
from ingest.batch.receipt import Receipt
from ingest.batch.topics import Lane
from ingest.gateway.ballast import Ballast
from ingest.gateway.batches import Draft, Refused, Sealed, Settled, Waiting
from ingest.gateway.chunking import corrected, packed_chunks, unpacked
from ingest.gateway.clock import Stamp
from ingest.gateway.heard import BadInput
from ingest.gateway.spool_file import SpoolDamaged, damage_noticed, open_spool_file
from ingest.gateway.spool_rows import CHUNK_TABLE, Field, State, Tagger, transaction, write_state

log = structlog.get_logger()

RESERVE_PAGES = 64
"""For sealing and deleting at the quota: more than the largest batch and the trees above it."""
MAX_SET_ASIDE_BYTES = 65_536
MAX_BAD_INPUT_KEPT = 10_000
"""A source gone mad must not fill the spool with what is no reading; beyond, it is only counted."""
NEWEST_LOOKED_AT = 64
"""How far back a live batch may stand and still be sent as live."""
SETTLED_TOGETHER = 32
"""Batches deleted in one transaction: it writes as much as they hold, to wipe it."""


class SpoolFull(Unavailable):
    """The quota is reached: hold or refuse what is heard, loudly; the uplink makes room."""


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

        Raises Misconfigured: in use by another process, or written with another box's key.
        """
        self._tagger = Tagger(tag_key)
        self._quota_pages = quota_pages
        self._ballast = Ballast(path.parent) if ballast is None else ballast
        try:
            self._db, self._state = open_spool_file(path, self._tagger, boot=boot)
        except SpoolDamaged:
            raise
        except Unavailable:
            if not self._ballast.drop():
                raise
            self._db, self._state = open_spool_file(path, self._tagger, boot=boot)
        self._ballast.take()
        self._used_pages = self._pages() - self._free_pages()

    def close(self) -> None:
        """Put everything into the one file, and let go of it."""
        with suppress(SpoolDamaged), damage_noticed():  # mended when it is opened again
            self._db.close()

    def __enter__(self) -> Self:
        """Return the open spool."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close the spool."""
        self.close()

    @property
    def boot(self) -> bytes:
        """The 16 bytes that name this spool in its batches."""
        return self._state.boot

    @property
    def cursor(self) -> Mapping[str, str]:
        """Where the source stood after the newest reading stored."""
        return self._state.cursor

    @property
    def counters(self) -> Mapping[str, int]:
        """Exact counts over the life of the spool: see `spool_rows.COUNTERS`."""
        return self._state.counters

    @property
    def unsettled_batches(self) -> int:
        """Batches that wait for the hub's word."""
        count = self._state.counters
        ends = ("receipted_batches", "refused_batches", "released_batches", "lost_batches")
        return count["sealed_batches"] - sum(map(count.__getitem__, ends))

    @property
    def share_used(self) -> float:
        """How much of the quota is in use, 0 to 1 and a little; any thread may look."""
        return self._used_pages / self._quota_pages

    @property
    def has_ballast(self) -> bool:
        """Say whether there is room for deleting on a full disk; any thread may look."""
        return self._ballast.stands

    def unsealed(self, lane: Lane) -> int:
        """Count the chunks of a lane that wait to be sealed."""
        return self._state.heard[lane] - self._state.taken[lane]

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
        rows = list(packed_chunks(readings, stamp)) if len(readings) else []
        count = sum(readings for readings, _ in rows)
        state, table = self._state, CHUNK_TABLE[lane]
        first = state.heard[lane] + 1
        state = replace(
            state,
            heard=state.heard | {lane: state.heard[lane] + len(rows)},
            cursor=state.cursor | dict(cursor or {}),
        ).counted(stored=count, bad_input=len(bad))

        def write() -> None:
            for number, (held, data) in enumerate(rows, start=first):
                tag = self._tagger.tag(table, number, held, data)
                self._db.execute(
                    f"INSERT INTO {table} VALUES (?, ?, ?, ?)",  # noqa: S608 - our own name
                    (number, held, data, tag),
                )
            if state.counters["bad_input"] <= MAX_BAD_INPUT_KEPT:
                for item in bad:
                    self._set_aside("input", item.reason, 0, item.data[:MAX_SET_ASIDE_BYTES])

        # On a full disk what is heard may still take the room of what was deleted in the file.
        quota = self._quota_pages if self._ballast.may_grow() else self._pages()
        self._change(state, write, pages=min(quota, self._quota_pages))
        return count

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
        found = self._oldest_chunks(lane, max_chunks, max_bytes)
        shifts = [0 if shift_ms is None or by is None else shift_ms(by) for *_, by in found]
        chunks = [
            (number, corrected(chunk, shift))
            for (number, chunk, _), shift in zip(found, shifts, strict=True)
        ]
        while chunks:
            try:
                readings = merged(chunk for _, chunk in chunks)
                draft = Draft(
                    self.boot,
                    self._state.next_seq,
                    self._state.previous_sha256,
                    readings,
                    self._declared(),
                    max(0, self._state.counters["sealed"]),
                )
                sealed = make(draft)
            except Rejected as error:
                if error.reason != "oversize" or len(chunks) == 1:
                    raise
                chunks = chunks[: len(chunks) // 2]
            else:
                timed = list(zip(chunks, shifts, strict=False))
                counts = {
                    "corrected": sum(len(chunk) for (_, chunk), shift in timed if shift),
                    "clock_suspect": sum(len(c) for (_, c), shift in timed if shift is None),
                }
                self._replace_by_batch(lane, chunks[-1][0], draft, sealed, counts)
                return sealed
        return None

    def refused_batches(self) -> list[Refused]:
        """Return the batches that the hub has refused and that are still here, the oldest first."""
        with damage_noticed():
            rows: list[Any] = self._db.execute(
                "SELECT id, readings, sealed_utc_ms, refused, length(sealed) FROM batch "
                "WHERE refused IS NOT NULL ORDER BY id"
            ).fetchall()
        return [Refused(*row) for row in rows]

    def release(self, seqs: Collection[int]) -> int:
        """Give up refused batches for good, and return how many readings that were.

        Their numbers, hashes and reasons are kept, and every batch sealed from now on declares how
        many readings were given up. What was not refused stays.
        """
        freed = 0
        for seq in sorted(seqs):
            freed += self._release(seq)
        return freed

    def _release(self, seq: int) -> int:
        with damage_noticed():
            rows: list[Any] = self._db.execute(
                "SELECT * FROM batch WHERE id = ? AND refused IS NOT NULL", (seq,)
            ).fetchall()
        batches = [batch for batch in map(Waiting._make, rows) if self._is_whole(batch)]
        if not batches:
            return 0
        (batch,) = batches
        state = self._state.counted(
            refused=-batch.readings,
            refused_batches=-1,
            released=batch.readings,
            released_batches=1,
        )
        kept = cbor2.dumps([seq, batch.boot, batch.sha256, batch.sealed_utc_ms])

        def write() -> None:
            self._db.execute("DELETE FROM batch WHERE id = ?", (seq,))
            self._set_aside("released", str(batch.refused), batch.readings, kept)

        self._change(state, write)
        log.warning("batch_released", seq=seq, readings=batch.readings, reason=batch.refused)
        return batch.readings

    def _declared(self) -> Declared | None:
        count = self._state.counters
        names = ("lost_unsealed", "lost_sealed", "released", "released_batches")
        declared = Declared(*(max(0, count[name]) for name in names))
        return declared if any(declared) else None

    def waiting_backlog(
        self, *, but: Collection[int], since_utc_ms: int, after: int = -1
    ) -> Waiting | None:
        """Return the oldest batch behind `after` that has no receipt and is history by now.

        That is every one that `waiting_live` would not give: of the backlog lane, or sealed before
        `since_utc_ms`, or too far back (after a clock that ran ahead was set right, for one).
        """
        return self._first_waiting(
            "SELECT * FROM batch WHERE id > ? AND refused IS NULL "
            "AND NOT (id > ? AND lane = 'live' AND sealed_utc_ms >= ?) ORDER BY id",
            (after, self._state.next_seq - NEWEST_LOOKED_AT, since_utc_ms),
            but,
        )

    def waiting_live(self, *, but: Collection[int], since_utc_ms: int) -> Waiting | None:
        """Return the newest batch without a receipt that is live still."""
        return self._first_waiting(
            "SELECT * FROM batch WHERE id > ? AND refused IS NULL "
            "AND lane = 'live' AND sealed_utc_ms >= ? ORDER BY id DESC",
            (self._state.next_seq - NEWEST_LOOKED_AT, since_utc_ms),
            but,
        )

    def settle(self, receipt: Receipt) -> Settled:
        """Delete what the hub has committed, mark what it has refused.

        Only a batch of that boot, number and hash is touched; the caller has checked the signature
        and that centre and gateway are ours.
        """
        settled = Settled((), (), len(receipt.committed) + len(receipt.refused))
        for part in _parts(receipt):
            done = self._settle(part)
            settled = Settled(
                settled.committed + done.committed,
                settled.refused + done.refused,
                settled.unknown - len(done.committed) - len(done.refused),
            )
        return settled

    def _settle(self, receipt: Receipt) -> Settled:
        committed = self._named(receipt.boot, receipt.committed)
        refusals = {seq: reason for seq, _, reason in receipt.refused if seq not in committed}
        refused = {
            seq: batch
            for seq, batch in self._named(
                receipt.boot, [(seq, sha256) for seq, sha256, _ in receipt.refused]
            ).items()
            if seq in refusals and batch.refused is None
        }
        once_refused = [batch for batch in committed.values() if batch.refused is not None]
        state = self._state.counted(
            receipted=_readings(committed.values()),
            receipted_batches=len(committed),
            refused=_readings(refused.values()) - _readings(once_refused),
            refused_batches=len(refused) - len(once_refused),
        )

        def write() -> None:
            for seq in committed:
                self._db.execute("DELETE FROM batch WHERE id = ?", (seq,))
            for seq, batch in refused.items():
                self._mark_refused(batch, refusals[seq])

        if committed or refused:
            self._change(state, write)
        return Settled(tuple(committed), tuple((seq, refusals[seq]) for seq in refused), 0)

    def _change(self, state: State, write: Callable[[], None], *, pages: int | None = None) -> None:
        """One transaction that ends in `state`; where it fails, nothing has changed.

        `pages`: the size that storing more may not pass; None: it makes room, and on a full disk
        the ballast goes overboard for it.
        """
        state = replace(state, version=state.version + 1)
        try:
            try:
                self._write(state, write, pages)
            except apsw.FullError:
                if pages is not None or self._at_quota() or not self._ballast.drop():
                    raise
                self._write(state, write, pages)
        except apsw.FullError as error:
            raise SpoolFull("the spool has reached its quota, or the disk is full") from error
        self._state = state

    def _write(self, state: State, write: Callable[[], None], pages: int | None) -> None:
        with damage_noticed():
            most = self._quota_pages + RESERVE_PAGES if pages is None else pages
            self._db.execute(f"PRAGMA max_page_count = {most}")
            with transaction(self._db):
                write()
                write_state(self._db, self._tagger, state)
        self._used_pages = self._pages() - self._free_pages()

    def _at_quota(self) -> bool:
        return self._pages() >= self._quota_pages + RESERVE_PAGES

    def _pages(self) -> int:
        with damage_noticed():
            rows: list[Any] = self._db.execute("PRAGMA page_count").fetchall()
        return int(rows[0][0])

    def _free_pages(self) -> int:
        with damage_noticed():
            rows: list[Any] = self._db.execute("PRAGMA freelist_count").fetchall()
        return int(rows[0][0])

    def _oldest_chunks(
        self, lane: Lane, limit: int, max_bytes: int | None
    ) -> list[tuple[int, Chunk, Stamp | None]]:
        """Return the oldest whole chunks; give up damaged ones on the way."""
        limit = limit if max_bytes is None else self._few_enough(lane, limit, max_bytes)
        table = CHUNK_TABLE[lane]
        while True:
            with damage_noticed():
                rows: list[Any] = self._db.execute(
                    f"SELECT * FROM {table} WHERE id > ? ORDER BY id LIMIT ?",  # noqa: S608 - ours
                    (self._state.taken[lane], limit),
                ).fetchall()
            whole: list[tuple[int, Chunk, Stamp | None]] = []
            damaged: list[tuple[int, tuple[Field, ...]]] = []
            for number, *fields, tag in rows:
                if self._tagger.holds(table, number, tuple(fields), tag):
                    whole.append((number, *unpacked(fields[1])))
                else:
                    damaged.append((number, tuple(fields)))
            if damaged:
                self._give_up(table, damaged)
            if whole or not rows:
                break
        if not rows and self.unsealed(lane):  # the rest was lost
            taken = self._state.taken | {lane: self._state.heard[lane]}
            self._change(replace(self._state, taken=taken), lambda: None)
        return whole

    def _few_enough(self, lane: Lane, limit: int, max_bytes: int) -> int:
        """Return how many of the oldest chunks have no more bytes than that, at least one."""
        held = 0
        with damage_noticed():
            sizes = self._db.execute(
                f"SELECT length(data) FROM {CHUNK_TABLE[lane]} "  # noqa: S608 - our own name
                "WHERE id > ? ORDER BY id LIMIT ?",
                (self._state.taken[lane], limit),
            )
            for number, (size,) in enumerate(sizes):
                held += size if isinstance(size, int) else 0
                if held > max_bytes:
                    return max(1, number)
        return limit

    def _replace_by_batch(
        self, lane: Lane, last: int, draft: Draft, sealed: Sealed, counts: Mapping[str, int]
    ) -> None:
        table, count = CHUNK_TABLE[lane], len(draft.readings)
        fields = (
            count,
            draft.boot,
            lane,
            sealed.sealed_utc_ms,
            sealed.sha256,
            sealed.message,
            None,
        )
        state = replace(
            self._state,
            next_seq=draft.seq + 1,
            previous_sha256=sealed.sha256,
            taken=self._state.taken | {lane: last},
        ).counted(sealed=count, sealed_batches=1, **counts)

        def write() -> None:
            # First delete: at the quota the batch is written where its chunks stood.
            self._db.execute(f"DELETE FROM {table} WHERE id <= ?", (last,))  # noqa: S608 - our name
            self._db.execute(
                "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (draft.seq, *fields, self._tagger.tag("batch", draft.seq, *fields)),
            )

        self._change(state, write)

    def _first_waiting(
        self, sql: str, values: tuple[int, ...], but: Collection[int]
    ) -> Waiting | None:
        """Return the first whole row that is none of `but`; set damaged ones aside on the way."""
        while True:
            with damage_noticed():
                row = next(
                    (row for row in self._db.execute(sql, values) if row[0] not in but), None
                )
            if row is None:
                return None
            if self._tagger.holds("batch", row[0], row[1:-1], row[-1]):
                return Waiting(*row)
            self._give_up("batch", [(row[0], row[1:-1])])

    def _named(self, boot: bytes, names: Sequence[tuple[int, bytes]]) -> dict[int, Waiting]:
        """Return the batches here that have that boot, and one of those numbers and hashes."""
        found = {}
        for seq, sha256 in names:
            with damage_noticed():
                for row in self._db.execute("SELECT * FROM batch WHERE id = ?", (seq,)):
                    batch = Waiting(*row)
                    if (batch.boot, batch.sha256) == (boot, sha256) and self._is_whole(batch):
                        found[seq] = batch
        return found

    def _is_whole(self, batch: Waiting) -> bool:
        return self._tagger.holds("batch", batch.seq, batch[1:-1], batch.tag)

    def _mark_refused(self, batch: Waiting, reason: str) -> None:
        fields = batch._replace(refused=reason)[1:-1]
        self._db.execute(
            "UPDATE batch SET refused = ?, tag = ? WHERE id = ?",
            (reason, self._tagger.tag("batch", batch.seq, *fields), batch.seq),
        )

    def _give_up(self, table: str, rows: list[tuple[int, tuple[Field, ...]]]) -> None:
        """Put damaged rows aside, and count what was in them: what is missing without them."""
        count, sealed = self._state.counters, table == "batch"
        if sealed:
            gone = count["receipted"] + count["released"] + count["lost_sealed"]
            expected = count["sealed"] - gone
        else:
            expected = count["stored"] - count["sealed"] - count["lost_unsealed"]
        lost = expected - self._held(("batch",) if sealed else CHUNK_TABLE.values(), table, rows)
        state = self._state.counted(
            **(
                {"lost_sealed": lost, "lost_batches": len(rows)}
                if sealed
                else {"lost_unsealed": lost}
            )
        )

        def write() -> None:
            for number, fields in rows:
                remove = f"DELETE FROM {table} WHERE id = ?"  # noqa: S608 - our name
                self._db.execute(remove, (number,))
                data = cbor2.dumps([number, *fields])[:MAX_SET_ASIDE_BYTES]
                self._set_aside(table, "damaged", lost if len(rows) == 1 else 0, data)

        self._change(state, write)
        log.error("spool_rows_damaged", table=table, rows=len(rows), readings_lost=lost)

    def _held(
        self, tables: Iterable[str], damaged_in: str, damaged: list[tuple[int, tuple[Field, ...]]]
    ) -> int:
        """Count the readings of all rows of `tables` but the damaged ones."""
        numbers = {number for number, _ in damaged}
        with damage_noticed():
            return sum(
                readings
                for table in tables
                for number, readings in self._db.execute(
                    f"SELECT id, readings FROM {table}"  # noqa: S608 - our own name
                )
                if isinstance(readings, int) and (table != damaged_in or number not in numbers)
            )

    def _set_aside(self, origin: str, reason: str, readings: int, data: bytes) -> None:
        self._db.execute(
            "INSERT INTO set_aside VALUES (NULL, ?, ?, ?, ?)", (origin, reason, readings, data)
        )


def _readings(batches: Iterable[Waiting]) -> int:
    return sum(batch.readings for batch in batches)


def _parts(receipt: Receipt) -> Iterable[Receipt]:
    """Cut a receipt so that what is deleted together stays small."""
    for start in range(0, max(len(receipt.committed), len(receipt.refused)), SETTLED_TOGETHER):
        cut = slice(start, start + SETTLED_TOGETHER)
        yield replace(receipt, committed=receipt.committed[cut], refused=receipt.refused[cut])

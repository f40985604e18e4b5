"""The batches of a spool: each stays until the hub's receipt for exactly its bytes."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import cbor2
import structlog

from ingest.batch.receipt import Receipt
from ingest.gateway.batches import Refused, Settled, Waiting
from ingest.gateway.spool_file import damage_noticed
from ingest.gateway.spool_ground import Ground

log = structlog.get_logger()

NEWEST_LOOKED_AT = 64
"""How far back a live batch may stand and still be sent as live."""
SETTLED_TOGETHER = 32
"""Batches deleted in one transaction: it writes as much as they hold, to wipe it."""


class Batches:
    """The sealed batches of one spool: those that wait, and those that the hub has refused."""

    def __init__(self, ground: Ground) -> None:
        """Stand on that ground."""
        self._ground = ground

    @property
    def unsettled(self) -> int:
        """Batches that wait for the hub's word."""
        count = self._ground.state.counters
        ends = ("receipted_batches", "refused_batches", "released_batches", "lost_batches")
        return count["sealed_batches"] - sum(map(count.__getitem__, ends))

    def backlog(
        self, *, but: Collection[int], since_utc_ms: int, after: int = -1
    ) -> Waiting | None:
        """Return the oldest batch behind `after` that has no receipt and is history by now.

        That is every one that `live` would not give: of the backlog lane, or sealed before
        `since_utc_ms`, or too far back (after a clock that ran ahead was set right, for one).
        """
        return self._first(
            "SELECT * FROM batch WHERE id > ? AND refused IS NULL "
            "AND NOT (id > ? AND lane = 'live' AND sealed_utc_ms >= ?) ORDER BY id",
            (after, self._ground.state.next_seq - NEWEST_LOOKED_AT, since_utc_ms),
            but,
        )

    def live(self, *, but: Collection[int], since_utc_ms: int) -> Waiting | None:
        """Return the newest batch without a receipt that is live still."""
        return self._first(
            "SELECT * FROM batch WHERE id > ? AND refused IS NULL "
            "AND lane = 'live' AND sealed_utc_ms >= ? ORDER BY id DESC",
            (self._ground.state.next_seq - NEWEST_LOOKED_AT, since_utc_ms),
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

    def refused(self) -> list[Refused]:
        """Return the batches that the hub has refused and that are still here, the oldest first."""
        rows = self._ground.rows(
            "SELECT id, readings, sealed_utc_ms, refused, length(sealed) FROM batch "
            "WHERE refused IS NOT NULL ORDER BY id"
        )
        return [Refused(*row) for row in rows]

    def release(self, seqs: Collection[int]) -> int:
        """Give up refused batches for good, and return how many readings that were.

        Their numbers, hashes and reasons are kept, and every batch sealed from now on declares how
        many readings were given up. What was not refused stays.
        """
        return sum(self._release(seq) for seq in sorted(seqs))

    def _release(self, seq: int) -> int:
        ground = self._ground
        rows = ground.rows("SELECT * FROM batch WHERE id = ? AND refused IS NOT NULL", (seq,))
        batches = [batch for batch in map(Waiting._make, rows) if self._is_whole(batch)]
        if not batches:
            return 0
        (batch,) = batches
        state = ground.state.counted(
            refused=-batch.readings,
            refused_batches=-1,
            released=batch.readings,
            released_batches=1,
        )
        kept = cbor2.dumps([seq, batch.boot, batch.sha256, batch.sealed_utc_ms])

        def write() -> None:
            ground.db.execute("DELETE FROM batch WHERE id = ?", (seq,))
            ground.set_aside("released", str(batch.refused), batch.readings, kept)

        ground.change(state, write)
        log.warning("batch_released", seq=seq, readings=batch.readings, reason=batch.refused)
        return batch.readings

    def _settle(self, receipt: Receipt) -> Settled:
        ground = self._ground
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
        state = ground.state.counted(
            receipted=_readings(committed.values()),
            receipted_batches=len(committed),
            refused=_readings(refused.values()) - _readings(once_refused),
            refused_batches=len(refused) - len(once_refused),
        )

        def write() -> None:
            for seq in committed:
                ground.db.execute("DELETE FROM batch WHERE id = ?", (seq,))
            for seq, batch in refused.items():
                self._mark_refused(batch, refusals[seq])

        if committed or refused:
            ground.change(state, write)
        return Settled(tuple(committed), tuple((seq, refusals[seq]) for seq in refused), 0)

    def _first(self, sql: str, values: tuple[Any, ...], but: Collection[int]) -> Waiting | None:
        """Return the first whole row that is none of `but`; give damaged ones up on the way."""
        while True:
            with damage_noticed():
                found = self._ground.db.execute(sql, values)
                row = next((row for row in found if row[0] not in but), None)
            if row is None:
                return None
            if self._ground.tagger.holds("batch", row[0], row[1:-1], row[-1]):
                return Waiting(*row)
            self._ground.give_up("batch", [(row[0], row[1:-1])])

    def _named(self, boot: bytes, names: Sequence[tuple[int, bytes]]) -> dict[int, Waiting]:
        """Return the batches here that have that boot, and one of those numbers and hashes."""
        found = {}
        for seq, sha256 in names:
            for row in self._ground.rows("SELECT * FROM batch WHERE id = ?", (seq,)):
                batch = Waiting(*row)
                if (batch.boot, batch.sha256) == (boot, sha256) and self._is_whole(batch):
                    found[seq] = batch
        return found

    def _is_whole(self, batch: Waiting) -> bool:
        return self._ground.tagger.holds("batch", batch.seq, batch[1:-1], batch.tag)

    def _mark_refused(self, batch: Waiting, reason: str) -> None:
        fields = batch._replace(refused=reason)[1:-1]
        self._ground.db.execute(
            "UPDATE batch SET refused = ?, tag = ? WHERE id = ?",
            (reason, self._ground.tagger.tag("batch", batch.seq, *fields), batch.seq),
        )


def _readings(batches: Iterable[Waiting]) -> int:
    return sum(batch.readings for batch in batches)


def _parts(receipt: Receipt) -> Iterable[Receipt]:
    """Cut a receipt so that what is deleted together stays small."""
    for start in range(0, max(len(receipt.committed), len(receipt.refused)), SETTLED_TOGETHER):
        cut = slice(start, start + SETTLED_TOGETHER)
        yield replace(receipt, committed=receipt.committed[cut], refused=receipt.refused[cut])

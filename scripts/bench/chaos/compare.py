"""The observer's ledger against the database, row by row."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from ingest.batch.reading import Flag
from scripts.bench.chaos.ledger import Handed, Ledger, Piece
from storage.database import Connection
from storage.reading_tables import TABLE_OF

CORRECTED_WITHIN_MS = 2_000
"""A time of a box whose clock was wrong, put right by the hub's, may be so far from the truth."""
JUMP_LEAST_MS = 60_000


@dataclass
class Comparison:
    """What agrees, and by name what does not."""

    handed: int = 0
    in_database: int = 0
    """Rows of the reading tables."""
    missing: list[tuple[Piece, Handed]] = field(default_factory=list)
    """Handed over, and in no table."""
    doubled: list[tuple[int, int]] = field(default_factory=list)
    """(number, rows): more than one."""
    changed: list[tuple[Handed, Handed]] = field(default_factory=list)
    """(as handed over, as stored): differs in more than a time that was put right; or kept apart by
    the hub though the box's clock was right."""
    unknown: int = 0
    """Rows that were never handed over."""
    corrected: int = 0
    """Heard while the box's clock was wrong, and stored with the true time."""
    marked: int = 0
    """Heard while the box's clock was wrong, stored with its time and marked as doubtful."""
    quarantined: Counter[str] = field(default_factory=Counter)
    """Rows kept apart by the hub, by reason."""
    dead_letters: Counter[str] = field(default_factory=Counter)
    declared: int = 0
    """Readings that the gateway has told the district it lost."""
    seqs_missing: list[int] = field(default_factory=list)
    """Numbers of batches that never came, below the highest that did; over all spool files."""


def compare(ledger: Ledger, conn: Connection) -> Comparison:
    """Compare every reading of the ledger with every row of the reading tables."""
    found = Comparison()
    stored: dict[int, list[Handed]] = {}
    for row in _rows(conn):
        stored.setdefault(row.number, []).append(row)
        found.in_database += 1
    apart = {row.number: row for row in _quarantined(conn, found.quarantined)}
    for piece, handed in ledger.readings():
        found.handed += 1
        rows = stored.pop(handed.number, [])
        if len(rows) > 1:
            found.doubled.append((handed.number, len(rows)))
        kept_apart = apart.get(handed.number)
        if kept_apart is not None and not _is_by_wrong_clock(piece):
            found.changed.append((handed, kept_apart))
        if not rows and kept_apart is None:
            found.missing.append((piece, handed))
        for row in rows[:1]:
            _judge(found, piece, handed, row)
    found.unknown = sum(map(len, stored.values()))
    letters = conn.execute("SELECT reason, count(*) FROM dead_letter GROUP BY reason")
    found.dead_letters = Counter(dict(letters.fetchall()))
    (found.declared,) = conn.execute(
        "SELECT coalesce(sum(unsealed + sealed + released), 0)::bigint FROM spool_loss"
    ).fetchone() or (0,)
    found.seqs_missing = [
        seq
        for (seq,) in conn.execute(
            "SELECT s FROM (SELECT boot, max(seq) AS last FROM batch GROUP BY boot) AS spool, "
            "generate_series(0, last) AS s "
            "WHERE NOT EXISTS (SELECT FROM batch WHERE boot = spool.boot AND seq = s)"
        ).fetchall()
    ]
    return found


def _judge(found: Comparison, piece: Piece, handed: Handed, row: Handed) -> None:
    if row == handed:
        return
    is_wrong_clock = _is_by_wrong_clock(piece)
    unmarked = row._replace(flags=row.flags & ~Flag.CLOCK_SUSPECT)
    true_ms = handed.at_utc_ms - piece.box_ahead_ms
    if is_wrong_clock and unmarked == handed:
        found.marked += 1
    elif (
        is_wrong_clock
        and abs(row.at_utc_ms - true_ms) <= CORRECTED_WITHIN_MS
        and unmarked._replace(at_utc_ms=handed.at_utc_ms) == handed
    ):
        found.corrected += 1
    else:
        found.changed.append((handed, row))


def _is_by_wrong_clock(piece: Piece) -> bool:
    return piece.is_by_box_clock and abs(piece.box_ahead_ms) >= JUMP_LEAST_MS


def _rows(conn: Connection) -> Iterator[Handed]:
    for quantity, table in TABLE_OF.items():
        with conn.cursor() as cursor:
            # Our own table names; the times as integers, for no float can hold them all.
            cursor.execute(
                f"SELECT value, device_key, "  # noqa: S608 - our own names
                f"(extract(epoch FROM at) * 1000)::bigint, span_ms, flags, device_ts_ms "
                f"FROM {table} JOIN device ON device.id = device_id"
            )
            for value, device, at, span, flags, stamp in cursor:
                yield Handed(int(value), device, quantity, at, span, flags, stamp)


def _quarantined(conn: Connection, reasons: Counter[str]) -> Iterator[Handed]:
    rows = conn.execute(
        "SELECT value, device_key, quantity, at_utc_ms, span_ms, flags, device_ts_ms, reason "
        "FROM quarantined_reading"
    ).fetchall()
    for value, device, quantity, at, span, flags, stamp, reason in rows:
        reasons[reason] += 1
        yield Handed(int(value), device, quantity, at, span, flags, stamp)

"""Batches into the database: ledger rows, and readings by binary COPY, in one transaction.

A batch is known by (gateway, boot, seq). The ledger takes it once: the same content again is a
duplicate and changes nothing; other content under the same key is a forked spool (restored or
cloned), and nothing of it is stored. Nothing is marked or put in order here: workers have no common
order.
"""

import enum
import time
from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from storage import pgcopy, reading_days
from storage.database import Connection, border, require_idle
from storage.gathered import (
    GOOD,
    NEWEST_MS,
    REASONS,
    Gathered,
    clocks,
    count_by_batch,
    gather,
    touched,
)
from storage.incoming import IncomingBatch, ReadingColumns
from storage.queries import query

__all__ = ["IncomingBatch", "Outcome", "ReadingColumns", "store_batches"]

Key = tuple[int, bytes, int]
READING_COLUMNS = (
    "at",
    "value",
    "batch_id",
    "device_ts_ms",
    "device_id",
    "span_ms",
    "flags",
)
TOUCHED_COLUMNS = ("batch_id", "device_id", "min_at", "max_at")
CLOCK_COLUMNS = ("device_id", "least_ms", "greatest_ms")


class Outcome(enum.StrEnum):
    """What became of one batch."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    """The ledger has it with the same content: only the receipt is sent again."""
    FORKED = "forked"
    """The ledger has other content under its key: nothing of it was stored."""
    WAITING = "waiting"
    """Some of its days are still to be made: nothing of it was stored. Give it again."""


def store_batches(
    conn: Connection, batches: Sequence[IncomingBatch], *, most_new_days: int | None = None
) -> list[Outcome]:
    """Store batches in one transaction, committed on return; say what became of each, in order.

    At most `most_new_days` days of tables are made for them; what needs more is WAITING, and has
    some of its days when it is given again. None: all are made.
    `conn` is in autocommit and in no transaction. Raises Unavailable when the outcome is unknown:
    giving the same batches again is safe. Raises Rejected where the database refuses a value: then
    none of them is stored, and the caller tries one by one to find which.
    """
    require_idle(conn)
    if not batches:
        return []
    first_of: dict[Key, int] = {}
    for number, batch in enumerate(batches):
        first_of.setdefault(batch.key, number)
    with border():
        unique = [batches[number] for number in first_of.values()]
        ledger = _store_unique(conn, unique, most_new_days)
    outcomes = []
    for number, batch in enumerate(batches):
        content_sha256, is_new = ledger.get(batch.key, (None, False))
        if content_sha256 is None:
            outcomes.append(Outcome.WAITING)
        elif batch.content_sha256 != content_sha256:
            outcomes.append(Outcome.FORKED)
        elif is_new and number == first_of[batch.key]:
            outcomes.append(Outcome.STORED)
        else:
            outcomes.append(Outcome.DUPLICATE)
    return outcomes


def _store_unique(
    conn: Connection, batches: list[IncomingBatch], most_new_days: int | None
) -> dict[Key, tuple[bytes, bool]]:
    """Store batches of different keys; return per key the ledger's hash and whether it is new.

    Those that wait for their days are not in it.
    """
    latest_ms = _latest_ms(conn, batches)
    groups, device_keys = gather(batches, latest_ms)
    if waiting := reading_days.stand_for(conn, groups, most_new_days):
        batches = [batch for number, batch in enumerate(batches) if number not in waiting]
        groups, device_keys = gather(batches, latest_ms)
    if not batches:
        return {}
    with conn.transaction():
        new_ids = _enter_in_ledger(conn, batches, count_by_batch(groups, len(batches)))
        ledger = {
            batch.key: (batch.content_sha256, True) for batch in batches if batch.key in new_ids
        } | _known(conn, [batch for batch in batches if batch.key not in new_ids])
        if new_ids:
            ids = np.array([new_ids.get(batch.key, -1) for batch in batches], dtype=np.int64)
            new = [batch for batch in batches if batch.key in new_ids]
            _keep_payloads(conn, new)
            _keep_declared(conn, new, new_ids)
            device_ids = _device_ids(
                conn, {key for batch in new for key in batch.devices}, device_keys
            )
            _copy_readings(conn, groups, ids, device_ids)
            _quarantine(conn, groups, ids, device_keys)
            _announce(conn, groups, ids, device_ids)
    return ledger


def _latest_ms(conn: Connection, batches: Iterable[IncomingBatch]) -> int:
    """Return up to when readings can be true: by this machine's clock, or the server's if later.

    The server is asked where it matters: one clock of the district that stands behind must set
    nothing aside.
    """
    own_ms = time.time_ns() // 1_000_000 + NEWEST_MS
    columns = (columns.at_utc_ms for batch in batches for columns in batch.columns)
    if all(at.max(initial=0) <= own_ms for at in columns):
        return own_ms
    row = conn.execute(query("clock_of_server")).fetchone()
    return max(own_ms, int(row[0]) + NEWEST_MS) if row else own_ms


def _enter_in_ledger(
    conn: Connection, batches: list[IncomingBatch], quarantined: NDArray[np.int64]
) -> dict[Key, int]:
    """Return the ids of the batches that were not there; waits for another worker's same batch."""
    rows = conn.execute(
        query("insert_batches"),
        {
            "gateway_id": [batch.gateway_id for batch in batches],
            "boot": [batch.boot for batch in batches],
            "seq": [batch.seq for batch in batches],
            "content_sha256": [batch.content_sha256 for batch in batches],
            "previous_sha256": [batch.previous_sha256 for batch in batches],
            "lane": [batch.lane for batch in batches],
            "schema_version": [batch.schema_version for batch in batches],
            "sealed_utc_ms": [batch.sealed_utc_ms for batch in batches],
            "sealed_mono_ms": [batch.sealed_mono_ms for batch in batches],
            "reading_count": [batch.reading_count for batch in batches],
            "quarantined_count": quarantined.tolist(),
            "readings_before": [batch.readings_before for batch in batches],
            "unread": [" ".join(batch.unread) or None for batch in batches],
        },
    ).fetchall()
    return {(gateway_id, bytes(boot), seq): batch_id for batch_id, gateway_id, boot, seq in rows}


def _known(conn: Connection, batches: list[IncomingBatch]) -> dict[Key, tuple[bytes, bool]]:
    if not batches:
        return {}
    rows = conn.execute(
        query("find_batches"),
        {
            "gateway_id": [batch.gateway_id for batch in batches],
            "boot": [batch.boot for batch in batches],
            "seq": [batch.seq for batch in batches],
        },
    ).fetchall()
    return {
        (gateway_id, bytes(boot), seq): (bytes(sha), False) for gateway_id, boot, seq, sha in rows
    }


def _keep_payloads(conn: Connection, batches: list[IncomingBatch]) -> None:
    conn.execute(
        query("insert_payloads"),
        {
            "content_sha256": [batch.content_sha256 for batch in batches],
            "sealed": [batch.sealed for batch in batches],
        },
    )


def _keep_declared(conn: Connection, batches: list[IncomingBatch], new_ids: dict[Key, int]) -> None:
    """Keep what spools say they have lost: what is missing in the ledger is then accounted for."""
    for batch in batches:
        if batch.declared is not None:
            unsealed, sealed, released, released_batches = batch.declared
            conn.execute(
                query("insert_declared_loss"),
                {
                    "batch_id": new_ids[batch.key],
                    "unsealed": unsealed,
                    "sealed": sealed,
                    "released": released,
                    "released_batches": released_batches,
                },
            )


def _device_ids(conn: Connection, needed: set[str], device_keys: list[str]) -> NDArray[np.int64]:
    """Return the id of each key, adding those never heard; -1 for keys of batches not stored."""
    asked = {"lines": "\n".join(needed)}
    found: dict[str, int] = dict(conn.execute(query("find_devices_in_lines"), asked).fetchall())
    missing = sorted(needed - found.keys())
    if missing:  # asked first: a conflict would use up a number of the sequence each time
        conn.execute(query("insert_devices"), {"device_keys": missing})
        found = dict(conn.execute(query("find_devices_in_lines"), asked).fetchall())
    return np.array([found.get(key, -1) for key in device_keys], dtype=np.int64)


def _copy_readings(
    conn: Connection, groups: list[Gathered], ids: NDArray[np.int64], device_ids: NDArray[np.int64]
) -> None:
    for table, of_table in groupby(groups, key=lambda group: group.table):
        rows = (encoded_readings(group, ids, device_ids) for group in of_table)
        _copy(conn, table, READING_COLUMNS, rows)


def encoded_readings(
    group: Gathered, ids: NDArray[np.int64], device_ids: NDArray[np.int64]
) -> memoryview:
    """Return the good readings of the new batches (those with an id), columns in our order."""
    batch_id = ids[group.batch_no]
    take = _by_device(group.device_no, (group.verdict == GOOD) & (batch_id >= 0))
    return pgcopy.encode(
        len(take),
        pgcopy.to_timestamps(group.at_utc_ms[take]),
        group.value[take],
        batch_id[take],
        None if group.device_ts_ms is None else group.device_ts_ms[take],
        device_ids[group.device_no[take]].astype(np.int32),
        group.span_ms[take].astype(np.int32),
        group.flags[take].astype(np.int16),
    )


def _by_device(device_no: NDArray[np.int64], chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return where the chosen rows are, device by device, each device's in the order they came.

    The index is by device: the server then writes to it leaf by leaf, and a day of one device lies
    together in the table. So few devices that 16 bits tell them apart are sorted by counting.
    """
    few = len(device_no) and int(device_no.max()) < 2**16
    order = np.argsort(device_no.astype(np.uint16) if few else device_no, kind="stable")
    return order if chosen.all() else order[chosen[order]]


def _copy(
    conn: Connection, table: str, columns: tuple[str, ...], rows: Iterable[memoryview]
) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(pgcopy.HEADER)
        for some in rows:
            copy.write(some)
        copy.write(pgcopy.TRAILER)


def _quarantine(
    conn: Connection, groups: list[Gathered], ids: NDArray[np.int64], device_keys: list[str]
) -> None:
    rows = []
    for group in groups:
        for row in np.flatnonzero((group.verdict != GOOD) & (ids[group.batch_no] >= 0)).tolist():
            stamp = group.device_ts_ms
            rows.append(
                (
                    int(ids[group.batch_no[row]]),
                    device_keys[group.device_no[row]],
                    group.quantity,
                    float(group.value[row]),
                    int(group.at_utc_ms[row]),
                    int(group.span_ms[row]),
                    int(group.flags[row]),
                    None if stamp is None else int(stamp[row]),
                    REASONS[group.verdict[row]],
                )
            )
    if rows:
        with conn.cursor() as cursor, cursor.copy(query("copy_quarantined")) as copy:
            for values in rows:
                copy.write_row(values)


def _announce(
    conn: Connection, groups: list[Gathered], ids: NDArray[np.int64], device_ids: NDArray[np.int64]
) -> None:
    """Tell the nightly recomputation and alert evaluation what there is to look at."""
    spans = touched(groups, ids >= 0, max(1, len(device_ids)))
    rows = pgcopy.encode(
        len(spans.batch_no),
        ids[spans.batch_no],
        device_ids[spans.device_no].astype(np.int32),
        pgcopy.to_timestamps(spans.min_ms),
        pgcopy.to_timestamps(spans.max_ms),
    )
    for table in ("touched", "batch_queue"):
        _copy(conn, table, TOUCHED_COLUMNS, [rows])
    heard = clocks(groups, ids >= 0)
    if len(heard.device_no):
        offsets = pgcopy.encode(
            len(heard.device_no),
            device_ids[heard.device_no].astype(np.int32),
            heard.least_ms,
            heard.greatest_ms,
        )
        _copy(conn, "clock_heard", CLOCK_COLUMNS, [offsets])

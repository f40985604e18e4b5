"""Readings of new batches into their tables by binary COPY, and what is written beside them.

Called in the transaction that entered their batches in the ledger. `ids` are the batches' ids, -1
for those that were there already: of them nothing is written.
"""

from collections.abc import Iterable
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from storage import pgcopy
from storage.database import Connection
from storage.gathered import GOOD, REASONS, Gathered, clocks, touched
from storage.queries import query

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


def copy_readings(
    conn: Connection, groups: list[Gathered], ids: NDArray[np.int64], device_ids: NDArray[np.int64]
) -> None:
    """Copy the good readings of the new batches, table by table."""
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


def quarantine(
    conn: Connection, groups: list[Gathered], ids: NDArray[np.int64], device_keys: list[str]
) -> None:
    """Keep what cannot be true, with the reason."""
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


def announce(
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

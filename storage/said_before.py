"""Stamped readings that were deleted: what is kept of each, to know it when it is said again.

A repeat is found by comparing it with what was told before (`storage.memory`). Were nothing kept of
deleted readings, their deletion would make a repeat count: of nobody's session, say, that the band
tells once more after it has got a wearer. Of the value one byte is kept, `said_byte` of the
database, and no more.
"""

import hashlib
import struct

import polars as pl

from storage import pgcopy
from storage.database import Connection
from storage.queries import query

KEPT = pl.Schema(
    {
        "reading_table": pl.String,
        "device_id": pl.Int64,
        "device_ts_ms": pl.Int64,
        "ts": pl.Int64,  # where it was placed: ms UTC
        "said": pl.Int64,
        "sealed_ms": pl.Int64,
    }
)
MEMORY_TABLES = ("heart_rate", "steps", "steps_counter")
_STAMP = ["reading_table", "device_id", "device_ts_ms"]
_NO_SPAN_MS = -1
"""No reading has it: a value that is not known is like no value that is."""


def said_byte(stamp_ms: int, value: float, span_ms: int) -> int:
    """Return what is kept of a value, as the database computes it."""
    said = struct.pack(">qdi", stamp_ms, value + 0.0, span_ms)  # minus zero is zero
    return hashlib.sha256(said).digest()[0]


def with_deleted(conn: Connection, stamped: pl.DataFrame, device_id: int) -> pl.DataFrame:
    """Return STAMPED rows of `storage.memory` with those of the band that were deleted.

    A deleted one has the value and span of a reading with its stamp and byte. Where there is none,
    it has others that no reading has.
    """
    rows = conn.execute(query("said_before"), {"device_id": device_id}).fetchall()
    kept = pl.DataFrame(rows, schema=KEPT, orient="row")
    if kept.is_empty():
        return stamped
    values = (
        stamped.join(kept, on=_STAMP, how="semi")
        .select(*_STAMP, "value", "span_ms")
        .unique()
        .sort(*_STAMP, "value", "span_ms")
    )
    said = [said_byte(*row) for row in values.select("device_ts_ms", "value", "span_ms").rows()]
    known = values.with_columns(said=pl.Series(said, dtype=pl.Int64)).unique(
        [*_STAMP, "said"], keep="first", maintain_order=True
    )
    deleted = kept.join(known, on=[*_STAMP, "said"], how="left").with_columns(
        pl.col("value").fill_null(pl.col("said").cast(pl.Float64)),
        pl.col("span_ms").fill_null(_NO_SPAN_MS),
    )
    return pl.concat([stamped, deleted.select(stamped.columns)])


def remember(conn: Connection, deleted: pl.DataFrame) -> None:
    """Keep of these stamped readings what is kept; the caller deletes them and commits.

    `deleted` has reading_table, device_id, device_ts_ms, at_us (PostgreSQL's own), value, span_ms
    and sealed_ms. The functions that delete from the tables do the same there.
    """
    at_ms = pl.col("at_us") // pgcopy.MS_US + pgcopy.POSTGRES_EPOCH_MS
    memory = deleted.filter(pl.col("reading_table").is_in(MEMORY_TABLES)).with_columns(at_ms=at_ms)
    for (table, device_id), rows in memory.group_by(
        "reading_table", "device_id", maintain_order=True
    ):
        some = rows.sort("device_ts_ms", "at_ms")
        said = some.select("device_ts_ms", "value", "span_ms").rows()
        given = {
            "reading_table": table,
            "device_id": device_id,
            "stamps": some["device_ts_ms"].to_list(),
            "at_ms": some["at_ms"].to_list(),
            "sealed_ms": some["sealed_ms"].to_list(),
            "said": bytes(said_byte(*one) for one in said),
        }
        conn.execute(query("put_said_before"), given)

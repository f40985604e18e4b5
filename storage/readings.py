"""Readings out of the database, for the core: by patient and span, as Polars frames.

A reading belongs to whoever its band is assigned to at its time; several bands of one patient are
one union, and a reading of an unassigned time is nobody's. Each function reads inside the caller's
transaction, if there is one.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from psycopg import sql

from storage import pgcopy
from storage.database import Connection, border
from storage.gathered import OLDEST_MS
from storage.incoming import LATEST_SEALED_MS
from storage.queries import query

SPANS = pl.Schema(
    {"window": pl.Int64, "patient_id": pl.Int64, "from_ms": pl.Int64, "to_ms": pl.Int64}
)
"""A span is [from_ms, to_ms) in UTC; `window` is the caller's number for it and comes back with
each reading. Spans of one patient may overlap if their windows differ."""
LONGEST_MINUTE_SPAN_MS = 60_000
"""Steps counted over a longer span cannot be given to a minute (C15, C16)."""
ANY_SPAN_MS = 2**31 - 1
SAME_STAMP_WITHIN_MS = 300_000
"""Readings of one stamp are one memory read again if their corrected times follow one another this
closely: two gateways' clocks differ by seconds. Further apart the band's own clock was set back (a
flat battery, another time zone), and they are different readings. The bound also makes the answer
the same however much time is read at once."""


def heart_rate_of(conn: Connection, spans: pl.DataFrame) -> pl.DataFrame:
    """Return [window Int64, ts Int64 (ms UTC), hr Float64 (bpm)], in no particular order.

    `spans` is as SPANS. Nothing is filtered or merged but readings of band memory that came more
    than once; range, twins and spikes are the core's (C2 to C4).
    """
    return _read(conn, "heart_rate", "hr", spans, ANY_SPAN_MS)


def steps_of(conn: Connection, spans: pl.DataFrame) -> pl.DataFrame:
    """Return [window Int64, ts Int64 (ms UTC, start of the minute), steps Float64].

    As `heart_rate_of`, and only steps over at most 60 s: longer spans give day totals, not minutes.
    """
    return _read(conn, "steps", "steps", spans, LONGEST_MINUTE_SPAN_MS)


class _Part(NamedTuple):
    """Readings of one band on one day."""

    window: int
    device_id: int
    at_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    device_ts_ms: NDArray[np.int64] | None


def _read(
    conn: Connection, table: str, value_name: str, spans: pl.DataFrame, longest_span_ms: int
) -> pl.DataFrame:
    heard: list[_Part] = []
    stamped: list[_Part] = []
    if spans.height:
        for part in _parts(conn, table, spans, longest_span_ms):
            (heard if part.device_ts_ms is None else stamped).append(part)
    once = _each_once(_frame(stamped, value_name), value_name)
    columns = ["window", "ts", value_name]
    return pl.concat([_frame(heard, value_name).select(columns), once.select(columns)])


def _parts(
    conn: Connection, table: str, spans: pl.DataFrame, longest_span_ms: int
) -> Iterator[_Part]:
    statement = sql.SQL(query("copy_readings_of")).format(reading_table=sql.Identifier(table))
    asked = {name: spans[name].to_list() for name in SPANS} | {
        "earliest": _instant(spans["from_ms"].to_numpy().min()),
        "latest": _instant(spans["to_ms"].to_numpy().max()),
        "longest_span_ms": longest_span_ms,
    }
    with border(), conn.cursor() as cursor, cursor.copy(statement, asked) as copy:
        for number, row in enumerate(copy):
            data = memoryview(row)[len(pgcopy.HEADER) :] if number == 0 else memoryview(row)
            if len(data) > len(pgcopy.TRAILER):
                yield from _parts_of_row(pgcopy.split_row(data))


def _parts_of_row(fields: list[memoryview | None]) -> Iterator[_Part]:
    window, device_id, heard_at, heard_value, stamped_at, stamped_value, device_ts_ms = fields
    if window is None or device_id is None:
        return
    head = pgcopy.decode_int8(window), pgcopy.decode_int8(device_id)
    if heard_at is not None and heard_value is not None:
        yield _Part(*head, _times(heard_at), _values(heard_value), None)
    if stamped_at is not None and stamped_value is not None and device_ts_ms is not None:
        stamps = pgcopy.decode_array(device_ts_ms, ">i8").astype(np.int64)
        yield _Part(*head, _times(stamped_at), _values(stamped_value), stamps)


def _instant(utc_ms: int) -> datetime:
    """Return a time as a constant, within what readings can have and a date can hold."""
    within = min(max(int(utc_ms), -OLDEST_MS), LATEST_SEALED_MS)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=within)


def _times(field: memoryview) -> NDArray[np.int64]:
    return pgcopy.to_utc_ms(pgcopy.decode_array(field, ">i8"))


def _values(field: memoryview) -> NDArray[np.float64]:
    return pgcopy.decode_array(field, ">f8").astype(np.float64)


def _frame(parts: list[_Part], value_name: str) -> pl.DataFrame:
    """Return [window, device_id, ts, value, device_ts_ms]; the stamp is 0 where there is none."""
    lengths = [len(part.at_ms) for part in parts]
    none = np.empty(0, np.int64)
    return pl.DataFrame(
        {
            "window": np.repeat(np.array([part.window for part in parts], np.int64), lengths),
            "device_id": np.repeat(np.array([part.device_id for part in parts], np.int64), lengths),
            "ts": np.concatenate([none, *(part.at_ms for part in parts)]),
            value_name: np.concatenate([np.empty(0), *(part.value for part in parts)]),
            "device_ts_ms": np.concatenate(
                [none, *(part.device_ts_ms for part in parts if part.device_ts_ms is not None)]
            )
            if any(part.device_ts_ms is not None for part in parts)
            else np.zeros(sum(lengths), np.int64),
        }
    )


def _each_once(stamped: pl.DataFrame, value_name: str) -> pl.DataFrame:
    """Merge what a band's memory gave more than once, at nearly the same corrected time.

    All readings of one stamp stand at the earliest time it was given; equal values are one.
    """
    stamp = ["window", "device_id", "device_ts_ms"]
    again = pl.col("ts") - pl.col("ts").shift(1).over(stamp) <= SAME_STAMP_WITHIN_MS
    return (
        stamped.sort(*stamp, "ts")
        .with_columns(reading=(~again.fill_null(value=False)).cum_sum())
        .with_columns(pl.col("ts").min().over("reading"))
        .unique(["window", "device_id", "ts", value_name])
    )

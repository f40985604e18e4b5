"""Readings out of the database, for the core: by patient and span, as Polars frames.

A reading belongs to whoever its band is assigned to at its time; several bands of one patient are
one union, and a reading of an unassigned time is nobody's. Each function reads inside the caller's
transaction, if there is one.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

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


def heart_rate_of(
    conn: Connection, spans: pl.DataFrame, *, without: Sequence[int] = ()
) -> pl.DataFrame:
    """Return [window Int64, ts Int64 (ms UTC), hr Float64 (bpm)], sorted by both.

    `spans` is as SPANS; readings of the batches `without` are left out. Nothing is filtered or
    merged but readings of band memory that came more than once; range, twins and spikes are the
    core's (C2 to C4).
    """
    return _read(conn, "heart_rate", "hr", spans, ANY_SPAN_MS, without)


def steps_of(conn: Connection, spans: pl.DataFrame, *, without: Sequence[int] = ()) -> pl.DataFrame:
    """Return [window Int64, ts Int64 (ms UTC, start of the minute), steps Float64].

    As `heart_rate_of`, and only steps over at most 60 s: longer spans give day totals, not minutes.
    """
    return _read(conn, "steps", "steps", spans, LONGEST_MINUTE_SPAN_MS, without)


def _read(
    conn: Connection,
    table: str,
    value_name: str,
    spans: pl.DataFrame,
    longest_span_ms: int,
    without: Sequence[int],
) -> pl.DataFrame:
    windows = spans["window"].unique().sort()
    places = pl.DataFrame({"window": windows, "place": range(len(windows))})
    columns = {"place": pl.Int64, "device_id": pl.Int32, "ts": pl.Int64, value_name: pl.Float64}
    heard = [pl.DataFrame(schema=columns)]
    stamped = [pl.DataFrame(schema=columns | {"device_ts_ms": pl.Int64})]
    if spans.height:
        for numbers, devices, *arrays in _groups(conn, table, spans, longest_span_ms, without):
            asked = pl.DataFrame({"window": numbers, "device_id": devices}).join(places, "window")
            for frames, found in ((heard, arrays[:3]), (stamped, arrays[3:])):
                names = [name for name in frames[0].columns if name != "place"]
                rows = pl.DataFrame(dict(zip(names, found, strict=True)))
                # A band may be asked for by several windows, and a window asks for several bands.
                frames.append(rows.join(asked, on="device_id").select(frames[0].columns))
    once = _each_once(pl.concat(stamped), value_name)
    parts = [frame.select("place", "ts", value_name) for frame in (*heard, once) if len(frame)]
    rows = _in_order(parts) if parts else heard[0].select("place", "ts", value_name)
    return rows.select(windows.gather(rows["place"]).alias("window"), "ts", value_name)


def _in_order(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Return the rows of all parts, sorted by place and time; ties in no particular order.

    Within a part of a day rows mostly lie in the order of time, as they came. Then it is enough to
    bring each place's rows together, which with small numbers is much faster than to sort.
    """
    parts.sort(key=lambda part: part["ts"][0])
    rows = pl.concat(parts)
    places = rows["place"].to_numpy()
    if places.max() <= np.iinfo(np.uint16).max:
        rows = rows[np.argsort(places.astype(np.uint16), kind="stable")]
    places, times = rows["place"].to_numpy(), rows["ts"].to_numpy()
    ascending = (places[1:] > places[:-1]) | (
        (places[1:] == places[:-1]) & (times[1:] >= times[:-1])
    )
    return rows if ascending.all() else rows.sort("place", "ts")


def _groups(
    conn: Connection,
    table: str,
    spans: pl.DataFrame,
    longest_span_ms: int,
    without: Sequence[int],
) -> Iterator[list[NDArray[np.number]]]:
    """Yield per part of a day: windows and bands in pairs; readings without stamp, and with one."""
    statement = sql.SQL(query("copy_readings_of")).format(reading_table=sql.Identifier(table))
    asked = {name: spans[name].to_list() for name in SPANS} | {
        "earliest": _instant(spans["from_ms"].to_numpy().min()),
        "latest": _instant(spans["to_ms"].to_numpy().max()),
        "longest_span_ms": longest_span_ms,
        "without": list(without),
    }
    with border(), conn.cursor() as cursor, cursor.copy(statement, asked) as copy:
        for number, row in enumerate(copy):
            data = memoryview(row)[len(pgcopy.HEADER) :] if number == 0 else memoryview(row)
            if len(data) > len(pgcopy.TRAILER):
                fields = zip(pgcopy.split_row(data), _GROUP, strict=True)
                yield [decode(field) for field, decode in fields]


def _instant(utc_ms: int) -> datetime:
    """Return a time as a constant, within what readings can have and a date can hold."""
    within = min(max(int(utc_ms), -OLDEST_MS), LATEST_SEALED_MS)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=within)


def _ints(field: memoryview | None) -> NDArray[np.int32]:
    return pgcopy.decode_array(field, ">i4").astype(np.int32)


def _bigints(field: memoryview | None) -> NDArray[np.int64]:
    return pgcopy.decode_array(field, ">i8").astype(np.int64)


def _times(field: memoryview | None) -> NDArray[np.int64]:
    return pgcopy.to_utc_ms(pgcopy.decode_array(field, ">i8"))


def _values(field: memoryview | None) -> NDArray[np.float64]:
    return pgcopy.decode_array(field, ">f8").astype(np.float64)


_Decode = Callable[[memoryview | None], NDArray[np.number]]
_PAIRS: tuple[_Decode, ...] = (_bigints, _ints)
_HEARD: tuple[_Decode, ...] = (_ints, _times, _values)
_STAMPED = (*_HEARD, _bigints)
_GROUP = (*_PAIRS, *_HEARD, *_STAMPED)
"""What the arrays of a group hold, in the order of the query's columns."""


def _each_once(stamped: pl.DataFrame, value_name: str) -> pl.DataFrame:
    """Merge what a band's memory gave more than once, at nearly the same corrected time.

    All readings of one stamp stand at the earliest time it was given; equal values are one.
    """
    stamp = ["place", "device_id", "device_ts_ms"]
    again = pl.col("ts") - pl.col("ts").shift(1).over(stamp) <= SAME_STAMP_WITHIN_MS
    return (
        stamped.sort(*stamp, "ts")
        .with_columns(reading=(~again.fill_null(value=False)).cum_sum())
        .with_columns(pl.col("ts").min().over("reading"))
        .unique(["place", "device_id", "ts", value_name])
    )

"""Readings out of the database, for the core: by patient and span, as Polars frames.

A reading belongs to whoever its band is assigned to at its time; several bands of one patient are
one union, and a reading of an unassigned time is nobody's. Each function reads inside the caller's
transaction, if there is one. Days that were exported and dropped come out of their files.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, LiteralString, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from psycopg import sql

from storage import pgcopy
from storage.cold.reading import readings_in_files
from storage.database import Connection, border
from storage.gathered import OLDEST_MS
from storage.incoming import LATEST_SEALED_MS
from storage.memory import SAME_STAMP_WITHIN_MS, said_again
from storage.queries import query

SPANS = pl.Schema(
    {"window": pl.Int64, "patient_id": pl.Int64, "from_ms": pl.Int64, "to_ms": pl.Int64}
)
"""A span is [from_ms, to_ms) in UTC; `window` is the caller's number for it and comes back with
each reading. Spans of one patient may overlap if their windows differ."""
Page = Literal["trace", "list", "week"]
"""A page with readings, which comes to them by the function of the database for its use alone: that
asks whether the reader looks after the person, and writes the audit trail."""
BANDS = pl.Schema(
    {
        "assignment_id": pl.Int64,
        "patient_id": pl.Int64,
        "device_id": pl.Int32,
        "from_ms": pl.Int64,
        "to_ms": pl.Int64,
        "family": pl.String,
    }
)
"""Who wears which band from when to when, half-open; null: open, and a family nobody gave."""
LONGEST_MINUTE_SPAN_MS = 60_000
"""Steps counted over a longer span cannot be given to a minute (C15, C16)."""
ANY_SPAN_MS = 2**31 - 1


def heart_rate_of(
    conn: Connection,
    spans: pl.DataFrame,
    *,
    without: Sequence[int] = (),
    page: Page | None = None,
) -> pl.DataFrame:
    """Return [window Int64, ts Int64 (ms UTC), hr Float64 (bpm)], sorted by both.

    `spans` is as SPANS; readings of the batches `without` are left out (not for a page). Nothing is
    filtered or merged but readings of band memory that came more than once; range, twins and spikes
    are the core's (C2 to C4).
    """
    return _read(conn, "heart_rate", "hr", spans, ANY_SPAN_MS, without, page=page)


def steps_of(conn: Connection, spans: pl.DataFrame, *, without: Sequence[int] = ()) -> pl.DataFrame:
    """Return [window Int64, ts Int64 (ms UTC, start of the minute), steps Float64].

    As `heart_rate_of`, and only steps over at most 60 s: longer spans give day totals, not minutes.
    """
    return _read(conn, "steps", "steps", spans, LONGEST_MINUTE_SPAN_MS, without)


def step_spans_of(
    conn: Connection, spans: pl.DataFrame, *, page: Page | None = None
) -> pl.DataFrame:
    """Return [window, device_id, ts, span_ms, steps Float64]: steps over times of any length.

    Sorted by window and `ts`, where each span begins; otherwise as `heart_rate_of`.
    """
    beside = ("device_id", "span_ms")
    return _read(conn, "steps", "steps", spans, ANY_SPAN_MS, (), beside=beside, page=page)


def counters_of(
    conn: Connection,
    spans: pl.DataFrame,
    *,
    without: Sequence[int] = (),
    page: Page | None = None,
) -> pl.DataFrame:
    """Return [window, device_id, ts, value Float64]: running totals as bands gave them.

    As `heart_rate_of`; what was walked between them is for `adherence.counters` to say.
    """
    beside = ("device_id",)
    read = _read(
        conn, "steps_counter", "value", spans, ANY_SPAN_MS, without, beside=beside, page=page
    )
    return read.select("window", "device_id", "ts", "value")


def bands_of(conn: Connection, patients: Sequence[int]) -> pl.DataFrame:
    """Return BANDS: every assignment of these patients, with the family of the band."""
    rows = conn.execute(query("bands_of"), {"patients": list(patients)}).fetchall()
    return pl.DataFrame(rows, schema=BANDS, orient="row")


def _read(
    conn: Connection,
    table: str,
    value_name: str,
    spans: pl.DataFrame,
    longest_span_ms: int,
    without: Sequence[int],
    *,
    beside: tuple[str, ...] = (),
    page: Page | None = None,
) -> pl.DataFrame:
    windows = spans["window"].unique().sort()
    places = pl.DataFrame({"window": windows, "place": range(len(windows))})
    columns = {
        "place": pl.Int64,
        "device_id": pl.Int32,
        "ts": pl.Int64,
        value_name: pl.Float64,
        **({"span_ms": pl.Int32} if "span_ms" in beside else {}),
    }
    heard = [pl.DataFrame(schema=columns)]
    stamped = [pl.DataFrame(schema=columns | {"device_ts_ms": pl.Int64})]
    if spans.height:
        names = [name for name in columns if name != "place"]
        asked_for = (conn, table, spans, longest_span_ms, without)
        spanned = "span_ms" in beside
        groups = _groups(*asked_for, page=page, spanned=spanned)
        for numbers, devices, found, remembered in groups:
            asked = pl.DataFrame({"window": numbers, "device_id": devices}).join(places, "window")
            for frames, arrays, named in (
                (heard, found, names),
                (stamped, remembered, [*names, "device_ts_ms"]),
            ):
                rows = pl.DataFrame(dict(zip(named, arrays, strict=True)))
                # A band may be asked for by several windows, and a window asks for several bands.
                frames.append(rows.join(asked, on="device_id").select(frames[0].columns))
    if page is None:  # a page has no way to the archive
        for out in readings_in_files(conn, table, spans, longest_span_ms, without):
            rows = out.join(places, "window").rename({"value": value_name})
            has_stamp = pl.col("device_ts_ms").is_not_null()
            heard.append(rows.filter(~has_stamp).select(heard[0].columns))
            stamped.append(rows.filter(has_stamp).select(stamped[0].columns))
    kept = ("place", *(name for name in beside if name in columns), "ts", value_name)
    told = pl.concat(stamped)
    if page is None:  # the functions of the pages leave repeats out themselves
        told = _told_first(conn, table, told, value_name)
    once = each_once(told, [name for name in columns if name != "ts"])
    parts = [frame.select(kept) for frame in (*heard, once) if len(frame)]
    rows = _in_order(parts) if parts else heard[0].select(kept)
    return rows.select(windows.gather(rows["place"]).alias("window"), *kept[1:])


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


class _Group(NamedTuple):
    """Part of a day: windows and bands in pairs; arrays of readings without stamp, and with one."""

    windows: NDArray[np.number]
    devices: NDArray[np.number]
    heard: list[NDArray[np.number]]
    stamped: list[NDArray[np.number]]


def _groups(
    conn: Connection,
    table: str,
    spans: pl.DataFrame,
    longest_span_ms: int,
    without: Sequence[int],
    *,
    page: Page | None,
    spanned: bool,
) -> Iterator[_Group]:
    """Yield what is asked for, part of a day by part of a day."""
    statement: sql.Composed | LiteralString = (
        sql.SQL(query("copy_readings_of")).format(
            reading_table=sql.Identifier(table), **(_SPANS_TOO if spanned else _NO_SPANS)
        )
        if page is None
        else query(f"copy_{page}_readings")
    )
    asked = {name: spans[name].to_list() for name in SPANS} | {
        "earliest": _instant(spans["from_ms"].to_numpy().min()),
        "latest": _instant(spans["to_ms"].to_numpy().max()),
        "longest_span_ms": longest_span_ms,
        "without": list(without),
        "reading_table": table,
    }
    with border(), conn.cursor() as cursor, cursor.copy(statement, asked) as copy:
        for number, row in enumerate(copy):
            data = memoryview(row)[len(pgcopy.HEADER) :] if number == 0 else memoryview(row)
            if len(data) > len(pgcopy.TRAILER):
                fields = dict(zip(_GROUP, pgcopy.split_row(data), strict=True))
                yield _Group(
                    _bigints(fields["windows"]),
                    _ints(fields["devices"]),
                    [
                        decode(fields[name])
                        for name, decode in _HEARD.items()
                        if spanned or decode is not _spans
                    ],
                    [
                        decode(fields[name])
                        for name, decode in _STAMPED.items()
                        if spanned or decode is not _spans
                    ],
                )


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


def _spans(field: memoryview | None) -> NDArray[np.int32]:
    return _ints(field)


_Decode = Callable[[memoryview | None], NDArray[np.number]]
_HEARD: dict[str, _Decode] = {
    "heard_device": _ints,
    "heard_at": _times,
    "heard_value": _values,
    "heard_span": _spans,
}
_STAMPED: dict[str, _Decode] = {
    "stamped_device": _ints,
    "stamped_at": _times,
    "stamped_value": _values,
    "stamped_span": _spans,
    "device_ts_ms": _bigints,
}
_GROUP = ("windows", "devices", *_HEARD, *_STAMPED)
"""The query's columns, in their order."""
_SPANS_TOO = {
    "heard_span": sql.SQL("array_agg(span_ms) FILTER (WHERE device_ts_ms IS NULL)"),
    "stamped_span": sql.SQL("array_agg(span_ms) FILTER (WHERE device_ts_ms IS NOT NULL)"),
}
_NO_SPANS = {name: sql.SQL("NULL::integer[]") for name in _SPANS_TOO}


def _told_first(
    conn: Connection, table: str, stamped: pl.DataFrame, value_name: str
) -> pl.DataFrame:
    """Leave out what repeats a record that was read before, under another clock of the band."""
    if stamped.is_empty():
        return stamped
    again = said_again(conn, table, stamped["device_id"].unique().sort().to_list())
    if again.is_empty():
        return stamped
    same = ["device_id", "device_ts_ms", "ts", value_name]
    return stamped.join(again.rename({"value": value_name}), on=same, how="anti")


def each_once(stamped: pl.DataFrame, same: Sequence[str]) -> pl.DataFrame:
    """Merge what a band's memory gave more than once, at nearly the same corrected time.

    `stamped` holds place, device_id, device_ts_ms, ts and `same`. All readings of one stamp stand
    at the earliest time it was given; those that agree in all of `same` are one.
    """
    stamp = ["place", "device_id", "device_ts_ms"]
    again = pl.col("ts") - pl.col("ts").shift(1).over(stamp) <= SAME_STAMP_WITHIN_MS
    return (
        stamped.sort(*stamp, "ts")
        .with_columns(reading=(~again.fill_null(value=False)).cum_sum())
        .with_columns(pl.col("ts").min().over("reading"))
        .unique([*same, "ts"])
    )

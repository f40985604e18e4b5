"""Band memory that was read more than once, under clocks that were taken to differ.

A band's memory is read by every gateway that meets it, and from the start by a new one. Under one
clock a stamp means one time, and readings of one stamp are one reading (`storage.readings`). Where
the clock was set in between, or was estimated otherwise, the same record comes with the same stamp
and another time; but a clock that was set back also shows a stamp twice, for two records. Both look
alike, stamp by stamp. What tells them apart is docs/why/band-memory.md.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl

from storage.cold.reading import stamped_in_files
from storage.database import Connection
from storage.queries import query
from storage.said_before import with_deleted

SAME_STAMP_WITHIN_MS = 300_000
"""Offsets of one clock follow one another this closely: two gateways' clocks differ by seconds, and
a band's drifts by no more between two readings of its memory. Further apart the clock was another
one (a flat battery, another time zone). The bound also makes what is read the same however much
time is read at once."""

SAME_IN_A_ROW = 3
"""So many stamps in a row with the same values are a memory that was not written anew in between;
fewer are chance: a resting pulse is the same as a day before about once in twelve times."""

STAMPED = pl.Schema(
    {
        "reading_table": pl.String,
        "device_id": pl.Int64,
        "device_ts_ms": pl.Int64,
        "ts": pl.Int64,  # where it was placed: ms UTC
        "value": pl.Float64,
        "span_ms": pl.Int64,
        "sealed_ms": pl.Int64,  # the earliest batch that said it so
    }
)
_STAMP = ["reading_table", "device_id", "device_ts_ms"]
_RECORD = [*_STAMP, "value", "span_ms"]


def same_clock_bands(stamped: pl.LazyFrame) -> pl.LazyFrame:
    """Return device_id: bands whose offsets lie so close together that they have one clock."""
    offset_ms = pl.col("ts") - pl.col("device_ts_ms")
    return (
        stamped.group_by("device_id")
        .agg(spread_ms=offset_ms.max() - offset_ms.min())
        .filter(pl.col("spread_ms") <= SAME_STAMP_WITHIN_MS)
        .select("device_id")
    )


def repeats_in(stamped: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of STAMPED that repeat a record read earlier under another clock.

    `stamped` holds all stamped readings of its bands. Offsets with no hole over
    SAME_STAMP_WITHIN_MS between them are one clock. Where two clocks have a stamp and a value in
    common, that is one record up to the first stamp at which they have no value in common (from
    there on the band's clock ran through the same stamps twice), and beyond it where
    SAME_IN_A_ROW stamps one after the other agree. The clock that told a record first (by its
    batch) keeps it; of one clock, what was placed near where it was first told.
    """
    clocks = _with_clocks(stamped)
    told = clocks.group_by(*_RECORD, "clock").agg(
        pl.col("sealed_ms").min(), first_ms=pl.col("ts").min()
    )
    pairs = told.join(told, on=_STAMP, suffix="_2").filter(pl.col("clock") < pl.col("clock_2"))
    is_same = (pl.col("value") == pl.col("value_2")) & (pl.col("span_ms") == pl.col("span_ms_2"))
    again = (
        pairs.filter(is_same)
        .join(_agreed(pairs, is_same), on=[*_STAMP, "clock", "clock_2"], how="semi")
        .select(*_RECORD, clock=pl.when(_is_told_first()).then("clock_2").otherwise("clock"))
        .unique()
    )
    of_other = clocks.join(again, on=[*_RECORD, "clock"], how="semi")
    far = (
        clocks.sort("sealed_ms", "ts")
        .with_columns(first_ms=pl.col("ts").first().over(*_RECORD, "clock"))
        .filter((pl.col("ts") - pl.col("first_ms")).abs() > SAME_STAMP_WITHIN_MS)
    )
    return pl.concat([of_other, far.select(of_other.columns)]).drop("clock").unique()


def _is_told_first() -> pl.Expr:
    """Compare: the first of the two clocks told the record before the second, by their batches."""
    sealed, sealed_2 = pl.col("sealed_ms"), pl.col("sealed_ms_2")
    is_earlier_placed = pl.col("first_ms") <= pl.col("first_ms_2")
    return (sealed < sealed_2) | ((sealed == sealed_2) & is_earlier_placed)


def _agreed(pairs: pl.DataFrame, is_same: pl.Expr) -> pl.DataFrame:
    """Return the stamps, per pair of clocks, at which a common value is one record."""
    of_pair = ["device_id", "clock", "clock_2"]
    of_run = ["reading_table", *of_pair]
    stamps = (
        pairs.group_by(*_STAMP, "clock", "clock_2")
        .agg(agree=is_same.any())
        .sort(*of_run, "device_ts_ms")
        .with_columns(run=pl.struct(*of_run, "agree").rle_id())
        .with_columns(in_a_row=pl.len().over("run"))
    )
    parted = (
        stamps.filter(~pl.col("agree"))
        .group_by(of_pair)
        .agg(parted_ms=pl.col("device_ts_ms").min())
    )
    before = (pl.col("device_ts_ms") < pl.col("parted_ms")).fill_null(value=True)
    return stamps.join(parted, on=of_pair, how="left").filter(
        pl.col("agree") & (before | (pl.col("in_a_row") >= SAME_IN_A_ROW))
    )


def _with_clocks(stamped: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with `clock`: the number of the band's clock, by the order of offsets."""
    offset_ms = pl.col("ts") - pl.col("device_ts_ms")
    offsets = (
        stamped.select("device_id", offset_ms=offset_ms).unique().sort("device_id", "offset_ms")
    )
    is_other = (
        pl.col("offset_ms") - pl.col("offset_ms").shift(1).over("device_id") > SAME_STAMP_WITHIN_MS
    )
    return (
        stamped.with_columns(offset_ms=offset_ms)
        .join(
            offsets.with_columns(clock=is_other.fill_null(value=False).cum_sum().over("device_id")),
            on=["device_id", "offset_ms"],
        )
        .drop("offset_ms")
    )


def renew_repeats(conn: Connection) -> None:
    """Find anew what the bands with new stamps said again, and note the days that changes.

    Within the caller's transaction, before it claims what changed.
    """
    rows = conn.execute(query("claim_clocks"), {"within_ms": SAME_STAMP_WITHIN_MS}).fetchall()
    conn.execute(query("make_said_again"))
    for (device_id,) in rows:
        devices = {"devices": [device_id]}
        found = conn.execute(query("stamped_readings"), devices).fetchall()
        found += stamped_in_files(conn, [device_id])
        stamped = pl.DataFrame(found, schema=STAMPED, orient="row")
        again = repeats_in(with_deleted(conn, stamped, device_id))
        again = again.join(stamped, on=stamped.columns, how="semi")  # not what is deleted
        conn.execute(query("clear_said_again"))
        with conn.cursor() as cursor, cursor.copy(query("stage_said_again")) as copy:
            for table, device, stamp, ts, value, span_ms, _sealed in again.iter_rows():
                at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ts)
                copy.write_row((table, device, stamp, at, value, span_ms))
        conn.execute(query("put_said_again"), devices)


def said_again(conn: Connection, reading_table: str, devices: Sequence[int]) -> pl.DataFrame:
    """Return [device_id Int32, device_ts_ms, ts (ms UTC), value]: what is not to be counted."""
    asked = {"reading_table": reading_table, "devices": list(devices)}
    rows = conn.execute(query("said_again_by"), asked).fetchall()
    schema = {
        "device_id": pl.Int32,
        "device_ts_ms": pl.Int64,
        "ts": pl.Int64,
        "value": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")

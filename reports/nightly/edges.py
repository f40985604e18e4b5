"""Days next to new readings: whether anything in them became other than it was.

A reading can change held time, or a flag, a few minutes over a midnight. Mostly it does not, and to
compute the neighbour of every day with news again would double the night. So the minutes around
such a midnight are read twice, with the new batches and without: where held time and step counts on
the neighbour's side are the same both times, its rows would come out as they stand (they are made
of nothing else, see `evidence`, but running totals and longer spans of their own day alone).
Whatever chain of effort runs over the midnight, the window of the day with the news is widened
along it.
"""

from datetime import timedelta

import polars as pl

from adherence import stages
from adherence.clock import DAY_MS, MINUTE_MS
from adherence.schema import HELD, STEP_MINUTES
from adherence.steps import counted_minutes
from config.conventions import Conventions
from reports.nightly.reach import Reach
from reports.nightly.tables import frame_of
from reports.nightly.windows import DIRTY
from storage.database import Connection
from storage.readings import counters_of, heart_rate_of, steps_of

TOUCHED = pl.Schema(
    {
        "patient_id": pl.Int64,
        "day": pl.Int64,
        "own": pl.Boolean,
        "before_start": pl.Boolean,
        "after_end": pl.Boolean,
    }
)
"""A day within reach of new readings: with some of its `own`, or with some before or after it."""

EDGES_AT_ONCE = 10_000
"""Midnights looked at together; memory stays bounded however many there are."""


def really_touched(
    conn: Connection, touched: pl.DataFrame, reach: Reach, conventions: Conventions
) -> pl.DataFrame:
    """Return DIRTY: those of the days (TOUCHED) that the claimed batches changed over a midnight.

    Days with new readings of their own are not asked about; nor are those whose records changed.
    """
    near_ms = max(reach.before_ms, reach.after_ms) + reach.beyond_ms
    edges = _edges(touched, near_ms=near_ms, utc_offset_ms=conventions.utc_offset_min * MINUTE_MS)
    if edges.is_empty():
        return pl.DataFrame(schema=DIRTY)
    terms = {
        "near": timedelta(milliseconds=near_ms),
        "offset": timedelta(minutes=conventions.utc_offset_min),
    }
    new = frame_of(conn, "claimed_near_midnight", terms, pl.Schema({"batch_id": pl.Int64}))
    batches = new["batch_id"].to_list()
    found = []
    for start in range(0, edges.height, EDGES_AT_ONCE):
        some = edges.slice(start, EDGES_AT_ONCE)
        now = _beside(conn, some, [], reach, conventions)
        before = _beside(conn, some, batches, reach, conventions)
        found += [_other_than(*both) for both in zip(now, before, strict=True)]
    changed = pl.concat(found).unique()
    return edges.join(changed, on="window", how="semi").select(DIRTY.names()).unique()


def _edges(touched: pl.DataFrame, *, near_ms: int, utc_offset_ms: int) -> pl.DataFrame:
    """Return the midnights to look at: `window` numbers them, `ahead` says that the day follows."""
    start_ms = pl.col("day") * DAY_MS - utc_offset_ms
    starts = touched.filter("before_start").select(
        *DIRTY, edge_ms=start_ms, ahead=pl.lit(value=True)
    )
    ends = touched.filter("after_end").select(
        *DIRTY, edge_ms=start_ms + DAY_MS, ahead=pl.lit(value=False)
    )
    return pl.concat([starts, ends]).select(
        "edge_ms",
        "ahead",
        *DIRTY,
        window=pl.int_range(pl.len()),
        from_ms=pl.col("edge_ms") - near_ms,
        to_ms=pl.col("edge_ms") + near_ms,
    )


def _beside(
    conn: Connection,
    edges: pl.DataFrame,
    without: list[int],
    reach: Reach,
    conventions: Conventions,
) -> tuple[pl.DataFrame, ...]:
    """Return held time, step minutes and running totals on the day's side of its edge.

    `without`: batches whose readings are left out. Of the minutes before the day's start those
    belong to it that its first flags look back to (C16), and the totals they are made of.
    """
    samples, step_rows = (
        read(conn, edges, without=without).rename({"window": "person"})
        for read in (heart_rate_of, steps_of)
    )
    edge = edges.lazy().select("edge_ms", "ahead", person="window")
    ahead, edge_ms = pl.col("ahead"), pl.col("edge_ms")
    start_ms, end_ms = pl.col("start_ms"), pl.col("end_ms")
    time = (
        stages.held(stages.kept(samples, conventions), conventions)
        .lazy()
        .join(edge, on="person")
        .with_columns(
            start_ms=pl.when(ahead).then(pl.max_horizontal(start_ms, edge_ms)).otherwise(start_ms),
            end_ms=pl.when(ahead).then(end_ms).otherwise(pl.min_horizontal(end_ms, edge_ms)),
        )
        .filter(start_ms < end_ms)
        .select(HELD)
    )
    minute_ms = pl.col("minute") * MINUTE_MS
    first_ms = edge_ms - (conventions.still_minutes - 1) * MINUTE_MS
    minutes = (
        counted_minutes(step_rows)
        .lazy()
        .join(edge, on="person")
        .filter(pl.when(ahead).then(minute_ms >= first_ms).otherwise(minute_ms < edge_ms))
        .select(STEP_MINUTES)
    )
    totals = (
        counters_of(conn, edges.filter("ahead"), without=without)
        .lazy()
        .rename({"window": "person"})
        .join(edge, on="person")
        .filter(pl.col("ts").is_between(first_ms - reach.counter_ms, edge_ms, closed="left"))
        .select("person", "device_id", "ts", "value")
    )
    return tuple(pl.collect_all([time, minutes, totals]))


def _other_than(now: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Return the windows (`window`) whose rows are not the same in both."""
    counted = [now.with_columns(times=pl.lit(1)), before.with_columns(times=pl.lit(-1))]
    return (
        pl.concat(counted)
        .group_by(now.columns)
        .agg(pl.col("times").sum())
        .filter(pl.col("times") != 0)
        .select(window="person")
    )

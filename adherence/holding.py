"""The time a sample stands for (convention C5), and its cut at midnights and minutes (C10, C15)."""

import numpy as np
import polars as pl

from adherence.clock import DAY_MS, MINUTE_MS, local_date, minute
from adherence.rows import Runs, gaps_of
from adherence.schema import HELD


def held_time(kept: pl.DataFrame, *, longest_hold_ms: int) -> pl.DataFrame:
    """Return HELD: each kept sample with [start_ms, end_ms), to the next one, or the longest hold.

    `kept` is sorted by person and time. Nothing is interpolated; a longer hole is missing data, and
    the last sample of a person stands for the longest hold.
    """
    ts = kept["ts"].to_numpy()
    end_ms = np.empty(len(ts), np.int64)
    for part in Runs.of(kept["person"]).parts():
        gaps = gaps_of(ts, part)
        np.minimum(gaps, longest_hold_ms, out=gaps)
        np.add(ts[part.rows], gaps, out=end_ms[part.rows])
    return kept.select(
        "person", pl.col("ts").alias("start_ms"), pl.Series("end_ms", end_ms), "bpm_sum", "bpm_n"
    ).select(HELD)


def _cut(held: pl.LazyFrame, boundary_ms: pl.Expr) -> pl.LazyFrame:
    """Return `held`, in two parts where the boundary lies inside: no hold exceeds a minute."""
    crosses = pl.col("end_ms") > pl.col("boundary_ms")
    bounded = held.with_columns(boundary_ms=boundary_ms)
    before = bounded.with_columns(end_ms=pl.min_horizontal("end_ms", "boundary_ms"))
    after = bounded.filter(crosses).with_columns(start_ms=pl.col("boundary_ms"))
    return pl.concat([before, after]).drop("boundary_ms")


def cut_at_midnight(held: pl.LazyFrame, *, utc_offset_ms: int) -> pl.LazyFrame:
    """Return `held` with `date`, each part on its own local day."""
    local_ms = pl.col("start_ms") + utc_offset_ms
    next_midnight_ms = (local_ms // DAY_MS + 1) * DAY_MS - utc_offset_ms
    return _cut(held, next_midnight_ms).with_columns(
        date=local_date(pl.col("start_ms"), utc_offset_ms=utc_offset_ms)
    )


def cut_at_minutes(held: pl.LazyFrame) -> pl.LazyFrame:
    """Return `held` with `minute`, each part in its own clock minute."""
    next_minute_ms = (minute(pl.col("start_ms")) + 1) * MINUTE_MS
    return _cut(held, next_minute_ms).with_columns(minute=minute(pl.col("start_ms")))

"""The time a sample stands for (convention C5), and its cut at midnights and minutes (C10, C15)."""

import polars as pl

from adherence.clock import DAY_MS, MINUTE_MS, local_date, minute
from adherence.compiled import compiled
from adherence.rows import Ints, Runs
from adherence.schema import HELD


def held_time(kept: pl.DataFrame, *, longest_hold_ms: int) -> pl.DataFrame:
    """Return HELD: each kept sample with [start_ms, end_ms), to the next one, or the longest hold.

    `kept` is sorted by person and time. Nothing is interpolated; a longer hole is missing data, and
    the last sample of a person stands for the longest hold.
    """
    ts = kept["ts"].to_numpy()
    end_ms = _ends(Runs.of(kept["person"]).bounds, ts, longest_hold_ms)
    return kept.select(
        "person", pl.col("ts").alias("start_ms"), pl.Series("end_ms", end_ms), "bpm_sum", "bpm_n"
    ).select(HELD)


@compiled
def _ends(bounds: Ints, ts: Ints, longest_hold_ms: int) -> Ints:
    end_ms = ts + longest_hold_ms
    for run in range(len(bounds) - 1):
        for row in range(bounds[run] + 1, bounds[run + 1]):
            end_ms[row - 1] = min(end_ms[row - 1], ts[row])
    return end_ms


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

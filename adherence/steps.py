"""Steps by clock minute and by day (convention C15)."""

import numpy as np
import polars as pl

from adherence.clock import DAY_MS, MINUTE_MS, on_the_calendar
from adherence.compiled import compiled
from adherence.holding import cut_at_minutes
from adherence.rows import Ints, Reals, Runs, dates, least_step, repeated
from adherence.schema import STEP_MINUTES

DAY_MIN = DAY_MS // MINUTE_MS
MINUTE_SCALE = 720_720
"""Divisible by every number up to 16: sums over twins stay whole numbers."""

MOST_STEPS = 2.0**53
"""A number from here on is no count: it could not tell one step from the next."""


def step_minutes(step_rows: pl.LazyFrame) -> pl.LazyFrame:
    """Return STEP_MINUTES, sorted: see `counted_minutes`."""
    return counted_minutes(step_rows.collect()).lazy()


def counted_minutes(step_rows: pl.DataFrame) -> pl.DataFrame:
    """Return STEP_MINUTES, sorted: the larger count where a minute occurs twice (C15).

    Null, NaN, infinite and negative counts are no counts, nor is one of a time that no calendar
    has; zero is one. Rows that come in order,
    each minute once, are neither sorted nor put together; that they are is checked.
    """
    step_rows = on_the_calendar(step_rows)
    runs = Runs.of(step_rows["person"], is_sorted=False)
    given = step_rows["steps"].cast(pl.Float64).to_numpy()  # null as NaN
    minute, steps, lengths = _counted(runs.bounds, step_rows["ts"].to_numpy(), given)
    counts = pl.DataFrame(
        {"person": repeated(runs.heads, lengths), "minute": minute, "steps": steps}
    )
    if least_step(Runs.of(counts["person"], is_sorted=False), minute) > 0:
        return counts
    return (
        counts.group_by("person", "minute")
        .agg(pl.col("steps").max())
        .select(STEP_MINUTES)
        .sort("person", "minute")
    )


@compiled
def _counted(bounds: Ints, ts: Ints, given: Reals) -> tuple[Ints, Ints, Ints]:
    """Return minute and count of each row that has one, and how many each run has."""
    minute, steps = np.empty_like(ts), np.empty_like(ts)
    lengths = np.zeros(len(bounds) - 1, np.int64)
    end = 0
    for run in range(len(bounds) - 1):
        begin = end
        for row in range(bounds[run], bounds[run + 1]):
            if 0 <= given[row] < MOST_STEPS:
                minute[end], steps[end] = ts[row] // MINUTE_MS, int(given[row])
                end += 1
        lengths[run] = end - begin
    return minute[:end], steps[:end], lengths


def held_minutes(held: pl.LazyFrame) -> pl.LazyFrame:
    """Return person, minute, held_ms and held_bpm: sum of bpm * held ms, times MINUTE_SCALE."""
    held_ms = pl.col("end_ms") - pl.col("start_ms")
    weighted = (pl.col("bpm_sum") * MINUTE_SCALE * held_ms / pl.col("bpm_n")).round()
    return (
        cut_at_minutes(held)
        .group_by("person", "minute")
        .agg(held_ms=held_ms.sum(), held_bpm=weighted.cast(pl.Int64).sum())
    )


def steps_by_day(minutes: pl.DataFrame, *, utc_offset_ms: int) -> pl.DataFrame:
    """Return person, date and steps of every local day with a step count."""
    runs = Runs.of(minutes["person"])
    run, day, steps = _by_day(
        runs.bounds,
        minutes["minute"].to_numpy(),
        minutes["steps"].to_numpy(),
        utc_offset_ms // MINUTE_MS,
    )
    return pl.DataFrame({"person": runs.heads.gather(run), "date": dates(day), "steps": steps})


@compiled
def _by_day(
    bounds: Ints, minute: Ints, steps: Ints, utc_offset_min: int
) -> tuple[Ints, Ints, Ints]:
    run_of, day_of, total = np.empty_like(minute), np.empty_like(minute), np.empty_like(minute)
    found = 0
    for run in range(len(bounds) - 1):
        behind_min = minute[bounds[run]]
        for row in range(bounds[run], bounds[run + 1]):
            if minute[row] >= behind_min:
                day = (minute[row] + utc_offset_min) // DAY_MIN
                behind_min = (day + 1) * DAY_MIN - utc_offset_min
                run_of[found], day_of[found], total[found] = run, day, 0
                found += 1
            total[found - 1] += steps[row]
    return run_of[:found], day_of[:found], total[:found]

"""Steps by clock minute, cadence minutes and review flags (conventions C15, C16)."""

import polars as pl

from adherence.clock import MINUTE_MS, SECOND_MS, local_date, minute
from adherence.holding import cut_at_minutes
from adherence.schema import STEP_MINUTES, reserve_edge
from adherence.zones import in_force
from config.conventions import Conventions

MINUTE_SCALE = 720_720
"""Divisible by every number up to 16: sums over twins stay whole numbers."""


def step_minutes(step_rows: pl.LazyFrame) -> pl.LazyFrame:
    """Return STEP_MINUTES, sorted: the larger count where a minute occurs twice (C15).

    Null, NaN and negative counts are no counts; zero is one.
    """
    return (
        step_rows.filter(pl.col("steps").is_finite() & (pl.col("steps") >= 0))
        .group_by("person", minute(pl.col("ts")).alias("minute"))
        .agg(steps=pl.col("steps").max().cast(pl.Int64))
        .select(STEP_MINUTES)
        .sort("person", "minute")
    )


def held_minutes(held: pl.LazyFrame) -> pl.LazyFrame:
    """Return person, minute, held_ms and held_bpm: sum of bpm * held ms, times MINUTE_SCALE."""
    held_ms = pl.col("end_ms") - pl.col("start_ms")
    weighted = (pl.col("bpm_sum") * MINUTE_SCALE * held_ms / pl.col("bpm_n")).round()
    return (
        cut_at_minutes(held)
        .group_by("person", "minute")
        .agg(held_ms=held_ms.sum(), held_bpm=weighted.cast(pl.Int64).sum())
    )


def is_still_so_far(*, still_minutes: int) -> pl.Expr:
    """Compare: this and each of the minutes before have a step count, and it is zero.

    The frame is sorted by person and minute: the row so many places up is that minute of that
    person only if no minute between is missing.
    """
    back = still_minutes - 1
    unbroken = (pl.col("minute") - pl.col("minute").shift(back) == back) & (
        pl.col("person") == pl.col("person").shift(back)
    )
    all_zero = pl.col("steps").rolling_max(still_minutes) == 0
    return (unbroken & all_zero).fill_null(value=False)


def mean_held_reaches(edge: pl.Expr) -> pl.Expr:
    """Compare: the minute's mean held bpm is at or above an edge in hundredths of a bpm.

    Null where there is no such edge.
    """
    held = MINUTE_SCALE * pl.col("held_ms")
    return 100 * pl.col("held_bpm") >= (edge * held).round()


def is_locked(*, within_bpm: int) -> pl.Expr:
    """Compare: the minute's mean held bpm is its cadence, or next to it."""
    held = MINUTE_SCALE * pl.col("held_ms")
    return (pl.col("held_bpm") - held * pl.col("steps")).abs() <= within_bpm * held


def daily_steps(
    held: pl.LazyFrame,
    minutes: pl.LazyFrame,
    cases: pl.LazyFrame,
    conventions: Conventions,
) -> pl.LazyFrame:
    """Return steps and minute counts per case, version and local day that has a step count.

    All of it is for review: nothing here adds to credit or takes from it.
    """
    c = conventions
    steps = pl.col("steps")
    date = local_date(pl.col("minute") * MINUTE_MS, utc_offset_ms=c.utc_offset_min * MINUTE_MS)
    present = pl.col("held_ms") >= c.heart_rate_present_s * SECOND_MS
    moderate = steps >= c.moderate_cadence_spm
    locked = is_locked(within_bpm=c.lock_within_bpm)
    counts = {
        "cad100_min": moderate,
        "cad130_min": steps >= c.vigorous_cadence_spm,
        "hrless_cad100_min": moderate & ~present,
        "still_min": present & pl.col("still_so_far") & mean_held_reaches(pl.col("effort_edge")),
        "lock_min": present & (steps >= c.lock_cadence_spm) & locked,
        "shake_min": present
        & (steps >= c.shake_cadence_spm)
        & ~mean_held_reaches(reserve_edge(c.shake_below_pct)),
        "fast_min": steps > c.fast_above_spm,
    }
    return (
        minutes.with_columns(still_so_far=is_still_so_far(still_minutes=c.still_minutes), date=date)
        .join(held_minutes(held), on=["person", "minute"], how="left")
        .with_columns(pl.col("held_ms", "held_bpm").fill_null(0))
        .join(cases, on="person")
        .filter(in_force())
        .group_by("case", "version", "person", "date")
        .agg(
            pl.col("steps").sum(),
            *(flag.sum().cast(pl.Int64).alias(name) for name, flag in counts.items()),
        )
    )

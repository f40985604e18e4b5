"""Steps by clock minute, cadence minutes and review flags (conventions C15, C16)."""

import polars as pl

from adherence.clock import MINUTE_MS, local_date, minute
from adherence.holding import cut_at_minutes
from adherence.zones import in_force

MINUTE_SCALE = 720_720
"""Divisible by every number up to 16: sums over twins stay whole numbers."""


def step_minutes(step_rows: pl.LazyFrame) -> pl.LazyFrame:
    """Return STEP_MINUTES, sorted: the larger count where a minute occurs twice (C15).

    Null, NaN and negative counts are no counts; zero is one.
    """
    return (
        step_rows.filter(pl.col("steps").cast(pl.Float64).is_finite() & (pl.col("steps") >= 0))
        .group_by("person", minute(pl.col("ts")).alias("minute"))
        .agg(steps=pl.col("steps").max().cast(pl.Int64))
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
    """This and each of the minutes before it have a step count, and it is zero.

    The frame is sorted by person and minute: the row so many places up is that minute of that
    person only if no minute between is missing.
    """
    back = still_minutes - 1
    unbroken = (pl.col("minute") - pl.col("minute").shift(back) == back) & (
        pl.col("person") == pl.col("person").shift(back)
    )
    all_zero = pl.col("steps").rolling_max(still_minutes) == 0
    return (unbroken & all_zero).fill_null(value=False)


def mean_held_reaches(pct: pl.Expr | int) -> pl.Expr:
    """The mean held bpm of the minute is at least this percentage of the heart-rate reserve."""
    held = MINUTE_SCALE * pl.col("held_ms")
    reserve = pl.col("held_bpm") - held * pl.col("rest_hr")
    return 100 * reserve >= pct * (pl.col("hr_max") - pl.col("rest_hr")) * held


def is_locked(*, within_bpm: int) -> pl.Expr:
    """The mean held bpm of the minute is the cadence, or next to it."""
    held = MINUTE_SCALE * pl.col("held_ms")
    return (pl.col("held_bpm") - held * pl.col("steps")).abs() <= within_bpm * held


def daily_steps(
    held: pl.LazyFrame,
    minutes: pl.LazyFrame,
    cases: pl.LazyFrame,
    *,
    utc_offset_ms: int,
    present_ms: int,
    moderate_spm: int,
    vigorous_spm: int,
    still_minutes: int,
    lock_within_bpm: int,
    lock_spm: int,
    shake_spm: int,
    shake_below_pct: int,
    fast_above_spm: int,
) -> pl.LazyFrame:
    """Return steps and minute counts per case, version and local day that has a step count.

    All of it is for review: nothing here adds to credit or takes from it.
    """
    date = local_date(pl.col("minute") * MINUTE_MS, utc_offset_ms=utc_offset_ms)
    present = pl.col("held_ms") >= present_ms
    still = present & pl.col("still_so_far") & mean_held_reaches(pl.col("zone_lo"))
    lock = present & (pl.col("steps") >= lock_spm) & is_locked(within_bpm=lock_within_bpm)
    shake = present & (pl.col("steps") >= shake_spm) & ~mean_held_reaches(shake_below_pct)
    moderate = pl.col("steps") >= moderate_spm
    counts = {
        "cad100_min": moderate,
        "cad130_min": pl.col("steps") >= vigorous_spm,
        "hrless_cad100_min": moderate & ~present,
        "still_min": still,
        "lock_min": lock,
        "shake_min": shake,
        "fast_min": pl.col("steps") > fast_above_spm,
    }
    return (
        minutes.with_columns(still_so_far=is_still_so_far(still_minutes=still_minutes), date=date)
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

"""A person's frozen figures: maximum and resting heart rate (conventions C6, C7, C8)."""

import polars as pl

from adherence.clock import local_date, minute
from adherence.schema import PEOPLE

ROUNDING_BPM = 1e-9
"""Above every rounding error of a mean, below every real distance from a half."""

# Why a case has no figures; of several the first stands.
NO_SAMPLES = "no_samples"
NO_AGE = "no_age"
NO_REST_DAY = "no_rest_day"
MAX_NOT_ABOVE_REST = "max_not_above_rest"


def formula_hr_max(
    *, intercept_bpm: int, intercept_beta_blocker_bpm: int, fall_tenths_per_year: int
) -> pl.Expr:
    """Estimate the maximum by age in whole years, rounded half up; null without an age (C6)."""
    intercept = (
        pl.when(pl.col("beta_blocker").fill_null(value=False))
        .then(intercept_beta_blocker_bpm)
        .otherwise(intercept_bpm)
    )
    age = pl.col("age").cast(pl.Int64)  # cuts the fraction off
    return ((10 * intercept - fall_tenths_per_year * age + 5) // 10).cast(pl.Float64)


def rest_days_of(
    kept: pl.LazyFrame, *, utc_offset_ms: int, least_minutes: int, percentile: int
) -> pl.LazyFrame:
    """Return person, date and rest_bpm of every local day long enough for a figure (C7).

    It is the nearest-rank percentile of the day's minute means.
    """
    rank = (pl.len().cast(pl.Int64) * percentile + 99) // 100
    return (
        kept.group_by("person", minute(pl.col("ts")).alias("minute"))
        .agg(
            minute_bpm=(pl.col("bpm_sum") / pl.col("bpm_n")).sum() / pl.len(),
            ts=pl.col("ts").min(),
        )
        .group_by("person", local_date(pl.col("ts"), utc_offset_ms=utc_offset_ms).alias("date"))
        .agg(minutes=pl.len(), rest_bpm=pl.col("minute_bpm").sort().get(rank - 1))
        .filter(pl.col("minutes") >= least_minutes)
        .select("person", "date", "rest_bpm")
    )


def rest_from_days(rest_days: pl.LazyFrame) -> pl.LazyFrame:
    """Return person, recorded_rest_bpm: the median of the days, rounded half up (C7)."""
    half_up = (pl.col("rest_bpm").median() + 0.5 + ROUNDING_BPM).floor()
    return rest_days.group_by("person").agg(recorded_rest_bpm=half_up)


def why_no_figures() -> pl.Expr:
    """Give the first reason why nothing can be computed, or null."""
    return (
        pl.when(pl.col("n_kept") == 0)
        .then(pl.lit(NO_SAMPLES))
        .when(pl.col("hr_max").is_null())
        .then(pl.lit(NO_AGE))
        .when(pl.col("rest_hr").is_null())
        .then(pl.lit(NO_REST_DAY))
        .when(pl.col("hr_max") <= pl.col("rest_hr"))
        .then(pl.lit(MAX_NOT_ABOVE_REST))
    )


def frozen_figures(
    samples: pl.LazyFrame,
    kept: pl.LazyFrame,
    cases: pl.LazyFrame,
    *,
    hr_max_bpm: pl.Expr,
    utc_offset_ms: int,
    rest_least_minutes: int,
    rest_percentile: int,
) -> pl.LazyFrame:
    """Return PEOPLE, one row per case: the measured figures as given, the others estimated.

    NaN in an age or a measured figure means that it is missing.
    """
    rest = rest_from_days(
        rest_days_of(
            kept,
            utc_offset_ms=utc_offset_ms,
            least_minutes=rest_least_minutes,
            percentile=rest_percentile,
        )
    )
    return (
        cases.with_columns(pl.col("age", "hr_max", "rest_hr").fill_nan(None))
        .join(samples.group_by("person").agg(n_in=pl.len()), on="person", how="left")
        .join(kept.group_by("person").agg(n_kept=pl.len()), on="person", how="left")
        .join(rest, on="person", how="left")
        .with_columns(
            hr_max=pl.coalesce("hr_max", hr_max_bpm),
            rest_hr=pl.coalesce("rest_hr", "recorded_rest_bpm"),
            n_in=pl.col("n_in").fill_null(0).cast(pl.Int64),
            n_kept=pl.col("n_kept").fill_null(0).cast(pl.Int64),
        )
        .with_columns(reason=why_no_figures())
        .select(PEOPLE)
        .sort("case")
    )

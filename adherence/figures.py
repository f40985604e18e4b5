"""A person's frozen figures: maximum and resting heart rate (conventions C6, C7, C8)."""

import polars as pl

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
    rows_in: pl.LazyFrame,
    rows_kept: pl.LazyFrame,
    rest_days: pl.LazyFrame,
    cases: pl.LazyFrame,
    *,
    hr_max_bpm: pl.Expr,
) -> pl.LazyFrame:
    """Return PEOPLE, one row per case: the measured figures as given, the others estimated.

    `rows_in`: person, n_in; `rows_kept`: person, n_kept; `rest_days`: person, rest_bpm. NaN in an
    age or a measured figure means that it is missing.
    """
    return (
        cases.with_columns(pl.col("age", "hr_max", "rest_hr").fill_nan(None))
        .join(rows_in, on="person", how="left")
        .join(rows_kept, on="person", how="left")
        .join(rest_from_days(rest_days), on="person", how="left")
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

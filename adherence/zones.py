"""Intensity: zones of heart-rate reserve and credit (conventions C8, C9; method, section 13).

Comparisons are multiplied out, 100 * (bpm - rest) >= p * (max - rest), and once more by the number
of twins in the sample: nothing is divided, so nothing is rounded at the edge of a zone. A zone may
be prescribed on another scale; the time in the five zones of the method is always of the reserve.
"""

import polars as pl

from adherence.holding import cut_at_midnight


def reaches(pct: pl.Expr | int) -> pl.Expr:
    """Compare: the sample's heart-rate reserve is at least this percentage."""
    reserve = pl.col("bpm_sum") - pl.col("bpm_n") * pl.col("rest_hr")
    whole = pl.col("hr_max") - pl.col("rest_hr")
    return 100 * reserve >= pl.col("bpm_n") * pct * whole


def reaches_on_scale(level: pl.Expr) -> pl.Expr:
    """Compare: the sample is at least this much on the prescribed zone's own scale.

    False where no heart rate is prescribed: under a rating of exertion, or without aerobic work.
    """
    over = pl.col("bpm_sum") - pl.col("bpm_n") * pl.col("zone_zero")
    return (100 * over >= pl.col("bpm_n") * level * pl.col("zone_span")).fill_null(value=False)


def in_effort() -> pl.Expr:
    """Compare: at or above the prescribed zone's lower end, so creditable or above it."""
    return reaches_on_scale(pl.min_horizontal("zone_lo", "zone_hi"))


def is_above() -> pl.Expr:
    """Compare: at or above the prescribed zone's upper end; reported, never credited."""
    return reaches_on_scale(pl.col("zone_hi"))


def has_heart_rate_zone() -> pl.Expr:
    """Compare: the version prescribes a zone that heart rate can be in."""
    return pl.col("zone_lo").is_not_null() & pl.col("zone_span").is_not_null()


def in_force() -> pl.Expr:
    """Compare: the version of the prescription holds on this local day; a null bound is open."""
    started = (pl.col("from_day") <= pl.col("date")).fill_null(value=True)
    ended = (pl.col("until_day") <= pl.col("date")).fill_null(value=False)
    return started & ~ended


def held_by_case(held: pl.LazyFrame, cases: pl.LazyFrame, *, utc_offset_ms: int) -> pl.LazyFrame:
    """Return held time cut at midnight, once per case, beside the figures in force that day.

    `cases` is as `schema.figured` gives it. Time under no version of a case is not there.
    """
    return (
        cut_at_midnight(held, utc_offset_ms=utc_offset_ms)
        .join(cases, on="person")
        .filter(in_force())
        .with_columns(held_ms=pl.col("end_ms") - pl.col("start_ms"))
    )

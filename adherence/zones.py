"""Intensity: zones of heart-rate reserve and credit (conventions C8, C9; method, section 13).

Comparisons are multiplied out, 100 * bpm >= p * max + (100 - p) * rest, and once more by the number
of twins in the sample: nothing is divided, so nothing is rounded at the edge of a zone but what
`adherence.schema.edge` says. A zone may be prescribed in another kind; the time in the five zones
of the method is always of the reserve.
"""

import polars as pl

from adherence.schema import reserve_edge


def reaches_edge(edge: pl.Expr) -> pl.Expr:
    """Compare: the sample is at or above an edge in hundredths of a bpm; never at a null one."""
    return (100 * pl.col("bpm_sum") >= pl.col("bpm_n") * edge).fill_null(value=False)


def reaches(pct: int) -> pl.Expr:
    """Compare: the sample's heart-rate reserve is at least this percentage."""
    return reaches_edge(reserve_edge(pct))


def in_effort() -> pl.Expr:
    """Compare: at or above the prescribed zone's lower end, so creditable or above it."""
    return reaches_edge(pl.col("effort_edge"))


def is_above() -> pl.Expr:
    """Compare: at or above the zone's upper end or the ceiling; reported, never credited."""
    return reaches_edge(pl.col("above_edge"))


def has_heart_rate_zone() -> pl.Expr:
    """Compare: the version prescribes a zone that heart rate can be in."""
    return pl.col("effort_edge").is_not_null()


def in_force() -> pl.Expr:
    """Compare: the version of the prescription holds on this local day; a null bound is open."""
    started = (pl.col("from_day") <= pl.col("date")).fill_null(value=True)
    ended = (pl.col("until_day") <= pl.col("date")).fill_null(value=False)
    return started & ~ended


def by_case(rows: pl.LazyFrame, cases: pl.LazyFrame) -> pl.LazyFrame:
    """Return rows (person, date, ...) once per case, beside the figures in force that day.

    `cases` is as `schema.figured` gives it. Time under no version of a case is not there.
    """
    return rows.join(cases, on="person").filter(in_force())

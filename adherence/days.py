"""One row per case and local day: zones, credit, wear, steps and flags (C8-C10, C13, C15, C16)."""

import polars as pl

from adherence.schema import DAY, ZONES
from adherence.zones import in_effort, is_above, reaches


def daily_zones(
    bpm_by_case: pl.LazyFrame,
    *,
    light_from_pct: int,
    moderate_from_pct: int,
    vigorous_from_pct: int,
    near_max_from_pct: int,
) -> pl.LazyFrame:
    """Return the ms in each zone, creditable, above and held, per case, version and local day.

    `bpm_by_case`: how long each day held each heart rate (`adherence.bpm_days`), once per case.
    Without a maximum and a resting heart rate no zone is known, and none has any time.
    """
    edges = (light_from_pct, moderate_from_pct, vigorous_from_pct, near_max_from_pct)
    above_edges = pl.sum_horizontal(reaches(edge).cast(pl.Int8) for edge in edges)
    held_ms = pl.col("held_ms")
    known = pl.col("hr_max").is_not_null() & pl.col("rest_hr").is_not_null()
    zone = pl.when(known).then(above_edges)
    return (
        bpm_by_case.with_columns(zone=zone, effort=in_effort(), above=is_above())
        .group_by("case", "version", "person", "date")
        .agg(
            *(
                held_ms.filter(pl.col("zone") == number).sum().alias(f"{zone}_ms")
                for number, zone in enumerate(ZONES)
            ),
            credit_ms=held_ms.filter(pl.col("effort") & ~pl.col("above")).sum(),
            above_ms=held_ms.filter("above").sum(),
            wear_ms=held_ms.sum(),
        )
    )


def days_of(zones: pl.LazyFrame, steps: pl.LazyFrame, *, valid_day_ms: int) -> pl.LazyFrame:
    """Return DAY, sorted: the days with held time or a step count, and no others.

    A day without heart rate has zero seconds, one without step rows zero steps.
    """
    key = ["case", "version", "person", "date"]
    return (
        zones.join(steps, on=key, how="full", coalesce=True, nulls_equal=True)
        .with_columns(pl.exclude(key).fill_null(0))
        .with_columns(valid_day=pl.col("wear_ms") >= valid_day_ms)
        .select(DAY)
        .sort("case", "date")
    )

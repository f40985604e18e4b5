"""Side figures of a week: time in the zones, load, time at the ceiling, drift of the resting pulse.

They stand beside adherence and are never mixed into it: nothing here adds to credit, takes from it
or moves a week's state. The numbers and their sources stand in `config/side_figures.toml`.
"""

import polars as pl

from adherence.clock import in_minutes, monday
from adherence.schema import ZONES, ceiling_edge
from adherence.zones import in_force, reaches_edge
from config.side_figures import SideFigures

MALE, FEMALE = "M", "F"

WHOLE = 1e-9
"""Training impulses are added up in whole billionths: so no order of rows shows in the last bit. A
sort before the sum would not do, a plan may leave it out."""

SIDE = (
    "case",
    "version",
    "person",
    "week",
    *(f"{zone}_min" for zone in ZONES),
    "mod_eq_min",
    "trimp",
    "over_ceiling_min",
    "rest_days",
    "rest_bpm",
    "rest_base_days",
    "rest_base_bpm",
    "rest_drift_bpm",
)
"""Minutes are of all held time of the week's days (C10), null without figures. `trimp` is without
unit, null where sex or figures are not known. `over_ceiling_min` is null where no version of the
week has a ceiling. `rest_bpm` is the median of the week's days with a resting heart rate (C7),
`rest_drift_bpm` its distance from the person's own median of the weeks before, null while those
hold too few days."""

DAY_LOAD = ("case", "version", "date", "impulse", "over_ceiling_ms")
"""A day's part of its week: the training impulse in whole billionths (`WHOLE`), null where sex or
figures are not known, and the time at the ceiling, null without one."""

_GIVEN = {
    "sex": pl.String,
    "ceiling_bpm": pl.Float64,
    "version": pl.Int64,
    "from_day": pl.Date,
    "until_day": pl.Date,
}
"""What a case may say; null where it does not."""


def asked_about(cases: pl.LazyFrame) -> pl.LazyFrame:
    """Return of `cases` what side figures are made from, every column standing."""
    given = cases.collect_schema().names()
    return cases.select(
        "case",
        "person",
        *(pl.col(name).cast(pl.Float64) for name in ("hr_max", "rest_hr")),
        *(
            (pl.col(name) if name in given else pl.lit(None)).cast(dtype).alias(name)
            for name, dtype in _GIVEN.items()
        ),
    )


def reserve_fraction() -> pl.Expr:
    """Give the fraction of heart-rate reserve, no less than nothing and no more than all of it."""
    bpm = pl.col("bpm_sum") / pl.col("bpm_n")
    reserve = pl.col("hr_max") - pl.col("rest_hr")
    return ((bpm - pl.col("rest_hr")) / reserve).clip(0.0, 1.0)


def impulse_per_min(side: SideFigures) -> pl.Expr:
    """Give the training impulse of a minute at this heart rate (Banister); null without a sex."""
    x = reserve_fraction()
    return (
        pl.when(pl.col("sex") == MALE)
        .then(x * side.trimp_factor_men * (side.trimp_rate_men * x).exp())
        .when(pl.col("sex") == FEMALE)
        .then(x * side.trimp_factor_women * (side.trimp_rate_women * x).exp())
    )


def day_loads_of(by_bpm: pl.LazyFrame, cases: pl.LazyFrame, side: SideFigures) -> pl.LazyFrame:
    """Return DAY_LOAD, for the days with held time; days are independent of one another.

    `by_bpm` is as `adherence.bpm_days` gives it, `cases` as `asked_about`. Each day is judged by
    the version in force on it.
    """
    at_ceiling = reaches_edge(ceiling_edge())
    figures = ("version", "sex", "hr_max", "rest_hr", "ceiling_bpm")
    return (
        by_bpm.join(cases, on="person")
        .filter(in_force())
        .group_by("case", "date", *figures, "bpm_sum", "bpm_n")
        .agg(pl.col("held_ms").sum())
        .with_columns(impulse=impulse_per_min(side) * in_minutes(pl.col("held_ms")))
        .with_columns(impulse=(pl.col("impulse") / WHOLE).round().cast(pl.Int64))
        .group_by("case", "version", "date")
        .agg(
            impulse=pl.when(pl.col("impulse").is_not_null().all()).then(pl.col("impulse").sum()),
            over_ceiling_ms=pl.when(pl.col("ceiling_bpm").is_not_null().any()).then(
                pl.col("held_ms").filter(at_ceiling).sum()
            ),
        )
        .select(DAY_LOAD)
    )


def loads_of(day_loads: pl.LazyFrame) -> pl.LazyFrame:
    """Return case, week, trimp and over_ceiling_ms, for the weeks with held time, of DAY_LOAD.

    A day without a load leaves its week without one.
    """
    known = pl.col("impulse").is_not_null().all()
    limited = pl.col("over_ceiling_ms").is_not_null().any()
    return day_loads.group_by("case", monday(pl.col("date")).alias("week")).agg(
        trimp=pl.when(known).then(pl.col("impulse").sum() * WHOLE),
        over_ceiling_ms=pl.when(limited).then(pl.col("over_ceiling_ms").sum()),
    )


def zone_weeks(days: pl.LazyFrame, *, vigorous_weight: int) -> pl.LazyFrame:
    """Return case, week, minutes in each zone and moderate-equivalent ones (WHO 2:1), of DAY."""
    hard_ms = pl.col("vigorous_ms") + pl.col("near_max_ms")
    return (
        days.group_by("case", monday(pl.col("date")).alias("week"))
        .agg(pl.col(f"{zone}_ms").sum() for zone in ZONES)
        .with_columns(
            *(in_minutes(pl.col(f"{zone}_ms")).alias(f"{zone}_min") for zone in ZONES),
            mod_eq_min=in_minutes(pl.col("moderate_ms") + vigorous_weight * hard_ms),
        )
        .drop(f"{zone}_ms" for zone in ZONES)
    )


def rest_drift_of(
    rest_days: pl.LazyFrame, weeks: pl.LazyFrame, *, baseline_weeks: int, baseline_least_days: int
) -> pl.LazyFrame:
    """Return `weeks` (with person and week) and what the resting heart rate did in each of them.

    `rest_days` is as `figures.rest_days_of` gives it. The baseline is the person's own: the median
    of the days of so many weeks before the week, which is not among them.
    """
    of_week = rest_days.with_columns(week=monday(pl.col("date")))
    now = of_week.group_by("person", "week").agg(
        rest_days=pl.len().cast(pl.Int64), rest_bpm=pl.col("rest_bpm").median()
    )
    before = (
        of_week.select(
            "person",
            "rest_bpm",
            week=pl.date_ranges(
                pl.col("week").dt.offset_by("1w"),
                pl.col("week").dt.offset_by(f"{baseline_weeks}w"),
                interval="1w",
            ),
        )
        .explode("week")
        .group_by("person", "week")
        .agg(
            rest_base_days=pl.len().cast(pl.Int64),
            rest_base_bpm=pl.col("rest_bpm").median(),
        )
    )
    enough = pl.col("rest_base_days") >= baseline_least_days
    return (
        weeks.join(now, on=["person", "week"], how="left")
        .join(before, on=["person", "week"], how="left")
        .with_columns(pl.col("rest_days", "rest_base_days").fill_null(0))
        .with_columns(rest_base_bpm=pl.when(enough).then("rest_base_bpm"))
        .with_columns(rest_drift_bpm=pl.col("rest_bpm") - pl.col("rest_base_bpm"))
    )


def side_weeks_of(
    zones: pl.LazyFrame, loads: pl.LazyFrame, rest: pl.LazyFrame, cases: pl.LazyFrame
) -> pl.LazyFrame:
    """Return SIDE, sorted: one row for each row of `rest`, weeks without held time too.

    `rest` is as `rest_drift_of` gives it, with case, version, person and week; `cases` as
    `asked_about`. A week without held time has a load of 0 where one can be computed.
    """
    has_figures = (pl.col("hr_max") > pl.col("rest_hr")).fill_null(value=False)
    has_sex = pl.col("sex").is_in([MALE, FEMALE]).fill_null(value=False)
    zone_min = [f"{zone}_min" for zone in ZONES]
    known = cases.group_by("case", "version").agg(
        has_figures=has_figures.any(),
        can_load=(has_figures & has_sex).any(),
        has_ceiling=pl.col("ceiling_bpm").is_not_null().any(),
    )
    key = ["case", "week"]
    in_zone = pl.col(*zone_min, "mod_eq_min").fill_null(0.0)
    over_ceiling_ms = pl.when("has_load").then("over_ceiling_ms").when("has_ceiling").then(0)
    return (
        rest.join(zones, on=key, how="left")
        .join(loads.with_columns(has_load=True), on=key, how="left")
        .join(known, on=["case", "version"], how="left", nulls_equal=True)
        .with_columns(
            pl.when("has_figures").then(in_zone),
            trimp=pl.when("has_load").then("trimp").when("can_load").then(0.0),
            over_ceiling_min=in_minutes(over_ceiling_ms),
        )
        .select(SIDE)
        .sort(key)
    )

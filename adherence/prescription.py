"""What a prescription asks for, and when: phases by week, figures needed, a ceiling that fits."""

import polars as pl

from adherence.clock import WEEK_DAYS, monday
from adherence.schema import PEOPLE, PRESCRIBED, RPE, ceiling_edge, completed, zone_edge

CEILING_NOT_ABOVE_ZONE = "ceiling_not_above_zone"
"""Why a case has no figures: whoever reaches the zone is at the ceiling already."""


def in_phases(cases: pl.LazyFrame, phases: pl.LazyFrame) -> pl.LazyFrame:
    """Return `cases` as versions with from_day and until_day, one for each phase.

    `cases` has the columns of PRESCRIBED and `start_day`, which must stand where a case has phases.
    `phases` has case, from_week (1 is the week of `start_day`) and any of PRESCRIBED; what is null
    in a phase is as in the case. Where it has `version`, it joins on that too. A phase begins on a
    Monday 00:00 and ends where the next begins; before the first the case's own values hold.
    All stay within the case's own from_day and until_day; a phase without a day is left out.
    """
    key = ["case", *(["version"] if "version" in phases.collect_schema() else [])]
    given = [name for name in PRESCRIBED if name in phases.collect_schema()]
    first_day = monday(pl.col("start_day"))
    begins = first_day + pl.duration(days=(pl.col("from_week") - 1) * WEEK_DAYS)
    own = _bounded(cases).with_row_index("case_row")
    phased = (
        own.join(
            phases.select(
                *key, "from_week", *(pl.col(name).alias(f"{name}_then") for name in given)
            ),
            on=key,
            nulls_equal=True,
        )
        .with_columns(begins=begins.cast(pl.Date))
        .with_columns(pl.coalesce(f"{name}_then", name).alias(name) for name in given)
    )
    columns = own.collect_schema().names()
    ends = pl.col("begins").shift(-1).over("case_row")
    return (
        pl.concat(
            [
                own.select(*columns, begins=pl.lit(None, pl.Date)),
                phased.select(*columns, "begins"),
            ]
        )
        .sort("case_row", "begins", nulls_last=False)
        .with_columns(
            from_day=pl.max_horizontal("from_day", "begins"),
            until_day=pl.min_horizontal("until_day", ends),
        )
        .filter((pl.col("from_day") < pl.col("until_day")).fill_null(value=True))
        .drop("case_row", "begins")
    )


def _bounded(cases: pl.LazyFrame) -> pl.LazyFrame:
    """Return `cases` with from_day and until_day, open where nothing is said."""
    given = cases.collect_schema().names()
    return cases.with_columns(
        (pl.col(name) if name in given else pl.lit(None)).cast(pl.Date).alias(name)
        for name in ("from_day", "until_day")
    )


def needs_figures() -> pl.Expr:
    """Decide whether the version rests on heart rate; a rating or a component alone does not."""
    return pl.col("zone_lo").is_not_null() & (pl.col("intensity_kind") != RPE)


def ceiling_is_too_low() -> pl.Expr:
    """Compare: the ceiling is at or below the heart rate at which the zone begins."""
    return (ceiling_edge() <= zone_edge(pl.col("zone_lo"))).fill_null(value=False)


def ceiling_in_zone_bpm() -> pl.Expr:
    """Give the ceiling where it lies below the zone's upper end, so that credit ends at it."""
    return pl.when(ceiling_edge() < zone_edge(pl.col("zone_hi"))).then(pl.col("ceiling_bpm"))


def where_needed(figures: pl.LazyFrame, cases: pl.LazyFrame) -> pl.LazyFrame:
    """Return PEOPLE, sorted, where figures are missing only if a version of the case needs them.

    `figures` is PEOPLE as of a case that needs them, `cases` one row per version. A case that needs
    none has no reason; it has both figures where a maximum above a resting heart rate is known, or
    neither.
    """
    asked = completed(cases).select("case", "zone_lo", "intensity_kind", "ceiling_bpm")
    reason = pl.coalesce(pl.col("reason"), pl.when("too_low").then(pl.lit(CEILING_NOT_ABOVE_ZONE)))
    sound = pl.col("hr_max") > pl.col("rest_hr")
    figure = [
        pl.when(pl.col("needed") | sound).then(pl.col(name)).alias(name)
        for name in ("hr_max", "rest_hr")
    ]
    return (
        figures.join(asked, on="case", how="left")
        .with_columns(needed=needs_figures(), too_low=ceiling_is_too_low())
        .group_by("case")
        .agg(
            *(pl.col(name).first() for name in PEOPLE if name != "case"),
            pl.col("needed", "too_low").any(),
        )
        .with_columns(*figure, reason=pl.when("needed").then(reason))
        .select(PEOPLE)
        .sort("case")
    )

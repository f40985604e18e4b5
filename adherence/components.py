"""Components beside heart rate: logged sessions and steps per day (method, section 13)."""

import polars as pl

from adherence.clock import WEEK_DAYS, monday, whole_ms
from adherence.schema import LOG, LOGGED, RPE, typed
from adherence.zones import in_force

AEROBIC, RESISTANCE, BALANCE = LOGGED


def no_log(case: pl.DataType) -> pl.LazyFrame:
    """Return LOG without a row; `case` is the type of the cases' names."""
    return pl.LazyFrame(schema={name: dtype or case for name, dtype in LOG.items()})


def is_aerobic_by_log() -> pl.Expr:
    """Decide whether aerobic sessions are logged ones: intensity is a rating of exertion."""
    return pl.col("zone_lo").is_not_null() & (pl.col("intensity_kind") == RPE)


def counts_from_log() -> pl.Expr:
    """Decide whether the version asks for a component that comes from the log."""
    return (
        is_aerobic_by_log()
        | pl.col("resistance_per_week").is_not_null()
        | pl.col("balance_per_week").is_not_null()
    )


def is_within_rating() -> pl.Expr:
    """Compare: the rating of exertion is in the prescribed range, both ends included."""
    rated = pl.col("rpe").is_between("zone_lo", "zone_hi")
    return (is_aerobic_by_log() & rated).fill_null(value=False)


def is_long_enough(asked_min: str, *, logged_from_pct: int) -> pl.Expr:
    """Compare: the session has the share of the minutes asked for; unknown minutes have not.

    Where no minutes are asked for, any length is enough, an unknown one too.
    """
    asked_ms = whole_ms(pl.col(asked_min))
    reached = 100 * pl.col("logged_ms") >= logged_from_pct * asked_ms
    return asked_ms.is_null() | reached.fill_null(value=False)


def judged_log(log: pl.LazyFrame, cases: pl.LazyFrame, *, logged_from_pct: int) -> pl.LazyFrame:
    """Return case, week, date, component, logged_ms, credit_ms and complete per logged session.

    `log` is LOG, `cases` as `schema.figured` gives it. A session is judged by the version in force
    on its day; one under no version, or of no known length above 0, is left out where that matters.
    Minutes are rounded to whole milliseconds. `credit_ms` is aerobic alone.
    """
    of_component = pl.col("component")
    aerobic = (of_component == AEROBIC) & is_within_rating()
    logged_ms = whole_ms(pl.col("minutes").fill_nan(None)).cast(pl.Int64)
    long_enough = (
        pl.when(of_component == AEROBIC)
        .then(aerobic & is_long_enough("session_min", logged_from_pct=logged_from_pct))
        .when(of_component == RESISTANCE)
        .then(is_long_enough("resistance_min", logged_from_pct=logged_from_pct))
        .when(of_component == BALANCE)
        .then(is_long_enough("balance_min", logged_from_pct=logged_from_pct))
        .otherwise(statement=False)
    )
    return (
        typed(log, LOG)
        .unique()
        .join(cases, on="case")
        .filter(in_force())
        .with_columns(rpe=pl.col("rpe").fill_nan(None), logged_ms=logged_ms)
        .filter((pl.col("logged_ms") > 0).fill_null(value=True))
        .select(
            "case",
            "date",
            "component",
            week=monday(pl.col("date")),
            credit_ms=pl.when(aerobic).then("logged_ms").fill_null(0),
            complete=long_enough,
        )
    )


def with_counted_days(weeks: pl.LazyFrame) -> pl.LazyFrame:
    """Return `weeks` with `counted`: how many of day_0 (a Monday) to day_6 count.

    Between two that count lie `rest_days` whole days at least. The first that can count does, from
    Monday on: no other choice gives more. The week before has no say.
    """
    weeks = weeks.with_columns(counted=pl.lit(0, pl.Int64), last_counted=pl.lit(None, pl.Int64))
    for day in range(WEEK_DAYS):
        days_since = day - pl.col("last_counted")
        rested = (days_since > pl.col("rest_days")).fill_null(value=True)
        counts = pl.col(f"day_{day}") & rested
        weeks = weeks.with_columns(
            counted=pl.col("counted") + counts.cast(pl.Int64),
            last_counted=pl.when(counts).then(day).otherwise("last_counted"),
        )
    return weeks


def logged_days(judged: pl.LazyFrame, targets: pl.LazyFrame) -> pl.LazyFrame:
    """Return case, week, resistance_days and balance_days: days with a session that counts.

    `judged` is as `judged_log` gives it; rest is asked for between sessions of resistance alone.
    """
    weekday = (pl.col("date") - pl.col("week")).dt.total_days()
    is_resistance = pl.col("component") == RESISTANCE
    counted = pl.col("counted")
    return (
        judged.filter("complete", pl.col("component").is_in([RESISTANCE, BALANCE]))
        .group_by("case", "week", "component")
        .agg((weekday == day).any().alias(f"day_{day}") for day in range(WEEK_DAYS))
        .join(targets.select("case", "week", "rest_days"), on=["case", "week"])
        .with_columns(rest_days=pl.when(is_resistance).then("rest_days").otherwise(0))
        .pipe(with_counted_days)
        .group_by("case", "week")
        .agg(
            resistance_days=counted.filter(is_resistance).sum(),
            balance_days=counted.filter(~is_resistance).sum(),
        )
    )


def days_with_steps(days: pl.LazyFrame, targets: pl.LazyFrame) -> pl.LazyFrame:
    """Return case, week, steps_days: the days of a week with the steps it asks for per day.

    `days` has case, date and steps; a day without a count is not there and has not.
    """
    return (
        days.select("case", "steps", week=monday(pl.col("date")))
        .join(targets.select("case", "week", "steps_per_day"), on=["case", "week"])
        .group_by("case", "week")
        .agg(steps_days=(pl.col("steps") >= pl.col("steps_per_day")).sum().cast(pl.Int64))
    )


def share_pct(days: str, asked: pl.Expr) -> pl.Expr:
    """Give 100 * days / asked, 100 at most; null where nothing is asked."""
    return 100 * (pl.col(days) / asked).clip(upper_bound=1.0)


def log_facts_of(targets: pl.LazyFrame, log: pl.LazyFrame) -> pl.LazyFrame:
    """Return case, week, log_excuse and log_observed: what the log says of each week's state.

    A week under a rating of exertion without any row in the log cannot be judged. Where all that
    the week asks for comes from the log, a row in it is observation enough, worn or not.
    """
    rows = (
        typed(log, LOG)
        .select("case", week=monday(pl.col("date")))
        .unique()
        .with_columns(has_log=pl.lit(value=True))
    )
    has_log = pl.col("has_log").fill_null(value=False)
    by_heart_rate = pl.col("zone_lo").is_not_null() & ~is_aerobic_by_log()
    by_band = by_heart_rate | pl.col("steps_per_day").is_not_null()
    return targets.join(rows, on=["case", "week"], how="left").select(
        "case",
        "week",
        log_excuse=pl.when(is_aerobic_by_log() & ~has_log).then(pl.lit("rpe_without_log")),
        log_observed=has_log & counts_from_log() & ~by_band,
    )

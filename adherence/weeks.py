"""One row per case and week, from days and bouts alone (conventions C12, C13, C14)."""

import polars as pl

from adherence.clock import MINUTE_MS, in_minutes, monday
from adherence.schema import WEEK


def recorded_spans(days: pl.LazyFrame) -> pl.LazyFrame:
    """Return case, first_day, last_day: from the first to the last local day with held time."""
    return (
        days.filter(pl.col("wear_ms") > 0)
        .group_by("case")
        .agg(first_day=pl.col("date").min(), last_day=pl.col("date").max())
    )


def targets_of(cases: pl.LazyFrame, spans: pl.LazyFrame) -> pl.LazyFrame:
    """Return every week a span touches, with the targets of the version in force on its Monday.

    Where none is in force on the Monday, the first one that begins in that week; a week under no
    version is not listed. `spans`: case, first_day, last_day.
    """
    listed = (
        spans.select(
            "case",
            week=pl.date_ranges(
                monday(pl.col("first_day")), monday(pl.col("last_day")), interval="7d"
            ),
        )
        .explode("week")
        .drop_nulls("week")
        .unique()
    )
    begins = pl.col("from_day")
    in_week = (begins <= pl.col("week").dt.offset_by("6d")).fill_null(value=True)
    over = (pl.col("until_day") <= pl.max_horizontal("week", "from_day")).fill_null(value=False)
    still_there = (pl.col("until_day") <= pl.col("week")).fill_null(value=False)
    return (
        listed.join(cases, on="case")
        .filter(in_week & ~over & ~still_there)
        .sort("case", "week", "from_day", nulls_last=False)
        .unique(["case", "week"], keep="first", maintain_order=True)
    )


def weeks_of(
    days: pl.LazyFrame,
    bouts: pl.LazyFrame,
    targets: pl.LazyFrame,
    *,
    valid_week_days: int,
    complete_from_pct: int,
    adherent_from_pct: int,
    vigorous_weight: int,
) -> pl.LazyFrame:
    """Return WEEK, sorted: every week of `targets`, empty ones too.

    Held time and what is made of it belong to the week of its day; bouts to the week they start in.
    """
    week = monday(pl.col("date")).alias("week")
    session_ms = pl.col("session_min") * MINUTE_MS
    of_days = days.group_by("case", week).agg(
        pl.col("wear_ms").sum(),
        valid_days=pl.col("valid_day").sum().cast(pl.Int64),
        all_credit_ms=pl.col("credit_ms").sum(),
        above_ms=pl.col("above_ms").sum(),
        mod_eq_ms=(
            pl.col("moderate_ms")
            + vigorous_weight * (pl.col("vigorous_ms") + pl.col("near_max_ms"))
        ).sum(),
    )
    prescribed = targets.select("case", "week", "session_min", "day_adds_up")
    of_bouts = (
        bouts.with_columns(week)
        .join(prescribed, on=["case", "week"])
        .group_by("case", "week")
        .agg(
            bouts=pl.len().cast(pl.Int64),
            complete_sessions=pl.col("complete").sum().cast(pl.Int64),
            bout_credit_ms=pl.col("credit_ms").sum(),
            bout_effort_ms=pl.col("effort_ms").sum(),
            # Whole milliseconds are added, then divided once: the order of bouts cannot show.
            duration=pl.min_horizontal("credit_ms", session_ms).sum()
            / (session_ms.first() * pl.len()),
        )
    )
    adds_up = 100 * pl.col("credit_ms").sum() >= complete_from_pct * session_ms.first()
    of_sessions = (
        bouts.with_columns(week)
        .join(prescribed, on=["case", "week"])
        .group_by("case", "week", "date")
        .agg(
            session_day=pl.col("complete").any() | (pl.col("day_adds_up").first() & adds_up),
        )
        .group_by("case", "week")
        .agg(session_days=pl.col("session_day").sum().cast(pl.Int64))
    )
    counts = ("wear_ms", "valid_days", "all_credit_ms", "above_ms", "mod_eq_ms", "bouts")
    more = ("complete_sessions", "bout_credit_ms", "bout_effort_ms", "session_days")
    weekly_ms = pl.col("weekly_min") * MINUTE_MS
    return (
        targets.join(of_days, on=["case", "week"], how="left")
        .join(of_bouts, on=["case", "week"], how="left")
        .join(of_sessions, on=["case", "week"], how="left")
        .with_columns(pl.col(*counts, *more).fill_null(0))
        .with_columns(
            attendance=(pl.col("session_days") / pl.col("sessions_per_week")).clip(upper_bound=1.0),
            rdi=pl.col("bout_credit_ms") / weekly_ms,
            intensity=pl.when(pl.col("bouts") > 0).then(
                pl.col("bout_credit_ms") / pl.col("bout_effort_ms")
            ),
            valid_week=pl.col("valid_days") >= valid_week_days,
            adherent=(
                100 * pl.col("session_days") >= adherent_from_pct * pl.col("sessions_per_week")
            )
            & (100 * pl.col("bout_credit_ms") >= adherent_from_pct * weekly_ms),
            wear_min=in_minutes(pl.col("wear_ms")),
            bout_credit_min=in_minutes(pl.col("bout_credit_ms")),
            all_credit_min=in_minutes(pl.col("all_credit_ms")),
            above_min=in_minutes(pl.col("above_ms")),
            mod_eq_min=in_minutes(pl.col("mod_eq_ms")),
        )
        .with_columns(volume=pl.col("rdi").clip(upper_bound=1.0))
        .with_columns(adherence_pct=100 * pl.min_horizontal("attendance", "volume"))
        .select(WEEK)
        .sort("case", "week")
    )

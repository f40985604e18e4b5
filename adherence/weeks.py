"""One row per case and week, from days, bouts and logged sessions (C12, C13, C14; section 13)."""

import polars as pl

from adherence.clock import in_minutes, monday, whole_ms
from adherence.components import AEROBIC, counts_from_log, share_pct
from adherence.schema import COMPONENTS, LOG, WEEK, completed, typed


def recorded_spans(
    days: pl.LazyFrame, cases: pl.LazyFrame | None = None, log: pl.LazyFrame | None = None
) -> pl.LazyFrame:
    """Return case, first_day, last_day: from the first to the last local day with held time.

    With `cases` a day with a step count is such a day too where steps are prescribed, and with
    `log` (LOG) one with a logged session where sessions are counted from the log.
    """
    found = [days.filter(pl.col("wear_ms") > 0).select("case", "date")]
    if cases is not None:
        asked = completed(cases)
        counted = asked.filter(pl.col("steps_per_day").is_not_null()).select("case")
        found.append(days.join(counted, on="case", how="semi").select("case", "date"))
        if log is not None:
            logged = asked.filter(counts_from_log()).select("case")
            sessions = typed(log, LOG).select("case", "date")
            found.append(sessions.join(logged, on="case", how="semi"))
    return (
        pl.concat(found)
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


def sessions_of(bouts: pl.LazyFrame, judged: pl.LazyFrame) -> pl.LazyFrame:
    """Return case, week, date, credit_ms, complete: recorded bouts and logged aerobic sessions.

    `judged` is as `components.judged_log` gives it; of it only what is rated as asked for counts.
    """
    columns = ("case", "week", "date", "credit_ms", "complete")
    return pl.concat(
        [
            bouts.with_columns(week=monday(pl.col("date"))).select(columns),
            judged.filter(pl.col("component") == AEROBIC).select(columns),
        ]
    )


def done_in_weeks(
    targets: pl.LazyFrame,
    days: pl.LazyFrame,
    bouts: pl.LazyFrame,
    sessions: pl.LazyFrame,
    *,
    valid_week_days: int,
    complete_from_pct: int,
    vigorous_weight: int,
) -> pl.LazyFrame:
    """Return `targets` with what was done in each week, in whole ms and days, empty weeks too.

    `targets` is as `targets_of` gives it, `sessions` as `sessions_of`. Held time and what is made
    of it belong to the week of its day; a bout to the week it starts in.
    """
    week = monday(pl.col("date")).alias("week")
    session_ms = whole_ms(pl.col("session_min"))
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
            recorded_ms=pl.col("credit_ms").sum(),
            effort_ms=pl.col("effort_ms").sum(),
            # Whole milliseconds are added, then divided once: the order of bouts cannot show.
            duration=pl.min_horizontal("credit_ms", session_ms).sum()
            / (session_ms.first() * pl.len()),
        )
    )
    adds_up = 100 * pl.col("credit_ms").sum() >= complete_from_pct * session_ms.first()
    of_sessions = (
        sessions.join(prescribed, on=["case", "week"])
        .group_by("case", "week", "date")
        .agg(
            pl.col("complete").sum().cast(pl.Int64),
            pl.col("credit_ms").sum(),
            session_day=pl.col("complete").any()
            | (pl.col("day_adds_up").first() & adds_up).fill_null(value=False),
        )
        .group_by("case", "week")
        .agg(
            session_days=pl.col("session_day").sum().cast(pl.Int64),
            complete_sessions=pl.col("complete").sum(),
            bout_credit_ms=pl.col("credit_ms").sum(),
        )
    )
    counts = ("wear_ms", "valid_days", "all_credit_ms", "above_ms", "mod_eq_ms", "bouts")
    more = ("complete_sessions", "bout_credit_ms", "session_days")
    return (
        targets.join(of_days, on=["case", "week"], how="left")
        .join(of_bouts, on=["case", "week"], how="left")
        .join(of_sessions, on=["case", "week"], how="left")
        .with_columns(pl.col(*counts, *more).fill_null(0))
        .with_columns(valid_week=pl.col("valid_days") >= valid_week_days)
    )


def weeks_of(
    done: pl.LazyFrame, *, adherent_from_pct: int, steps_days_per_week: int
) -> pl.LazyFrame:
    """Return WEEK, sorted: what was done against what was asked for, component by component.

    `done` is as `done_in_weeks` gives it, with resistance_days, balance_days and steps_days (null
    is none).
    """
    weekly_ms = whole_ms(pl.col("weekly_min"))
    asked = {
        "session_days": pl.col("sessions_per_week"),
        "bout_credit_ms": weekly_ms,
        "resistance_days": pl.col("resistance_per_week"),
        "balance_days": pl.col("balance_per_week"),
        "steps_days": pl.when(pl.col("steps_per_day").is_not_null()).then(steps_days_per_week),
    }
    enough = [100 * pl.col(name) >= adherent_from_pct * wanted for name, wanted in asked.items()]
    pct = [f"{component}_pct" for component in COMPONENTS]
    return (
        done.with_columns(pl.col("resistance_days", "balance_days", "steps_days").fill_null(0))
        .with_columns(
            attendance=(pl.col("session_days") / pl.col("sessions_per_week")).clip(upper_bound=1.0),
            rdi=pl.col("bout_credit_ms") / weekly_ms,
            intensity=pl.when(pl.col("bouts") > 0).then(
                pl.col("recorded_ms") / pl.col("effort_ms")
            ),
            # What is not prescribed is null and has no say; nothing prescribed is never adherent.
            adherent=pl.all_horizontal(expr.fill_null(value=True) for expr in enough)
            & pl.any_horizontal(wanted.is_not_null() for wanted in asked.values()),
            wear_min=in_minutes(pl.col("wear_ms")),
            bout_credit_min=in_minutes(pl.col("bout_credit_ms")),
            all_credit_min=in_minutes(pl.col("all_credit_ms")),
            above_min=in_minutes(pl.col("above_ms")),
            mod_eq_min=in_minutes(pl.col("mod_eq_ms")),
        )
        .with_columns(volume=pl.col("rdi").clip(upper_bound=1.0))
        .with_columns(
            aerobic_pct=100 * pl.min_horizontal("attendance", "volume"),
            **{
                f"{component}_pct": share_pct(f"{component}_days", asked[f"{component}_days"])
                for component in COMPONENTS
                if component != AEROBIC
            },
        )
        .with_columns(adherence_pct=pl.min_horizontal(pct))
        .select(WEEK)
        .sort("case", "week")
    )

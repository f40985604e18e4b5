"""What became of each clock minute: credited or not, and why. For people to look at.

The same held time and the same chains as the day's and the week's figures, cut at clock minutes
instead of midnights: so the spans here add up to theirs, to the millisecond.
"""

import polars as pl

from adherence.clock import MINUTE_MS, local_date
from adherence.holding import cut_at_minutes
from adherence.schema import MINUTE
from adherence.steps import MINUTE_SCALE, held_minutes
from adherence.zones import has_heart_rate_zone, in_effort, in_force, is_above

CREDITED = "credited"
"""In the zone, within a qualifying bout (C9, C11): the week's credit."""
ABOVE = "above"
"""At or above the zone's upper end, or the ceiling: shown, never credited (C9)."""
SHORT = "short"
"""In the zone, but its chain of effort is too short or too thin to be a bout (C11)."""
BELOW = "below"
"""Heart rate below the zone."""
UNJUDGED = "unjudged"
"""Heart rate under no prescription, or under one without heart-rate limits."""
NO_DATA = "no_data"
"""No heart rate, and nobody knows why."""

HELD_REASONS = (CREDITED, ABOVE, SHORT, BELOW, UNJUDGED)
"""Where there is heart rate; each is a column of milliseconds, `credited_ms` and so on."""


def judged_minutes(held: pl.LazyFrame, chains: pl.LazyFrame, cases: pl.LazyFrame) -> pl.LazyFrame:
    """Return case, minute and the ms credited, above, short and below, with the bout it is part of.

    `bout_start_ms` names the qualifying bout by its start. A clock minute touches one at most: two
    bouts lie further apart than an interruption may last (C11).
    """
    bouts = chains.select("case", "qualifies", "start_ms", bout_start_ms="start_ms")
    qualifies = pl.col("qualifies").fill_null(value=False)
    in_zone = pl.col("effort") & ~pl.col("is_above")
    in_bout = pl.col("bout_start_ms").filter(pl.col("effort") & qualifies)
    return (
        held.join(cases, on="person")
        .filter(in_force() & has_heart_rate_zone())
        .with_columns(
            held_ms=pl.col("end_ms") - pl.col("start_ms"), effort=in_effort(), is_above=is_above()
        )
        .sort("start_ms")
        .join_asof(
            bouts.sort("start_ms"),
            on="start_ms",
            by="case",
            strategy="backward",
            check_sortedness=False,  # both are sorted just above; with `by` it cannot be checked
        )
        .group_by("case", "minute")
        .agg(
            credited_ms=pl.col("held_ms").filter(in_zone & qualifies).sum(),
            above_ms=pl.col("held_ms").filter("is_above").sum(),
            short_ms=pl.col("held_ms").filter(in_zone & ~qualifies).sum(),
            below_ms=pl.col("held_ms").filter(~pl.col("effort")).sum(),
            bout_start_ms=in_bout.min(),
        )
    )


def clock_minutes(spans: pl.LazyFrame) -> pl.LazyFrame:
    """Return case, person, minute: every clock minute that begins in a span [from_ms, to_ms)."""
    first = -(-pl.col("from_ms") // MINUTE_MS)
    behind = -(-pl.col("to_ms") // MINUTE_MS)
    return (
        spans.select("case", "person", minute=pl.int_ranges(first, behind))
        .explode("minute")
        .drop_nulls("minute")
        .unique()
    )


def chief_reason() -> pl.Expr:
    """Name what most of the minute is; of several alike the first of HELD_REASONS, then missing."""
    spans = [pl.col(f"{reason}_ms") for reason in HELD_REASONS]
    most = pl.max_horizontal(*spans, "missing_ms")
    reason = pl.col("unseen").fill_null(NO_DATA)
    for name in reversed(HELD_REASONS):
        reason = pl.when(pl.col(f"{name}_ms") == most).then(pl.lit(name)).otherwise(reason)
    return reason


def minutes_of(
    held: pl.LazyFrame,
    chains: pl.LazyFrame,
    cases: pl.LazyFrame,
    spans: pl.LazyFrame,
    seen: pl.LazyFrame,
    *,
    utc_offset_ms: int,
) -> pl.LazyFrame:
    """Return MINUTE, sorted by case and time: every clock minute of `spans`, with data or without.

    `held` is HELD, `chains` CHAIN, `cases` as `schema.figured` gives it, `spans` has case, person,
    from_ms and to_ms. `seen`: person, minute, steps and unseen, at most one row per minute; what
    `unseen` says is the reason of a minute that is mostly without heart rate.

    The spans of a minute add up to 60,000 ms. Over a local day credited + short are the day's
    credit, above its time above, and with below its wear; credited over the minutes of the bouts
    that start in a week is the week's credit.
    """
    cut = cut_at_minutes(held).with_columns(
        date=local_date(pl.col("start_ms"), utc_offset_ms=utc_offset_ms)
    )
    judged_ms = pl.sum_horizontal("credited_ms", "above_ms", "short_ms", "below_ms")
    return (
        clock_minutes(spans)
        .join(judged_minutes(cut, chains, cases), on=["case", "minute"], how="left")
        .join(held_minutes(held), on=["person", "minute"], how="left")
        .join(seen, on=["person", "minute"], how="left")
        .with_columns(
            pl.col("held_ms", "credited_ms", "above_ms", "short_ms", "below_ms").fill_null(0)
        )
        .with_columns(
            date=local_date(pl.col("minute") * MINUTE_MS, utc_offset_ms=utc_offset_ms),
            unjudged_ms=pl.col("held_ms") - judged_ms,
            missing_ms=MINUTE_MS - pl.col("held_ms"),
            mean_bpm=pl.col("held_bpm") / (MINUTE_SCALE * pl.col("held_ms")),
        )
        .with_columns(reason=chief_reason())
        .select(MINUTE)
        .sort("case", "minute")
    )

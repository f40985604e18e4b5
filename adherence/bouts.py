"""Bouts: chains of effort, which of them qualify, and the steps in them (C11, C12, C16)."""

import polars as pl

from adherence.clock import local_date, minute, whole_ms
from adherence.schema import BOUT, CHAIN
from adherence.zones import in_effort, is_above


def effort_stretches(by_case: pl.LazyFrame, *, longest_interruption_ms: int) -> pl.LazyFrame:
    """Return every part of held time in effort, in order, numbered by the `chain` it belongs to.

    A chain goes on while no interruption lasts longer than allowed: low heart rate, no data, or
    both in a row. `done_ms` is the effort of the whole frame before the part.
    """
    gap_ms = pl.col("start_ms") - pl.col("end_ms").shift(1)
    breaks = (pl.col("case") != pl.col("case").shift(1)) | (gap_ms > longest_interruption_ms)
    return (
        by_case.filter(in_effort())
        .with_columns(above=is_above())
        .select(
            "case", "version", "person", "session_min", "start_ms", "end_ms", "held_ms", "above"
        )
        .sort("case", "start_ms")
        .with_columns(
            chain=breaks.fill_null(value=True).cast(pl.Int64).cum_sum(),
            done_ms=pl.col("held_ms").cum_sum() - pl.col("held_ms"),
        )
    )


def densest_window(stretches: pl.LazyFrame, *, window_ms: int) -> pl.LazyFrame:
    """Return chain, densest_ms: the most effort in any window of that length, wherever it starts.

    Windows that begin with a stretch are enough: one that begins between two gains by beginning
    later, with the next; one that begins inside a stretch and is moved to the stretch's start gains
    nothing but effort in front and loses no more than that behind.
    """
    begun = stretches.select("chain", "start_ms", "held_ms", "done_ms").sort("start_ms")
    in_last_ms = pl.min_horizontal(
        pl.col("window_end_ms") - pl.col("start_ms_last"), pl.col("held_ms_last")
    )
    return (
        begun.with_columns(window_end_ms=pl.col("start_ms") + window_ms)
        .join_asof(
            begun,
            left_on="window_end_ms",
            right_on="start_ms",
            by="chain",
            strategy="backward",
            suffix="_last",
            coalesce=False,
            check_sortedness=False,  # both are sorted just above; with `by` it cannot be checked
        )
        .group_by("chain")
        .agg(densest_ms=(pl.col("done_ms_last") + in_last_ms - pl.col("done_ms")).max())
    )


def chains_of(
    stretches: pl.LazyFrame,
    *,
    utc_offset_ms: int,
    least_effort_ms: int,
    window_ms: int,
    window_effort_ms: int,
    sparse_below_pct: int,
    complete_from_pct: int,
) -> pl.LazyFrame:
    """Return CHAIN, sorted by case and time: every chain of effort, qualifying or not.

    A chain has the version, and is judged by the session minutes, in force where it starts.
    """
    credit_ms = pl.col("held_ms").filter(~pl.col("above")).sum()
    totals = stretches.group_by("chain").agg(
        pl.col("case", "version", "person", "session_min").sort_by("start_ms").first(),
        pl.col("start_ms").min(),
        pl.col("end_ms").max(),
        effort_ms=pl.col("held_ms").sum(),
        credit_ms=credit_ms,
    )
    long_enough = totals.filter(pl.col("effort_ms") >= least_effort_ms).select("chain")
    densest = densest_window(
        stretches.join(long_enough, on="chain", how="semi"), window_ms=window_ms
    )
    session_ms = whole_ms(pl.col("session_min"))
    qualifies = (pl.col("densest_ms") >= window_effort_ms).fill_null(value=False)
    return (
        totals.join(densest, on="chain", how="left")
        .with_columns(span_ms=pl.col("end_ms") - pl.col("start_ms"), qualifies=qualifies)
        .with_columns(
            date=local_date(pl.col("start_ms"), utc_offset_ms=utc_offset_ms),
            sparse=100 * pl.col("effort_ms") < sparse_below_pct * pl.col("span_ms"),
            complete=pl.col("qualifies")
            & (100 * pl.col("credit_ms") >= complete_from_pct * session_ms),
        )
        .select(CHAIN)
        .sort("case", "start_ms")
    )


def _counted_by(bouts: pl.LazyFrame, running: pl.LazyFrame, at: pl.Expr) -> pl.LazyFrame:
    return (
        bouts.with_columns(minute=at)
        .sort("minute")
        .join_asof(running, on="minute", by="person", strategy="backward", check_sortedness=False)
        .select("case", "start_ms", "counted", "zero", "walk")
        .with_columns(pl.col("counted", "zero", "walk").fill_null(0))
    )


def bouts_of(chains: pl.LazyFrame, minutes: pl.LazyFrame, *, walking_spm: int) -> pl.LazyFrame:
    """Return BOUT, sorted by case and time: the qualifying chains, with the steps in them.

    A bout touches every clock minute between its start and its end; one that ends on a minute's
    start does not touch that minute.
    """
    running = minutes.select(
        "person",
        "minute",
        counted=pl.col("minute").cum_count().cast(pl.Int64).over("person"),
        zero=(pl.col("steps") == 0).cast(pl.Int64).cum_sum().over("person"),
        walk=(pl.col("steps") >= walking_spm).cast(pl.Int64).cum_sum().over("person"),
    ).sort("minute")
    bouts = chains.filter("qualifies")
    last = _counted_by(bouts, running, minute(pl.col("end_ms") - 1))
    before = _counted_by(bouts, running, minute(pl.col("start_ms")) - 1)
    return (
        bouts.join(last, on=["case", "start_ms"])
        .join(before, on=["case", "start_ms"], suffix="_before")
        .with_columns(
            min_counted=pl.col("counted") - pl.col("counted_before"),
            min_zero=pl.col("zero") - pl.col("zero_before"),
            min_walk=pl.col("walk") - pl.col("walk_before"),
        )
        .select(BOUT)
        .sort("case", "start_ms")
    )

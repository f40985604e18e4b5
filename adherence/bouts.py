"""Bouts: chains of effort, which of them qualify, and the steps in them (C11, C12, C16)."""

import numpy as np
import polars as pl

from adherence.clock import MINUTE_MS, local_date, whole_ms
from adherence.compiled import compiled
from adherence.holding import cut_at_midnight
from adherence.rows import Ints, Runs
from adherence.schema import BOUT, CHAIN
from adherence.zones import by_case, in_effort, is_above


def effort_stretches(
    effort: pl.LazyFrame, cases: pl.LazyFrame, *, utc_offset_ms: int, longest_interruption_ms: int
) -> pl.LazyFrame:
    """Return every case's time in effort, in order, numbered by the `chain` it belongs to.

    `effort` is HELD, the stretches of effort to any case (`adherence.stretches`), `cases` as
    `schema.figured` gives it. A chain goes on while no interruption lasts longer than allowed: low
    heart rate, no data, or both in a row. `done_ms` is the effort of the whole frame before the
    part.
    """
    gap_ms = pl.col("start_ms") - pl.col("end_ms").shift(1)
    breaks = (pl.col("case") != pl.col("case").shift(1)) | (gap_ms > longest_interruption_ms)
    return (
        by_case(cut_at_midnight(effort, utc_offset_ms=utc_offset_ms), cases)
        .filter(in_effort())
        .with_columns(above=is_above(), held_ms=pl.col("end_ms") - pl.col("start_ms"))
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


def bouts_of(chains: pl.DataFrame, minutes: pl.DataFrame, *, walking_spm: int) -> pl.DataFrame:
    """Return BOUT, sorted by case and time: the qualifying chains, with the steps in them.

    `minutes` is STEP_MINUTES, sorted. A bout touches every clock minute between its start and its
    end; one that ends on a minute's start does not touch that minute.
    """
    bouts = chains.filter("qualifies").sort("case", "start_ms")
    counted, zero, walked = _walked(
        bouts["start_ms"].to_numpy() // MINUTE_MS,
        (bouts["end_ms"].to_numpy() - 1) // MINUTE_MS,
        *Runs.of(minutes["person"]).found(bouts["person"]),
        minutes["minute"].to_numpy(),
        minutes["steps"].to_numpy(),
        walking_spm,
    )
    return bouts.with_columns(
        min_counted=pl.Series(counted), min_zero=pl.Series(zero), min_walk=pl.Series(walked)
    ).select(BOUT)


@compiled
def _walked(
    first_min: Ints,
    last_min: Ints,
    rows_from: Ints,
    rows_to: Ints,
    minute: Ints,
    steps: Ints,
    walking_spm: int,
) -> tuple[Ints, Ints, Ints]:
    """Return of each bout how many minutes have a count, a count of 0, and one of walking."""
    counted, zero = np.zeros_like(first_min), np.zeros_like(first_min)
    walked = np.zeros_like(first_min)
    for bout in range(len(first_min)):
        own = minute[rows_from[bout] : rows_to[bout]]
        row = rows_from[bout] + np.searchsorted(own, first_min[bout])
        while row < rows_to[bout] and minute[row] <= last_min[bout]:
            counted[bout] += 1
            zero[bout] += steps[row] == 0
            walked[bout] += steps[row] >= walking_spm
            row += 1
    return counted, zero, walked

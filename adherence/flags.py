"""Cadence minutes and review flags of a day (conventions C15, C16)."""

import numpy as np
import polars as pl

from adherence.clock import MINUTE_MS, SECOND_MS, local_date
from adherence.compiled import compiled
from adherence.rows import Bools, Held, Ints, Runs, held_columns
from adherence.schema import ROUNDING_BPM, reserve_edge
from adherence.steps import MINUTE_SCALE, steps_by_day
from adherence.zones import in_force
from config.conventions import Conventions

HeldBy = tuple[Ints, Ints, Held]
"""Of each person the first row of HELD and the row behind the last; then the columns."""


def mean_held_reaches(edge: pl.Expr) -> pl.Expr:
    """Compare: the minute's mean held bpm is at or above an edge in hundredths of a bpm.

    Null where there is no such edge.
    """
    held = MINUTE_SCALE * pl.col("held_ms")
    return 100 * pl.col("held_bpm") >= (edge * held).round()


def is_locked(*, within_bpm: int) -> pl.Expr:
    """Compare: the minute's mean held bpm is its cadence, or next to it."""
    held = MINUTE_SCALE * pl.col("held_ms")
    return (pl.col("held_bpm") - held * pl.col("steps")).abs() <= (within_bpm + ROUNDING_BPM) * held


def flag_minutes(
    minutes: pl.DataFrame, held: pl.DataFrame, effort: pl.DataFrame, conventions: Conventions
) -> pl.DataFrame:
    """Return the step minutes that may count for anything but their steps, with held time.

    Columns: person, minute, steps, still_so_far, held_ms and held_bpm (as `held_minutes`). A minute
    can only be flagged for its cadence, or for being still in effort; and the mean of a minute is
    in effort only if some of it is, so minutes without any of `effort` (HELD, the stretches of
    effort to any case) need no look. All frames are sorted by person and time.
    """
    c = conventions
    cadences = (c.moderate_cadence_spm, c.vigorous_cadence_spm, c.lock_cadence_spm)
    of_minutes = Runs.of(minutes["person"])
    row, still, held_ms, held_bpm = _asked(
        of_minutes.bounds,
        minutes["minute"].to_numpy(),
        minutes["steps"].to_numpy(),
        _held_by(of_minutes.heads, effort),
        _held_by(of_minutes.heads, held),
        min(*cadences, c.shake_cadence_spm, c.fast_above_spm),
        c.still_minutes,
    )
    return minutes[row].with_columns(
        still_so_far=pl.Series(still), held_ms=pl.Series(held_ms), held_bpm=pl.Series(held_bpm)
    )


def _held_by(person: pl.Series, held: pl.DataFrame) -> HeldBy:
    return (*Runs.of(held["person"]).found(person), held_columns(held))


@compiled
def _asked(
    bounds: Ints,
    minute: Ints,
    steps: Ints,
    effort: HeldBy,
    held: HeldBy,
    least_spm: int,
    still_minutes: int,
) -> tuple[Ints, Bools, Ints, Ints]:
    """Return the rows of the minutes that may count, still_so_far, held ms and held bpm."""
    row_of, is_still = np.empty_like(minute), np.empty(len(minute), np.bool_)
    held_ms, held_bpm = np.empty_like(minute), np.empty_like(minute)
    effort_first, effort_behind, (effort_start_ms, effort_end_ms, _, _) = effort
    held_first, held_behind, columns = held
    found = 0
    for run in range(len(bounds) - 1):
        near, near_behind = effort_first[run], effort_behind[run]
        own, own_behind = held_first[run], held_behind[run]
        still = 0
        for row in range(bounds[run], bounds[run + 1]):
            at_ms = minute[row] * MINUTE_MS
            is_next = row > bounds[run] and minute[row] == minute[row - 1] + 1
            still = (still if is_next else 0) + 1 if steps[row] == 0 else 0
            while near < near_behind and effort_end_ms[near] <= at_ms:
                near += 1
            if steps[row] < least_spm:
                is_touched = near < near_behind and effort_start_ms[near] < at_ms + MINUTE_MS
                if still < still_minutes or not is_touched:
                    continue
            own, held_ms[found], held_bpm[found] = _held_in(at_ms, own, own_behind, columns)
            row_of[found], is_still[found] = row, still >= still_minutes
            found += 1
    return row_of[:found], is_still[:found], held_ms[:found], held_bpm[:found]


@compiled
def _held_in(at_ms: int, first: int, behind: int, held: Held) -> tuple[int, int, int]:
    """Return where a minute's rows begin, its held ms, and sum of bpm * held ms (MINUTE_SCALE).

    Holds do not overlap, so they end in the order in which they begin; only rows [first, behind)
    are looked at.
    """
    start_ms, end_ms, bpm_sum, bpm_n = held
    first += int(np.searchsorted(end_ms[first:behind], at_ms, side="right"))
    total_ms = total_bpm = 0
    row = first
    while row < behind and start_ms[row] < at_ms + MINUTE_MS:
        part_ms = min(end_ms[row], at_ms + MINUTE_MS) - max(start_ms[row], at_ms)
        total_ms += part_ms
        total_bpm += int(np.rint(bpm_sum[row] * MINUTE_SCALE * part_ms / bpm_n[row]))
        row += 1
    return first, total_ms, total_bpm


def daily_steps(
    held: pl.DataFrame,
    minutes: pl.DataFrame,
    effort: pl.DataFrame,
    cases: pl.LazyFrame,
    conventions: Conventions,
) -> pl.LazyFrame:
    """Return steps and minute counts per case, version and local day that has a step count.

    `effort`: HELD, the stretches of effort to any case. All of it is for review: nothing here adds
    to credit or takes from it.
    """
    c = conventions
    steps = pl.col("steps")
    utc_offset_ms = c.utc_offset_min * MINUTE_MS
    present = pl.col("held_ms") >= c.heart_rate_present_s * SECOND_MS
    moderate = steps >= c.moderate_cadence_spm
    locked = is_locked(within_bpm=c.lock_within_bpm)
    counts = {
        "cad100_min": moderate,
        "cad130_min": steps >= c.vigorous_cadence_spm,
        "hrless_cad100_min": moderate & ~present,
        "still_min": present & pl.col("still_so_far") & mean_held_reaches(pl.col("effort_edge")),
        "lock_min": present & (steps >= c.lock_cadence_spm) & locked,
        "shake_min": present
        & (steps >= c.shake_cadence_spm)
        & ~mean_held_reaches(reserve_edge(c.shake_below_pct)),
        "fast_min": steps > c.fast_above_spm,
    }
    flags = (
        flag_minutes(minutes, held, effort, c)
        .lazy()
        .with_columns(date=local_date(pl.col("minute") * MINUTE_MS, utc_offset_ms=utc_offset_ms))
        .join(cases, on="person")
        .filter(in_force())
        .group_by("case", "version", "person", "date")
        .agg(flag.sum().cast(pl.Int64).alias(name) for name, flag in counts.items())
    )
    return (
        steps_by_day(minutes, utc_offset_ms=utc_offset_ms)
        .lazy()
        .join(cases, on="person")
        .filter(in_force())
        .select("case", "version", "person", "date", "steps")
        .join(flags, on=["case", "version", "person", "date"], how="left", nulls_equal=True)
        .with_columns(pl.col(*counts).fill_null(0))
    )

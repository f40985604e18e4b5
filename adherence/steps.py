"""Steps by clock minute, cadence minutes and review flags (conventions C15, C16)."""

import numpy as np
import polars as pl

from adherence.clock import DAY_MS, MINUTE_MS, SECOND_MS, local_date, minute
from adherence.holding import cut_at_minutes
from adherence.rows import (
    Bools,
    Ints,
    Line,
    Runs,
    dates,
    day_starts,
    expanded,
    smallest_gaps,
    starts_of,
    summed,
)
from adherence.schema import STEP_MINUTES, reserve_edge
from adherence.zones import in_force
from config.conventions import Conventions

MINUTE_SCALE = 720_720
"""Divisible by every number up to 16: sums over twins stay whole numbers."""


def step_minutes(step_rows: pl.LazyFrame) -> pl.LazyFrame:
    """Return STEP_MINUTES, sorted: see `counted_minutes`."""
    return counted_minutes(step_rows.collect()).lazy()


def counted_minutes(step_rows: pl.DataFrame) -> pl.DataFrame:
    """Return STEP_MINUTES, sorted: the larger count where a minute occurs twice (C15).

    Null, NaN and negative counts are no counts; zero is one. Rows that come in order, each minute
    once, are neither sorted nor put together; that they are is checked.
    """
    counts = (
        step_rows.lazy()
        .filter(pl.col("steps").is_finite() & (pl.col("steps") >= 0))
        .select("person", minute(pl.col("ts")).alias("minute"), pl.col("steps").cast(pl.Int64))
        .collect()
    )
    if (smallest_gaps(Runs.of(counts["person"]), counts["minute"].to_numpy()) > 0).all():
        return counts
    return (
        counts.group_by("person", "minute")
        .agg(pl.col("steps").max())
        .select(STEP_MINUTES)
        .sort("person", "minute")
    )


def held_minutes(held: pl.LazyFrame) -> pl.LazyFrame:
    """Return person, minute, held_ms and held_bpm: sum of bpm * held ms, times MINUTE_SCALE."""
    held_ms = pl.col("end_ms") - pl.col("start_ms")
    weighted = (pl.col("bpm_sum") * MINUTE_SCALE * held_ms / pl.col("bpm_n")).round()
    return (
        cut_at_minutes(held)
        .group_by("person", "minute")
        .agg(held_ms=held_ms.sum(), held_bpm=weighted.cast(pl.Int64).sum())
    )


def is_still_so_far(line_ms: Ints, steps: Ints, *, still_minutes: int) -> Bools:
    """Compare: this and each of the minutes before have a step count, and it is zero.

    `line_ms` is where the minutes, sorted, begin on the line of time: the row so many places up is
    that minute of that person only if no minute between is missing.
    """
    back = still_minutes - 1
    is_still = np.zeros(len(steps), np.bool_)
    ends = len(steps) - back
    if ends > 0:
        is_zero = steps == 0
        is_still[back:] = line_ms[back:] - line_ms[:ends] == back * MINUTE_MS
        for place in range(still_minutes):
            is_still[back:] &= is_zero[place : place + ends]
    return is_still


def mean_held_reaches(edge: pl.Expr) -> pl.Expr:
    """Compare: the minute's mean held bpm is at or above an edge in hundredths of a bpm.

    Null where there is no such edge.
    """
    held = MINUTE_SCALE * pl.col("held_ms")
    return 100 * pl.col("held_bpm") >= (edge * held).round()


def is_locked(*, within_bpm: int) -> pl.Expr:
    """Compare: the minute's mean held bpm is its cadence, or next to it."""
    held = MINUTE_SCALE * pl.col("held_ms")
    return (pl.col("held_bpm") - held * pl.col("steps")).abs() <= within_bpm * held


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
    minute_ms = minutes["minute"].to_numpy() * MINUTE_MS
    of_minutes, of_held = Runs.of(minutes["person"]), Runs.of(held["person"])
    start_ms = held["start_ms"].to_numpy()
    line = Line.through((of_minutes, minute_ms), (of_held, start_ms))
    at_ms = line.place(of_minutes, minute_ms)
    steps = minutes["steps"].to_numpy()
    still = is_still_so_far(at_ms, steps, still_minutes=c.still_minutes)
    cadences = (c.moderate_cadence_spm, c.vigorous_cadence_spm, c.lock_cadence_spm)
    asked = steps >= min(*cadences, c.shake_cadence_spm, c.fast_above_spm)
    touched = np.zeros(len(steps), np.bool_)
    touched[_touched_by(at_ms, line, effort)] = True
    rows = np.flatnonzero(asked | (still & touched))
    held_ms, held_bpm = _held_in(at_ms[rows], line.place(of_held, start_ms), held)
    return minutes[rows].with_columns(
        still_so_far=pl.Series(still[rows], dtype=pl.Boolean),
        held_ms=pl.Series(held_ms, dtype=pl.Int64),
        held_bpm=pl.Series(held_bpm, dtype=pl.Int64),
    )


def _touched_by(minutes_ms: Ints, line: Line, held: pl.DataFrame) -> Ints:
    """Return the rows of the minutes, by their place on the line, that some of `held` lies in."""
    first = held["start_ms"].to_numpy() // MINUTE_MS
    behind = (held["end_ms"].to_numpy() - 1) // MINUTE_MS + 1
    placed = line.place(Runs.of(held["person"]), first * MINUTE_MS)
    begin = np.searchsorted(minutes_ms, placed, side="left")
    end = np.searchsorted(minutes_ms, placed + (behind - first) * MINUTE_MS, side="left")
    return expanded(begin, end)[0]


def _held_in(minutes_ms: Ints, start_ms: Ints, held: pl.DataFrame) -> tuple[Ints, Ints]:
    """Return held ms, and sum of bpm * held ms times MINUTE_SCALE, of minutes on the line.

    `start_ms` is where `held` begins on the line. Holds do not overlap, so of all that begin before
    a minute only the last can reach into it.
    """
    first = np.maximum(np.searchsorted(start_ms, minutes_ms, side="right") - 1, 0)
    behind = np.searchsorted(start_ms, minutes_ms + MINUTE_MS, side="left")
    rows, begins = expanded(first, behind)
    of_minute = np.repeat(minutes_ms, np.maximum(behind - first, 0))
    own = held[rows]
    begin_ms = start_ms[rows]
    end_ms = begin_ms + (own["end_ms"] - own["start_ms"]).to_numpy()
    parts_ms = np.minimum(end_ms, of_minute + MINUTE_MS) - np.maximum(begin_ms, of_minute)
    parts_ms = np.maximum(parts_ms, 0)
    weighted = own["bpm_sum"].to_numpy() * MINUTE_SCALE * parts_ms / own["bpm_n"].to_numpy()
    return summed(parts_ms, begins), summed(np.rint(weighted).astype(np.int64), begins)


def steps_by_day(minutes: pl.DataFrame, *, utc_offset_ms: int) -> pl.DataFrame:
    """Return person, date and steps of every local day with a step count."""
    day = (minutes["minute"].to_numpy() * MINUTE_MS + utc_offset_ms) // DAY_MS
    first = day_starts(starts_of(minutes["person"]), day)
    steps = np.add.reduceat(minutes["steps"].to_numpy(), first) if len(first) else first
    return pl.DataFrame(
        {"person": minutes["person"].gather(first), "date": dates(day[first]), "steps": steps}
    )


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

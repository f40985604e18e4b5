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
    cadences = (c.moderate_cadence_spm, c.vigorous_cadence_spm, c.lock_cadence_spm)
    least_spm = min(*cadences, c.shake_cadence_spm, c.fast_above_spm)
    minute, steps = minutes["minute"].to_numpy(), minutes["steps"].to_numpy()
    of_minutes, of_held = Runs.of(minutes["person"]), Runs.of(held["person"])
    person, first, last = of_minutes.ends(minute)
    start_ms = held["start_ms"].to_numpy()
    line = Line.through((person, first * MINUTE_MS, last * MINUTE_MS), of_held.ends(start_ms))
    number, shift_ms = line.find(of_minutes)
    held_number, held_shift_ms = line.find(of_held)
    begun_ms, over_ms = _minutes_touched(effort, line)
    nothing = np.empty(0, np.int64)
    found = [(nothing, np.empty(0, np.bool_), nothing, nothing)]
    for part in of_minutes.parts():
        at_ms = minute[part.rows] * MINUTE_MS + np.repeat(shift_ms[part.runs], part.lengths)
        still = is_still_so_far(at_ms, steps[part.rows], still_minutes=c.still_minutes)
        asked = still & _are_touched(at_ms, begun_ms, over_ms)
        asked |= steps[part.rows] >= least_spm
        row = np.flatnonzero(asked)
        people = number[part.runs][[0, -1]]
        theirs = of_held.between(
            int(np.searchsorted(held_number, people[0], side="left")),
            int(np.searchsorted(held_number, people[1], side="right")),
        )
        placed_ms = start_ms[theirs.rows] + np.repeat(held_shift_ms[theirs.runs], theirs.lengths)
        held_ms, held_bpm = _held_in(at_ms[row], placed_ms, held[theirs.rows])
        found.append((row + part.rows.start, still[row], held_ms, held_bpm))
    row, still, held_ms, held_bpm = (np.concatenate(column) for column in zip(*found, strict=True))
    return minutes[row].with_columns(
        still_so_far=pl.Series(still, dtype=pl.Boolean),
        held_ms=pl.Series(held_ms, dtype=pl.Int64),
        held_bpm=pl.Series(held_bpm, dtype=pl.Int64),
    )


def _minutes_touched(held: pl.DataFrame, line: Line) -> tuple[Ints, Ints]:
    """Return where on the line the first clock minute of each row begins and the last one ends."""
    first = held["start_ms"].to_numpy() // MINUTE_MS
    behind = (held["end_ms"].to_numpy() - 1) // MINUTE_MS + 1
    begun_ms = line.place(Runs.of(held["person"]), first * MINUTE_MS)
    return begun_ms, begun_ms + (behind - first) * MINUTE_MS


def _are_touched(at_ms: Ints, begun_ms: Ints, over_ms: Ints) -> Bools:
    """Mark the minutes that lie in some span from `begun_ms` to `over_ms`, both rising."""
    spans = slice(
        int(np.searchsorted(over_ms, at_ms[0], side="right")),
        int(np.searchsorted(begun_ms, at_ms[-1], side="right")),
    )
    touched = np.zeros(len(at_ms), np.bool_)
    rows, _ = expanded(
        np.searchsorted(at_ms, begun_ms[spans], side="left"),
        np.searchsorted(at_ms, over_ms[spans], side="left"),
    )
    touched[rows] = True
    return touched


def _held_in(minutes_ms: Ints, start_ms: Ints, held: pl.DataFrame) -> tuple[Ints, Ints]:
    """Return held ms, and sum of bpm * held ms times MINUTE_SCALE, of minutes on the line.

    `start_ms` is where `held` begins on the line. Holds do not overlap, so of all that begin before
    a minute only the last can reach into it.
    """
    first = np.maximum(np.searchsorted(start_ms, minutes_ms, side="right") - 1, 0)
    behind = np.searchsorted(start_ms, minutes_ms + MINUTE_MS, side="left")
    rows, begins = expanded(first, behind)
    of_minute = np.repeat(minutes_ms, np.maximum(behind - first, 0))
    start, end, bpm_sum, bpm_n = (
        held[name].to_numpy()[rows] for name in ("start_ms", "end_ms", "bpm_sum", "bpm_n")
    )
    begin_ms = start_ms[rows]
    end_ms = begin_ms + end - start
    parts_ms = np.minimum(end_ms, of_minute + MINUTE_MS) - np.maximum(begin_ms, of_minute)
    parts_ms = np.maximum(parts_ms, 0)
    weighted = bpm_sum * MINUTE_SCALE * parts_ms / bpm_n
    return summed(parts_ms, begins), summed(np.rint(weighted).astype(np.int64), begins)


def steps_by_day(minutes: pl.DataFrame, *, utc_offset_ms: int) -> pl.DataFrame:
    """Return person, date and steps of every local day with a step count."""
    minute, steps = minutes["minute"].to_numpy(), minutes["steps"].to_numpy()
    nothing = np.empty(0, np.int64)
    rows, days, sums = [nothing], [nothing], [nothing]
    for part in Runs.of(minutes["person"]).parts():
        day = (minute[part.rows] + utc_offset_ms // MINUTE_MS) // (DAY_MS // MINUTE_MS)
        first = day_starts(part.starts, day)
        rows.append(first + part.rows.start)
        days.append(day[first])
        sums.append(np.add.reduceat(steps[part.rows], first))
    return pl.DataFrame(
        {
            "person": minutes["person"].gather(np.concatenate(rows)),
            "date": dates(np.concatenate(days)),
            "steps": np.concatenate(sums),
        }
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

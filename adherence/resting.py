"""A day's resting heart rate: a low percentile of its minute means (convention C7).

The minute of a rank is looked for in two steps: the minutes of a day are counted by whole beats,
which says in which beat the rank lies, and only the minutes of that beat are sorted.
"""

import numpy as np
import polars as pl

from adherence.clock import DAY_MS, MINUTE_MS
from adherence.rows import Ints, Reals, Runs, dates, day_starts


def rest_days_of(
    kept: pl.DataFrame, *, utc_offset_ms: int, least_minutes: int, percentile: int
) -> pl.DataFrame:
    """Return person, date and rest_bpm of every local day long enough for a figure (C7), sorted.

    It is the nearest-rank percentile of the day's minute means. `kept` is sorted by person and
    time.
    """
    ts, bpm_sum, bpm_n = (kept[name].to_numpy() for name in ("ts", "bpm_sum", "bpm_n"))
    rows, days, figures = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
    for part in Runs.of(kept["person"]).parts():
        first, minute, means = minute_means(
            ts[part.rows], bpm_sum[part.rows], bpm_n[part.rows], part.starts
        )
        day = (minute + utc_offset_ms // MINUTE_MS) // (DAY_MS // MINUTE_MS)
        begins = day_starts(np.searchsorted(first, part.starts), day)
        minutes = np.diff(begins, append=len(day))
        is_long = minutes >= least_minutes
        rank = (minutes[is_long] * percentile + 99) // 100
        if not is_long.all():
            means = means[np.repeat(is_long, minutes)]
        figures.append(_of_rank(means, minutes[is_long], rank))
        days.append(day[begins[is_long]])
        rows.append(first[begins[is_long]] + part.rows.start)
    return pl.DataFrame(
        {
            "person": kept["person"].gather(np.concatenate(rows)),
            "date": dates(np.concatenate(days)),
            "rest_bpm": np.concatenate(figures),
        }
    )


def minute_means(ts: Ints, bpm_sum: Reals, bpm_n: Ints, starts: Ints) -> tuple[Ints, Ints, Reals]:
    """Return first row, clock minute and mean bpm of every minute with the timestamp of a sample.

    Another person begins at each of `starts`. Samples weigh alike, however long they stand.
    """
    minute = ts // MINUTE_MS
    bpm = bpm_sum / bpm_n if (bpm_n > 1).any() else bpm_sum
    begins = np.ones(len(minute), np.bool_)
    np.not_equal(minute[1:], minute[:-1], out=begins[1:])
    begins[starts] = True
    first = np.flatnonzero(begins)
    if len(first) == len(minute):  # one sample a minute: each is its minute's mean
        return first, minute, bpm
    means = np.add.reduceat(bpm, first) / np.diff(first, append=len(bpm))
    return first, minute[first], means


def _of_rank(values: Reals, lengths: Ints, rank: Ints) -> Reals:
    """Return the value of each run's rank, counted from 1 upwards; the runs lie end to end."""
    if not len(values):
        return np.empty(0)
    beat = values.astype(np.int64)  # cuts the fraction off: heart rates are above 0
    lowest = int(beat.min())
    beats = int(beat.max()) - lowest + 1
    beat -= lowest
    runs = np.arange(len(lengths))
    cell = np.repeat(runs * beats, lengths)
    cell += beat
    cells = np.bincount(cell, minlength=len(lengths) * beats)
    up_to = np.cumsum(cells.reshape(-1, beats), axis=1)
    in_beat = (up_to < rank[:, None]).sum(axis=1)
    below = np.where(in_beat > 0, up_to[runs, in_beat - 1], 0)
    near = np.flatnonzero(cell == np.repeat(runs * beats + in_beat, lengths))
    ordered = near[np.lexsort((values[near], cell[near]))]
    begins = np.searchsorted(cell[ordered], runs * beats)
    found: Reals = values[ordered[begins + rank - below - 1]]
    return found

"""A day's resting heart rate: a low percentile of its minute means (convention C7).

The minute of a rank is looked for in two steps: the minutes of a day are counted by whole beats,
which says in which beat the rank lies, and only the minutes of that beat are sorted.
"""

import numpy as np
import polars as pl

from adherence.clock import DAY_MS, MINUTE_MS
from adherence.rows import Ints, Reals, dates, day_starts, lengths_of, starts_of


def minute_means(kept: pl.DataFrame) -> tuple[pl.Series, Ints, Reals]:
    """Return person, clock minute and mean bpm of every minute with the timestamp of a sample.

    `kept` is sorted by person and time. Samples weigh alike, however long they stand.
    """
    minute = kept["ts"].to_numpy() // MINUTE_MS
    bpm_n = kept["bpm_n"].to_numpy()
    bpm = kept["bpm_sum"].to_numpy()
    if (bpm_n > 1).any():
        bpm = bpm / bpm_n
    starts = starts_of(kept["person"])
    begins = np.ones(len(minute), np.bool_)
    np.not_equal(minute[1:], minute[:-1], out=begins[1:])
    begins[starts] = True
    first = np.flatnonzero(begins)
    if len(first) == len(minute):
        return kept["person"], minute, bpm
    means = np.add.reduceat(bpm, first) / lengths_of(first, len(bpm))
    return kept["person"].gather(first), minute[first], means


def rest_days_of(
    kept: pl.DataFrame, *, utc_offset_ms: int, least_minutes: int, percentile: int
) -> pl.DataFrame:
    """Return person, date and rest_bpm of every local day long enough for a figure (C7).

    It is the nearest-rank percentile of the day's minute means.
    """
    person, minute, means = minute_means(kept)
    day = (minute * MINUTE_MS + utc_offset_ms) // DAY_MS
    first = day_starts(person, day)
    minutes = lengths_of(first, len(day))
    is_long = minutes >= least_minutes
    rank = (minutes[is_long] * percentile + 99) // 100
    rest_bpm = _of_rank(means[np.repeat(is_long, minutes)], minutes[is_long], rank)
    return pl.DataFrame(
        {
            "person": person.gather(first[is_long]),
            "date": dates(day[first[is_long]]),
            "rest_bpm": rest_bpm,
        }
    )


def _of_rank(values: Reals, lengths: Ints, rank: Ints) -> Reals:
    """Return the value of each run's rank, counted from 1 upwards; the runs lie end to end."""
    if not len(values):
        return np.empty(0)
    beat = np.floor(values).astype(np.int64)
    lowest = int(beat.min())
    beats = int(beat.max()) - lowest + 1
    runs = np.arange(len(lengths))
    of_run = np.repeat(runs, lengths)
    cells = np.bincount(of_run * beats + (beat - lowest), minlength=len(lengths) * beats)
    up_to = np.cumsum(cells.reshape(-1, beats), axis=1)
    in_beat = (up_to < rank[:, None]).sum(axis=1)
    below = np.where(in_beat > 0, up_to[runs, in_beat - 1], 0)
    near = np.flatnonzero(beat - lowest == np.repeat(in_beat, lengths))
    ordered = near[np.lexsort((values[near], of_run[near]))]
    begins = np.searchsorted(of_run[ordered], runs)
    found: Reals = values[ordered[begins + rank - below - 1]]
    return found

"""A day's resting heart rate: a low percentile of its minute means (convention C7).

The minute of a rank is looked for in two steps: the minutes of a day are counted by whole beats,
which says in which beat the rank lies, and only the minutes of that beat are sorted.
"""

import numpy as np
import polars as pl

from adherence.clock import DAY_MS, MINUTE_MS
from adherence.compiled import compiled
from adherence.rows import Ints, Reals, Runs, dates

DAY_MIN = DAY_MS // MINUTE_MS


def rest_days_of(
    kept: pl.DataFrame, *, utc_offset_ms: int, least_minutes: int, percentile: int
) -> pl.DataFrame:
    """Return person, date and rest_bpm of every local day long enough for a figure (C7), sorted.

    It is the nearest-rank percentile of the day's minute means: of clock minutes with the timestamp
    of a sample, in which samples weigh alike, however long they stand. `kept` is sorted by person
    and time.
    """
    runs = Runs.of(kept["person"])
    run, day, figures = _by_day(
        runs.bounds,
        kept["ts"].to_numpy(),
        kept["bpm_sum"].to_numpy(),
        kept["bpm_n"].to_numpy(),
        utc_offset_ms // MINUTE_MS,
        least_minutes,
        percentile,
    )
    return pl.DataFrame({"person": runs.heads.gather(run), "date": dates(day), "rest_bpm": figures})


@compiled
def _by_day(
    bounds: Ints,
    ts: Ints,
    bpm_sum: Reals,
    bpm_n: Ints,
    utc_offset_min: int,
    least_minutes: int,
    percentile: int,
) -> tuple[Ints, Ints, Reals]:
    """Return run, day and resting heart rate of the days with so many minutes."""
    most = len(ts) // max(least_minutes, 1)
    run_of, day_of, figures = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most)
    means = np.empty(DAY_MIN)
    end = 0
    for run in range(len(bounds) - 1):
        row, stop = bounds[run], bounds[run + 1]
        while row < stop:
            day = (ts[row] // MINUTE_MS + utc_offset_min) // DAY_MIN
            midnight_ms = ((day + 1) * DAY_MIN - utc_offset_min) * MINUTE_MS
            minutes = 0
            while row < stop and ts[row] < midnight_ms:
                minute_end_ms = (ts[row] // MINUTE_MS + 1) * MINUTE_MS
                total, samples = 0.0, 0
                while row < stop and ts[row] < minute_end_ms:
                    total += bpm_sum[row] / bpm_n[row]
                    samples += 1
                    row += 1
                means[minutes] = total / samples
                minutes += 1
            if minutes >= least_minutes:
                rank = (minutes * percentile + 99) // 100
                run_of[end], day_of[end] = run, day
                figures[end] = _of_rank(means[:minutes], rank)
                end += 1
    return run_of[:end], day_of[:end], figures[:end]


@compiled
def _of_rank(values: Reals, rank: int) -> float:
    """Return the value of a rank, counted from 1 upwards; heart rates are above 0."""
    beats = np.zeros(int(values.max()) + 1, np.int64)
    for value in values:
        beats[int(value)] += 1
    beat = 0
    while beats[beat] < rank:
        rank -= beats[beat]
        beat += 1
    near = np.empty(beats[beat])
    found = 0
    for value in values:
        if int(value) == beat:
            near[found] = value
            found += 1
    near.sort()
    return float(near[rank - 1])

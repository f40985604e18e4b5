"""Which samples count: range, twins, spikes (conventions C2, C3, C4)."""

import numpy as np
import polars as pl

from adherence.rows import Ints, Reals, Runs, gaps_of, on_one_line, smallest_gaps
from adherence.spikes import spikes


def in_range(*, lowest_bpm: int, highest_bpm: int) -> pl.Expr:
    """Keep a finite heart rate that a wrist can show; null and NaN are no samples (C2).

    NaN and infinity are outside every range: Polars orders NaN above all numbers.
    """
    return pl.col("hr").is_between(lowest_bpm, highest_bpm)


def put_twins_in_first(samples: pl.DataFrame, bpm_sum: Reals, bpm_n: Ints, runs: Runs) -> Ints:
    """Put a time's distinct values into its first row, and return the rows behind it (C3).

    `samples` are in order, so twins are neighbours: only they are put together, any other sample
    stays the sum of itself. A row sent twice changes nothing; the mean stays a fraction, as sum and
    number, so that nothing is rounded.
    """
    ts = samples["ts"].to_numpy()
    again = np.concatenate(
        [np.flatnonzero(gaps_of(ts, part) == 0) + 1 + part.rows.start for part in runs.parts()]
    )
    first = np.setdiff1d(again - 1, again)
    twins = (
        samples[np.union1d(first, again)]
        .lazy()
        .select("person", "ts", pl.col("hr").cast(pl.Float64))
        .unique()
        .group_by("person", "ts")
        .agg(pl.col("hr").sort())
        .sort("person", "ts")
        .collect()
        # Apart from the plan above, which would leave out a sort that only a sum looks at: the
        # values are added from the lowest up, in whatever order they came.
        .select(bpm_sum=pl.col("hr").list.sum(), bpm_n=pl.col("hr").list.len().cast(pl.Int64))
    )
    bpm_sum[first], bpm_n[first] = twins["bpm_sum"].to_numpy(), twins["bpm_n"].to_numpy()
    return again


def without_rows(frame: pl.DataFrame, rows: Ints) -> pl.DataFrame:
    """Return the frame without some rows; itself, where there are none."""
    if not len(rows):
        return frame
    stays = np.ones(len(frame), np.bool_)
    stays[rows] = False
    return frame.filter(pl.Series(stays))


def kept_samples(
    samples: pl.DataFrame,
    *,
    lowest_bpm: int,
    highest_bpm: int,
    spike_reach_ms: int,
    spike_deviation_bpm: int,
    spike_least_samples: int,
) -> pl.DataFrame:
    """Return the samples that count, sorted by person and time: person, ts, bpm_sum, bpm_n.

    Rows that come in order are not sorted again; that they are is checked. The spike rule is one
    pass: each decision sees the series as it was before any was dropped.
    """
    counted = samples.filter(in_range(lowest_bpm=lowest_bpm, highest_bpm=highest_bpm))
    runs = Runs.of(counted["person"])
    closest_ms = smallest_gaps(runs, counted["ts"].to_numpy())
    if (closest_ms < 0).any():
        counted = counted.sort("person", "ts")
        runs = Runs.of(counted["person"])
        closest_ms = smallest_gaps(runs, counted["ts"].to_numpy())
    ts = counted["ts"].to_numpy()
    bpm_sum = np.array(counted["hr"].to_numpy(), np.float64)
    bpm_n = np.ones(len(ts), np.int64)
    again = np.empty(0, np.int64)
    if (closest_ms == 0).any():
        again = put_twins_in_first(counted, bpm_sum, bpm_n, runs)
    dropped = [again]
    for part, closest in zip(runs.parts(), closest_ms, strict=True):
        if closest > spike_reach_ms:
            continue  # every window holds its own sample alone
        own = again[slice(*np.searchsorted(again, (part.rows.start, part.rows.stop)))]
        line_ms, sums, numbers = on_one_line(ts, part), bpm_sum[part.rows], bpm_n[part.rows]
        if len(own):
            rows = np.delete(np.arange(len(line_ms)), own - part.rows.start)
            line_ms, sums, numbers = line_ms[rows], sums[rows], numbers[rows]
        found = spikes(
            line_ms,
            sums,
            numbers,
            reach_ms=spike_reach_ms,
            deviation_bpm=spike_deviation_bpm,
            least_samples=spike_least_samples,
        )
        dropped.append((rows[found] if len(own) else found) + part.rows.start)
    single = counted.select("person", "ts", bpm_sum=pl.Series(bpm_sum), bpm_n=pl.Series(bpm_n))
    return without_rows(single, np.concatenate(dropped))

"""Which samples count: calendar, range, twins, spikes (conventions C1, C2, C3, C4)."""

import numpy as np
import polars as pl

from adherence.clock import on_the_calendar
from adherence.compiled import compiled
from adherence.rows import Ints, Reals, Runs, least_step, repeated
from adherence.spikes import without_spikes


def in_range(*, lowest_bpm: int, highest_bpm: int) -> pl.Expr:
    """Keep a finite heart rate that a wrist can show; null and NaN are no samples (C2).

    NaN and infinity are outside every range: Polars orders NaN above all numbers.
    """
    return pl.col("hr").is_between(lowest_bpm, highest_bpm)


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
    samples = on_the_calendar(samples)
    runs = Runs.of(samples["person"], is_sorted=False)
    if least_step(runs, samples["ts"].to_numpy()) < 0:
        samples = samples.sort("person", "ts")
        runs = Runs.of(samples["person"], is_sorted=False)
    hr = samples["hr"].cast(pl.Float64).to_numpy()  # null as NaN
    ts, bpm_sum, bpm_n, lengths = _singled(
        runs.bounds, samples["ts"].to_numpy(), hr, float(lowest_bpm), float(highest_bpm)
    )
    lengths = without_spikes(
        lengths,
        ts,
        bpm_sum,
        bpm_n,
        reach_ms=spike_reach_ms,
        deviation_bpm=spike_deviation_bpm,
        least_samples=spike_least_samples,
    )
    stay = int(lengths.sum())
    return pl.DataFrame(
        {
            "person": repeated(runs.heads, lengths),
            "ts": ts[:stay],
            "bpm_sum": bpm_sum[:stay],
            "bpm_n": bpm_n[:stay],
        }
    )


@compiled
def _singled(
    bounds: Ints, ts: Ints, hr: Reals, lowest_bpm: float, highest_bpm: float
) -> tuple[Ints, Reals, Ints, Ints]:
    """Return a row for each time with a value in range, and how many each run has (C2, C3).

    A time's heart rate is the mean of its distinct values, as sum and number, so that nothing is
    rounded.
    """
    at, bpm_sum, bpm_n = np.empty_like(ts), np.empty_like(hr), np.empty_like(ts)
    lengths = np.zeros(len(bounds) - 1, np.int64)
    end = 0
    for run in range(len(bounds) - 1):
        begin = end
        row, stop = bounds[run], bounds[run + 1]
        while row < stop:
            behind = row + 1
            while behind < stop and ts[behind] == ts[row]:
                behind += 1
            if behind == row + 1:
                bpm_sum[end], bpm_n[end] = hr[row], lowest_bpm <= hr[row] <= highest_bpm
            else:
                bpm_sum[end], bpm_n[end] = _put_together(hr[row:behind], lowest_bpm, highest_bpm)
            at[end] = ts[row]
            end += bpm_n[end] > 0
            row = behind
        lengths[run] = end - begin
    return at[:end], bpm_sum[:end], bpm_n[:end], lengths


@compiled
def _put_together(twins: Reals, lowest_bpm: float, highest_bpm: float) -> tuple[float, int]:
    """Return sum and number of the distinct values in range, added from the lowest up."""
    total, number, last = 0.0, 0, np.nan
    for bpm in np.sort(twins):
        if lowest_bpm <= bpm <= highest_bpm and bpm != last:
            total, number, last = total + bpm, number + 1, bpm
    return total, number

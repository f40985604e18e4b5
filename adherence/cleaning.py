"""Which samples count: range, twins, spikes (conventions C2, C3, C4)."""

import numpy as np
import polars as pl

from adherence.rows import Ints, Line, are_in_order, is_repeated
from adherence.spikes import spikes


def in_range(*, lowest_bpm: int, highest_bpm: int) -> pl.Expr:
    """Keep a finite heart rate that a wrist can show; null and NaN are no samples (C2).

    NaN and infinity are outside every range: Polars orders NaN above all numbers.
    """
    return pl.col("hr").is_between(lowest_bpm, highest_bpm)


def distinct(twins: pl.DataFrame) -> pl.DataFrame:
    """Return one row per person and time, sorted: the distinct values, as sum and number (C3).

    A row sent twice changes nothing; the mean stays a fraction, so that nothing is rounded.
    """
    return (
        twins.lazy()
        .select("person", "ts", pl.col("hr").cast(pl.Float64))
        .unique()
        .group_by("person", "ts")
        .agg(bpm_sum=pl.col("hr").sort().sum(), bpm_n=pl.len().cast(pl.Int64))
        .sort("person", "ts")
        .collect()
    )


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

    Rows that come in order are not sorted again; that they are is checked. In order, twins are
    neighbours: only they are put together, any other sample is the sum of itself. The spike rule is
    one pass: each decision sees the series as it was before any was dropped.
    """
    counted = samples.filter(in_range(lowest_bpm=lowest_bpm, highest_bpm=highest_bpm))
    if not are_in_order(counted["person"], counted["ts"].to_numpy()):
        counted = counted.sort("person", "ts")
    person, ts = counted["person"], counted["ts"].to_numpy()
    bpm_sum = counted["hr"].cast(pl.Float64).to_numpy()
    bpm_n = np.ones(len(counted), np.int64)
    again = is_repeated(person, ts)
    single: Ints | slice = slice(None)
    if again.any():
        has_twin = again.copy()
        has_twin[:-1] |= again[1:]
        twins = distinct(counted.filter(pl.Series(has_twin)))
        first = has_twin & ~again
        bpm_sum = bpm_sum.copy()
        bpm_sum[first], bpm_n[first] = twins["bpm_sum"], twins["bpm_n"]
        single = np.flatnonzero(~again)
    dropped = spikes(
        Line.through((person, ts)).place(person, ts)[single],
        bpm_sum[single],
        bpm_n[single],
        reach_ms=spike_reach_ms,
        deviation_bpm=spike_deviation_bpm,
        least_samples=spike_least_samples,
    )
    is_kept = ~again
    is_kept[dropped if isinstance(single, slice) else single[dropped]] = False
    kept = pl.DataFrame({"person": person, "ts": ts, "bpm_sum": bpm_sum, "bpm_n": bpm_n})
    return kept if is_kept.all() else kept.filter(pl.Series(is_kept))

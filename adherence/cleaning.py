"""Which samples count: range, twins, spikes (conventions C2, C3, C4)."""

import polars as pl

ROUNDING_BPM = 1e-9
"""Above every rounding error of a mean of three or more values, below every real difference."""


def in_range(*, lowest_bpm: int, highest_bpm: int) -> pl.Expr:
    """Keep a finite heart rate that a wrist can show; null and NaN are no samples (C2)."""
    return pl.col("hr").is_finite() & pl.col("hr").is_between(lowest_bpm, highest_bpm)


def without_twins(samples: pl.LazyFrame) -> pl.LazyFrame:
    """Return one row per person and time: the distinct values there, as sum and number (C3).

    A row sent twice changes nothing; the mean stays a fraction, so that nothing is rounded.
    """
    return (
        samples.unique(["person", "ts", "hr"])
        .group_by("person", "ts")
        .agg(bpm_sum=pl.col("hr").sort().sum(), bpm_n=pl.len().cast(pl.Int64))
        .sort("person", "ts")
    )


def is_spike(*, deviation_bpm: int, least_samples: int) -> pl.Expr:
    """Find a sample far from the median of its neighbourhood, if that holds enough to say so (C4).

    A mean of three or more twins is no binary fraction: only there is rounding allowed for.
    """
    deviation = (pl.col("bpm_sum") / pl.col("bpm_n") - pl.col("median_bpm")).abs()
    is_fraction = pl.col("most_twins") > 2  # noqa: PLR2004 - half of two is a binary fraction
    rounding = pl.when(is_fraction).then(ROUNDING_BPM).otherwise(0.0)
    return (pl.col("samples_near") >= least_samples) & (deviation > deviation_bpm + rounding)


def kept_samples(
    samples: pl.LazyFrame,
    *,
    lowest_bpm: int,
    highest_bpm: int,
    spike_reach_ms: int,
    spike_deviation_bpm: int,
    spike_least_samples: int,
) -> pl.LazyFrame:
    """Return the samples that count, sorted by person and time: person, ts, bpm_sum, bpm_n.

    The spike rule is one pass: each decision sees the series as it was before any was dropped.
    """
    single = (
        samples.filter(in_range(lowest_bpm=lowest_bpm, highest_bpm=highest_bpm))
        .pipe(without_twins)
        .with_columns(pl.col("ts").set_sorted())
    )
    near = single.rolling(
        "ts",
        period=f"{2 * spike_reach_ms}i",
        offset=f"-{spike_reach_ms}i",
        closed="both",
        group_by="person",
    ).agg(
        median_bpm=(pl.col("bpm_sum") / pl.col("bpm_n")).median(),
        samples_near=pl.len(),
        most_twins=pl.col("bpm_n").max(),
    )
    return (
        single.join(near, on=["person", "ts"])
        .filter(~is_spike(deviation_bpm=spike_deviation_bpm, least_samples=spike_least_samples))
        .select("person", "ts", "bpm_sum", "bpm_n")
        .sort("person", "ts")
    )

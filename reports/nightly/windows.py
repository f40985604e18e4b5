"""Windows of patients' time: runs of local days to compute again, widened until nothing crosses.

A window is right to compute alone when no chain of effort, and no stored bout, runs over its edges.
"""

import polars as pl

from adherence.clock import DAY_MS

WINDOW = pl.Schema(
    {"window": pl.Int64, "patient_id": pl.Int64, "first_day": pl.Int64, "last_day": pl.Int64}
)
"""Days are counted from 1970-01-01 on the local calendar; both ends belong to the window."""

DIRTY = pl.Schema({"patient_id": pl.Int64, "day": pl.Int64})


def windows_of(dirty: pl.DataFrame, *, most_days: int) -> pl.DataFrame:
    """Return WINDOW: runs of consecutive dirty days, none longer than `most_days`."""
    start = (pl.col("patient_id") != pl.col("patient_id").shift(1)) | (
        pl.col("day") != pl.col("day").shift(1) + 1
    )
    return (
        dirty.unique()
        .sort("patient_id", "day")
        .with_columns(run=start.fill_null(value=True).cum_sum())
        .with_columns(piece=(pl.col("day") - pl.col("day").min().over("run")) // most_days)
        .group_by("patient_id", "run", "piece")
        .agg(first_day=pl.col("day").min(), last_day=pl.col("day").max())
        .sort("patient_id", "first_day")
        .with_row_index("window")
        .select(pl.col(name).cast(dtype) for name, dtype in WINDOW.items())
    )


def with_edges(windows: pl.DataFrame, *, utc_offset_ms: int, beyond_ms: int) -> pl.DataFrame:
    """Add the window's edges and what must be read for it, in ms: half-open."""
    start_ms = pl.col("first_day") * DAY_MS - utc_offset_ms
    end_ms = (pl.col("last_day") + 1) * DAY_MS - utc_offset_ms
    return windows.with_columns(
        edge_start_ms=start_ms,
        edge_end_ms=end_ms,
        from_ms=start_ms - beyond_ms,
        to_ms=end_ms + beyond_ms,
    )


def crossings(windows: pl.DataFrame, chains: pl.DataFrame) -> pl.DataFrame:
    """Return the windows that a chain of effort leaves, with `early` and `late` telling where.

    `windows` has its edges; `chains` has person (the window's number), start_ms and end_ms.
    """
    before = (pl.col("start_ms") < pl.col("edge_start_ms")) & (
        pl.col("end_ms") > pl.col("edge_start_ms")
    )
    behind = (pl.col("start_ms") < pl.col("edge_end_ms")) & (
        pl.col("end_ms") > pl.col("edge_end_ms")
    )
    return (
        windows.join(chains, left_on="window", right_on="person")
        .group_by(*WINDOW)
        .agg(early=before.any(), late=behind.any())
        .filter(pl.col("early") | pl.col("late"))
    )


def widened(crossed: pl.DataFrame, *, days: int) -> pl.DataFrame:
    """Return crossed windows with so many days more on the side that was crossed."""
    return crossed.with_columns(
        first_day=pl.col("first_day") - days * pl.col("early").cast(pl.Int64),
        last_day=pl.col("last_day") + days * pl.col("late").cast(pl.Int64),
    ).select(*WINDOW)


def over_stored(windows: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """Widen windows over every stored bout that leaves them, until none does.

    What was one bout may fall apart, so its whole length is computed again. `stored`: bouts over a
    midnight as patient_id, bout_first_day, bout_last_day.
    """
    while True:
        touching = (
            windows.join(stored, on="patient_id")
            .filter(
                (pl.col("bout_first_day") <= pl.col("last_day"))
                & (pl.col("bout_last_day") >= pl.col("first_day"))
            )
            .group_by("window")
            .agg(pl.col("bout_first_day").min(), pl.col("bout_last_day").max())
        )
        wider = (
            windows.join(touching, on="window", how="left")
            .with_columns(
                first_day=pl.min_horizontal("first_day", "bout_first_day"),
                last_day=pl.max_horizontal("last_day", "bout_last_day"),
            )
            .select(*WINDOW)
            .sort("window")
        )
        if wider.equals(windows.sort("window")):
            return wider
        windows = wider

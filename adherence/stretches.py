"""Held time in effort, joined where no prescription can tell the parts apart (C9, C11).

A heart rate is judged by which edges of its person's prescriptions it reaches (`adherence.zones`),
the edges of all cases and versions taken together. Time that follows without a gap, on one local
day, and reaches the same edges, is one stretch; it carries the heart rate of its first sample, and
is judged by that as each of its parts would be. What reaches no edge is no effort to anybody.
"""

import numpy as np
import polars as pl

from adherence.clock import DAY_MS
from adherence.rows import Ints, Part, Reals, Runs, last_rows


def edges_of(cases: pl.LazyFrame) -> pl.DataFrame:
    """Return person and edge, in hundredths of a bpm, each once and sorted; of figured `cases`."""
    return (
        pl.concat(
            cases.select("person", edge=pl.col(name)) for name in ("effort_edge", "above_edge")
        )
        .drop_nulls("edge")
        .unique()
        .sort("person", "edge")
        .collect()
    )


def effort_time(held: pl.DataFrame, edges: pl.DataFrame, *, utc_offset_ms: int) -> pl.DataFrame:
    """Return HELD: the stretches of effort to any case, sorted by person and time.

    `held` is HELD, sorted; `edges` as `edges_of` gives them.
    """
    bpm_sum, bpm_n = held["bpm_sum"].to_numpy(), held["bpm_n"].to_numpy()
    runs = Runs.of(held["person"])
    of_run = _edges_of_runs(runs, edges)
    found_rows, found_edges = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for part in runs.parts():
        rows, reached = _reached(
            bpm_sum[part.rows], bpm_n[part.rows], part, of_run[part.runs], edges["edge"].to_numpy()
        )
        found_rows.append(rows + part.rows.start)
        found_edges.append(reached)
    rows, reached = np.concatenate(found_rows), np.concatenate(found_edges)
    start_ms, end_ms = held["start_ms"].to_numpy()[rows], held["end_ms"].to_numpy()[rows]
    day = (start_ms + utc_offset_ms) // DAY_MS
    goes_on = (start_ms[1:] == end_ms[:-1]) & (reached[1:] == reached[:-1]) & (day[1:] == day[:-1])
    first = np.flatnonzero(np.append(np.ones(min(len(rows), 1), np.bool_), ~goes_on))
    ends = pl.Series(end_ms[last_rows(first, len(rows))], dtype=pl.Int64)
    return held[rows[first]].with_columns(end_ms=ends)


def _edges_of_runs(runs: Runs, edges: pl.DataFrame) -> pl.DataFrame:
    """Return for each run its person's lowest edge, and the rows in `edges` of first and last."""
    of_person = Runs.of(edges["person"])
    found = pl.DataFrame(
        {
            "person": of_person.heads,
            "lowest": edges["edge"].gather(of_person.starts),
            "first": of_person.starts,
            "last": of_person.starts + of_person.lengths - 1,
        }
    )
    return (
        pl.DataFrame({"person": runs.heads})
        .join(found, on="person", how="left", maintain_order="left")
        .with_columns(
            pl.col("lowest").fill_null(float("inf")), pl.col("first", "last").fill_null(0)
        )
    )


def _reached(
    bpm_sum: Reals, bpm_n: Ints, part: Part, of_run: pl.DataFrame, edge: Reals
) -> tuple[Ints, Ints]:
    """Return the rows that reach an edge, and for each the row in `edges` of the highest it does.

    An edge is compared exactly as in `adherence.zones.reaches_edge`.
    """
    lowest = np.repeat(of_run["lowest"].to_numpy(), part.lengths)
    if (bpm_n > 1).any():
        lowest *= bpm_n
    rows = np.flatnonzero(100 * bpm_sum >= lowest)
    run = np.searchsorted(part.starts, rows, side="right") - 1
    first, last = of_run["first"].to_numpy()[run], of_run["last"].to_numpy()[run]
    hundredths, number = 100 * bpm_sum[rows], bpm_n[rows]
    reached = first.copy()
    for higher in range(1, int((last - first).max(initial=0)) + 1):
        after = first + higher
        reached += (after <= last) & (hundredths >= number * edge[np.minimum(after, last)])
    return rows, reached

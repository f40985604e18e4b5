"""Held time in effort, joined where no prescription can tell the parts apart (C9, C11).

A heart rate is judged by which edges of its person's prescriptions it reaches (`adherence.zones`),
the edges of all cases and versions taken together. Time that follows without a gap, on one local
day, and reaches the same edges, is one stretch; it carries the heart rate of its first sample, and
is judged by that as each of its parts would be. What reaches no edge is no effort to anybody.
"""

import numpy as np
import polars as pl

from adherence.clock import DAY_MS
from adherence.rows import Ints, Reals, lengths_of, starts_of


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
    person = held["person"]
    starts = starts_of(person)
    rows, reached = _reached(
        held["bpm_sum"].to_numpy(),
        held["bpm_n"].to_numpy(),
        person.gather(starts),
        lengths_of(starts, len(person)),
        edges,
    )
    start_ms, end_ms = held["start_ms"].to_numpy()[rows], held["end_ms"].to_numpy()[rows]
    day = (start_ms + utc_offset_ms) // DAY_MS
    goes_on = (start_ms[1:] == end_ms[:-1]) & (reached[1:] == reached[:-1]) & (day[1:] == day[:-1])
    first = np.flatnonzero(np.append(np.ones(min(len(rows), 1), np.bool_), ~goes_on))
    last = np.append(first[1:], len(rows))[: len(first)] - 1
    stretches = held[rows[first]]
    return stretches.with_columns(end_ms=pl.Series(end_ms[last], dtype=pl.Int64))


def _reached(
    bpm_sum: Reals, bpm_n: Ints, heads: pl.Series, lengths: Ints, edges: pl.DataFrame
) -> tuple[Ints, Ints]:
    """Return the rows that reach an edge, and for each the row in `edges` of the highest it does.

    An edge is compared exactly as in `adherence.zones.reaches_edge`.
    """
    begins = starts_of(edges["person"])
    edge = edges["edge"].to_numpy()
    of_person = pl.DataFrame(
        {
            "person": edges["person"].gather(begins),
            "first": begins,
            "last": begins + lengths_of(begins, len(edges)) - 1,
            "lowest": edge[begins],
        }
    )
    found = pl.DataFrame({"person": heads}).join(
        of_person, on="person", how="left", maintain_order="left"
    )
    lowest = np.repeat(found["lowest"].fill_null(np.inf).to_numpy(), lengths)
    if (bpm_n > 1).any():
        lowest *= bpm_n
    rows = np.flatnonzero(100 * bpm_sum >= lowest)
    run = np.searchsorted(np.cumsum(lengths), rows, side="right")
    lowest_row = found["first"].fill_null(0).to_numpy()[run]
    last = found["last"].fill_null(0).to_numpy()[run]
    hundredths, number = 100 * bpm_sum[rows], bpm_n[rows]
    reached = lowest_row.copy()
    for higher in range(1, int((last - lowest_row).max(initial=0)) + 1):
        after = lowest_row + higher
        is_reached = hundredths >= number * edge[np.minimum(after, last)]
        reached += (after <= last) & is_reached
    return rows, reached

"""Held time in effort, joined where no prescription can tell the parts apart (C9, C11).

A heart rate is judged by which edges of its person's prescriptions it reaches (`adherence.zones`),
the edges of all cases and versions taken together. Time that follows without a gap, on one local
day, and reaches the same edges, is one stretch; it carries the heart rate of its first sample, and
is judged by that as each of its parts would be. What reaches no edge is no effort to anybody.
"""

import numpy as np
import polars as pl

from adherence.clock import DAY_MS
from adherence.compiled import compiled
from adherence.rows import NEVER_MS, Held, Ints, Reals, Runs, held_columns


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
    runs = Runs.of(held["person"])
    first, end_ms = _stretches(
        runs.bounds,
        held_columns(held),
        edges["edge"].to_numpy(),
        *Runs.of(edges["person"]).found(runs.heads),
        utc_offset_ms,
    )
    return held[first].with_columns(end_ms=pl.Series(end_ms, dtype=pl.Int64))


@compiled
def _stretches(
    bounds: Ints, held: Held, edge: Reals, lowest: Ints, behind: Ints, utc_offset_ms: int
) -> tuple[Ints, Ints]:
    """Return the first row and the end of each stretch; a run's edges lie in [lowest, behind).

    An edge is compared exactly as in `adherence.zones.reaches_edge`.
    """
    start_ms, end_ms, bpm_sum, bpm_n = held
    first_of, end_of = np.empty_like(start_ms), np.empty_like(start_ms)
    found = 0
    for run in range(len(bounds) - 1):
        if lowest[run] == behind[run]:
            continue
        open_until_ms, open_edge, open_midnight_ms = NEVER_MS, -1, NEVER_MS
        for row in range(bounds[run], bounds[run + 1]):
            hundredths, number, reached = 100 * bpm_sum[row], bpm_n[row], lowest[run]
            if hundredths < number * edge[reached]:
                continue
            while reached + 1 < behind[run] and hundredths >= number * edge[reached + 1]:
                reached += 1
            now_ms = start_ms[row]
            if now_ms == open_until_ms and reached == open_edge and now_ms < open_midnight_ms:
                end_of[found - 1] = end_ms[row]
            else:
                first_of[found], end_of[found] = row, end_ms[row]
                found += 1
                open_edge = reached
                day = (now_ms + utc_offset_ms) // DAY_MS
                open_midnight_ms = (day + 1) * DAY_MS - utc_offset_ms
            open_until_ms = end_ms[row]
    return first_of[:found], end_of[:found]

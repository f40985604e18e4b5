"""How long each local day held each heart rate: a day in a hundred rows, however it was sampled.

Zones, credit and wear depend on a sample's heart rate and its day alone, so all prescriptions and
versions are judged from these rows instead of from the samples, and nothing is lost: whole
milliseconds are added. Whole heart rates are counted into one cell per day and beat. A heart rate
that is a fraction (a mean of twins, or given so) stands as a row of its own, and so does the part
of a hold that lies behind midnight.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from adherence.clock import DAY_MS
from adherence.rows import Ints, Part, Reals, Runs, dates, day_starts, last_rows

DAYS_AT_ONCE = 1_024
"""So many days are counted in one go: their cells fit a processor's cache."""


class _Rows(NamedTuple):
    """Held time by heart rate; `row` is a row of HELD of the same person."""

    row: Ints
    day: Ints
    bpm_sum: Reals
    bpm_n: Ints
    held_ms: Ints


def held_bpm(held: pl.DataFrame, *, utc_offset_ms: int) -> pl.DataFrame:
    """Return person, date, bpm_sum, bpm_n and held_ms (C10), in no order.

    `held` is HELD, sorted by person and time. A heart rate may have several rows in a day.
    """
    columns = [held[name].to_numpy() for name in ("start_ms", "end_ms", "bpm_sum", "bpm_n")]
    nothing = np.empty(0, np.int64)
    found = [_Rows(nothing, nothing, np.empty(0), nothing, nothing)]
    for part in Runs.of(held["person"]).parts():
        start_ms, end_ms, bpm_sum, bpm_n = (column[part.rows] for column in columns)
        found += (
            rows._replace(row=rows.row + part.rows.start)
            for rows in _of_part(part, start_ms, end_ms, bpm_sum, bpm_n, utc_offset_ms)
        )
    row, day, bpm_sum, bpm_n, held_ms = (
        np.concatenate(column) for column in zip(*found, strict=True)
    )
    return pl.DataFrame(
        {
            "person": held["person"].gather(row),
            "date": dates(day),
            "bpm_sum": bpm_sum,
            "bpm_n": bpm_n,
            "held_ms": held_ms,
        }
    )


def _of_part(
    part: Part, start_ms: Ints, end_ms: Ints, bpm_sum: Reals, bpm_n: Ints, utc_offset_ms: int
) -> Iterator[_Rows]:
    """Give the rows of whole heart rates, of fractions, and of what is held past midnight."""
    day = (start_ms + utc_offset_ms) // DAY_MS
    first = day_starts(part.starts, day)
    # Holds do not overlap: of a day only the last can run over its midnight.
    last = last_rows(first, len(day))
    midnight_ms = (day[last] + 1) * DAY_MS - utc_offset_ms
    over = np.flatnonzero(end_ms[last] > midnight_ms)
    late = last[over]
    held_ms = end_ms - start_ms
    held_ms[late] = midnight_ms[over] - start_ms[late]
    beat = bpm_sum.astype(np.int64)
    fraction = np.flatnonzero((beat != bpm_sum) | (bpm_n != 1))
    yield _Rows(fraction, day[fraction], bpm_sum[fraction], bpm_n[fraction], held_ms[fraction])
    yield _Rows(late, day[late] + 1, bpm_sum[late], bpm_n[late], end_ms[late] - midnight_ms[over])
    held_ms[fraction] = 0
    # Sums of a day's milliseconds are far below 2**53: exact in a float.
    weights = held_ms.astype(np.float64)
    lowest = int(beat.min())
    beats = int(beat.max()) - lowest + 1
    beat -= lowest
    for at in range(0, len(first), DAYS_AT_ONCE):
        runs = first[at : at + DAYS_AT_ONCE]
        rows = slice(runs[0], last[min(at + DAYS_AT_ONCE, len(first)) - 1] + 1)
        cell = np.repeat(np.arange(len(runs)) * beats, np.diff(runs, append=rows.stop))
        cell += beat[rows]
        ms = np.bincount(cell, weights=weights[rows])
        full = np.flatnonzero(ms)
        run, own = np.divmod(full, beats)
        yield _Rows(
            runs[run],
            day[runs[run]],
            (own + lowest).astype(np.float64),
            np.ones(len(full), np.int64),
            ms[full].astype(np.int64),
        )

"""How long each local day held each heart rate: a day in a hundred rows, however it was sampled.

Zones, credit and wear depend on a sample's heart rate and its day alone, so all prescriptions and
versions are judged from these rows instead of from the samples, and nothing is lost: whole
milliseconds are added. Whole heart rates are counted into one cell per day and beat. A heart rate
that is a fraction (a mean of twins, or given so) stands as a row of its own, and so does the part
of a hold that lies behind midnight.
"""

from itertools import pairwise

import numpy as np
import polars as pl

from adherence.clock import DAY_MS
from adherence.rows import Ints, Reals, dates, day_starts, lengths_of

DAYS_AT_ONCE = 4_096
"""So many days are counted in one go: their cells fit a processor's cache."""


def held_bpm(held: pl.DataFrame, *, utc_offset_ms: int) -> pl.DataFrame:
    """Return person, date, bpm_sum, bpm_n and held_ms (C10), in no order.

    `held` is HELD, sorted by person and time. A heart rate may have several rows in a day.
    """
    person = held["person"]
    start_ms, end_ms = held["start_ms"].to_numpy(), held["end_ms"].to_numpy()
    bpm_sum, bpm_n = held["bpm_sum"].to_numpy(), held["bpm_n"].to_numpy()
    day = (start_ms + utc_offset_ms) // DAY_MS
    first = day_starts(person, day)
    days = day[first]
    # Holds do not overlap: of a day only the last can run over its midnight.
    last = np.append(first[1:], len(day))[: len(first)] - 1
    midnight_ms = (days + 1) * DAY_MS - utc_offset_ms
    over = np.flatnonzero(end_ms[last] > midnight_ms)
    held_ms = end_ms - start_ms
    held_ms[last[over]] = midnight_ms[over] - start_ms[last[over]]
    is_whole = (bpm_n == 1) & (bpm_sum == np.floor(bpm_sum))
    single = np.flatnonzero(~is_whole)
    at, bpm, ms = _counted(first, bpm_sum, np.where(is_whole, held_ms, 0))
    return pl.concat(
        [
            _rows(person.gather(first[at]), days[at], bpm, np.ones(len(at), np.int64), ms),
            _rows(
                person.gather(single), day[single], bpm_sum[single], bpm_n[single], held_ms[single]
            ),
            _rows(
                person.gather(last[over]),
                days[over] + 1,
                bpm_sum[last[over]],
                bpm_n[last[over]],
                end_ms[last[over]] - midnight_ms[over],
            ),
        ]
    )


def _counted(first: Ints, bpm: Reals, held_ms: Ints) -> tuple[Ints, Reals, Ints]:
    """Return run, whole bpm and ms of every cell with time; runs of rows begin at `first`."""
    if not len(bpm):
        return np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64)
    lowest = int(np.floor(bpm.min()))
    beats = int(bpm.max()) - lowest + 1
    bounds = np.append(first[::DAYS_AT_ONCE], len(bpm)).tolist()
    found: list[tuple[Ints, Ints, Ints]] = []
    for part, (row, behind) in enumerate(pairwise(bounds)):
        runs = first[part * DAYS_AT_ONCE : (part + 1) * DAYS_AT_ONCE]
        base = np.arange(len(runs)) * beats - lowest
        cell = bpm[row:behind].astype(np.int64)
        cell += np.repeat(base, lengths_of(runs, behind))
        # Sums of a day's milliseconds are far below 2**53: exact in a float.
        ms = np.bincount(cell, weights=held_ms[row:behind])
        full = np.flatnonzero(ms)
        run, beat = np.divmod(full, beats)
        found.append((run + part * DAYS_AT_ONCE, beat + lowest, ms[full].astype(np.int64)))
    run, beat, ms = (np.concatenate(column) for column in zip(*found, strict=True))
    return run, beat.astype(np.float64), ms


def _rows(person: pl.Series, day: Ints, bpm_sum: Reals, bpm_n: Ints, held_ms: Ints) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "person": person,
            "date": dates(day),
            "bpm_sum": bpm_sum,
            "bpm_n": bpm_n,
            "held_ms": held_ms,
        }
    )

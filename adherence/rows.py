"""Rows of many people as whole columns: where each person begins, and whether rows are in order.

Kernels (`adherence.compiled`) go through the columns person by person, by the bounds of `Runs`.
"""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from adherence.compiled import compiled

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Bools = NDArray[np.bool_]

Held = tuple[Ints, Ints, Reals, Ints]
"""The columns start_ms, end_ms, bpm_sum and bpm_n of HELD (`adherence.schema`)."""

NEVER_MS = np.iinfo(np.int64).max


class Runs(NamedTuple):
    """Runs of rows of one person each."""

    heads: pl.Series
    """The person of each run."""
    bounds: Ints
    """The first row of each run, and at the end the number of rows."""

    @classmethod
    def of(cls, person: pl.Series, *, is_sorted: bool = True) -> "Runs":
        """Find where another person begins.

        Rows sorted by person are not all looked at. Of unsorted ones a person may have several
        runs.
        """
        starts = _starts(person, is_sorted=is_sorted)
        return cls(person.gather(starts), np.append(starts, len(person)))

    def counted(self, name: str) -> pl.DataFrame:
        """Return person and the number of rows."""
        runs = pl.DataFrame({"person": self.heads, name: np.diff(self.bounds)})
        return runs.group_by("person").agg(pl.col(name).sum())

    def found(self, person: pl.Series) -> tuple[Ints, Ints]:
        """Return the first row of each of these people and the row behind the last.

        Both are 0 where a person has no rows. Each person has one run.
        """
        runs = pl.DataFrame(
            {"person": self.heads, "first": self.bounds[:-1], "behind": self.bounds[1:]}
        )
        theirs = pl.DataFrame({"person": person}).join(
            runs, on="person", how="left", maintain_order="left"
        )
        first, behind = theirs.select(pl.col("first", "behind").fill_null(0))
        return first.to_numpy(), behind.to_numpy()


def _starts(person: pl.Series, *, is_sorted: bool) -> Ints:
    """Return the rows at which another person begins, the first row included."""
    if person.dtype.is_integer() and not person.has_nulls():
        return (_leaps if is_sorted else _changes)(person.to_numpy())
    if person.is_empty():
        return np.empty(0, np.int64)
    changes = person.slice(1) != person.slice(0, len(person) - 1)
    return np.append(0, np.flatnonzero(changes.to_numpy()) + 1)


@compiled
def _changes(person: Ints) -> Ints:
    rows = np.empty(len(person), np.int64)
    found = 0
    for row in range(len(person)):
        if row == 0 or person[row] != person[row - 1]:
            rows[found] = row
            found += 1
    return rows[:found].copy()


@compiled
def _leaps(person: Ints) -> Ints:
    rows = np.empty(len(person), np.int64)
    row = found = 0
    while row < len(person):
        rows[found] = row
        found += 1
        same, leap = row, 1
        while same + leap < len(person) and person[same + leap] == person[row]:
            same += leap
            leap *= 2
        while leap > 0:
            if same + leap < len(person) and person[same + leap] == person[row]:
                same += leap
            leap //= 2
        row = same + 1
    return rows[:found].copy()


def held_columns(held: pl.DataFrame) -> Held:
    """Return the columns of HELD as kernels take them."""
    start_ms, end_ms, bpm_sum, bpm_n = (
        held[name].to_numpy() for name in ("start_ms", "end_ms", "bpm_sum", "bpm_n")
    )
    return start_ms, end_ms, bpm_sum, bpm_n


def repeated(heads: pl.Series, lengths: Ints) -> pl.Series:
    """Return each person as often as it has rows."""
    if heads.dtype.is_integer() and not heads.has_nulls():
        return pl.Series(np.repeat(heads.to_numpy(), lengths))
    return heads.gather(np.repeat(np.arange(len(heads)), lengths))


def least_step(runs: Runs, at: Ints) -> int:
    """Return the shortest way from one row to the next of the same person.

    It is negative where any goes back, and if the people are not sorted. So where it is not, rows
    are sorted by person and time; where it is above 0, no time of a person stands twice.
    """
    heads = runs.heads
    if not (heads.slice(1) > heads.slice(0, max(len(heads) - 1, 0))).all():
        return -1
    return _least_step(runs.bounds, at)


@compiled
def _least_step(bounds: Ints, at: Ints) -> int:
    least = NEVER_MS
    for run in range(len(bounds) - 1):
        for row in range(bounds[run] + 1, bounds[run + 1]):
            least = min(least, at[row] - at[row - 1])
    return least


def dates(day: Ints) -> pl.Series:
    """Return days, counted from 1970-01-01 on the local calendar, as dates."""
    return pl.Series(day, dtype=pl.Int64).cast(pl.Int32).cast(pl.Date)

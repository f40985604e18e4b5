"""Rows of many people as whole columns: where each person begins, and one line of time for all.

Kernels work on columns in one go, not person by person. Two things make that safe: `starts_of` says
where a new person begins, and `Line` moves each person's time so that all of it lies one after the
other, a day apart at least. On the line a difference between two rows of one person is their
difference in time, and rows of two people are never close: no window, hold or chain crosses.
"""

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from adherence.clock import DAY_MS

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Bools = NDArray[np.bool_]


def starts_of(person: pl.Series) -> Ints:
    """Return the rows at which another person begins, the first row included."""
    if person.is_empty():
        return np.empty(0, np.int64)
    changes = person.slice(1).ne_missing(person.slice(0, len(person) - 1)).arg_true()
    return np.concatenate([[0], changes.to_numpy().astype(np.int64) + 1])


def day_starts(person: pl.Series, day: Ints) -> Ints:
    """Return the rows at which another person or another day begins, the first row included."""
    return np.union1d(starts_of(person), np.flatnonzero(day[1:] != day[:-1]) + 1)


def dates(day: Ints) -> pl.Series:
    """Return days, counted from 1970-01-01 on the local calendar, as dates."""
    return pl.Series(day, dtype=pl.Int64).cast(pl.Int32).cast(pl.Date)


def is_repeated(person: pl.Series, at: Ints) -> Bools:
    """Mark the rows, sorted by person and time, with person and time of the row before."""
    again = np.zeros(len(at), np.bool_)
    np.equal(at[1:], at[:-1], out=again[1:])
    again[starts_of(person)] = False
    return again


def lengths_of(starts: Ints, rows: int) -> Ints:
    """Return how many rows each run has, the last one ending with `rows`."""
    return np.diff(starts, append=rows)


def counted(person: pl.Series, name: str) -> pl.DataFrame:
    """Return person and the number of its rows, whatever their order."""
    starts = starts_of(person)
    runs = pl.DataFrame({"person": person.gather(starts), name: lengths_of(starts, len(person))})
    return runs.group_by("person").agg(pl.col(name).sum())


def expanded(first: Ints, behind: Ints) -> tuple[Ints, Ints]:
    """Return all numbers of the ranges [first, behind), and where each range begins among them."""
    lengths = np.maximum(behind - first, 0)
    begins = np.cumsum(lengths) - lengths
    return np.arange(int(lengths.sum())) + np.repeat(first - begins, lengths), begins


def summed(values: Ints | Bools, begins: Ints) -> Ints:
    """Add up runs of values that begin at rows `begins` (of `expanded`); an empty one is 0."""
    sums = np.zeros(len(begins), np.int64)
    is_any = lengths_of(begins, len(values)) > 0
    if len(values):
        sums[is_any] = np.add.reduceat(values, begins[is_any], dtype=np.int64)
    return sums


class Line(NamedTuple):
    """Where on the line each person's time lies: `person`, sorted, and `shift_ms`."""

    people: pl.DataFrame

    @classmethod
    def through(cls, *columns: tuple[pl.Series, Ints]) -> "Line":
        """Lay out all people of the columns, each (person, time in ms), in the persons' order."""
        extents = pl.concat(_extents(person, at_ms) for person, at_ms in columns)
        people = (extents.group_by("person").agg(pl.col("first").min(), pl.col("last").max())).sort(
            "person"
        )
        room_ms = pl.col("last") - pl.col("first") + DAY_MS
        shift_ms = room_ms.cum_sum() - room_ms - pl.col("first")
        return cls(people.select("person", shift_ms=shift_ms))

    def place(self, person: pl.Series, at_ms: Ints) -> Ints:
        """Return times on the line; every person must be on it. Sorted rows stay sorted."""
        starts = starts_of(person)
        heads = pl.DataFrame({"person": person.gather(starts)})
        shifts = heads.join(self.people, on="person", how="left", maintain_order="left")
        lengths = lengths_of(starts, len(person))
        placed: Ints = at_ms + np.repeat(shifts["shift_ms"].to_numpy(), lengths)
        return placed


def _extents(person: pl.Series, at_ms: Ints) -> pl.DataFrame:
    starts = starts_of(person)
    ends: dict[str, Any] = {"first": np.minimum, "last": np.maximum}
    return pl.DataFrame(
        {
            "person": person.gather(starts),
            **{
                name: end.reduceat(at_ms, starts) if len(starts) else np.empty(0, np.int64)
                for name, end in ends.items()
            },
        }
    )


def are_in_order(person: pl.Series, at: Ints) -> bool:
    """Say whether rows are sorted by person and time, equal times allowed."""
    starts = starts_of(person)
    heads = person.gather(starts)
    if not (heads.slice(1) > heads.slice(0, max(len(heads) - 1, 0))).all():
        return False
    steps = np.diff(at)
    steps[starts[1:] - 1] = 0
    return bool(steps.min(initial=0) >= 0)

"""Rows of many people as whole columns: where each person begins, and one line of time for all.

Kernels work on columns, not person by person. Three things make that safe and quick:

- `Runs` says where a new person begins.
- `Line` moves each person's time so that all of it lies one after the other, a day apart at least.
  On the line a difference between two rows of one person is their difference in time, and rows of
  two people are never close: no window, hold or chain crosses.
- A kernel goes through the parts of `Runs.parts`, each of whole people: their columns fit a
  processor's cache, and what it needs in between is as large as a part, not as the frame.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from adherence.clock import DAY_MS

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Bools = NDArray[np.bool_]

PART_ROWS = 65_536


class Part(NamedTuple):
    """Some whole people: their rows, their runs, and where those begin among the part's rows."""

    rows: slice
    runs: slice
    starts: Ints
    lengths: Ints


class Runs(NamedTuple):
    """Runs of rows of one person each."""

    heads: pl.Series
    """The person of each run."""
    starts: Ints
    lengths: Ints

    @classmethod
    def of(cls, person: pl.Series) -> "Runs":
        """Find where another person begins; a person may have several runs if rows are unsorted."""
        starts = starts_of(person)
        return cls(person.gather(starts), starts, np.diff(starts, append=len(person)))

    def ends(self, at: Ints) -> tuple[pl.Series, Ints, Ints]:
        """Return each run's person, first time and last time, the rows being sorted."""
        return self.heads, at[self.starts], at[self.starts + self.lengths - 1]

    def parts(self) -> Iterator[Part]:
        """Give all runs in parts of some `PART_ROWS` rows; a person's rows stay together."""
        number = self.starts // PART_ROWS
        cuts = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(self.starts)]
        for run, behind in pairwise(cuts):
            if behind > run:
                yield self.between(run, behind)

    def between(self, run: int, behind: int) -> Part:
        """Return some runs that follow one another."""
        lengths = self.lengths[run:behind]
        first = int(self.starts[run]) if len(lengths) else 0
        rows = slice(first, first + int(lengths.sum()))
        return Part(rows, slice(run, behind), self.starts[run:behind] - first, lengths)

    def counted(self, name: str) -> pl.DataFrame:
        """Return person and the number of rows."""
        runs = pl.DataFrame({"person": self.heads, name: self.lengths})
        return runs.group_by("person").agg(pl.col(name).sum())


def starts_of(person: pl.Series) -> Ints:
    """Return the rows at which another person begins, the first row included."""
    if person.is_empty():
        return np.empty(0, np.int64)
    if person.dtype.is_integer() and not person.has_nulls():
        of_row = person.to_numpy()  # no copy, and compared without one
        return np.append(0, np.flatnonzero(of_row[1:] != of_row[:-1]) + 1)
    changes = person.slice(1) != person.slice(0, len(person) - 1)
    return np.append(0, np.flatnonzero(changes.to_numpy()) + 1)


def smallest_gaps(runs: Runs, at: Ints) -> Ints:
    """Return for each part the shortest way from one row to the next of the same person.

    It is negative where any goes back, and everywhere if the people are not sorted. So where none
    is negative, rows are sorted by person and time; where all are above 0, no time of a person
    stands twice.
    """
    heads = runs.heads
    if not (heads.slice(1) > heads.slice(0, max(len(heads) - 1, 0))).all():
        return np.full(1, -1)
    return np.array([gaps_of(at, part).min() for part in runs.parts()], np.int64)


def gaps_of(at: Ints, part: Part) -> Ints:
    """Return the way from each row of a part to the next, a day from the last row of a person."""
    own = at[part.rows]
    gaps = np.empty(len(own), np.int64)
    np.subtract(own[1:], own[:-1], out=gaps[:-1])
    gaps[part.starts[1:] - 1] = DAY_MS
    gaps[-1] = DAY_MS
    return gaps


def day_starts(starts: Ints, day: Ints) -> Ints:
    """Return the rows at which another run or another day begins, the first row included."""
    return np.union1d(starts, np.flatnonzero(day[1:] != day[:-1]) + 1)


def dates(day: Ints) -> pl.Series:
    """Return days, counted from 1970-01-01 on the local calendar, as dates."""
    return pl.Series(day, dtype=pl.Int64).cast(pl.Int32).cast(pl.Date)


def last_rows(starts: Ints, rows: int) -> Ints:
    """Return the last row of each run, the last run ending with `rows`."""
    return np.append(starts[1:], rows)[: len(starts)] - 1


def expanded(first: Ints, behind: Ints) -> tuple[Ints, Ints]:
    """Return all numbers of the ranges [first, behind), and where each range begins among them."""
    lengths = np.maximum(behind - first, 0)
    begins = np.cumsum(lengths) - lengths
    return np.arange(int(lengths.sum())) + np.repeat(first - begins, lengths), begins


def summed(values: Ints | Bools, begins: Ints) -> Ints:
    """Add up runs of values that begin at rows `begins` (of `expanded`); an empty one is 0."""
    sums = np.zeros(len(begins), np.int64)
    is_any = np.diff(begins, append=len(values)) > 0
    if len(values):
        sums[is_any] = np.add.reduceat(values, begins[is_any], dtype=np.int64)
    return sums


def on_one_line(at: Ints, part: Part) -> Ints:
    """Return a part's times, sorted by person and time, one person's after the other's."""
    own = at[part.rows]
    first, last = own[part.starts], own[part.starts + part.lengths - 1]
    room = last - first + DAY_MS
    line: Ints = own + np.repeat(np.cumsum(room) - room - first, part.lengths)
    return line


class Line(NamedTuple):
    """Where on the line each person's time lies."""

    people: pl.DataFrame
    """`person`, sorted; `number`, counted in that order; `shift_ms`."""

    @classmethod
    def through(cls, *reaches: tuple[pl.Series, Ints, Ints]) -> "Line":
        """Lay out all people, in their order, each (persons, first ms, last ms)."""
        extents = pl.concat(
            pl.DataFrame({"person": person, "first": first_ms, "last": last_ms})
            for person, first_ms, last_ms in reaches
        )
        room_ms = pl.col("last") - pl.col("first") + DAY_MS
        shift_ms = room_ms.cum_sum() - room_ms - pl.col("first")
        return cls(
            extents.group_by("person")
            .agg(pl.col("first").min(), pl.col("last").max())
            .sort("person")
            .select("person", number=pl.int_range(pl.len()), shift_ms=shift_ms)
        )

    def find(self, runs: Runs) -> tuple[Ints, Ints]:
        """Return each run's person's number, and how far that person's time is moved.

        Every person must be on the line.
        """
        heads = pl.DataFrame({"person": runs.heads})
        found = heads.join(self.people, on="person", how="left", maintain_order="left")
        return found["number"].to_numpy(), found["shift_ms"].to_numpy()

    def place(self, runs: Runs, at_ms: Ints) -> Ints:
        """Return times on the line. Sorted rows stay sorted."""
        _, shift_ms = self.find(runs)
        placed: Ints = at_ms + np.repeat(shift_ms, runs.lengths)
        return placed

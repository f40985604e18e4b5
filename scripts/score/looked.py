"""A file of readings, looked through once: who is in it and where, and which rows break a rule."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from config.conventions import Conventions
from scripts.score.keys import alike, number_if_written_so
from scripts.score.rows import Rows, failures_of, in_words, open_rows, people_of
from scripts.score.rules import FAILURES, Shape

PLACES = pl.Schema(dict.fromkeys(("person", "part", "first", "last", "rows"), pl.Int64()))


@dataclass(frozen=True)
class Looked:
    """The files of one kind."""

    shape: Shape
    parts: Sequence[Rows]
    """Each with those rules alone that some row of it breaks."""
    where: pl.DataFrame
    """person (Int64 or text), part, first, last, rows; by part a row for each person."""
    failures: pl.DataFrame
    """FAILURES."""
    told: Sequence[str]
    """The failures in words."""

    def good(self) -> pl.DataFrame:
        """Return all rows that break no rule: person, ts, value (Float64)."""
        person = self.where.schema["person"]
        frames = [
            rows.good().cast({"person": person, self.shape.value: pl.Float64})
            for rows in self.parts
        ]
        columns = pl.Schema({"person": person, "ts": pl.Int64(), self.shape.value: pl.Float64()})
        return pl.concat([pl.LazyFrame(schema=columns), *frames]).collect(engine="streaming")


def look(
    path: Path | None, shape: Shape, *, zone: str, conventions: Conventions, spool: Path
) -> Looked:
    """Look through a file, a folder of Parquet files, or none where no path is given."""
    parts = []
    if path is not None:
        parts = open_rows(path, shape, zone=zone, conventions=conventions, spool=spool)
    where, failures, told, kept = (
        [pl.DataFrame(schema=PLACES)],
        [pl.DataFrame(schema=FAILURES)],
        [],
        [],
    )
    for number, rows in enumerate(parts):
        people = people_of(rows)
        found = failures_of(rows, people)
        told += [in_words(failure, rows) for failure in found.iter_rows(named=True)]
        broken = found["rule"].to_list()
        kept.append(replace(rows, breaks={rule: rows.breaks[rule] for rule in broken}))
        failures.append(found)
        people = people.drop_nulls("person").with_columns(part=pl.lit(number, pl.Int64))
        if rows.is_csv:
            people = people.with_columns(number_if_written_so(people["person"]))
        where.append(people.select(*PLACES))
    persons = alike(*(one["person"] for one in where))
    typed = [one.with_columns(person) for one, person in zip(where, persons, strict=True)]
    return Looked(shape, kept, pl.concat(typed), pl.concat(failures), told)

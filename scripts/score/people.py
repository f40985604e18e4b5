"""The rows of any few people, out of files of any size: each person's lie together, or are moved.

Whether they do is looked at, not believed. A file in which people come mixed is written anew, a
block of people at a time, and memory follows the block.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree

import numpy as np
import polars as pl

from scripts.score.rows import Rows, ours, people_of, spooled
from scripts.score.rules import Shape
from scripts.score.table import readable

NEAR_ROWS = 250_000
"""Rows of others that are read over sooner than the file is opened once more: a row group."""

NOBODY = -1


@dataclass(frozen=True)
class Recorded:
    """The good rows of the files of one kind, found by person."""

    shape: Shape
    parts: Sequence[Rows]
    where: pl.DataFrame
    """person (Int64 or text), part, first (row, from 0), rows: one row a person, in their order."""

    def read(self, people: pl.DataFrame) -> pl.DataFrame:
        """Return person (the code, Int32), ts (Int64 ms UTC) and value of `people`: person, code.

        Rows lie as the files have them.
        """
        wanted = self.where.join(people, on="person").sort("part", "first")
        if wanted.is_empty():
            columns = {"person": pl.Int32, "ts": pl.Int64, self.shape.value: pl.Float64}
            return pl.DataFrame(schema=columns)
        pieces = [self._piece(run) for run in _runs(wanted)]
        return pl.concat(pieces, how="vertical_relaxed").rechunk()

    def _piece(self, run: pl.DataFrame) -> pl.DataFrame:
        rows = self.parts[run.item(0, "part")]
        start = run.item(0, "first")
        end = run.item(-1, "first") + run.item(-1, "rows")
        columns = {"ts": rows.ts, self.shape.value: rows.value}
        if rows.breaks:
            columns["broken"] = pl.any_horizontal(*rows.breaks.values())
        asked = rows.raw.slice(start, end - start).select(**columns)
        piece: pl.DataFrame = readable(asked.collect, rows.path)
        piece = piece.with_columns(_codes(run))
        if rows.breaks:
            piece = piece.filter(~pl.col("broken"))
        if end - start > run["rows"].sum():
            piece = piece.filter(pl.col("person") != NOBODY)
        return piece.select("person", "ts", self.shape.value)


def _runs(wanted: pl.DataFrame) -> list[pl.DataFrame]:
    """Part people where it is sooner to open the file anew than to read over the rows between."""
    between = pl.col("first") - (pl.col("first") + pl.col("rows")).shift()
    apart = (pl.col("part") != pl.col("part").shift()) | (between > NEAR_ROWS)
    run = apart.fill_null(value=False).cum_sum()
    return wanted.with_columns(run=run).partition_by("run", maintain_order=True)


def _codes(run: pl.DataFrame) -> pl.Series:
    """Return the code of each row from the first of a run to its last: nobody's between two."""
    first, rows = run["first"].to_numpy(), run["rows"].to_numpy()
    between = first - np.append(first[:1], (first + rows)[:-1])
    codes = np.full(2 * run.height, NOBODY, np.int32)
    codes[1::2] = run["code"].to_numpy()
    return pl.Series("person", np.repeat(codes, np.column_stack([between, rows]).ravel()))


def recorded(
    shape: Shape, parts: Sequence[Rows], where: pl.DataFrame, spool: Path, *, block_rows: int
) -> Recorded:
    """Return the rows of the people of `where`: person, part, first, last, rows.

    Where a person's rows do not lie together they are moved, all people's, into the folder `spool`.
    """
    mixed = where["person"].is_duplicated() | (where["last"] - where["first"] + 1 != where["rows"])
    if mixed.any():
        return _moved(shape, parts, where, spool, block_rows=block_rows)
    return Recorded(shape, parts, where.select("person", "part", "first", "rows"))


def _moved(
    shape: Shape, parts: Sequence[Rows], where: pl.DataFrame, spool: Path, *, block_rows: int
) -> Recorded:
    """Write the people's rows anew, sorted: first in pieces by block of people, then each block."""
    people = where.group_by("person", maintain_order=True).agg(pl.col("rows").sum())
    before = pl.col("rows").cum_sum() - pl.col("rows")
    blocks = people.select("person", block=before // block_rows)
    folder = spool / f"{shape.table}-pieces"
    for number, piece in enumerate(_pieces(parts, where.schema["person"], block_rows)):
        found = piece.join(blocks, on="person").partition_by("block", as_dict=True)
        for (block,), some in found.items():
            target = folder / str(block)
            target.mkdir(parents=True, exist_ok=True)
            spooled(some.drop("block").lazy(), target / f"{number}.parquet", parts[0].path)
    nobody = pl.DataFrame(
        schema={"person": where.schema["person"]}
        | dict.fromkeys(("part", "first", "rows"), pl.Int64)
    )
    moved, new_where = [], [nobody]
    with_rows = [
        block
        for block in blocks["block"].unique(maintain_order=True)
        if (folder / str(block)).is_dir()  # else each of their rows breaks a rule
    ]
    for number, block in enumerate(with_rows):
        target = spool / f"{shape.table}-block-{number}.parquet"
        rows = pl.scan_parquet(folder / str(block) / "*.parquet").sort("person", "ts")
        spooled(rows, target, parts[0].path)
        moved.append(ours(target, shape))
        its_people = people_of(moved[-1]).with_columns(part=pl.lit(number, pl.Int64))
        new_where.append(its_people.select(nobody.columns))
    rmtree(folder, ignore_errors=True)
    return Recorded(shape, moved, pl.concat(new_where))


def _pieces(parts: Sequence[Rows], person: pl.DataType, block_rows: int) -> Iterator[pl.DataFrame]:
    """Return the good rows of all files, so many at a time."""
    for rows in parts:
        total = readable(rows.raw.select(pl.len()).collect, rows.path).item()
        for start in range(0, total, block_rows):
            piece = replace(rows, raw=rows.raw.slice(start, block_rows)).good().collect()
            yield piece.cast({"person": person, rows.shape.value: pl.Float64})

"""A recording by blocks of whole people: as much as the core takes at once, whatever there is."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from typing import TypeVar

import polars as pl

from scripts.score.inputs import Found

Result = TypeVar("Result")

BLOCK_ROWS = 4_000_000
"""Rows of heart rate and steps in a block: what a block costs beside its rows is small then, and
three of them take about 1.2 GB. A person with more is a block alone."""

MOST_AT_A_TIME = 4
"""Blocks, one more than there are cores: one reads while the others compute. Memory grows with each
of them."""


@dataclass(frozen=True)
class Block:
    """Some people and all their rows; a number, the code, stands for each person."""

    samples: pl.DataFrame
    step_rows: pl.DataFrame
    cases: pl.DataFrame
    log: pl.DataFrame | None
    """LOG of these cases; None without a session log."""
    people: pl.DataFrame
    """person, code (Int32)."""
    rows: int
    """In the files, those left out too."""

    def named(self, results: pl.DataFrame) -> pl.DataFrame:
        """Return `results` with the people's own keys for their codes."""
        key = self.people.sort("code")["person"].gather(results["person"])
        return results.with_columns(key.alias("person"))


def by_block(
    found: Found, compute: Callable[[Block], Result], *, block_rows: int = BLOCK_ROWS
) -> Iterator[Result]:
    """Return what `compute` makes of each block, in the order of the files.

    Who has no rows comes last; there is one block at least, if an empty one. Some blocks are read
    and computed at a time, in threads, and no more are begun than that.
    """
    threads = min((cpu_count() or 1) + 1, MOST_AT_A_TIME)
    with ThreadPoolExecutor(threads) as pool:
        begun: deque[Future[Result]] = deque()
        for people in _parted(found, block_rows):
            begun.append(pool.submit(lambda some: compute(_read(found, some)), people))
            if len(begun) > threads:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()


def _read(found: Found, people: pl.DataFrame) -> Block:
    codes = people.select("person", "code")
    cases = found.cases.join(codes, on="person", maintain_order="left")
    return Block(
        samples=found.samples.read(codes),
        step_rows=found.step_rows.read(codes),
        cases=cases.with_columns(person=pl.col("code")).drop("code"),
        log=None if found.log is None else found.log.join(cases, on="case", how="semi"),
        people=codes,
        rows=_total(people["rows"]),
    )


def rows_of(found: Found) -> int:
    """Return how many rows all blocks have."""
    return _total(found.samples.where["rows"]) + _total(found.step_rows.where["rows"])


def _total(rows: pl.Series) -> int:
    return int(rows.sum())


def _parted(found: Found, block_rows: int) -> list[pl.DataFrame]:
    """Return person, rows, code: one frame for each block."""
    walked = found.step_rows.where.select("person", steps="rows")
    recorded = found.samples.where.sort("part", "first").select("person", beats="rows")
    people = (
        pl.concat([recorded.select("person"), found.cases.select("person")])
        .unique(maintain_order=True)
        .join(recorded, on="person", how="left", maintain_order="left")
        .join(walked, on="person", how="left", maintain_order="left")
        .select("person", rows=pl.sum_horizontal("beats", "steps"))
        .with_columns(block=(pl.col("rows").cum_sum() - pl.col("rows")) // block_rows)
        .with_columns(code=pl.int_range(pl.len(), dtype=pl.Int32).over("block"))
    )
    return people.partition_by("block", maintain_order=True, include_key=False) or [
        people.drop("block")
    ]

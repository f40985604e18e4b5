"""Results of many blocks, put in order of the cases without holding them all in memory.

Those of some blocks at a time go to a file; at the end the files are read by ranges of cases. A
case lies in one block, so within it the order of time stands already.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from math import ceil
from pathlib import Path

import polars as pl

from config.errors import Misconfigured
from config.language import _
from scripts.score.disk import stored, stored_for_a_while

RANGE_ROWS = 250_000
"""Rows of results in memory at a time."""

ROW_GROUP = 262_144


class Parts:
    """The results so far, by table."""

    def __init__(self, folder: Path, *, range_rows: int = RANGE_ROWS) -> None:
        self._folder = folder
        self._range_rows = range_rows
        self._waiting: dict[str, list[pl.DataFrame]] = {}
        self._parts: dict[str, list[Path]] = {}
        self.rows: Counter[str] = Counter()
        """Of each table."""

    def add(self, tables: Mapping[str, pl.DataFrame]) -> None:
        """Take the results of one block, each table sorted within a case."""
        for name, table in tables.items():
            waiting = self._waiting.setdefault(name, [])
            waiting.append(table)
            self.rows[name] += table.height
            if sum(one.height for one in waiting) >= self._range_rows:
                self._lay_down(name)

    def _lay_down(self, name: str) -> None:
        """Write what waits in memory to a file."""
        parts = self._parts.setdefault(name, [])
        if waiting := self._waiting.pop(name, None):
            parts.append(self._folder / name / f"{len(parts)}.parquet")
            _spill(pl.concat(waiting), parts[-1])

    def write(self, cases: pl.Series, out: Path, metadata: Mapping[str, str]) -> None:
        """Write each table to `<out>/<name>.parquet`, sorted by case; `cases` are all there are."""
        for name in self.rows:
            self._lay_down(name)
            ordered = self._ordered(name, cases.sort())
            write_table(pl.scan_parquet(ordered), out / f"{name}.parquet", metadata)

    def _ordered(self, name: str, cases: pl.Series) -> list[Path]:
        """Write files of which one after the other is the whole table in order."""
        ranges = ceil(self.rows[name] / self._range_rows)
        step = max(1, ceil(len(cases) / max(1, ranges)))
        files = []
        for number, (first, end) in enumerate(pairwise([None, *cases[step::step], None])):
            within = [pl.col("case") >= first] if first is not None else []
            within += [pl.col("case") < end] if end is not None else []
            rows = pl.scan_parquet(self._parts[name]).filter(*within).collect()
            files.append(self._folder / name / f"ordered-{number}.parquet")
            _spill(rows.sort("case", maintain_order=True), files[-1])
        return files


def _spill(rows: pl.DataFrame, target: Path) -> None:
    """Write rows to a temporary file; raise Unavailable where there is no room for them."""

    def write() -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(target, compression="lz4")

    stored_for_a_while(write, target)


def write_table(table: pl.LazyFrame, target: Path, metadata: Mapping[str, str]) -> None:
    """Write a table, a piece at a time; the file is whole or, after a fault, as it was."""
    half_written = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        stored(
            lambda: table.sink_parquet(
                half_written, metadata=dict(metadata), row_group_size=ROW_GROUP
            ),
            half_written,
        )
        half_written.replace(target)
    except OSError as error:
        half_written.unlink(missing_ok=True)
        raise Misconfigured(
            _("%(folder)s cannot be written to (%(why)s): give another folder with --out")
            % {"folder": target.parent, "why": error.strerror}
        ) from error

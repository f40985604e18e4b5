"""Results of many blocks, put in order of the cases without holding them all in memory.

Each block's results go to files of their own; at the end those are read by ranges of cases. A case
lies in one block, so within it the order of time stands already.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from math import ceil
from pathlib import Path

import polars as pl

from config.errors import Misconfigured
from config.language import _

RANGE_ROWS = 1_000_000
"""Rows of results in memory at a time."""

ROW_GROUP = 262_144


class Parts:
    """The results so far, by table."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blocks = 0
        self.rows: Counter[str] = Counter()
        """Of each table."""

    def add(self, tables: Mapping[str, pl.DataFrame]) -> None:
        """Take the results of one block, each table sorted within a case."""
        for name, table in tables.items():
            folder = self._folder / name
            folder.mkdir(parents=True, exist_ok=True)
            table.write_parquet(folder / f"{self._blocks}.parquet", compression="lz4")
            self.rows[name] += table.height
        self._blocks += 1

    def write(
        self,
        cases: pl.Series,
        out: Path,
        metadata: Mapping[str, str],
        *,
        range_rows: int = RANGE_ROWS,
    ) -> None:
        """Write each table to `<out>/<name>.parquet`, sorted by case; `cases` are all there are."""
        for name in list(self.rows):
            parts = [self._folder / name / f"{block}.parquet" for block in range(self._blocks)]
            ordered = self._ordered(name, parts, cases.sort(), range_rows)
            write_table(pl.scan_parquet(ordered), out / f"{name}.parquet", metadata)

    def _ordered(
        self, name: str, parts: list[Path], cases: pl.Series, range_rows: int
    ) -> list[Path]:
        """Write files of which one after the other is the whole table in order."""
        ranges = ceil(self.rows[name] / range_rows)
        step = max(1, ceil(len(cases) / max(1, ranges)))
        files = []
        for number, (first, end) in enumerate(pairwise([None, *cases[step::step], None])):
            within = [pl.col("case") >= first] if first is not None else []
            within += [pl.col("case") < end] if end is not None else []
            rows = pl.scan_parquet(parts).filter(*within).collect()
            files.append(self._folder / name / f"ordered-{number}.parquet")
            rows.sort("case", maintain_order=True).write_parquet(files[-1], compression="lz4")
        return files


def write_table(table: pl.LazyFrame, target: Path, metadata: Mapping[str, str]) -> None:
    """Write a table, a piece at a time; the file is whole or, after a fault, as it was."""
    half_written = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        table.sink_parquet(half_written, metadata=dict(metadata), row_group_size=ROW_GROUP)
        half_written.replace(target)
    except OSError as error:
        raise Misconfigured(
            _("%(folder)s cannot be written to (%(why)s): give another folder with --out")
            % {"folder": target.parent, "why": error.strerror}
        ) from error

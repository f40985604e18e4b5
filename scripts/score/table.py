"""A table of a file, Parquet or CSV: read, and the place of a fault in it named."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

import polars as pl

from config.errors import Misconfigured
from config.language import _, later

Read = TypeVar("Read")

ALIKE = 0.8
"""Of difflib's likeness, 0 to 1: two letters changed in `ceiling_bpm`, one in `mode`."""

FLOAT32_DIGITS = 7
"""A number of so many digits or fewer can be read out of 32 bits as it was written into them."""
PARQUET_MAGIC = b"PAR1"
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
SHOWN_ROWS = 5
ROW = "row of the file"
"""Counts rows from 0. It is asked for where a file is opened: so Parquet's own statistics can still
answer a filter. No column of a file is called so."""
BEYOND = "fields behind the last heading"
"""A CSV column of ours: not null where a line has more fields than the heading. Which of them is
the one too many nobody can say, so nothing of such a line is believed."""
RAGGED = "ragged"
"""The rule that such a line breaks."""
TOO_LONG = later("the line has more fields than the heading: a comma too many, or quotes missing")
MISSING_WORDS = ("", "nan", "null", "none", "na")
"""What a CSV may write for a missing number; compared without spaces and capitals."""


@dataclass(frozen=True)
class Table:
    """A file's rows, all in memory. CSV columns are all text until they are parsed."""

    path: Path
    frame: pl.DataFrame
    is_csv: bool
    ragged: pl.Series | None = None
    """Where a line of a CSV has more fields than the heading; None in a Parquet file."""

    @property
    def first_row(self) -> int:
        """The number by which a person finds the first row; the heading of a CSV is line 1."""
        return first_row(is_csv=self.is_csv)

    def places(self, faulty: pl.Series) -> str:
        """Name the rows where `faulty` is true: the first few, and how many there are."""
        rows = faulty.arg_true()
        shown = (rows.head(SHOWN_ROWS) + self.first_row).to_list()
        return places(shown, len(rows), is_csv=self.is_csv)

    def fault(self, column: str | None, faulty: pl.Series, what: str) -> list[str]:
        """Return one sentence naming file, column and rows, or none where nothing is faulty."""
        if not faulty.any():
            return []
        return [fault(self.path, column, self.places(faulty), what)]


def first_row(*, is_csv: bool) -> int:
    """Return the number of the first row, as an editor or a table of rows counts."""
    return 2 if is_csv else 1


def places(first_rows: list[int], count: int, *, is_csv: bool) -> str:
    """Name `count` rows by the first few."""
    shown = ", ".join(map(str, first_rows)) + (", ..." if count > len(first_rows) else "")
    words = {"rows": shown, "count": count}
    if is_csv:
        return _("line %(rows)s (%(count)d in all)") % words
    return _("row %(rows)s (%(count)d in all)") % words


def fault(path: Path, column: str | None, where: str, what: str) -> str:
    """Return one sentence naming file, column and rows; without a column the row is meant."""
    if column is None:
        words = {"path": path, "places": where, "what": what}
        return _("%(path)s: %(places)s: %(what)s") % words
    return _("%(path)s: column %(column)s, %(places)s: %(what)s") % {
        "path": path,
        "column": column,
        "places": where,
        "what": what,
    }


def read_table(path: Path, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> Table:
    """Read the named columns of a Parquet or CSV file; raise Misconfigured if it has not all.

    Other columns are the file's own affair, but not one that is nearly an optional one: a misspelt
    ceiling would be no ceiling.
    """
    frame, is_csv = scan(path, columns, optional)
    names = frame.collect_schema().names()
    for name in names:
        if name not in (*columns, *optional, ROW, BEYOND) and (
            meant := get_close_matches(name.strip().lower(), optional, n=1, cutoff=ALIKE)
        ):
            raise Misconfigured(
                _("%(path)s has a column %(name)s: write %(meant)s, or give it another name")
                % {"path": path, "name": name, "meant": meant[0]}
            )
    beyond = [BEYOND] if is_csv else []
    asked = frame.select(*columns, *(name for name in optional if name in names), *beyond)
    rows = readable(asked.collect, path)
    if not is_csv:
        return Table(path, rows, is_csv)
    return Table(path, rows.drop(BEYOND), is_csv, rows[BEYOND].is_not_null())


def scan(
    path: Path, columns: tuple[str, ...], optional: tuple[str, ...] = ()
) -> tuple[pl.LazyFrame, bool]:
    """Return ROW and all columns of a file, to be read later, and whether it is a CSV.

    A CSV has BEYOND as well: a line that is too long is one bad line, not the end of the file. A
    line that is too short lacks its last values.

    Raises Misconfigured if the file cannot be read, has not all `columns`, or one of these or of
    the `optional` ones twice.
    """
    is_csv = _is_csv(path)
    if is_csv:
        frame = pl.scan_csv(path, infer_schema=False)
    else:
        frame = pl.scan_parquet(path, row_index_name=ROW)
    try:
        names = readable(frame.collect_schema, path).names()
    except pl.exceptions.NoDataError as error:
        raise Misconfigured(
            _("%(path)s is empty: it needs the columns %(columns)s")
            % {"path": path, "columns": ", ".join(columns)}
        ) from error
    missing = [name for name in columns if name not in names]
    if missing:
        raise Misconfigured(
            _("%(path)s has no column %(missing)s; it needs %(columns)s")
            % {"path": path, "missing": ", ".join(missing), "columns": ", ".join(columns)}
        )
    if is_csv:
        _require_once(path, (*columns, *optional))
        frame = pl.scan_csv(
            path,
            schema=dict.fromkeys([*names, BEYOND], pl.String),
            row_index_name=ROW,
            truncate_ragged_lines=True,
            missing_columns="insert",
        )
    return frame, is_csv


def _require_once(path: Path, wanted: tuple[str, ...]) -> None:
    """Raise Misconfigured where a wanted heading of a CSV stands twice: either may be meant."""
    heading = readable(
        lambda: pl.read_csv(
            path, has_header=False, n_rows=1, infer_schema=False, truncate_ragged_lines=True
        ),
        path,
    ).row(0)
    twice = [name for name in wanted if heading.count(name) > 1]
    if twice:
        raise Misconfigured(
            _("%(path)s has the column %(names)s more than once: leave one, rename the others")
            % {"path": path, "names": ", ".join(twice)}
        )


def _is_csv(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            first = file.read(len(PARQUET_MAGIC))
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be read (%(why)s): give the path of a Parquet or CSV file")
            % {"path": path, "why": error.strerror or _("not a readable file")}
        ) from error
    if first.startswith(UTF_16_MARKS):
        raise Misconfigured(
            _("%(path)s is text in UTF-16: save it again as CSV in UTF-8") % {"path": path}
        )
    return first != PARQUET_MAGIC


def readable(read: Callable[[], Read], path: Path) -> Read:
    """Return what `read` returns; raise Misconfigured where it cannot make sense of the file."""
    try:
        return read()
    except pl.exceptions.NoDataError:
        raise
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        # The library's own words may quote the file; they stay in the chain for a developer.
        raise Misconfigured(
            _("%(path)s is neither Parquet nor a regular CSV table in UTF-8: export it again")
            % {"path": path}
        ) from error


def can_count(dtype: pl.DataType) -> bool:
    """Whether a column of this type can hold numbers at all."""
    return dtype in (pl.String, pl.Null) or dtype.is_numeric()


def number(name: str, dtype: pl.DataType) -> tuple[pl.Expr, pl.Expr]:
    """Return the column `name` as Float64, and where it is neither a number nor missing."""
    column = pl.col(name)
    if dtype == pl.String:
        text = column.str.strip_chars()
        parsed = text.cast(pl.Float64, strict=False)
        missing = column.is_null() | text.str.to_lowercase().is_in(MISSING_WORDS)
        return parsed, parsed.is_null() & ~missing
    if can_count(dtype):
        wide = column.cast(pl.Float64)
        if dtype == pl.Float32:  # as it was written: 128.2, and not 128.199997
            wide = wide.round_sig_figs(FLOAT32_DIGITS)
        return wide, column.is_null() & False
    return pl.lit(None, dtype=pl.Float64), column.is_not_null()


def numbers(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return the column as Float64, and where it is neither a number nor missing."""
    parsed, faulty = number(column.name, column.dtype)
    frame = column.to_frame().select(faulty.alias("faulty"), parsed=parsed)
    return frame["parsed"].rename(column.name), frame["faulty"].rename(column.name)

"""A table of a file, Parquet or CSV: read, and the place of a fault in it named."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from config.errors import Misconfigured
from config.language import _

PARQUET_MAGIC = b"PAR1"
SHOWN_ROWS = 5
MISSING_WORDS = ("", "nan", "null", "none", "na")
"""What a CSV may write for a missing number; compared without spaces and capitals."""


@dataclass(frozen=True)
class Table:
    """A file's rows. CSV columns are all text until they are parsed."""

    path: Path
    frame: pl.DataFrame
    is_csv: bool

    def places(self, faulty: pl.Series) -> str:
        """Name the rows where `faulty` is true: the first few, and how many there are."""
        rows = faulty.arg_true()
        # A person finds a CSV line by its number in an editor, where the heading is line 1.
        shown = ", ".join(str(row + (2 if self.is_csv else 1)) for row in rows.head(SHOWN_ROWS))
        if len(rows) > SHOWN_ROWS:
            shown += ", ..."
        words = {"rows": shown, "count": len(rows)}
        if self.is_csv:
            return _("line %(rows)s (%(count)d in all)") % words
        return _("row %(rows)s (%(count)d in all)") % words

    def fault(self, column: str, faulty: pl.Series, what: str) -> list[str]:
        """Return one sentence naming file, column and rows, or none where nothing is faulty."""
        if not faulty.any():
            return []
        return [
            _("%(path)s: column %(column)s, %(places)s: %(what)s")
            % {"path": self.path, "column": column, "places": self.places(faulty), "what": what}
        ]


def read_table(path: Path, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> Table:
    """Read the named columns of a Parquet or CSV file; raise Misconfigured if it has not all."""
    try:
        with path.open("rb") as file:
            is_csv = file.read(4) != PARQUET_MAGIC
        frame = pl.read_csv(path, infer_schema=False) if is_csv else _parquet(path)
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be read (%(why)s): give the path of a Parquet or CSV file")
            % {"path": path, "why": error.strerror or _("not a readable file")}
        ) from error
    except pl.exceptions.NoDataError as error:
        raise Misconfigured(
            _("%(path)s is empty: it needs the columns %(columns)s")
            % {"path": path, "columns": ", ".join(columns)}
        ) from error
    except pl.exceptions.PolarsError as error:
        # The library's own words may quote the file; they stay in the chain for a developer.
        raise Misconfigured(
            _("%(path)s is neither Parquet nor a regular CSV table in UTF-8: export it again")
            % {"path": path}
        ) from error
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise Misconfigured(
            _("%(path)s has no column %(missing)s; it needs %(columns)s")
            % {"path": path, "missing": ", ".join(missing), "columns": ", ".join(columns)}
        )
    return Table(path, frame.select(*columns, *set(optional) & set(frame.columns)), is_csv)


def _parquet(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except pl.exceptions.PanicException as error:
        raise pl.exceptions.ComputeError(str(error)) from error


def numbers(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return the column as Float64, and where it is neither a number nor missing."""
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        parsed = text.cast(pl.Float64, strict=False)
        missing = column.is_null() | text.str.to_lowercase().is_in(MISSING_WORDS)
        return parsed, parsed.is_null() & ~missing
    if column.dtype.is_numeric() or column.dtype == pl.Null:
        return column.cast(pl.Float64), _nowhere(column)
    return pl.Series(column.name, [None] * len(column), dtype=pl.Float64), column.is_not_null()


def _nowhere(column: pl.Series) -> pl.Series:
    return pl.Series(column.name, [False]).new_from_index(0, len(column))

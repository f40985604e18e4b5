"""Words, yes or no, and days in a column of a file, and where a cell says none of them."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl

from config.conventions import load_conventions
from config.recording_years import load_recording_years

WRITTEN_DAY = r"^\d{4}-\d{1,2}-\d{1,2}$"
TRUE_WORDS = ("true", "1", "yes", "y")
FALSE_WORDS = ("false", "0", "no", "n")


def words(column: pl.Series, allowed: tuple[str, ...]) -> tuple[pl.Series, pl.Series]:
    """Return the column in small letters, null where empty, and where it is another word."""
    text = column.cast(pl.String).str.strip_chars().str.to_lowercase().replace("", None)
    faulty = text.is_not_null() & ~text.is_in(allowed).fill_null(value=False)
    return text, faulty


def yes_or_no(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return the column as Boolean, null where empty, and where it says neither yes nor no."""
    if column.dtype == pl.Boolean:
        return column, column.is_null() & False
    if column.dtype.is_float():
        column = column.fill_nan(None).cast(pl.Int64, strict=False)
    text, faulty = words(column, (*TRUE_WORDS, *FALSE_WORDS))
    return text.replace_strict(
        {word: word in TRUE_WORDS for word in (*TRUE_WORDS, *FALSE_WORDS)},
        default=None,
        return_dtype=pl.Boolean,
    ), faulty


def days(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return the column as Date, null where empty, and where it says no day like 2026-05-04.

    A day lies in the years of a recording. That of a zoned time is the local one (convention C1).
    """
    if column.dtype == pl.String:
        text = column.str.strip_chars().str.replace_all("/", "-").replace("", None)
        written = text.set(~text.str.contains(WRITTEN_DAY).fill_null(value=True), None)
        return _near(written.str.to_date("%Y-%m-%d", strict=False), text.is_not_null())
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None:
        column = column.dt.convert_time_zone(load_conventions().time_zone)
    if column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
        return _near(column.dt.date(), column.is_not_null())
    return pl.Series(column.name, [None] * len(column), dtype=pl.Date), column.is_not_null()


def _near(day: pl.Series, said: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return the days of the years of a recording, and where another or none was `said`."""
    near = day.is_between(*day_bounds()).fill_null(value=False)
    return day.set(~near, None), said & ~near


def day_bounds() -> tuple[date, date]:
    """Return the first and the last day that a file may speak of."""
    years = load_recording_years()
    return date(years.first.value, 1, 1), date(years.last.value, 12, 31)


def local_day(said: date) -> date:
    """Return a day as it is, and that of a time where it is one: of a zoned one the local day."""
    if not isinstance(said, datetime):
        return said
    if said.tzinfo is not None:
        said = said.astimezone(ZoneInfo(load_conventions().time_zone))
    return said.date()

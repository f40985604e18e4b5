"""Words, yes or no, and days in a column of a file, and where a cell says none of them."""

import polars as pl

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
    """Return the column as Date, null where empty, and where it says no day like 2026-05-04."""
    if column.dtype == pl.String:
        text = column.str.strip_chars().str.replace_all("/", "-").replace("", None)
        day = text.str.to_date("%Y-%m-%d", strict=False)
        return day, text.is_not_null() & day.is_null()
    if column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
        return column.cast(pl.Date), column.is_null() & False
    return pl.Series(column.name, [None] * len(column), dtype=pl.Date), column.is_not_null()

"""Names of people and cases: text or whole numbers, one type in all tables."""

import polars as pl

WHOLE_NUMBER = r"^(0|-?[1-9][0-9]{0,17})$"
TEXT = (pl.String, pl.Categorical, pl.Enum)


def can_name(dtype: pl.DataType) -> bool:
    """Whether a column of this type can hold names at all."""
    return dtype.is_integer() or dtype.is_float() or dtype in TEXT


def key(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return the column `name`, of type `dtype`, as Int64 or text; null where it names nobody."""
    column = pl.col(name)
    if dtype.is_integer():
        return column.cast(pl.Int64, strict=False)
    if dtype.is_float():  # how pandas writes whole numbers beside a missing one
        whole = column.cast(pl.Int64, strict=False)
        return pl.when(whole == column).then(whole)
    if dtype not in TEXT:
        return pl.lit(None, dtype=pl.String)
    text = column.cast(pl.String)
    return pl.when(text.str.strip_chars() != "").then(text)


def key_of(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return the column as Int64 or text, and where it names nobody.

    Text that is whole numbers throughout, written as a number is written, becomes numbers; a name
    like 007 keeps the whole column text.
    """
    frame = column.to_frame().with_columns(key(column.name, column.dtype).alias(column.name))
    named = frame.to_series()
    return named, named.is_null()


def number_if_written_so(column: pl.Series) -> pl.Series:
    """Turn a CSV's text into Int64 where every value is a whole number.

    Blanks around a name are the CSV's, not the name's: else one person would become two.
    """
    if column.dtype != pl.String:
        return column
    named = column.str.strip_chars()
    if not named.drop_nulls().str.contains(WHOLE_NUMBER).all():
        return named
    return named.cast(pl.Int64)


def alike(*columns: pl.Series) -> list[pl.Series]:
    """Return the columns in one type: whole numbers if all are, otherwise text."""
    if all(column.dtype == pl.Int64 for column in columns):
        return list(columns)
    return [column.cast(pl.String) for column in columns]

"""Names of people and cases: text or whole numbers, one type in all tables."""

import polars as pl

WHOLE_NUMBER = r"^(0|-?[1-9][0-9]{0,17})$"


def key_of(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return the column as Int64 or text, and where it names nobody.

    Text that is whole numbers throughout, written as a number is written, becomes numbers; a name
    like 007 keeps the whole column text.
    """
    if column.dtype.is_integer():
        whole = column.cast(pl.Int64, strict=False)
        return whole, whole.is_null()
    if column.dtype.is_float():
        whole = column.cast(pl.Int64, strict=False)
        return whole, whole.is_null() | (whole != column)
    if column.dtype not in (pl.String, pl.Categorical, pl.Enum):
        nobody = pl.Series(column.name, [None] * len(column), dtype=pl.String)
        return nobody, nobody.is_null()
    return column.cast(pl.String), (column.cast(pl.String).str.strip_chars() == "").fill_null(
        value=True
    )


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

"""Local time: days, weeks and clock minutes of a time in milliseconds (convention C1)."""

import polars as pl

SECOND_MS = 1_000
MINUTE_MS = 60_000
DAY_MS = 86_400_000
WEEK_DAYS = 7

CALENDAR_MS = (-62_134_992_000_000, 253_401_696_000_000)
"""0001-01-08 and 9999-12-25: the first time of the calendar, and the first behind it. They lie a
week within the dates there are: so have the local day of a time, the time it stands for and its
whole week one."""


def on_the_calendar(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows whose `ts` (ms) the calendar has; the same frame where all of them are.

    A clock that broke may say any number. What is counted by days must have days to count.
    """
    first_ms, behind_ms = CALENDAR_MS
    if rows.is_empty() or (rows["ts"].min() >= first_ms and rows["ts"].max() < behind_ms):  # type: ignore[operator]
        return rows
    return rows.filter(pl.col("ts").is_between(first_ms, behind_ms, closed="left"))


def local_day_number(at_ms: pl.Expr, *, utc_offset_ms: int) -> pl.Expr:
    """Count days since 1970-01-01 on the local calendar."""
    return (at_ms + utc_offset_ms) // DAY_MS


def local_date(at_ms: pl.Expr, *, utc_offset_ms: int) -> pl.Expr:
    """Give the local day a time lies in."""
    return local_day_number(at_ms, utc_offset_ms=utc_offset_ms).cast(pl.Int32).cast(pl.Date)


def minute(at_ms: pl.Expr) -> pl.Expr:
    """Give the clock minute a time lies in, counted from 1970-01-01T00:00Z."""
    return at_ms // MINUTE_MS


def monday(date: pl.Expr) -> pl.Expr:
    """Give the Monday of the week a local day lies in."""
    return date.dt.truncate("1w")


def divided(span_ms: pl.Expr, unit_ms: int) -> pl.Expr:
    """Divide to the last bit alike in a frame of one row and of many.

    By a plain number Polars divides one row and multiplies many by its inverse; by a column it
    always divides.
    """
    return span_ms / (0 * span_ms + unit_ms)


def whole_ms(minutes: pl.Expr) -> pl.Expr:
    """Give prescribed or logged minutes in whole milliseconds, as a number without a fraction.

    A decimal like 16.4 is no binary fraction: whole milliseconds compare as they were meant.
    """
    return (minutes * MINUTE_MS).round()


def in_minutes(span_ms: pl.Expr) -> pl.Expr:
    """Give a span in minutes, exactly ms / 60,000."""
    return divided(span_ms, MINUTE_MS)


def in_seconds(span_ms: pl.Expr) -> pl.Expr:
    """Give a span in seconds, exactly ms / 1,000."""
    return divided(span_ms, SECOND_MS)

"""Local time: days, weeks and clock minutes of a time in milliseconds (convention C1)."""

import polars as pl

SECOND_MS = 1_000
MINUTE_MS = 60_000
DAY_MS = 86_400_000
WEEK_DAYS = 7


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

"""Times of a file: a naive one is the site's local time, a zoned one is what it says (section 12).

A time finer than a millisecond is cut down to it (section 11). A year has four digits, so that
5/4/26 is no day of antiquity.
"""

from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from config.conventions import Conventions
from config.errors import Misconfigured
from config.language import _
from config.recording_years import load_recording_years

ZONE = r"(?:[Zz]|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)$"
"""Z, +hh, +hhmm or +hh:mm; no place is further than 14 hours and some minutes from Greenwich."""
YEAR_DIGITS = 4
FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
TEXT_UNIT: Literal["us"] = "us"
US_PER_MS = 1_000
MINUTE_MS = 60_000


def known_zone(name: str) -> str:
    """Return the name of a time zone; raise Misconfigured where there is no such zone."""
    try:
        ZoneInfo(name)
        pl.select(pl.lit(datetime(2026, 5, 4)).dt.replace_time_zone(name))  # noqa: DTZ001 - any
    except (KeyError, ValueError, OSError, pl.exceptions.ComputeError) as error:
        raise Misconfigured(
            _("%(name)s is no time zone of this machine: write one like Asia/Shanghai")
            % {"name": name}
        ) from error
    return name


def can_tell_time(dtype: pl.DataType) -> bool:
    """Whether a column of this type can hold times at all."""
    return dtype == pl.String or isinstance(dtype, pl.Datetime)


def keeps_every_time(dtype: pl.DataType, *, zone: str, conventions: Conventions) -> bool:
    """Whether any time of this type is one: no clock of the site was put forward over it."""
    zoned = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
    return zoned or (isinstance(dtype, pl.Datetime) and zone == conventions.time_zone)


def is_far(name: str, dtype: pl.DataType) -> pl.Expr:
    """Say whether a time lies in a year that no recording is of, as it is written; null is none.

    Of a column of datetimes the comparison is with the column itself, so that Parquet's statistics
    can answer it.
    """
    years = load_recording_years()
    first, last = years.first.value, years.last.value
    if isinstance(dtype, pl.Datetime):
        first_at, behind = (
            pl.lit(datetime(year, 1, 1)).dt.replace_time_zone(dtype.time_zone).cast(dtype)  # noqa: DTZ001 - zoned here
            for year in (first, last + 1)
        )
        return (pl.col(name) < first_at) | (pl.col(name) >= behind)
    if dtype == pl.String:
        return ~_year(pl.col(name).str.strip_chars()).is_between(first, last)
    return pl.lit(value=False)


def _year(text: pl.Expr) -> pl.Expr:
    """Read the four digits before the first stroke; null where there are not four."""
    year = text.str.head(YEAR_DIGITS).cast(pl.Int64, strict=False)
    return pl.when(text.str.slice(YEAR_DIGITS, 1).is_in(["-", "/"])).then(year)


def utc_ms(column: pl.Series, *, zone: str, conventions: Conventions) -> pl.Series:
    """Return a column of text or datetimes as Int64 ms UTC; null where it is no time."""
    at = instant("ts", column.dtype, zone=zone, conventions=conventions)
    return column.alias("ts").to_frame().with_columns(at.alias("ts")).to_series()


def instant(name: str, dtype: pl.DataType, *, zone: str, conventions: Conventions) -> pl.Expr:
    """Return the column `name`, of type `dtype`, as Int64 ms UTC; null where it is no time."""
    column = pl.col(name)
    if dtype == pl.String:
        return _from_text(column, zone, conventions)
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is not None:
            return _epoch_ms(column, dtype.time_unit)
        if zone != conventions.time_zone:  # Polars has no wall clock for every number of one
            column = pl.when(~is_far(name, dtype)).then(column)
        return _site_time(column, dtype.time_unit, zone, conventions)
    return pl.lit(None, dtype=pl.Int64)


def _epoch_ms(at: pl.Expr, unit: str) -> pl.Expr:
    """Cut down to the millisecond, before 1970 too."""
    if unit == "ms":
        return at.dt.epoch("ms")
    return at.dt.cast_time_unit("us").dt.epoch("us") // US_PER_MS


def _site_time(naive: pl.Expr, unit: str, zone: str, conventions: Conventions) -> pl.Expr:
    """Read a wall clock of the site. Asia/Shanghai is UTC+8 always (convention C1)."""
    if zone == conventions.time_zone:
        return _epoch_ms(naive, unit) - conventions.utc_offset_min * MINUTE_MS
    zoned = naive.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return _epoch_ms(zoned, unit)


def _from_text(column: pl.Expr, zone: str, conventions: Conventions) -> pl.Expr:
    text = column.str.strip_chars()
    text = pl.when(_year(text).is_not_null()).then(text)
    offset = text.str.extract(f"({ZONE})")
    wall_text = (
        text.str.replace(ZONE, "")
        .str.strip_chars()
        .str.replace("[Tt]", " ")
        .str.replace_all("/", "-")
    )
    wall = pl.coalesce(
        wall_text.str.to_datetime(form, time_unit=TEXT_UNIT, strict=False) for form in FORMATS
    )
    sign = pl.when(offset.str.starts_with("-")).then(-1).otherwise(1)
    digits = offset.str.replace(":", "")
    hours, more_min = (digits.str.slice(start, 2).cast(pl.Int64, strict=False) for start in (1, 3))
    minutes = hours * 60 + more_min.fill_null(0)
    east_ms = (
        pl.when(offset.str.to_lowercase() == "z").then(0).otherwise(sign * minutes * MINUTE_MS)
    )
    return (
        pl.when(offset.is_null())
        .then(_site_time(wall, TEXT_UNIT, zone, conventions))
        .otherwise(_epoch_ms(wall, TEXT_UNIT) - east_ms)
    )

"""The wall clocks of bands: local time without a zone, carried in ms as if it were UTC."""

from datetime import UTC, datetime, timedelta

from config.errors import Rejected

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def wall_ms(utc_ms: int, utc_offset_min: int) -> int:
    """Return what a right wall clock shows at an instant."""
    return utc_ms + utc_offset_min * MINUTE_MS


def utc_ms(shown_ms: int, utc_offset_min: int) -> int:
    """Return the instant at which a right wall clock shows a time."""
    return shown_ms - utc_offset_min * MINUTE_MS


def day_of(shown_ms: int) -> int:
    """Return the midnight before a time, both as a wall clock shows them."""
    return shown_ms - shown_ms % DAY_MS


def shown(at_ms: int) -> datetime:
    """Return year, month, day and time of a wall clock's ms."""
    return EPOCH + timedelta(milliseconds=at_ms)


def stamp(year: int, month: int, day: int, minute_of_day: int = 0) -> int:
    """Return the ms of a date as a band writes it; raise Rejected where there is no such day."""
    try:
        midnight = datetime(year, month, day, tzinfo=UTC)
    except ValueError as error:
        raise Rejected("out_of_range", "no such day") from error
    return (midnight - EPOCH) // timedelta(milliseconds=1) + minute_of_day * MINUTE_MS

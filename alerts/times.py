"""Milliseconds UTC and what the database calls a moment."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at(utc_ms: int) -> datetime:
    """Return a moment from milliseconds since 1970."""
    return EPOCH + timedelta(milliseconds=utc_ms)


def span(milliseconds: float) -> timedelta:
    """Return a length of time."""
    return timedelta(milliseconds=milliseconds)

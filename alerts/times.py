"""Milliseconds UTC and what the database calls a moment."""

from datetime import UTC, datetime, timedelta

from storage.incoming import LATEST_SEALED_MS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at(utc_ms: int) -> datetime:
    """Return a moment from milliseconds since 1970, within what readings can have."""
    return EPOCH + timedelta(milliseconds=min(max(utc_ms, 0), LATEST_SEALED_MS))


def span(milliseconds: float) -> timedelta:
    """Return a length of time."""
    return timedelta(milliseconds=milliseconds)

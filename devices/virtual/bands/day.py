"""A band's own day: it knows a wall clock and no time zone."""

MINUTE_MS, DAY_MS = 60_000, 86_400_000


def local_midnight_ms(utc_ms: int, utc_offset_min: int) -> int:
    """Return the UTC time of the last midnight of a wall clock that far ahead of UTC."""
    offset_ms = utc_offset_min * MINUTE_MS
    return (utc_ms + offset_ms) // DAY_MS * DAY_MS - offset_ms

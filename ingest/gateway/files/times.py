"""Times as files write them, as integer milliseconds in UTC; a local time needs its zone said."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from config.errors import Rejected
from ingest.batch.limits import MAX_UTC_MS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
MOST_CHARACTERS = 40
_WRITTEN = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?"
    r" ?(Z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
"""Year first, as ISO 8601 has it and as Chinese spreadsheets and Apple write it."""


def utc_ms(text: str, time_zone: str | None) -> int:
    """Return the instant that a time means.

    Raises Rejected: `time` (none, or outside 1970 to 9999), `no_zone` (a local time, and nobody
    said where), `no_such_local_time` and `ambiguous_local_time` (the hour of a change of clocks).
    """
    at = _parsed(text)
    if at.tzinfo is None:
        if time_zone is None:
            raise Rejected("no_zone", "a local time without its zone")
        at = _placed(at, _zone(time_zone))
    instant = (at - EPOCH) // MILLISECOND
    if not 0 <= instant <= MAX_UTC_MS:
        raise Rejected("time", "outside 1970 to 9999")
    return instant


def wall_ms(utc_ms: int, time_zone: str) -> int:
    """Return what a clock of that zone shows at an instant, in ms as if it were UTC."""
    offset = (EPOCH + utc_ms * MILLISECOND).astimezone(_zone(time_zone)).utcoffset()
    return utc_ms + (offset or timedelta()) // MILLISECOND


def _parsed(text: str) -> datetime:
    text = text.strip()
    if len(text) > MOST_CHARACTERS or ":" not in text:
        raise Rejected("time", "no time of day")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        found = _WRITTEN.fullmatch(text)
    if found is None:
        raise Rejected("time", "no time")
    *whole, fraction, zone = found.groups()
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        year, month, day, hour, minute, second = (int(part or 0) for part in whole)
        at = datetime(year, month, day, hour, minute, second, micro)  # noqa: DTZ001 - zone below
        return at if zone is None else datetime.fromisoformat(f"{at.isoformat()}{zone}")
    except ValueError as error:
        raise Rejected("time", "no such time") from error


def _placed(local: datetime, zone: ZoneInfo) -> datetime:
    """Put a local time into its zone, where it is one instant and not none or two."""
    first, second = local.replace(tzinfo=zone), local.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first
    try:
        again = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    except OverflowError as error:
        raise Rejected("time", "outside 1970 to 9999") from error
    if again != local:
        raise Rejected("no_such_local_time", "clocks were put forward over it")
    raise Rejected("ambiguous_local_time", "clocks were put back: it came twice")


@lru_cache(maxsize=8)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)

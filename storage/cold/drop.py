"""Letting exported days leave the tables: after they are verified, and only as they were then."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import structlog

from config.errors import Unavailable
from config.language import _
from storage.cold.export import export_days
from storage.cold.parts import parts_of
from storage.cold.verify import Verified, verify_days
from storage.database import Connection, alone_with_days, border, exclusively
from storage.queries import query

log = structlog.get_logger()

DROPPED, CHANGED, NOT_VERIFIED = "dropped", "changed", "not_verified"
TOO_YOUNG = "too_young"
"""It has readings of nobody that may still become somebody's."""
ATTEMPTS = 3
"""A day that got readings between the comparison and the drop is exported and compared again."""


class Kept(NamedTuple):
    """A day that stays in the tables."""

    day: date
    why: str
    """too_young, late (readings kept coming), or faults."""
    until: datetime | None = None
    """Of a day that is too young."""


@dataclass
class Gone:
    """What became of the days that were to leave the tables."""

    dropped: list[date] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    faulty: list[Verified] = field(default_factory=list)


def verified_days(conn: Connection) -> set[date]:
    """Return the UTC days with a part that is not dropped, all of which are verified."""
    held = [part for part in parts_of(conn) if part.dropped_at is None]
    return {part.day for part in held} - {part.day for part in held if part.verified_at is None}


def free_from(seen: Verified, *, nobody_days: int, keep_days: int) -> datetime:
    """Return the moment from which the day may leave the tables.

    A day is kept for queries that read the tables alone; and readings of nobody may become
    somebody's for as long as they are kept.
    """
    over = datetime(seen.day.year, seen.day.month, seen.day.day, tzinfo=UTC) + timedelta(days=1)
    return max(over + timedelta(days=keep_days), seen.nobody_since + timedelta(days=nobody_days))


def drop_day(conn: Connection, day: date, *, nobody_days: int) -> str:
    """Drop a verified day out of the tables: DROPPED, CHANGED, NOT_VERIFIED or TOO_YOUNG.

    In one transaction the day is shut for late batches, looked at once more, dropped, and its files
    count from then on. Readings that have been nobody's for fewer than `nobody_days` keep it. A
    night must not be at work: its snapshot would miss both. Raises Unavailable then, and where
    somebody reads the day for too long.
    """
    with exclusively(conn, "nightly") as mine:
        if not mine:
            raise Unavailable(_("a nightly run is at work: drop the day when it has finished"))
        asked = {"day": day, "nobody_days": nobody_days}
        with border(), alone_with_days(conn):
            row = conn.execute(query("drop_exported_day"), asked).fetchone()
    outcome = str(row[0]) if row else NOT_VERIFIED
    log.info("day_dropped" if outcome == DROPPED else "day_not_dropped", day=str(day), why=outcome)
    return outcome


def drop_days(
    conn: Connection,
    days: list[date],
    folder: Path,
    buckets: int,
    *,
    nobody_days: int,
    keep_days: int,
) -> Gone:
    """Compare each exported day with the tables, and drop it as far as it may be dropped.

    `conn` works as the core.
    """
    gone = Gone()
    for day in days:
        kept: Kept | None = Kept(day, "late")
        for _attempt in range(ATTEMPTS):
            seen = next(verify_days(conn, [day]), None)
            if seen is None or not (seen.held or seen.late):
                kept = None  # readings of nobody alone, or none at all: not this command's to drop
                break
            free = free_from(seen, nobody_days=nobody_days, keep_days=keep_days)
            if not seen.is_sound:
                gone.faulty.append(seen)
                kept = Kept(day, "faults")
                break
            if free > datetime.now(UTC):
                kept = Kept(day, "too_young", free)
                break
            if drop_day(conn, day, nobody_days=nobody_days) == DROPPED:
                gone.dropped.append(day)
                kept = None
                break
            list(export_days(conn, [day], folder, buckets))
        if kept is not None:
            gone.kept.append(kept)
    return gone

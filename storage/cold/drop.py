"""Letting exported days leave the tables: after they are verified, and only as they were then."""

from datetime import UTC, date, datetime, timedelta

import structlog

from config.errors import Unavailable
from config.language import _
from storage.cold.parts import parts_of
from storage.cold.verify import Verified
from storage.database import Connection, alone_with_days, border, exclusively
from storage.queries import query

log = structlog.get_logger()

DROPPED, CHANGED, NOT_VERIFIED = "dropped", "changed", "not_verified"


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


def drop_day(conn: Connection, day: date) -> str:
    """Drop a verified day out of the tables: DROPPED, CHANGED or NOT_VERIFIED.

    In one transaction the day is shut for late batches, looked at once more, dropped, and its files
    count from then on. A night must not be at work: its snapshot would miss both. Raises
    Unavailable then, and where somebody reads the day for too long.
    """
    with exclusively(conn, "nightly") as mine:
        if not mine:
            raise Unavailable(_("a nightly run is at work: drop the day when it has finished"))
        with border(), alone_with_days(conn):
            row = conn.execute(query("drop_exported_day"), {"day": day}).fetchone()
    outcome = str(row[0]) if row else NOT_VERIFIED
    log.info("day_dropped" if outcome == DROPPED else "day_not_dropped", day=str(day), why=outcome)
    return outcome

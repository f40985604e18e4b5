"""How long readings stay and how: days compressed, days dropped, nobody's readings deleted.

One run does what is due and ends; doing it again does nothing. Each step is a transaction of its
own, so a run that is killed has done what it has done. Why not by TimescaleDB's own jobs:
docs/why/plain-postgresql-or-timescaledb.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, cast

import psycopg
import structlog

from config.district_settings import StorageSettings
from config.errors import Unavailable
from config.language import _
from config.retention import load_retention
from storage import audit
from storage.database import Connection, alone_with_days, border, exclusively
from storage.queries import query

log = structlog.get_logger()

TRIES = 3
"""A step that finds others at the same day waits for them in the database, so often."""
WAIT_S = 5
PAYLOADS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """What is due when, in whole UTC days; None: never."""

    compress_after_days: int | None
    """A day is compressed when it has been over for so long. Only TimescaleDB compresses."""
    retain_readings_days: int | None
    purge_unowned_after_days: int
    drop_letters_after_days: int | None = None
    """The bytes of dead letters, so long after they first came."""


def policies_of(settings: StorageSettings) -> Policies:
    """Return what the settings ask for, with what the law and the programme say beside them."""
    return Policies(
        compress_after_days=settings.compress_after_days,
        retain_readings_days=settings.retain_readings_days,
        purge_unowned_after_days=load_retention().unowned_readings.value,
        drop_letters_after_days=load_retention().dead_letter_bytes.value,
    )


class ReadingDay(NamedTuple):
    """A UTC day of a reading table."""

    reading_table: str
    day: date
    state: str
    """`open`, `compressed`, or `touched`: compressed, with later rows beside it."""
    bytes: int
    """On disk, with indexes."""


@dataclass(frozen=True, slots=True)
class TableDays:
    """The days of one reading table."""

    reading_table: str
    days: int
    first_day: date
    last_day: date
    compressed: int
    """Those that are `touched` since are among them."""
    touched: int
    bytes: int


@dataclass(frozen=True, slots=True)
class State:
    """How the readings lie, and what waits."""

    compresses: bool
    """The server has TimescaleDB."""
    tables: tuple[TableDays, ...]
    waiting_bands: int
    """Bands with readings of nobody's that are not yet due."""
    waiting_since: date | None
    purged_readings: int
    purged_batches: int


@dataclass(slots=True)
class Applied:
    """What a run did."""

    purged_bands: int = 0
    purged_readings: int = 0
    purged_payloads: int = 0
    purged_quarantined: int = 0
    """Readings that could not be used, of bands nobody ever wore."""
    dropped_days: int = 0
    not_exported_days: int = 0
    """Due, and left to `adhere db export --drop`: there is an archive."""
    dropped_payloads: int = 0
    """Batches whose signed bytes went with their days."""
    dropped_letters: int = 0
    """Dead letters whose bytes went; the letters stay."""
    compressed_days: int = 0
    """Of one table each, first or again."""
    busy_steps: int = 0
    """Left for the next run: somebody was at work on that day all the time."""

    @property
    def is_nothing(self) -> bool:
        """There was nothing to do."""
        return self == Applied(not_exported_days=self.not_exported_days)


def apply_policies(
    conn: Connection,
    policies: Policies,
    *,
    now: datetime,
    actor: str,
    archive: bool = False,
) -> Applied:
    """Purge, drop and compress what is due at `now`; return what was done.

    With an `archive` no day is dropped here: `adhere db export --drop` does that, to files.
    `conn` is in autocommit. Raises Unavailable while a night, or another run, is at work.
    """
    done = Applied()
    today = now.astimezone(UTC).date()
    with exclusively(conn, "nightly") as mine:
        if not mine:
            raise Unavailable(_("another nightly run is at work: wait until it has finished"))
        _purge(conn, today - timedelta(days=policies.purge_unowned_after_days), actor, done)
        if policies.drop_letters_after_days is not None:
            _drop_letters(conn, now - timedelta(days=policies.drop_letters_after_days), actor, done)
        if policies.retain_readings_days is not None:
            keep_from = today - timedelta(days=policies.retain_readings_days)
            _drop(conn, keep_from, actor, done, archive=archive)
        if policies.compress_after_days is not None:
            _compress(conn, today - timedelta(days=policies.compress_after_days), done)
    if not done.is_nothing:
        log.info("policies_applied", **{name: getattr(done, name) for name in Applied.__slots__})
    return done


def reading_days(conn: Connection) -> list[ReadingDay]:
    """Return the days there are, oldest first."""
    with border():
        return [ReadingDay(*row) for row in conn.execute(query("list_reading_days")).fetchall()]


def state(conn: Connection) -> State:
    """Return how the readings lie now; changes nothing."""
    of_table: dict[str, list[ReadingDay]] = {}
    for one in reading_days(conn):
        of_table.setdefault(one.reading_table, []).append(one)
    with border():
        (compresses,) = _row(conn, "has_compression")
        bands, since = _row(conn, "count_unowned")
        readings, batches = _row(conn, "count_purged")
    tables = tuple(
        TableDays(
            name,
            days=len(days),
            first_day=days[0].day,
            last_day=days[-1].day,
            compressed=sum(day.state != "open" for day in days),
            touched=sum(day.state == "touched" for day in days),
            bytes=sum(day.bytes for day in days),
        )
        for name, days in sorted(of_table.items())
    )
    return State(bool(compresses), tables, bands, since, readings, batches)


def _row(conn: Connection, name: str) -> tuple[Any, ...]:
    row = conn.execute(query(name)).fetchone()
    return cast("tuple[Any, ...]", row)


def drop_day(conn: Connection, day: date, *, actor: str) -> bool | None:
    """Drop a UTC day of all reading tables, committed on return; say whether there was one.

    None: somebody was at work on it all the time.
    """

    def noted(dropped: int) -> bool:
        if dropped:
            audit.note(conn, actor=actor, action="drop_readings", subject=str(day))
        return dropped > 0

    return _step(conn, "drop_reading_day", {"day": day}, noted)


def last_day_gone(conn: Connection) -> date | None:
    """Return the newest UTC day whose readings are gone for good; None: none are."""
    with border():
        row = conn.execute(query("last_day_gone")).fetchone()
    return row[0] if row and isinstance(row[0], date) else None


def _purge(conn: Connection, came_before: date, actor: str, done: Applied) -> None:
    due = {"came_before": came_before}
    with border():
        devices = [int(row[0]) for row in conn.execute(query("due_for_purge"), due).fetchall()]
    for device_id in devices:
        with border(), conn.transaction():
            row = conn.execute(query("purge_unowned"), due | {"device_id": device_id}).fetchone()
            readings, payloads = (int(row[0]), int(row[1])) if row else (0, 0)
            if readings:
                audit.note(
                    conn,
                    actor=actor,
                    action="purge_unowned",
                    subject=f"band {device_id}",
                    detail={"readings": readings, "payloads": payloads},
                )
        done.purged_bands += readings > 0
        done.purged_readings += readings
        done.purged_payloads += payloads
    with border(), conn.transaction():
        row = conn.execute(query("purge_quarantined"), {"came_before": came_before}).fetchone()
        unusable = int(row[0]) if row else 0
        if unusable:
            detail = {"readings": unusable}
            audit.note(
                conn, actor=actor, action="purge_unowned", subject="quarantine", detail=detail
            )
    done.purged_quarantined = unusable


def _drop(conn: Connection, keep_from: date, actor: str, done: Applied, *, archive: bool) -> None:
    """Drop the days before `keep_from`, oldest first, then the signed bytes of those times."""
    kept = keep_from
    for day in sorted({one.day for one in reading_days(conn) if one.day < keep_from}):
        if archive:
            done.not_exported_days += 1
            kept = min(kept, day)
            continue
        dropped = drop_day(conn, day, actor=actor)
        done.dropped_days += dropped is True
        if dropped is None:
            done.busy_steps += 1
            kept = min(kept, day)
    # What came before a day holds nothing that is later than it.
    given = {
        "came_before": datetime(kept.year, kept.month, kept.day, tzinfo=UTC),
        "most": PAYLOADS_AT_ONCE,
    }
    while True:
        with border(), conn.transaction():
            row = conn.execute(query("drop_payloads"), given).fetchone()
            some = int(row[0]) if row else 0
            if some:
                detail = {"batches": some, "before": str(kept)}
                audit.note(
                    conn, actor=actor, action="drop_payloads", subject="batches", detail=detail
                )
        done.dropped_payloads += some
        if some < PAYLOADS_AT_ONCE:
            return


def _drop_letters(conn: Connection, came_before: datetime, actor: str, done: Applied) -> None:
    given = {"came_before": came_before, "most": PAYLOADS_AT_ONCE}
    while True:
        with border(), conn.transaction():
            row = conn.execute(query("drop_letter_bytes"), given).fetchone()
            some = int(row[0]) if row else 0
            if some:
                audit.note(
                    conn,
                    actor=actor,
                    action="drop_letter_bytes",
                    subject="dead letters",
                    detail={"letters": some, "before": came_before.date().isoformat()},
                )
        done.dropped_letters += some
        if some < PAYLOADS_AT_ONCE:
            return


def _compress(conn: Connection, before: date, done: Applied) -> None:
    for one in reading_days(conn):
        if one.day >= before or one.state == "compressed":
            continue
        given = {"reading_table": one.reading_table, "day": one.day}
        compressed = _step(conn, "compress_reading_day", given, bool)
        done.compressed_days += compressed is True
        done.busy_steps += compressed is None


def _step(
    conn: Connection, name: str, given: Mapping[str, object], noted: Callable[[int], bool]
) -> bool | None:
    """Do one step while no snapshot is open; None where others were at work all the time."""
    for _try in range(TRIES):
        try:
            with alone_with_days(conn, wait_s=WAIT_S), conn.transaction():
                row = conn.execute(query(name), given).fetchone()
                return noted(int(row[0])) if row else False
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            continue
        except psycopg.Error:
            with border():
                raise
    log.warning("day_busy", step=name, day=str(given["day"]))
    return None

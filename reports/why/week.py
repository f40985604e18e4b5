"""A week computed again from its readings, minute by minute, beside what the night stored."""

from contextlib import nullcontext
from datetime import date, timedelta
from typing import NamedTuple

import polars as pl
from psycopg.pq import TransactionStatus

from adherence.clock import DAY_MS, MINUTE_MS
from config.conventions import Conventions, load_conventions
from reports.nightly.blocks import Block, figures_of
from reports.nightly.reach import reach_of
from reports.nightly.rounds import CASES, Clock, Round, rounds
from reports.nightly.tables import frame_of
from reports.nightly.windows import WINDOW
from reports.why.archived import archived_batches, together
from reports.why.by_minute import WEEK_DAYS, days_of, instant, minutes_between
from reports.why.content import Batch, Session, ShortEffort, StoredWeek, Why
from reports.why.parts import logged_in, parts_of
from reports.why.walked import walked_in
from storage.database import Connection, border, snapshot
from storage.queries import query
from storage.readings import Page

_HASHES = pl.Schema({"date": pl.Date, "start_ms": pl.Int64, "input_sha256": pl.Binary})


class _Found(NamedTuple):
    """The closed round around the week, and the rows that follow from it."""

    round: Round
    rows: Block


def minutes_of_week(
    conn: Connection,
    enrolment_id: int,
    week: date,
    *,
    conventions: Conventions | None = None,
    page: Page | None = None,
) -> Why | None:
    """Return what became of every minute of a stored week (its Monday); None without such a week.

    Reads one moment of the database; inside a caller's transaction that transaction's. Who may
    see it is for the caller to decide and to write down; with `page` the database decides as well.
    """
    conventions = conventions or load_conventions()
    idle = conn.info.transaction_status == TransactionStatus.IDLE
    with snapshot(conn) if idle else nullcontext(), border():
        row = conn.execute(
            query("why_week"), {"enrolment_id": enrolment_id, "week": week}
        ).fetchone()
        return None if row is None else _why(conn, StoredWeek(*row), conventions, page)


def _why(conn: Connection, week: StoredWeek, conventions: Conventions, page: Page | None) -> Why:
    utc_offset_ms = conventions.utc_offset_min * MINUTE_MS
    start_ms = (week.week - date(1970, 1, 1)).days * DAY_MS - utc_offset_ms
    end_ms = start_ms + WEEK_DAYS * DAY_MS
    found = _compute(conn, week, conventions, page)
    bouts = found.rows.bouts.filter(
        pl.col("enrolment_id") == week.enrolment_id,
        pl.col("start_ms").is_between(start_ms, end_ms, closed="left"),
    ).sort("start_ms")
    behind_ms = max([end_ms, *bouts["end_ms"]])
    last_ms = -(-behind_ms // MINUTE_MS) * MINUTE_MS
    by_minute = minutes_between(conn, week, found.round, start_ms, last_ms, conventions, page=page)
    # Behind the week stand only the minutes of a bout that runs on over its end.
    of_bouts = pl.col("bout_start_ms").is_in(bouts["start_ms"].implode())
    by_minute = by_minute.filter((pl.col("minute") * MINUTE_MS < end_ms) | of_bouts)
    spans = [(start_ms, end_ms), *bouts.select("start_ms", "end_ms").rows()]
    behind = _batches(conn, week, spans, page)
    return Why(
        week=week,
        sessions=_sessions(found.round, bouts, week, behind),
        short_efforts=_short_efforts(found.round, week, start_ms, end_ms),
        days=days_of(by_minute, _differing(conn, week, found.rows), week),
        minutes=by_minute.with_columns(
            at=(pl.col("minute") * MINUTE_MS).cast(pl.Datetime("ms", "UTC"))
        ).drop("case", "person", "minute"),
        batches=behind[0],
        parts=parts_of(week, adherent_from_pct=conventions.adherent_from_pct),
        logged=logged_in(conn, week),
        steps=walked_in(found.round.readings, week.week, conventions),
        counted_steps=int(_own_days(found.rows.days, week)["steps"].sum()),
        stored_steps=_stored_steps(conn, week),
    )


def _own_days(days: pl.DataFrame, week: StoredWeek) -> pl.DataFrame:
    """Return the rows of the week's days and enrolment."""
    sunday = week.week + timedelta(days=WEEK_DAYS - 1)
    return days.filter(
        pl.col("enrolment_id") == week.enrolment_id, pl.col("date").is_between(week.week, sunday)
    )


def _stored_steps(conn: Connection, week: StoredWeek) -> int:
    asked = {"enrolment_id": week.enrolment_id, "week": week.week}
    row = conn.execute(query("why_stored_steps"), asked).fetchone()
    return 0 if row is None else row[0]


def _compute(
    conn: Connection, week: StoredWeek, conventions: Conventions, page: Page | None
) -> _Found:
    """Read the week as the night does: widened until no chain of effort crosses its edges."""
    first_day = (week.week - date(1970, 1, 1)).days
    window = pl.DataFrame(
        [(0, week.patient_id, first_day, first_day + WEEK_DAYS - 1)], schema=WINDOW, orient="row"
    )
    last: Round | None = None
    for last in rounds(conn, window, conventions, reach_of(conventions), Clock(), page=page):
        if last.windows.height:
            break
    if last is None:
        raise RuntimeError("a window that is asked for closes in some round")
    return _Found(last, figures_of(last, conventions))


def _differing(conn: Connection, week: StoredWeek, rows: Block) -> set[date]:
    """Return the days whose stored rows, or whose bouts' rows, were made from other inputs."""
    asked = {"enrolment_id": week.enrolment_id, "week": week.week}
    stored = frame_of(conn, "why_stored_hashes", asked, _HASHES)
    mine = pl.col("enrolment_id") == week.enrolment_id
    in_week = pl.col("date").is_between(week.week, week.week + timedelta(days=WEEK_DAYS - 1))
    fresh = pl.concat(
        frame.filter(mine, in_week).select(
            pl.col(name) if name in frame.columns else pl.lit(None, dtype).alias(name)
            for name, dtype in _HASHES.items()
        )
        for frame in (rows.days, rows.bouts)
    )
    keys = list(_HASHES)
    either = [
        one.join(other, on=keys, how="anti", nulls_equal=True)
        for one, other in ((stored, fresh), (fresh, stored))
    ]
    return set(pl.concat(either)["date"])


def _sessions(
    closed: Round, bouts: pl.DataFrame, week: StoredWeek, behind: dict[int, tuple[Batch, ...]]
) -> tuple[Session, ...]:
    asked = dict(closed.cases.select("version", "session_min").collect().iter_rows())
    return tuple(
        Session(
            start_at=instant(row["start_ms"]),
            end_at=instant(row["end_ms"]),
            date=row["date"],
            span_ms=row["span_ms"],
            effort_ms=row["effort_ms"],
            credit_ms=row["credit_ms"],
            complete=row["complete"],
            sparse=row["sparse"],
            session_min=asked[row["version"]],
            min_counted=row["min_counted"],
            min_zero=row["min_zero"],
            min_walk=row["min_walk"],
            counted=row["date"] <= week.counted_to,
            batches=behind[number],
        )
        for number, row in enumerate(bouts.to_dicts(), start=1)
    )


def _short_efforts(
    closed: Round, week: StoredWeek, start_ms: int, end_ms: int
) -> tuple[ShortEffort, ...]:
    short = closed.chains.filter(
        pl.col("case") % CASES == week.enrolment_id,
        ~pl.col("qualifies"),
        pl.col("start_ms").is_between(start_ms, end_ms, closed="left"),
    ).sort("start_ms")
    return tuple(
        ShortEffort(instant(start), instant(end), effort, credit)
        for start, end, effort, credit in short.select(
            "start_ms", "end_ms", "effort_ms", "credit_ms"
        ).iter_rows()
    )


def _batches(
    conn: Connection, week: StoredWeek, spans: list[tuple[int, int]], page: Page | None
) -> dict[int, tuple[Batch, ...]]:
    """Return the batches behind each span, by its place in the list."""
    starts, ends = ([instant(ms) for ms in side] for side in zip(*spans, strict=True))
    numbers = list(range(len(spans)))
    asked = {
        "patient_id": week.patient_id,
        "numbers": numbers,
        "from_at": starts,
        "to_at": ends,
        "earliest": min(starts),
        "latest": max(ends),
    }
    behind: dict[int, list[Batch]] = {number: [] for number in numbers}
    name = "why_batches" if page is None else "why_batches_of_page"
    rows = conn.execute(query(name), asked).fetchall()
    found = [(int(str(number)), Batch(*batch)) for number, *batch in rows]
    if page is None:
        found = together([*found, *archived_batches(conn, week.patient_id, spans)])
    for number, batch in found:
        behind[number].append(batch)
    return {number: tuple(batches) for number, batches in behind.items()}

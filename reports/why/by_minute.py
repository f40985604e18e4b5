"""The minutes of a week as rows, days and runs."""

from datetime import UTC, date, datetime, timedelta

import polars as pl

from adherence.clock import MINUTE_MS
from adherence.method import minutes
from adherence.minutes import HELD_REASONS
from adherence.schema import STEP_ROWS, typed
from adherence.steps import step_minutes
from config.conventions import Conventions
from reports.nightly.rounds import CASES, Round
from reports.nightly.tables import frame_of
from reports.why.archived import archived_unworn
from reports.why.content import Day, Run, StoredWeek
from storage.database import Connection
from storage.readings import Page

WEEK_DAYS = 7
_SPANS = (*HELD_REASONS, "missing")
_AT = pl.Datetime("us", "UTC")
_UNSEEN = pl.Schema({"place": pl.Int64(), "unseen": pl.String(), "from_at": _AT, "to_at": _AT})


def minutes_between(
    conn: Connection,
    week: StoredWeek,
    closed: Round,
    start_ms: int,
    last_ms: int,
    conventions: Conventions,
    *,
    page: Page | None,
) -> pl.DataFrame:
    """Return MINUTE of the enrolment from `start_ms` to before `last_ms`, out of a closed round."""
    case = pl.col("case") % CASES == week.enrolment_id
    span = {"case": [week.enrolment_id], "person": [0], "from_ms": [start_ms], "to_ms": [last_ms]}
    steps = step_minutes(typed(closed.readings.step_rows.lazy(), STEP_ROWS))
    unseen = _unseen(conn, week, start_ms, last_ms, page)
    seen = steps.join(unseen.lazy(), on=["person", "minute"], how="full", coalesce=True)
    return minutes(
        closed.held_time.lazy(),
        closed.chains.lazy().filter(case),
        closed.cases.filter(case),
        pl.LazyFrame(span, schema_overrides={"case": pl.Int64, "person": pl.Int64}),
        seen,
        conventions,
    ).collect()


def _unseen(
    conn: Connection, week: StoredWeek, start_ms: int, last_ms: int, page: Page | None
) -> pl.DataFrame:
    """Return person, minute and unseen: why there is no heart rate, where somebody knows."""
    asked = {
        "patient_id": week.patient_id,
        "from_at": instant(start_ms),
        "to_at": instant(last_ms),
    }
    unworn = "why_unworn" if page is None else "why_unworn_of_page"
    frames = [frame_of(conn, name, asked, _UNSEEN) for name in (unworn, "why_unseen")]
    if page is None:
        archived = archived_unworn(conn, week.patient_id, start_ms, last_ms)
        frames.append(pl.DataFrame(archived, schema=_UNSEEN, orient="row"))
    spans = pl.concat(frames)
    first, behind = (pl.col(at).dt.epoch("ms") for at in ("from_at", "to_at"))
    return (
        spans.select(
            "place",
            "unseen",
            person=pl.lit(0, pl.Int64),
            minute=pl.int_ranges(-(-first // MINUTE_MS), -(-behind // MINUTE_MS)),
        )
        .explode("minute")
        .drop_nulls("minute")
        .sort("place", "minute")
        .unique("minute", keep="first", maintain_order=True)
        .select("person", "minute", "unseen")
    )


def days_of(by_minute: pl.DataFrame, differing: set[date], week: StoredWeek) -> tuple[Day, ...]:
    """Return the week's seven days; `differing` are those whose stored rows are out of date."""
    found = []
    for number in range(WEEK_DAYS):
        day = week.week + timedelta(days=number)
        mine = by_minute.filter(pl.col("date") == day)
        totals = mine.select(pl.col(f"{name}_ms").sum() for name in _SPANS).row(0)
        found.append(
            Day(day, dict(zip(_SPANS, totals, strict=True)), _runs(mine), day not in differing)
        )
    return tuple(found)


def _runs(by_minute: pl.DataFrame) -> tuple[Run, ...]:
    lengths = (
        by_minute.with_columns(run=pl.col("reason").rle_id())
        .group_by("run", maintain_order=True)
        .agg(pl.col("minute").first(), pl.len(), pl.col("reason").first())
    )
    return tuple(
        Run(instant(minute * MINUTE_MS), length, reason)
        for _run, minute, length, reason in lengths.iter_rows()
    )


def instant(utc_ms: int) -> datetime:
    """Return a time in milliseconds as an instant."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=utc_ms)

"""Claiming what came in or changed since the last night, as patients' local days."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import structlog

from config.conventions import Conventions
from reports.nightly.edges import TOUCHED, really_touched
from reports.nightly.reach import Reach
from reports.nightly.tables import frame_of
from reports.nightly.windows import DIRTY
from storage.database import Connection
from storage.memory import renew_repeats
from storage.queries import query
from storage.retention import last_day_gone

log = structlog.get_logger()

_DATED = pl.Schema({**TOUCHED, "day": pl.Date()})
_CHANGED = pl.Schema({"patient_id": pl.Int64, "first_day": pl.Date, "last_day": pl.Date})


def claim_dirty_days(
    conn: Connection, reach: Reach, conventions: Conventions
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Delete what was waiting; return DIRTY and the changed ranges (patient_id, first, last day).

    Rows that others commit meanwhile are outside this transaction's view: they wait for the next
    night. An open end of a changed range is null.
    """
    terms = {
        "before": reach.before,
        "after": reach.after,
        "offset": timedelta(minutes=conventions.utc_offset_min),
    }
    renew_repeats(conn)
    conn.execute(query("claim_touched"))
    conn.execute(query("note_unowned_spans"))
    touched = frame_of(conn, "touched_days", terms, _DATED).with_columns(_number("day"))
    changed = frame_of(conn, "claim_changed", terms, _CHANGED)
    with_data = _days_with_data(conn, changed, terms["offset"])
    doubtful = touched.filter(~pl.col("own")).join(with_data, on=DIRTY.names(), how="anti")
    dirty = pl.concat(
        [
            touched.filter("own").select(DIRTY.names()),
            with_data,
            really_touched(conn, doubtful, reach, conventions),
        ]
    )
    return _not_gone(conn, dirty.unique(), terms["offset"]), changed


def first_kept_day(conn: Connection, utc_offset: timedelta) -> date | None:
    """Return the first local day that can be computed anew; None: all there ever were.

    Of the days before it readings were dropped and are nowhere else: their results stand.
    """
    gone = last_day_gone(conn)
    if gone is None:
        return None
    kept_from = (
        datetime(gone.year, gone.month, gone.day, tzinfo=UTC) + timedelta(days=1) + utc_offset
    )
    day = kept_from.date()
    return (
        day
        if kept_from == datetime(day.year, day.month, day.day, tzinfo=UTC)
        else day + timedelta(days=1)
    )


def _not_gone(conn: Connection, dirty: pl.DataFrame, utc_offset: timedelta) -> pl.DataFrame:
    first = first_kept_day(conn, utc_offset)
    if first is None:
        return dirty
    kept = dirty.filter(pl.col("day") >= (first - date(1970, 1, 1)).days)
    if kept.height < dirty.height:
        log.info("results_stand", patient_days=dirty.height - kept.height, before=str(first))
    return kept


def _number(day: str) -> pl.Expr:
    return pl.col(day).to_physical().cast(pl.Int64)


def _days_with_data(conn: Connection, changed: pl.DataFrame, utc_offset: timedelta) -> pl.DataFrame:
    """Return DIRTY: the days of the changed ranges, as far as there are readings or results."""
    recorded = frame_of(
        conn,
        "recorded_range",
        {"patients": changed["patient_id"].unique().sort().to_list(), "offset": utc_offset},
        pl.Schema({"patient_id": pl.Int64, "since": pl.Date, "until": pl.Date}),
    )
    return (
        changed.join(recorded, on="patient_id")
        .select(
            "patient_id",
            first=pl.max_horizontal("first_day", pl.col("since") - timedelta(days=1)),
            last=pl.min_horizontal("last_day", pl.col("until") + timedelta(days=1)),
        )
        .filter(pl.col("first") <= pl.col("last"))
        .select("patient_id", day=pl.date_ranges("first", "last").cast(pl.List(pl.Int32)))
        .explode("day")
        .select(pl.col("patient_id"), pl.col("day").cast(pl.Int64))
        .unique()
    )

"""The recomputation: what came in or changed, and exactly the rows that follow from it.

Inputs are sets: in whatever order and batches readings come, and however often this runs between
them, the stored rows are those of one computation over everything (property-tested). Unit is the
patient's local day; a window of days is widened until no chain of effort crosses its edges.
"""

import json
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl
import structlog

from config.conventions import Conventions, load_conventions
from reports.nightly.blocks import compute_block
from reports.nightly.changes import claim_dirty_days, first_kept_day
from reports.nightly.reach import reach_of
from reports.nightly.refused import note_refused
from reports.nightly.rounds import Clock
from reports.nightly.side_weeks import SIDE_ASKED, side_weeks
from reports.nightly.store import make_staging, store_block, store_side_weeks, store_weeks
from reports.nightly.tables import frame_of, stage
from reports.nightly.weeks import ASKED, OpeningHours, in_pieces, roll_up
from reports.nightly.windows import windows_of
from storage.database import Connection, snapshot
from storage.queries import query

log = structlog.get_logger()

MOST_DAYS = 31
"""Days of one patient in one window at first; a longer run is several windows."""
ROWS_AT_ONCE = 2_000_000
"""Readings in one block, about: what bounds memory, not the number of people."""
ROWS_A_DAY = 17_280
"""A first guess at one patient's readings a day (one in five seconds); then what was seen."""


@dataclass(frozen=True)
class Recomputed:
    """What a recomputation did; row counts are of rows that are now other than before."""

    through: date | None
    """The last local day that counts in weeks; None while there is no result at all."""
    patients: int
    patient_days: int
    samples: int
    step_rows: int
    days: int
    bouts: int
    weeks: int
    seconds: dict[str, float]


def recompute(
    conn: Connection,
    *,
    through: date | None = None,
    conventions: Conventions | None = None,
    opening: OpeningHours | None = None,
) -> Recomputed:
    """Claim what was touched and bring days, bouts and weeks up to date, in one transaction.

    `through` is the last local day that counts in weeks; a stored week never loses days again.
    Without it, the last day with a result. Only one recomputation may run at a time: the caller
    holds the lock.
    """
    conventions = conventions or load_conventions()
    with snapshot(conn):
        return _recompute(conn, through, conventions, opening or OpeningHours())


def _recompute(
    conn: Connection, through: date | None, conventions: Conventions, opening: OpeningHours
) -> Recomputed:
    clock = Clock()
    make_staging(conn)
    reach = reach_of(conventions)
    dirty, changed = claim_dirty_days(conn, reach, conventions)
    kept_from = first_kept_day(conn, timedelta(minutes=conventions.utc_offset_min))
    windows = windows_of(dirty, most_days=MOST_DAYS)
    patients = pl.concat([dirty["patient_id"], changed["patient_id"]]).unique().sort().to_list()
    enrolments = frame_of(
        conn,
        "enrolments_of",
        {"patients": patients},
        pl.Schema({"patient_id": pl.Int64, "enrolment_id": pl.Int64}),
    )
    clock.lap("reading")
    counts = dict.fromkeys(("patient_days", "samples", "step_rows", "days", "bouts"), 0)
    while windows.height:
        days_in = (windows["last_day"] - windows["first_day"] + 1).cum_sum()
        seen, seen_days = counts["samples"] + counts["step_rows"], counts["patient_days"]
        rows_a_day = max(seen / seen_days, 1) if seen_days else ROWS_A_DAY
        at_once = max(int((days_in <= ROWS_AT_ONCE / rows_a_day).sum()), 1)
        block = compute_block(conn, windows.head(at_once), conventions, reach, clock)
        windows = windows.slice(at_once)
        if kept_from is not None:
            block = block.since(kept_from)
        written = store_block(conn, block, enrolments, conventions.version)
        clock.lap("writing")
        counts["patient_days"] += int(
            (block.windows["last_day"] - block.windows["first_day"] + 1).sum()
        )
        counts["samples"] += block.samples
        counts["step_rows"] += block.step_rows
        counts["days"] += written.days
        counts["bouts"] += written.bouts
        log.debug("block_recomputed", windows=at_once, left=windows.height, samples=block.samples)
    if counts["patient_days"]:
        conn.execute(
            query("put_audit"),
            {
                "action": "recompute",
                "subject": "readings",
                "detail": json.dumps(
                    {"patients": len(patients), "patient_days": counts["patient_days"]}
                ),
            },
        )
    note_refused(conn, changed["patient_id"].unique().sort().to_list())
    _note_changed_weeks(conn, changed, enrolments)
    counted = _counted_to(conn, through)
    weeks = _roll_up_weeks(conn, counted, kept_from, conventions, opening, clock) if counted else 0
    done = Recomputed(
        through=counted, patients=len(patients), weeks=weeks, seconds=clock.seconds, **counts
    )
    log.info(
        "recomputed", **{name: count for name, count in vars(done).items() if name != "through"}
    )
    return done


def _note_changed_weeks(conn: Connection, changed: pl.DataFrame, enrolments: pl.DataFrame) -> None:
    """Mark the weeks that a changed record touches, also those without any reading."""
    ranges = changed.join(enrolments, on="patient_id")
    stage(
        conn,
        "COPY changed_span (enrolment_id, first_day, last_day) FROM STDIN",
        ("enrolment_id", "first_day", "last_day"),
        ranges,
    )
    conn.execute(query("note_changed_weeks"))


def _counted_to(conn: Connection, through: date | None) -> date | None:
    """Return the last day that counts: as asked, but never before what weeks already count."""
    row = conn.execute(query("latest_counted")).fetchone()
    latest_week, latest_day = row or (None, None)
    candidates = [latest_week, through if through is not None else latest_day]
    return max((day for day in candidates if isinstance(day, date)), default=None)


def _roll_up_weeks(
    conn: Connection,
    through: date,
    kept_from: date | None,
    conventions: Conventions,
    opening: OpeningHours,
    clock: Clock,
) -> int:
    """Bring the weeks up to date that begin on `kept_from` or later; return how many changed.

    None: all. Of a week before it some days stand as they are: it does as well.
    """
    conn.execute(query("let_weeks_stand"), {"kept_from": kept_from})
    asked = frame_of(conn, "weeks_to_roll", {"through": through, "kept_from": kept_from}, ASKED)
    changed = conn.execute(query("drop_unlisted_weeks")).rowcount
    clock.lap("reading")
    for piece in in_pieces(asked):
        rows = roll_up(conn, piece, conventions, opening)
        clock.lap("computing")
        changed += store_weeks(conn, rows)
        clock.lap("writing")
    _roll_up_side_weeks(conn, kept_from, conventions, clock)
    return changed


def _roll_up_side_weeks(
    conn: Connection, kept_from: date | None, conventions: Conventions, clock: Clock
) -> None:
    """Bring the side figures of the stored weeks up to date; no figure of adherence moves."""
    asked = frame_of(conn, "side_weeks_to_roll", {"kept_from": kept_from}, SIDE_ASKED)
    clock.lap("reading")
    for piece in in_pieces(asked):
        rows = side_weeks(conn, piece, conventions)
        clock.lap("computing")
        store_side_weeks(conn, rows)
        clock.lap("writing")

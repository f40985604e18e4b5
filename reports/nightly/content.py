"""Reading a night's content out of the database: pseudonyms, codes and weeks; no patient's name."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from adherence.schema import ZONES
from config.conventions import Conventions
from config.schemes import Scheme
from reports.nightly.evidence import conventions_sha256, sha256_of_facts
from reports.nightly.payment import payment_of
from reports.nightly.quality import quality_of
from reports.nightly.side_weeks import SIDE_ASKED, side_weeks
from reports.nightly.tables import frame_of
from reports.nightly.weeks import ASKED, OpeningHours, in_pieces, roll_up
from reports.workbook.content import (
    PATIENT_SCHEMA,
    SIDE_SCHEMA,
    UNIT_SCHEMA,
    WEEK_SCHEMA,
    Content,
    Coverage,
)
from storage.database import Connection
from storage.queries import query

MOST_WEEKS = 13
"""Weeks in one workbook: a quarter. Older weeks stay in the database."""

_FIGURES = (
    "sessions",
    "session_days",
    "bout_credit_min",
    "attendance",
    "rdi",
    "adherence_pct",
    "aerobic_pct",
    "resistance_pct",
    "balance_pct",
    "steps_pct",
    "wear_min",
    "valid_days",
    "state",
    "reason",
    "method_version",
    "input_sha256",
)

_SIDE_FIGURES = (
    *(f"{zone}_min" for zone in ZONES),
    "mod_eq_min",
    "trimp",
    "over_ceiling_min",
    "rest_days",
    "rest_bpm",
    "rest_base_days",
    "rest_base_bpm",
    "rest_drift_bpm",
    "method_version",
    "side_version",
    "input_sha256",
)


def content_of(
    conn: Connection,
    night: date,
    conventions: Conventions,
    opening: OpeningHours,
    *,
    zone_name: str,
    schemes: Sequence[Scheme] = (),
    counted_to: date | None = None,
    with_side: bool = False,
) -> Content:
    """Return what the night's workbook says, revision 0: the caller numbers it.

    `schemes` are those whose lines it shows; `counted_to` is the day their lines were stored as of.
    `with_side` adds the side figures, for those who treat.

    Days after the night do not count: a week that was rolled up over more days since is rolled up
    again as of the night, so a night computed twice says the same.
    """
    first_week = night - timedelta(days=night.weekday() + 7 * (MOST_WEEKS - 1))
    weeks = frame_of(conn, "reported_weeks", {"night": night, "since": first_week}, WEEK_SCHEMA)
    later = frame_of(conn, "weeks_counted_further", {"night": night}, SIDE_ASKED)
    weeks = _as_of(conn, weeks, later, conventions, opening)
    side = None
    if with_side:
        since = {"night": night, "since": first_week}
        side = frame_of(conn, "reported_side_weeks", since, SIDE_SCHEMA)
        side = _side_as_of(conn, side, later, conventions)
    method_sha256 = conventions_sha256(conventions)
    content = Content(
        night=night,
        revision=0,
        first_week=weeks["week"].min(),  # type: ignore[arg-type]  # a date, out of a Date column
        weeks=weeks,
        patients=frame_of(conn, "reported_patients", {}, PATIENT_SCHEMA),
        doctors=frame_of(conn, "reported_doctors", {}, UNIT_SCHEMA),
        centres=frame_of(conn, "reported_centres", {}, UNIT_SCHEMA),
        coverage=_coverage(conn, zone_name),
        method_version=conventions.version,
        conventions_sha256=method_sha256,
        input_sha256=b"",
        payment=payment_of(conn, schemes, first_week, night, counted_to or night),
        side=side,
        quality=quality_of(conn, first_week, night, zone_name),
    )
    return replace(content, input_sha256=_input_sha256(content))


def _as_of(
    conn: Connection,
    weeks: pl.DataFrame,
    later: pl.DataFrame,
    conventions: Conventions,
    opening: OpeningHours,
) -> pl.DataFrame:
    """Replace the figures of weeks whose row counts days after the night: `later` (SIDE_ASKED)."""
    asked = later.select(ASKED.names())
    pieces = [roll_up(conn, piece, conventions, opening) for piece in in_pieces(asked)]
    if not pieces:
        return weeks
    earlier = pl.concat(pieces).rename({"complete_sessions": "sessions"})
    return _updated(conn, weeks, earlier, _FIGURES)


def _side_as_of(
    conn: Connection, side: pl.DataFrame, later: pl.DataFrame, conventions: Conventions
) -> pl.DataFrame:
    """Replace the side figures of those weeks likewise."""
    pieces = [side_weeks(conn, piece, conventions) for piece in in_pieces(later)]
    return _updated(conn, side, pl.concat(pieces), _SIDE_FIGURES) if pieces else side


def _updated(
    conn: Connection, weeks: pl.DataFrame, earlier: pl.DataFrame, names: Sequence[str]
) -> pl.DataFrame:
    """Return `weeks` with the columns `names` of those that stand in `earlier` (enrolment_id)."""
    labels = frame_of(
        conn, "case_labels", {}, pl.Schema({"enrolment_id": pl.Int64, "case_label": pl.String})
    )
    named = (
        earlier.join(labels, on="enrolment_id")
        .select("case_label", "week", *names)
        .cast({name: weeks.schema[name] for name in names})
    )
    return weeks.update(named, on=["case_label", "week"], include_nulls=True)


def _coverage(conn: Connection, zone_name: str) -> Coverage:
    row = conn.execute(query("coverage")).fetchone()
    until, *counts = row or (None, 0, 0, 0, 0)
    local = until.astimezone(ZoneInfo(zone_name)) if isinstance(until, datetime) else None
    return Coverage(local.replace(tzinfo=None) if local else None, *(int(str(n)) for n in counts))


def _input_sha256(content: Content) -> bytes:
    """Hash everything that is counted and named; not how much came in beside it.

    A batch that changes no figure makes no new report, so the coverage stays out.
    """
    frames = {
        name: [[_plain(value) for value in row] for row in frame.rows()]
        for name, frame in (
            ("weeks", content.weeks),
            ("patients", content.patients),
            ("doctors", content.doctors),
            ("centres", content.centres),
        )
    }
    if content.side is not None:
        frames["side"] = [[_plain(value) for value in row] for row in content.side.rows()]
    facts: dict[str, object] = {
        "night": str(content.night),
        "method": content.method_version,
        "conventions": content.conventions_sha256.hex(),
        **frames,
    }
    if content.payment is not None:
        facts["payment"] = {
            "schemes": [scheme.model_dump(mode="json") for scheme in content.payment.schemes],
            "lines": [line.input_sha256.hex() for line in content.payment.lines],
            "periods": {str(m): state for m, state in content.payment.period_states.items()},
        }
    return sha256_of_facts(facts)


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, date) else value

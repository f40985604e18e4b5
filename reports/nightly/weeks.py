"""Weeks out of stored days, bouts and logged sessions, with their state: what a payer looks at.

A week is judged by the targets of its Monday. Every enrolled week that has begun has a row, data or
none, as long as a prescription is in force in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time, timedelta

import polars as pl

from adherence.method import log_facts, states, weeks
from adherence.prescription import needs_figures
from adherence.schema import LOG
from config.conventions import Conventions
from reports.nightly.rounds import has_figures, prescription_id, versions_of
from reports.nightly.tables import frame_of
from reports.nightly.week_evidence import week_hashes
from storage.database import Connection

ASKED = pl.Schema(
    {"enrolment_id": pl.Int64, "patient_id": pl.Int64, "week": pl.Date, "counted_to": pl.Date}
)
"""Weeks to roll up; days after `counted_to` do not count yet."""

_DAYS = pl.Schema(
    {
        "case": pl.Int64,
        "date": pl.Date,
        "valid_day": pl.Boolean,
        "wear_ms": pl.Int64,
        "credit_ms": pl.Int64,
        "above_ms": pl.Int64,
        "moderate_ms": pl.Int64,
        "vigorous_ms": pl.Int64,
        "near_max_ms": pl.Int64,
        "steps": pl.Int64,
        "input_sha256": pl.Binary,
    }
)
_LOG = pl.Schema({name: dtype or pl.Int64 for name, dtype in LOG.items()})
_BOUTS = pl.Schema(
    {
        "case": pl.Int64,
        "date": pl.Date,
        "start_ms": pl.Int64,
        "credit_ms": pl.Int64,
        "effort_ms": pl.Int64,
        "complete": pl.Boolean,
        "input_sha256": pl.Binary,
    }
)
_FACTS = pl.Schema(
    {
        "case": pl.Int64,
        "week": pl.Date,
        "mode": pl.String,
        "paused": pl.Boolean,
        "has_band": pl.Boolean,
        "site_observed": pl.Boolean,
    }
)
_WEEK_DAYS = timedelta(days=6)
NO_LOG = "rpe_without_log"
MOST_WEEKS = 20_000
"""Weeks rolled up at once; memory stays bounded however many are due."""


@dataclass(frozen=True)
class OpeningHours:
    """Local clock times between which a centre's gateways must be up to observe a session."""

    opens: time = time(8)
    closes: time = time(20)


def in_pieces(asked: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Cut the weeks to roll up into pieces of bounded size."""
    for start in range(0, asked.height, MOST_WEEKS):
        yield asked.slice(start, MOST_WEEKS)


def roll_up(
    conn: Connection, asked: pl.DataFrame, conventions: Conventions, opening: OpeningHours
) -> pl.DataFrame:
    """Return the stored form of the weeks asked for; one without any prescription is left out."""
    listed = {
        "enrolments": asked["enrolment_id"].to_list(),
        "weeks": asked["week"].to_list(),
        "until": asked["counted_to"].to_list(),
    }
    day_rows = frame_of(conn, "days_of_weeks", listed, _DAYS)
    bout_rows = frame_of(conn, "bouts_of_weeks", listed, _BOUTS)
    terms = {
        "offset": timedelta(minutes=conventions.utc_offset_min),
        "opens": opening.opens,
        "closes": opening.closes,
    }
    facts = frame_of(conn, "facts_of_weeks", listed | terms, _FACTS)
    log_rows = frame_of(conn, "log_of_weeks", listed, _LOG)
    versions = versions_of(conn, asked["patient_id"].unique().sort().to_list()).with_columns(
        case="enrolment_id", person="patient_id"
    )
    spans = asked.select(case="enrolment_id", first_day="week", last_day="week").lazy()
    cases, log = versions.lazy(), log_rows.lazy()
    figures = weeks(day_rows.lazy(), bout_rows.lazy(), cases, spans, conventions, log=log)
    known = asked.select("week", "counted_to", case="enrolment_id")
    with_facts = (
        figures.join(known.lazy(), on=["case", "week"])
        .join(facts.lazy(), on=["case", "week"])
        .join(log_facts(cases, spans, log), on=["case", "week"])
        .join(
            versions.lazy().select(
                "version",
                "from_day",
                figured=has_figures(),
                rests_on_band=needs_figures() | pl.col("steps_per_day").is_not_null(),
            ),
            on="version",
        )
        .with_columns(excuse=_excuse(), hindrance=_hindrance())
    )
    judged = states(with_facts).sort("case", "week").collect()
    return judged.with_columns(
        week_hashes(
            judged, [(day_rows, "date"), (bout_rows, "start_ms")], log_rows, versions, conventions
        ),
        enrolment_id="case",
        prescription_id=prescription_id(),
        method_version=pl.lit(conventions.version),
    )


def _excuse() -> pl.Expr:
    """Why the week asks nothing of the patient, or cannot yet; of several the first."""
    over = pl.col("counted_to") >= pl.col("week") + _WEEK_DAYS
    return (
        # None in force on its Monday: the enrolment or its prescription begins within the week.
        pl.when(pl.col("from_day") > pl.col("week"))
        .then(pl.lit("first_partial_week"))
        .when("paused")
        .then(pl.lit("paused"))
        .when(~over)
        .then(pl.lit("week_not_over"))
        .when(~pl.col("figured"))
        .then(pl.lit("no_figures"))
        .otherwise("log_excuse")
    )


def _hindrance() -> pl.Expr:
    """Why too little was seen, where it is known; else the core's own word for the mode.

    Where nothing asked for is seen by a band, what is missing is the log.
    """
    return (
        pl.when(~pl.col("rests_on_band"))
        .then(pl.lit(NO_LOG))
        .when(~pl.col("has_band"))
        .then(pl.lit("no_band"))
    )

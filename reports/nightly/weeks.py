"""Weeks out of stored days and bouts, with their state: what a payer looks at.

A week is judged by the targets of its Monday. Every enrolled week that has begun has a row, data or
none, as long as a prescription is in force in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta

import polars as pl

from adherence.method import states, weeks
from config.conventions import Conventions
from reports.nightly.evidence import conventions_sha256, sha256_of_facts
from reports.nightly.rounds import has_figures, prescription_id, versions_of
from reports.nightly.tables import frame_of
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
        "input_sha256": pl.Binary,
    }
)
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
    versions = versions_of(conn, asked["patient_id"].unique().sort().to_list()).with_columns(
        case="enrolment_id", person="patient_id"
    )
    spans = asked.select(case="enrolment_id", first_day="week", last_day="week")
    figures = weeks(day_rows.lazy(), bout_rows.lazy(), versions.lazy(), spans.lazy(), conventions)
    known = asked.select("week", "counted_to", case="enrolment_id")
    figured = versions.select("version", "from_day", has_figures().alias("figured"))
    with_facts = (
        figures.join(known.lazy(), on=["case", "week"])
        .join(facts.lazy(), on=["case", "week"])
        .join(figured.lazy(), on="version")
        .with_columns(excuse=_excuse(), hindrance=_hindrance())
    )
    judged = states(with_facts).sort("case", "week").collect()
    return judged.with_columns(
        _hashes(judged, day_rows, bout_rows, versions, conventions),
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
    )


def _hindrance() -> pl.Expr:
    """Why too little was seen, where it is known; else the core's own word for the mode."""
    return pl.when(~pl.col("has_band")).then(pl.lit("no_band"))


def _hashes(
    judged: pl.DataFrame,
    day_rows: pl.DataFrame,
    bout_rows: pl.DataFrame,
    versions: pl.DataFrame,
    conventions: Conventions,
) -> pl.Series:
    """Hash each week: its rows' hashes, the targets of its Monday, the facts of its state."""
    method = conventions_sha256(conventions).hex()
    targets = {row["version"]: row for row in versions.to_dicts()}
    below: dict[tuple[int, date], list[str]] = {}
    monday = pl.col("date").dt.truncate("1w")
    for rows, at in ((day_rows, "date"), (bout_rows, "start_ms")):
        named = rows.select(
            "case", monday.alias("week"), pl.col(at).cast(pl.String), "input_sha256"
        )
        for case, week, place, data in named.iter_rows():
            below.setdefault((case, week), []).append(f"{place} {data.hex()}")
    facts = ("mode", "excuse", "hindrance", "site_observed", "valid_week")
    hashes = []
    for row in judged.to_dicts():
        target = targets[row["version"]]
        said = {name: row[name] for name in facts if name in row}
        if row["mode"] != "site":
            said.pop("site_observed", None)
        hashes.append(
            sha256_of_facts(
                {
                    "row": "week",
                    "method": method,
                    "rows": below.get((row["case"], row["week"]), []),
                    "targets": [
                        target[name] for name in ("session_min", "sessions_per_week", "weekly_min")
                    ],
                    **said,
                }
            )
        )
    return pl.Series("input_sha256", hashes, pl.Binary)

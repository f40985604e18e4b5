"""Side figures of stored weeks out of stored days: beside adherence, never part of it.

A week has a row whether anything was recorded in it or not, as the week itself has; the drift of
its resting heart rate looks back over the weeks that are its baseline.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import polars as pl

from adherence import method
from adherence.schema import ZONES
from config.conventions import Conventions
from config.side_figures import SideFigures, load_side_figures
from reports.nightly.evidence import conventions_sha256, sha256_of_facts
from reports.nightly.rounds import prescription_id, versions_of
from reports.nightly.side_days import FIGURES, numbers_sha256
from reports.nightly.tables import frame_of
from storage.database import Connection

SIDE_ASKED = pl.Schema(
    {
        "enrolment_id": pl.Int64,
        "patient_id": pl.Int64,
        "week": pl.Date,
        "counted_to": pl.Date,
        "prescription_id": pl.Int64,
    }
)
"""Stored weeks; days after `counted_to` do not count yet."""

_ZONES = pl.Schema(
    {
        "case": pl.Int64,
        "date": pl.Date,
        **{f"{zone}_ms": pl.Int64 for zone in ZONES},
        "input_sha256": pl.Binary,
    }
)
_LOADS = pl.Schema(
    {
        "case": pl.Int64,
        "date": pl.Date,
        "impulse": pl.Int64,
        "over_ceiling_ms": pl.Int64,
        "input_sha256": pl.Binary,
    }
)
_RESTS = pl.Schema(
    {"person": pl.Int64, "date": pl.Date, "rest_bpm": pl.Float64, "input_sha256": pl.Binary}
)
_WEEK_DAYS = timedelta(days=6)


def side_weeks(conn: Connection, asked: pl.DataFrame, conventions: Conventions) -> pl.DataFrame:
    """Return the stored form of the side figures of the weeks asked for (SIDE_ASKED)."""
    side = load_side_figures()
    listed = {
        "enrolments": asked["enrolment_id"].to_list(),
        "weeks": asked["week"].to_list(),
        "until": asked["counted_to"].to_list(),
    }
    zones = frame_of(conn, "zones_of_weeks", listed, _ZONES)
    loads = frame_of(conn, "loads_of_weeks", listed, _LOADS)
    looked_back = listed | {"baseline_weeks": side.baseline_weeks}
    rests = frame_of(conn, "rest_days_of_weeks", looked_back, _RESTS)
    patients = asked["patient_id"].unique().sort().to_list()
    # Of a version with phases each is alike here: what it asks for decides no side figure.
    versions = (
        versions_of(conn, patients)
        .with_columns(case="enrolment_id", person="patient_id", version=prescription_id())
        .unique(["case", "version"], keep="first", maintain_order=True)
    )
    weeks = asked.select(
        "week", case="enrolment_id", version="prescription_id", person="patient_id"
    )
    found = (
        method.side_weeks(
            zones.lazy(),
            loads.lazy(),
            rests.lazy(),
            weeks.lazy(),
            versions.lazy(),
            conventions,
            side,
        )
        .join(asked.lazy().select("week", "counted_to", case="enrolment_id"), on=["case", "week"])
        .sort("case", "week")
        .collect()
    )
    return found.with_columns(
        pl.Series(
            "input_sha256",
            _hashes(found, (zones, loads), rests, versions, conventions, side),
            pl.Binary,
        ),
        enrolment_id="case",
        prescription_id="version",
        method_version=pl.lit(conventions.version),
        side_version=pl.lit(side.version),
    )


def _hashes(
    found: pl.DataFrame,
    day_tables: Iterable[pl.DataFrame],
    rests: pl.DataFrame,
    versions: pl.DataFrame,
    conventions: Conventions,
    side: SideFigures,
) -> list[bytes]:
    """Return what each week was made of, as hashes, in the order of `found`."""
    same = {
        "row": "side_week",
        "method": conventions_sha256(conventions).hex(),
        "side": numbers_sha256(side).hex(),
    }
    said: dict[object, dict[str, Any]] = {
        row["version"]: {name: row[name] for name in FIGURES} for row in versions.to_dicts()
    }
    below = [_below(rows) for rows in day_tables]
    resting = _Resting(rests)
    look_back = timedelta(weeks=side.baseline_weeks)
    return [
        sha256_of_facts(
            same
            | said[version]
            | {
                "days": [table.get((case, week), []) for table in below],
                "rest": resting.between(person, week - look_back, week + _WEEK_DAYS),
            }
        )
        for case, version, person, week in found.select(
            "case", "version", "person", "week"
        ).iter_rows()
    ]


def _below(rows: pl.DataFrame) -> dict[tuple[int, date], list[str]]:
    below: dict[tuple[int, date], list[str]] = {}
    monday = pl.col("date").dt.truncate("1w")
    for case, week, day, data in rows.select(
        "case", monday.alias("week"), "date", "input_sha256"
    ).iter_rows():
        below.setdefault((case, week), []).append(f"{day} {data.hex()}")
    return below


class _Resting:
    """Each person's days with a resting heart rate, by date."""

    def __init__(self, rests: pl.DataFrame) -> None:
        self._days: dict[int, list[date]] = {}
        self._said: dict[int, list[str]] = {}
        rows = rests.sort("person", "date").select("person", "date", "input_sha256")
        for person, day, data in rows.iter_rows():
            self._days.setdefault(person, []).append(day)
            self._said.setdefault(person, []).append(f"{day} {data.hex()}")

    def between(self, person: int, first: date, last: date) -> list[str]:
        """Return what is said of the person's days from the first to the last."""
        days = self._days.get(person, [])
        return self._said.get(person, [])[bisect_left(days, first) : bisect_right(days, last)]

"""Versions of prescriptions that nothing can be judged by: noted for the operator, case by case."""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from config.language import later
from reports.nightly.rounds import prescription_id, versions_of, why_refused
from storage.database import Connection
from storage.queries import query

REASONS: Mapping[str, str] = {
    "zone_upside_down": later("the zone ends where it begins or below"),
    "no_max": later("there is no maximum heart rate"),
    "no_rest": later("there is no resting heart rate"),
    "max_not_above_rest": later("the maximum is not above the resting heart rate"),
    "ceiling_not_above_zone": later(
        "the ceiling is not above the heart rate at which the zone begins"
    ),
}


class Refused(NamedTuple):
    """A version, or a phase of it, that is not judged."""

    case_label: str
    version: int
    from_day: date
    reason: str
    """A key of REASONS."""


def note_refused(conn: Connection, patients: list[int]) -> None:
    """Bring the refused versions of these patients up to date; the same again changes no row."""
    found = (
        versions_of(conn, patients)
        .with_columns(reason=why_refused(), prescription_id=prescription_id())
        .drop_nulls("reason")
    )
    conn.execute(
        query("note_refused_versions"),
        {
            "patients": patients,
            "prescriptions": found["prescription_id"].to_list(),
            "from_days": found["from_day"].to_list(),
            "until_days": found["until_day"].to_list(),
            "reasons": found["reason"].to_list(),
        },
    )


def refused_versions(conn: Connection, night: date) -> tuple[Refused, ...]:
    """Return what is not judged on the night or after it, by case."""
    rows = conn.execute(query("refused_versions"), {"night": night}).fetchall()
    return tuple(Refused(*row) for row in rows)

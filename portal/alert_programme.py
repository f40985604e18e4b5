"""Which of a patient's programmes an alert is about: its week, or the ceiling that was reached."""

from datetime import date
from typing import NamedTuple

from alerts.listing import ListedAlert
from portal import records
from storage.database import Connection, border
from storage.queries import query


class Programme(NamedTuple):
    """A programme, and the version of its prescription that held on the day of the alert."""

    enrolment: records.Enrolment
    version: records.Version | None
    case: str | None
    """What an address needs to name it: None where there is no other."""


def programme_of(conn: Connection, alert: ListedAlert, day: date) -> Programme | None:
    """Return the programme of an alert that began on a local day; None: the patient has none.

    A week belongs to the programme furthest from what was asked, a ceiling to the one that has it.
    Whoever calls has asked whether the alert may be seen.
    """
    found = records.enrolments(conn, alert.patient_id)
    if not found:
        return None
    held = [
        (one, next((v for v in records.versions(conn, one.id) if v.holds_on(day)), None))
        for one in found
    ]
    if alert.week is not None:
        low = _enrolment_of_low_week(conn, alert.patient_id, alert.week)
        ranked = sorted(held, key=lambda pair: pair[0].id != low)
    else:
        ranked = sorted(held, key=lambda pair: _is_other_ceiling(pair[1], alert.ceiling_bpm))
    enrolment, version = ranked[0]
    return Programme(enrolment, version, enrolment.case_label if len(found) > 1 else None)


def _enrolment_of_low_week(conn: Connection, patient_id: int, week: date) -> int | None:
    given = {"patient_id": patient_id, "week": week}
    with border():
        row = conn.execute(query("read_enrolment_of_low_week"), given).fetchone()
    return None if row is None else int(row[0])


def _is_other_ceiling(version: records.Version | None, ceiling_bpm: float | None) -> int:
    """Return 0 for the version that set this ceiling, 1 for another in force, 2 for none."""
    if version is None:
        return 2
    return 0 if version.terms.ceiling_bpm == ceiling_bpm else 1

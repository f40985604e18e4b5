"""What the pages read of patients, as records.

`find_patient` and `overviews` ask who may see it; whoever calls the others has asked them.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from storage.database import Connection, border
from storage.people import Prescription
from storage.queries import query

WEEKS_SHOWN = 8
SESSIONS_SHOWN = 10
DAYS_SHOWN = 5
HEARD_SINCE = timedelta(days=14)


class Patient(NamedTuple):
    """A patient whom the reader looks after."""

    id: int
    pseudonym: str
    name: str | None
    centre: str
    doctor: str


class Overview(NamedTuple):
    """A patient in one line: who, the newest stored week beside what it asked, the last contact."""

    id: int
    pseudonym: str
    name: str | None
    centre: str
    doctor: str
    age_years: float | None
    """As the prescription has it, of the day it was frozen."""
    beta_blocker: bool | None
    sessions_per_week: float | None
    weekly_min: float | None
    week: date | None
    complete_sessions: int | None
    credit_min: float | None
    above_min: float | None
    state: str | None
    reason: str | None
    adherence_pct: float | None
    contacted_at: datetime | None


class Enrolment(NamedTuple):
    """A programme of a patient."""

    id: int
    case_label: str
    mode: str
    starts_on: date
    ends_on: date | None


class Version(NamedTuple):
    """A version of the prescription, and until when it holds."""

    number: int
    until: date | None
    """The first day on which it holds no more."""
    terms: Prescription

    def bpm(self, hrr_pct: float) -> float | None:
        """Return a share of heart-rate reserve in bpm; None where HRmax or rest is not known."""
        rest, hr_max = self.terms.rest_hr_bpm, self.terms.hr_max_bpm
        if rest is None or hr_max is None:
            return None
        return rest + (hr_max - rest) * hrr_pct / 100

    @property
    def zone_bpm(self) -> tuple[float, float] | None:
        """Return the target zone in bpm."""
        low, high = self.bpm(self.terms.zone_lo), self.bpm(self.terms.zone_hi)
        return None if low is None or high is None else (low, high)

    def holds_on(self, day: date) -> bool:
        """Say whether it is in force on a local day."""
        return self.terms.effective_from <= day and (self.until is None or day < self.until)


class Week(NamedTuple):
    """A stored week."""

    week: date
    counted_to: date
    version: int
    complete_sessions: int
    session_days: int
    credit_min: float
    above_min: float
    wear_min: float
    valid_days: int
    sessions_per_week: float
    weekly_min: float
    adherence_pct: float
    state: str
    reason: str | None


class Bout(NamedTuple):
    """A qualifying bout; a complete one is a session."""

    start_at: datetime
    end_at: datetime
    date: date
    effort_ms: int
    credit_ms: int
    complete: bool
    sparse: bool


class Band(NamedTuple):
    """A band and when it was worn."""

    device_key: str
    family: str | None
    worn_from: datetime | None
    worn_until: datetime | None


class Pause(NamedTuple):
    """Excused days."""

    first_day: date
    until: date | None
    reason: str


def find_patient(conn: Connection, staff_id: int, pseudonym: str) -> Patient | None:
    """Return a patient; None where there is none of this name whom this person looks after."""
    given = {"staff_id": staff_id, "pseudonym": pseudonym}
    with border():
        row = conn.execute(query("find_patient_of_team"), given).fetchone()
    return None if row is None else Patient(*row)


def overviews(
    conn: Connection, staff_id: int, today: date, patient_ids: Sequence[int] | None = None
) -> list[Overview]:
    """Return this person's patients (of these ids), by pseudonym."""
    given = {
        "staff_id": staff_id,
        "today": today,
        "patient_ids": None if patient_ids is None else list(patient_ids),
    }
    with border():
        return [Overview(*row) for row in conn.execute(query("read_patients_of_team"), given)]


def enrolments(conn: Connection, patient_id: int) -> list[Enrolment]:
    """Return a patient's programmes, newest first."""
    with border():
        rows = conn.execute(query("read_enrolments_of"), {"patient_id": patient_id})
        return [Enrolment(*row) for row in rows]


def versions(conn: Connection, enrolment_id: int) -> list[Version]:
    """Return all versions of a prescription, newest first."""
    with border():
        rows = conn.execute(
            query("read_prescriptions_of"), {"enrolment_id": enrolment_id}
        ).fetchall()
    found = []
    for number, since, until, *terms in rows:
        names = list(Prescription.__dataclass_fields__)[1:]
        found.append(
            Version(
                number,
                until,
                Prescription(effective_from=since, **dict(zip(names, terms, strict=True))),
            )
        )
    return found


def weeks(conn: Connection, enrolment_id: int) -> list[Week]:
    """Return the newest stored weeks, newest first."""
    given = {"enrolment_id": enrolment_id, "rows": WEEKS_SHOWN}
    with border():
        return [Week(*row) for row in conn.execute(query("read_weeks_of"), given)]


def bouts(conn: Connection, enrolment_id: int, day: date | None = None) -> list[Bout]:
    """Return the newest stored bouts, or those of one local day; newest first."""
    given = {"enrolment_id": enrolment_id, "date": day, "rows": SESSIONS_SHOWN}
    with border():
        return [Bout(*row) for row in conn.execute(query("read_bouts_of"), given)]


def days(conn: Connection, enrolment_id: int) -> list[date]:
    """Return the newest local days with data, newest first."""
    given = {"enrolment_id": enrolment_id, "rows": DAYS_SHOWN}
    with border():
        return [row[0] for row in conn.execute(query("read_days_of"), given)]


def bands(conn: Connection, patient_id: int) -> list[Band]:
    """Return the newest assignments of bands, those worn now first."""
    with border():
        rows = conn.execute(query("read_bands_of"), {"patient_id": patient_id})
        return [Band(*row) for row in rows]


def pauses(conn: Connection, enrolment_id: int) -> list[Pause]:
    """Return the newest pauses."""
    with border():
        rows = conn.execute(query("read_pauses_of"), {"enrolment_id": enrolment_id})
        return [Pause(*row) for row in rows]


def last_heard_at(conn: Connection, patient_id: int, now: datetime) -> datetime | None:
    """Return the time of the newest heart rate of the last days; None: none."""
    given = {"patient_id": patient_id, "since": now - HEARD_SINCE}
    with border():
        row = conn.execute(query("last_heard_of"), given).fetchone()
    return row[0] if row else None

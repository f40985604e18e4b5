"""What the pages read of patients, as records.

`find_patient` and `overviews` ask who may see it; whoever calls the others has asked them.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date, datetime, timedelta
from typing import NamedTuple

from adherence.schema import COMPONENTS
from storage.database import Connection, border
from storage.intensity import zone_in_bpm
from storage.people import Phase, Prescription, phases_of
from storage.queries import query

WEEKS_SHOWN = 8
SESSIONS_SHOWN = 10
DAYS_SHOWN = 5
HEARD_SINCE = timedelta(days=14)
AEROBIC = ("zone_lo", "zone_hi", "session_min", "sessions_per_week", "weekly_min")
"""What a phase may ask otherwise."""
NOT_IN_ROW = ("effective_from", "phases")


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
    case_label: str | None
    """Of the programme whose week it is, where there are several."""


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
    """As written, with its phases."""
    starts_on: date
    """Of the enrolment: its week is the first one of the phases."""

    def bpm(self, hrr_pct: float) -> float | None:
        """Return a share of heart-rate reserve in bpm; None where HRmax or rest is not known."""
        rest, hr_max = self.terms.rest_hr_bpm, self.terms.hr_max_bpm
        if rest is None or hr_max is None:
            return None
        return rest + (hr_max - rest) * hrr_pct / 100

    def begins(self, phase: Phase) -> date:
        """Return the Monday on which a phase begins."""
        first = self.starts_on - timedelta(days=self.starts_on.weekday())
        return first + timedelta(weeks=phase.from_week - 1)

    def phase_on(self, day: date) -> Phase | None:
        """Return the phase that a local day lies in; None before the first."""
        begun = [phase for phase in self.terms.phases if self.begins(phase) <= day]
        return begun[-1] if begun else None

    def zone_bpm(self, asked: Prescription | Phase | None = None) -> tuple[float, float] | None:
        """Return the target zone in bpm, as written or as a phase has it."""
        terms, asked = self.terms, asked or self.terms
        zone = (
            terms.zone_lo if asked.zone_lo is None else asked.zone_lo,
            terms.zone_hi if asked.zone_hi is None else asked.zone_hi,
        )
        return zone_in_bpm(
            terms.intensity_kind,
            zone,
            hr_max_bpm=terms.hr_max_bpm,
            rest_hr_bpm=terms.rest_hr_bpm,
        )

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
    sessions_per_week: float | None
    weekly_min: float | None
    adherence_pct: float
    """The lowest of the parts, of which None is prescribed where it is None."""
    aerobic_pct: float | None
    resistance_pct: float | None
    balance_pct: float | None
    steps_pct: float | None
    state: str
    reason: str | None

    @property
    def parts(self) -> list[tuple[str, float]]:
        """Return the prescribed parts with their percentages; none where it is aerobic alone."""
        said = [(name, getattr(self, f"{name}_pct")) for name in COMPONENTS]
        known = [(name, pct) for name, pct in said if pct is not None]
        return known if [name for name, _ in known] != ["aerobic"] else []


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
    phases = phases_of(conn, [row[-2] for row in rows])
    names = [field.name for field in fields(Prescription) if field.name not in NOT_IN_ROW]
    for number, since, until, *values, prescription_id, starts_on in rows:
        terms = Prescription(
            effective_from=since,
            phases=phases.get(prescription_id, ()),
            **dict(zip(names, values, strict=True)),
        )
        found.append(Version(number, until, terms, starts_on))
    return found


def weeks(conn: Connection, enrolment_id: int) -> list[Week]:
    """Return the newest stored weeks, newest first."""
    given = {"enrolment_id": enrolment_id, "rows": WEEKS_SHOWN}
    with border():
        return [Week(*row) for row in conn.execute(query("read_weeks_of"), given)]


def team(conn: Connection, patient_id: int) -> list[tuple[str, str]]:
    """Return code and name of everybody who looks after a patient."""
    with border():
        rows = conn.execute(query("read_team_of"), {"patient_id": patient_id}).fetchall()
    return [(code, name) for code, name in rows]


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

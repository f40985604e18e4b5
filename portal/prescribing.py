"""A new version of a prescription: the doctor's answer to what was seen.

A version is never edited. The new one takes effect on a later local day, so that no day that has
begun changes under the patient; with an alert behind it, both are written together or not at all.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Response

from alerts import lifecycle
from alerts.listing import ListedAlert
from config.errors import Rejected
from config.language import later
from portal import records
from portal.alert_pages import FAULTS, alert_of
from portal.patients import enrolment_of, patient_of
from portal.visit import Doctor, DoctorWrites, Visit, see_other
from storage.people import Prescription, put_prescription

router = APIRouter()

Text = Annotated[str, Form(max_length=40)]
Label = Annotated[str, Form(max_length=400)]

BAD_NUMBER = later("Write a number in every field that is asked for.")
BAD_ZONE = later(
    "The zone's lower end must be below its upper end, both above 0 and at most 100 %."
)
BAD_AMOUNT = later(
    "Sessions must be 1 to 14 a week, of 5 to 180 minutes; the minutes of a week at most 2,000."
)
BAD_CEILING = later("The ceiling must lie above the zone's upper end and be at most 220 bpm.")
BAD_DAY = later("A version takes effect tomorrow at the earliest.")
TAKEN = later("A version takes effect on that day or later already: choose a later day.")
CHANGED = later("Somebody has written another version meanwhile. Look at it first.")
LATEST = timedelta(days=366)
MOST_BPM = 220


@dataclass(frozen=True)
class Asked:
    """What the form says, as it was typed."""

    effective_from: str
    zone_lo: str
    zone_hi: str
    session_min: str
    sessions_per_week: str
    weekly_min: str
    ceiling_bpm: str


class _Faulty(Exception):
    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@router.get("/patients/{pseudonym}/prescription")
def prescription_page(
    visit: Doctor,
    pseudonym: str,
    case: str | None = None,
    alert: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """Show the form, filled with the newest version."""
    patient = patient_of(visit, pseudonym)
    _all, enrolment = enrolment_of(visit, patient, case)
    versions = [] if enrolment is None else records.versions(visit.conn, enrolment.id)
    if enrolment is None or not versions:
        raise visit.refuse(pseudonym)
    behind = None if alert is None else _alert(visit, alert, patient)
    visit.note("read_patient", pseudonym, page="prescription")
    return _form(visit, patient, enrolment, versions, _as_typed(visit, versions[0]), behind)


def typed(
    effective_from: Text = "",
    zone_lo: Text = "",
    zone_hi: Text = "",
    session_min: Text = "",
    sessions_per_week: Text = "",
    weekly_min: Text = "",
    ceiling_bpm: Text = "",
) -> Asked:
    """Return the numbers of the form, as they were typed."""
    return Asked(
        effective_from,
        zone_lo,
        zone_hi,
        session_min,
        sessions_per_week,
        weekly_min,
        ceiling_bpm,
    )


@router.post("/patients/{pseudonym}/prescription")
def prescribe(
    visit: DoctorWrites,
    pseudonym: str,
    asked: Annotated[Asked, Depends(typed)],
    case: Label = "",
    newest: Text = "",
    alert: Text = "",
    reason: Annotated[str, Form(max_length=4_000)] = "",
) -> Response:
    """Write the new version, and close the alert it answers."""
    patient = patient_of(visit, pseudonym)
    _all, enrolment = enrolment_of(visit, patient, case)
    versions = [] if enrolment is None else records.versions(visit.conn, enrolment.id)
    if enrolment is None or not versions:
        raise visit.refuse(pseudonym)
    behind = _alert(visit, int(alert), patient) if alert.isdecimal() else None
    try:
        terms = _terms(asked, versions[0], visit.reader.today(), newest)
        with visit.conn.transaction():
            put_prescription(
                visit.conn,
                enrolment_id=enrolment.id,
                version=versions[0].number + 1,
                prescription=terms,
            )
            if behind is not None:
                staff_id = visit.person.staff_id
                lifecycle.close(visit.conn, behind.id, staff_id, "prescription_adjusted", reason)
                visit.note("alert_closed", pseudonym, alert=behind.id)
            visit.note("prescribe", pseudonym, version=versions[0].number + 1)
    except _Faulty as fault:
        return _form(visit, patient, enrolment, versions, asked, behind, fault.words, reason)
    except Rejected as refused:
        words = FAULTS.get(refused.reason, CHANGED)
        return _form(visit, patient, enrolment, versions, asked, behind, words, reason)
    return see_other(f"/patients/{pseudonym}")


def _alert(visit: Visit, alert_id: int, patient: records.Patient) -> ListedAlert:
    alert = alert_of(visit, alert_id)
    if alert.patient_id != patient.id:
        raise visit.refuse(f"alert {alert_id}")
    return alert


def _form(
    visit: Visit,
    patient: records.Patient,
    enrolment: records.Enrolment,
    versions: list[records.Version],
    asked: Asked,
    behind: ListedAlert | None,
    fault: str | None = None,
    reason: str = "",
) -> Response:
    return visit.page(
        "prescribe.html",
        200 if fault is None else 422,
        patient=patient,
        enrolment=enrolment,
        version=versions[0],
        asked=asked,
        alert=behind,
        fault=fault,
        reason=reason,
        tomorrow=visit.reader.today() + timedelta(days=1),
    )


def _as_typed(visit: Visit, version: records.Version) -> Asked:
    terms = version.terms
    earliest = max(
        visit.reader.today() + timedelta(days=1), terms.effective_from + timedelta(days=1)
    )
    ceiling = "" if terms.ceiling_bpm is None else f"{round(terms.ceiling_bpm)}"
    return Asked(
        effective_from=earliest.isoformat(),
        zone_lo=f"{terms.zone_lo:g}",
        zone_hi=f"{terms.zone_hi:g}",
        session_min=f"{terms.session_min:g}",
        sessions_per_week=f"{terms.sessions_per_week:g}",
        weekly_min=f"{terms.weekly_min:g}",
        ceiling_bpm=ceiling,
    )


def _terms(asked: Asked, last: records.Version, today: date, newest: str) -> Prescription:
    """Return the new terms; HRmax and rest stay as frozen. Raises _Faulty.

    `newest` is the version that the doctor had before them.
    """
    if newest != str(last.number):
        raise _Faulty(CHANGED)
    try:
        day = date.fromisoformat(asked.effective_from)
        low, high, session, sessions, weekly = (
            float(text)
            for text in (
                asked.zone_lo,
                asked.zone_hi,
                asked.session_min,
                asked.sessions_per_week,
                asked.weekly_min,
            )
        )
        ceiling = float(asked.ceiling_bpm) if asked.ceiling_bpm.strip() else None
    except ValueError:
        raise _Faulty(BAD_NUMBER) from None
    if not today < day <= today + LATEST:
        raise _Faulty(BAD_DAY)
    if day <= last.terms.effective_from:
        raise _Faulty(TAKEN)
    if not 0 < low < high <= 100:  # noqa: PLR2004 - percent
        raise _Faulty(BAD_ZONE)
    if not (1 <= sessions <= 14 and 5 <= session <= 180 and session <= weekly <= 2_000):  # noqa: PLR2004 - as the sentence says
        raise _Faulty(BAD_AMOUNT)
    upper = last.bpm(high)
    if ceiling is not None and not (upper or 0) < ceiling <= MOST_BPM:
        raise _Faulty(BAD_CEILING)
    unchanged = ceiling is not None and _is_shown_as(last.terms.ceiling_bpm, ceiling)
    return replace(
        last.terms,
        effective_from=day,
        zone_lo=low,
        zone_hi=high,
        session_min=session,
        sessions_per_week=sessions,
        weekly_min=weekly,
        ceiling_bpm=last.terms.ceiling_bpm if unchanged else ceiling,
        ceiling_source=(
            last.terms.ceiling_source if unchanged else None if ceiling is None else "prescribed"
        ),
    )


def _is_shown_as(exact: float | None, typed: float) -> bool:
    """Say whether the form's rounded number was left as it was."""
    return exact is not None and round(exact) == typed

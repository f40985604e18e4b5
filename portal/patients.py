"""A doctor's patients, and one patient's page."""

from datetime import UTC, date, datetime, timedelta
from urllib.parse import quote, urlencode

from fastapi import APIRouter, HTTPException, Response

from alerts.listing import ListedAlert, of_patient
from config.alert_rules import ADVICE, TITLES
from portal import pictures, records
from portal.readings import are_gone, instant, local_day_ms
from portal.side_figures import explanations, side_weeks
from portal.visit import CareTeam, Visit
from storage.session_log import Entry, sessions_between

router = APIRouter()

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)
"""There is no page of a day before or behind: a clock in milliseconds ends somewhere."""


def patient_of(visit: Visit, pseudonym: str) -> records.Patient:
    """Return a patient whom the visitor looks after; for anybody else there is no page."""
    patient = records.find_patient(visit.conn, visit.person.staff_id, pseudonym)
    if patient is None:
        raise visit.refuse(pseudonym)
    return patient


def enrolment_of(
    visit: Visit, patient: records.Patient, case: str | None
) -> tuple[list[records.Enrolment], records.Enrolment | None]:
    """Return a patient's programmes and the one asked for: the newest without asking."""
    found = records.enrolments(visit.conn, patient.id)
    if not case:
        return found, found[0] if found else None
    chosen = next((one for one in found if one.case_label == case), None)
    if chosen is None:
        raise visit.refuse(patient.pseudonym)
    return found, chosen


def patient_path(patient: records.Patient, enrolment: records.Enrolment, *, is_only: bool) -> str:
    """Return the address of a patient's page: of the programme, where there are several."""
    path = f"/patients/{quote(patient.pseudonym, safe='')}"
    return path if is_only else f"{path}?{urlencode({'case': enrolment.case_label})}"


def in_force(versions: list[records.Version], day: date) -> records.Version | None:
    """Return the version that holds on a local day."""
    return next((version for version in versions if version.holds_on(day)), None)


@router.get("/patients")
def patients_page(visit: CareTeam) -> Response:
    """List everybody the visitor looks after."""
    found = records.overviews(visit.conn, visit.person.staff_id, visit.reader.today())
    visit.note("read_patients", "patients", patients=[one.pseudonym for one in found])
    return visit.page("patients.html", patients=found)


@router.get("/patients/{pseudonym}")
def patient_page(
    visit: CareTeam, pseudonym: str, day: date | None = None, case: str | None = None
) -> Response:
    """Show one patient: the trace of a day, the prescription, weeks, sessions, alerts."""
    patient = patient_of(visit, pseudonym)
    if day is not None and not FIRST_DAY <= day <= LAST_DAY:
        raise HTTPException(404)
    enrolments, enrolment = enrolment_of(visit, patient, case)
    reader, conn = visit.reader, visit.conn
    today = reader.today()
    heard_at = records.last_heard_at(conn, patient.id, datetime.now(UTC))
    versions = [] if enrolment is None else records.versions(conn, enrolment.id)
    days = _days(visit, enrolment, heard_at)
    shown = day or (days[0] if days else today)
    alerts = of_patient(conn, visit.person.staff_id, patient.id)
    visit.note("read_patient", patient.pseudonym, day=shown.isoformat())
    picture = pictures.of_day(
        conn,
        reader,
        patient.id,
        shown,
        in_force(versions, shown),
        bouts=[] if enrolment is None else records.bouts(conn, enrolment.id, shown),
        alerts=_on_day(visit, alerts, shown),
    )
    return visit.page(
        "patient.html",
        patient=patient,
        enrolments=enrolments,
        enrolment=enrolment,
        today=today,
        day=shown,
        days=sorted({*days, shown}),
        picture=picture,
        gone=are_gone(conn, *local_day_ms(shown, reader.zone)),
        now_version=in_force(versions, today) or (versions[0] if versions else None),
        versions=versions,
        weeks=[] if enrolment is None else records.weeks(conn, enrolment.id),
        bouts=[] if enrolment is None else records.bouts(conn, enrolment.id),
        logged=[] if enrolment is None else _logged(visit, enrolment, today),
        side=[] if enrolment is None else side_weeks(conn, enrolment.id, rows=records.WEEKS_SHOWN),
        explanations=explanations(reader),
        pauses=[] if enrolment is None else records.pauses(conn, enrolment.id),
        bands=records.bands(conn, patient.id),
        heard_at=heard_at,
        alerts=alerts,
        titles=TITLES,
        advice=ADVICE,
    )


def _days(
    visit: Visit, enrolment: records.Enrolment | None, heard_at: datetime | None
) -> list[date]:
    """Return the newest days with data: as computed at night, and the day last heard of."""
    found = set() if enrolment is None else set(records.days(visit.conn, enrolment.id))
    if heard_at is not None:
        found.add(visit.reader.local(heard_at).date())
    return sorted(found, reverse=True)[: records.DAYS_SHOWN]


def _logged(visit: Visit, enrolment: records.Enrolment, today: date) -> list[Entry]:
    """Return the newest logged sessions of the weeks shown; none that was taken back."""
    since = today - timedelta(weeks=records.WEEKS_SHOWN)
    found = sessions_between(visit.conn, enrolment.id, since, today)
    return [entry for entry in found if not entry.withdrawn][: records.SESSIONS_SHOWN]


def _on_day(visit: Visit, alerts: list[ListedAlert], day: date) -> list[ListedAlert]:
    from_ms, to_ms = local_day_ms(day, visit.reader.zone)
    start, end = instant(from_ms), instant(to_ms)
    return [
        alert
        for alert in alerts
        if alert.week is None and alert.onset_at < end and alert.last_at >= start
    ]

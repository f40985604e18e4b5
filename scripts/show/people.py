"""The cast in the database: places, staff with their care teams, patients, bands, outages."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from alerts.ceiling import default_ceiling_bpm
from config.alert_rules import load_alert_rules
from devices.virtual.cast import CENTRES, DISTRICT, DOCTORS, OTHERS, PAYER, Patient
from devices.virtual.mishaps import OUTAGE
from devices.virtual.telling import ms_of, wearings
from scripts.replay.freeze import Case
from scripts.show.weeks import Weeks
from storage.accounts import put_care_team, put_email
from storage.database import Connection
from storage.gateways import put_outage
from storage.people import (
    Prescription,
    assign_device,
    put_device,
    put_enrolment,
    put_organisation,
    put_patient,
    put_prescription,
    put_staff,
)

OUTAGE_REASON = "power cut"
CARE_ROLES = ("instructor", "therapist")


def put_people(conn: Connection, weeks: Weeks, cases: Mapping[str, Case]) -> None:
    """Write everybody but the gateways; `cases` by patient."""
    with conn.transaction():
        _put_places(conn)
        for one in (*DOCTORS, *OTHERS):
            put_staff(conn, organisation=one.place, code=one.code, role=one.role, name=one.name)
            put_email(conn, staff=one.code, email=f"{one.code}@demo.invalid")
        for patient in weeks.patients:
            _put_patient(conn, patient, cases[patient.code])
        for patient in weeks.patients:
            _assign(conn, patient, weeks)


def put_outages(conn: Connection, weeks: Weeks) -> None:
    """Write the hours in which a box was out; the gateways must be enrolled."""
    put_outage(
        conn,
        centre=OUTAGE.centre,
        gateway=next(centre.gateway for centre in CENTRES if centre.code == OUTAGE.centre),
        since=weeks.origin.at(ms_of(OUTAGE.start)),
        until=weeks.origin.at(ms_of(OUTAGE.end)),
        reason=OUTAGE_REASON,
    )


def _put_places(conn: Connection) -> None:
    put_organisation(conn, kind="district", code=DISTRICT[0], name=DISTRICT[1])
    put_organisation(conn, kind="payer", code=PAYER[0], name=PAYER[1])
    for centre in CENTRES:
        put_organisation(
            conn, kind="centre", code=centre.code, name=centre.name, parent=DISTRICT[0]
        )


def _put_patient(conn: Connection, patient: Patient, case: Case) -> None:
    centre = next(doctor.place for doctor in DOCTORS if doctor.code == patient.doctor)
    put_patient(
        conn,
        pseudonym=patient.code,
        centre=centre,
        family_doctor=patient.doctor,
        name=patient.name,
    )
    for one in OTHERS:
        if one.role in CARE_ROLES and one.place == centre:
            put_care_team(conn, patient=patient.code, staff=one.code)
    enrolment = put_enrolment(
        conn,
        case_label=case.case,
        patient=patient.code,
        mode=case.mode,
        starts_on=case.starts_on,
    )
    put_prescription(
        conn,
        enrolment_id=enrolment,
        version=1,
        prescription=with_ceiling(case.prescription, patient.ceiling_bpm),
    )


def with_ceiling(prescription: Prescription, prescribed_bpm: float | None) -> Prescription:
    """Add what the doctor prescribed, else the programme's default, where there are figures."""
    if prescribed_bpm is not None:
        return replace(prescription, ceiling_bpm=prescribed_bpm, ceiling_source="prescribed")
    rest, top = prescription.rest_hr_bpm, prescription.hr_max_bpm
    if rest is None or top is None:
        return prescription
    share = load_alert_rules().hr_ceiling.default_ceiling_hrr_pct
    ceiling = default_ceiling_bpm(rest, top, share)
    return replace(prescription, ceiling_bpm=ceiling, ceiling_source="default")


def _assign(conn: Connection, patient: Patient, weeks: Weeks) -> None:
    """Give the bands of the story, from the day before it begins, with no end but a story's."""
    put_device(conn, patient.band.address, patient.band.family)
    for wearing in wearings(patient, weeks.patients):
        start = weeks.origin.at(wearing.start_ms or 0)
        assign_device(
            conn,
            device_key=wearing.band.address,
            patient=patient.code,
            worn_from=start if wearing.start_ms else start - timedelta(days=1),
            worn_until=None if wearing.end_ms is None else weeks.origin.at(wearing.end_ms),
        )

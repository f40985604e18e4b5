"""A made-up patient who wears a band, for measurements: band and pseudonym have one name."""

from datetime import UTC, date, datetime
from typing import Literal

from storage.database import Connection
from storage.people import (
    Prescription,
    assign_device,
    put_enrolment,
    put_patient,
    put_prescription,
)

HR_MAX_BPM, REST_BPM = 170.0, 60.0


def prescription_from(day: date, *, ceiling_bpm: float | None = None) -> Prescription:
    """Return a prescription of 150 minutes a week that holds from that day on."""
    return Prescription(
        effective_from=day,
        age_years=53,
        sex="F",
        beta_blocker=False,
        hr_max_bpm=HR_MAX_BPM,
        hr_max_source="measured",
        rest_hr_bpm=REST_BPM,
        rest_hr_source="measured",
        frozen_on=day,
        zone_lo=40,
        zone_hi=85,
        session_min=30,
        sessions_per_week=5,
        weekly_min=150,
        ceiling_bpm=ceiling_bpm,
        ceiling_source=None if ceiling_bpm is None else "prescribed",
    )


def wear(
    conn: Connection,
    name: str,
    centre: str,
    doctor: str,
    prescription: Prescription,
    *,
    mode: Literal["worn", "site"],
) -> None:
    """Enrol somebody from the day of the prescription on, with a band worn from its midnight."""
    since = prescription.effective_from
    put_patient(conn, pseudonym=name, centre=centre, family_doctor=doctor)
    enrolment_id = put_enrolment(conn, case_label=name, patient=name, mode=mode, starts_on=since)
    put_prescription(conn, enrolment_id=enrolment_id, version=1, prescription=prescription)
    worn_from = datetime.combine(since, datetime.min.time(), UTC)
    assign_device(conn, device_key=name, patient=name, worn_from=worn_from)

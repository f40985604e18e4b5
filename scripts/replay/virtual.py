"""The demo's recording: the cast of virtual patients over the last complete weeks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from devices.virtual.cast import CENTRES, DOCTORS, WEEKS, Patient, cast
from devices.virtual.living import Lived, live
from scripts.replay.recording import Doctor, Place, Recording, Roster, recording_of

CASE_SCHEMA = pl.Schema(
    {
        "case": pl.String,
        "person": pl.String,
        "age": pl.Float64,
        "sex": pl.String,
        "beta_blocker": pl.Boolean,
        "rest_hr": pl.Float64,
        "hr_max": pl.Float64,
        "zone_lo": pl.Float64,
        "zone_hi": pl.Float64,
        "session_min": pl.Float64,
        "sessions_per_week": pl.Float64,
        "weekly_min": pl.Float64,
    }
)


def first_monday(now: datetime, zone: str) -> datetime:
    """Return the local midnight at which the last `WEEKS` complete ISO weeks begin."""
    today = now.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=today.weekday() + 7 * WEEKS)


def virtual_recording(monday: datetime, seed: int) -> Recording:
    """Let everybody live; `monday` is a zoned local midnight."""
    start_ms = int(monday.astimezone(UTC).timestamp()) * 1000
    patients = cast()
    lives = {
        patient.code: live(patient.wearer, weeks=WEEKS, seed=seed * 1000 + number)
        for number, patient in enumerate(patients)
        if patient.wearer is not None
    }
    return recording_of(
        pl.concat([_frame(code, lived, start_ms, "hr") for code, lived in lives.items()]),
        pl.concat([_frame(code, lived, start_ms, "steps") for code, lived in lives.items()]),
        pl.DataFrame([_case(patient) for patient in patients], schema=CASE_SCHEMA, orient="row"),
        Roster(
            tuple(Place(centre.code, centre.name) for centre in CENTRES),
            tuple(Doctor(doctor.code, doctor.name, doctor.centre) for doctor in DOCTORS),
            {patient.code: patient.doctor for patient in patients},
            {patient.code: patient.name for patient in patients},
        ),
        (monday.date(), monday.date() + timedelta(weeks=WEEKS)),
    )


def _frame(person: str, lived: Lived, start_ms: int, value: str) -> pl.DataFrame:
    at, values = (
        (lived.hr_at_ms, lived.hr_bpm) if value == "hr" else (lived.steps_at_ms, lived.steps)
    )
    return pl.DataFrame({"ts": at + start_ms, value: values}).select(
        pl.lit(person).alias("person"), "ts", value
    )


def _case(patient: Patient) -> tuple[object, ...]:
    return (
        patient.code,
        patient.code,
        patient.age,
        patient.sex,
        patient.beta_blocker,
        patient.rest_hr,
        patient.hr_max,
        *patient.zone,
        patient.session_min,
        patient.sessions_per_week,
        patient.session_min * patient.sessions_per_week,
    )

"""A made-up town for the live measurement: halls of bands, each worn by somebody with a ceiling."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from ingest.batch.keys import Keys, make_keys, raw
from ingest.batch.to_hub import Recipient
from storage.database import Connection
from storage.gateways import enrol_gateway
from storage.people import (
    Prescription,
    assign_device,
    put_enrolment,
    put_organisation,
    put_patient,
    put_prescription,
    put_staff,
)

CENTRE, DOCTOR = "bench", "bench-doctor"
CEILING_BPM, CALM_BPM, HOT_BPM = 140.0, 85.0, 150.0
DAYS_BEFORE = 30


@dataclass(frozen=True)
class Hall:
    """One gateway and the bands it hears."""

    gateway: str
    first: int
    """The number of its first band."""
    bands: tuple[str, ...]
    """Their keys; a patient's pseudonym is the key of the band."""
    to_hub: Recipient
    keys: Keys = field(default_factory=make_keys)


def open_town(
    conn: Connection, bands: int, gateways: int, hub: Keys, progress: Callable[[float], None]
) -> list[Hall]:
    """Enrol gateways, and a patient under a ceiling for each band; return hall by hall."""
    halls = []
    today = datetime.now(UTC).date()
    put_organisation(conn, kind="centre", code=CENTRE, name=CENTRE)
    put_staff(conn, organisation=CENTRE, code=DOCTOR, role="family_doctor", name=DOCTOR)
    for number in range(gateways):
        first, end = bands * number // gateways, bands * (number + 1) // gateways
        gateway = f"hall-{number}"
        hall = Hall(
            gateway,
            first,
            tuple(f"live {band:05d}".replace(" ", "-") for band in range(first, end)),
            Recipient(hub.public.encryption, CENTRE, gateway),
        )
        enrol_gateway(
            conn,
            centre=CENTRE,
            gateway=gateway,
            signing_key=raw(hall.keys.public.signing),
            encryption_key=raw(hall.keys.public.encryption),
        )
        with conn.transaction():
            for band in hall.bands:
                _wear(conn, band, today - timedelta(days=DAYS_BEFORE))
        halls.append(hall)
        progress((number + 1) / gateways)
    conn.execute("ANALYZE")
    return halls


def _wear(conn: Connection, band: str, since: date) -> None:
    put_patient(conn, pseudonym=band, centre=CENTRE, family_doctor=DOCTOR)
    enrolment_id = put_enrolment(conn, case_label=band, patient=band, mode="site", starts_on=since)
    prescription = Prescription(
        effective_from=since,
        age_years=60,
        sex="F",
        beta_blocker=False,
        hr_max_bpm=160.0,
        hr_max_source="measured",
        rest_hr_bpm=65.0,
        rest_hr_source="measured",
        frozen_on=since,
        zone_lo=40,
        zone_hi=70,
        session_min=30,
        sessions_per_week=3,
        weekly_min=90,
        ceiling_bpm=CEILING_BPM,
        ceiling_source="prescribed",
    )
    put_prescription(conn, enrolment_id=enrolment_id, version=1, prescription=prescription)
    worn_from = datetime.combine(since, datetime.min.time(), UTC)
    assign_device(conn, device_key=band, patient=band, worn_from=worn_from)

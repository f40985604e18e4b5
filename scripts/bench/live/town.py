"""A made-up town for the live measurement: halls of bands, each worn by somebody with a ceiling."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ingest.batch.keys import Keys, make_keys, raw
from ingest.batch.to_hub import Recipient
from scripts.bench.made_patient import prescription_from, wear
from storage.database import Connection
from storage.gateways import enrol_gateway
from storage.people import put_organisation, put_staff

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
    since = datetime.now(UTC).date() - timedelta(days=DAYS_BEFORE)
    prescription = prescription_from(since, ceiling_bpm=CEILING_BPM)
    put_organisation(conn, kind="centre", code=CENTRE, name=CENTRE)
    put_staff(conn, organisation=CENTRE, code=DOCTOR, role="family_doctor", name=DOCTOR)
    for number in range(gateways):
        first, end = bands * number // gateways, bands * (number + 1) // gateways
        gateway = f"hall-{number}"
        hall = Hall(
            gateway,
            first,
            tuple(f"live-{band:05d}" for band in range(first, end)),
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
                wear(conn, band, CENTRE, DOCTOR, prescription, mode="site")
        halls.append(hall)
        progress((number + 1) / gateways)
    conn.execute("ANALYZE")
    return halls

"""Batches for tests: a gateway that may send, and what it sends."""

import hashlib

import numpy as np

from storage.gateways import enrol_gateway
from storage.ingest import IncomingBatch, ReadingColumns
from storage.people import assign_device, put_organisation, put_patient, put_staff

BOOT = bytes(range(16))
T0_MS = 1_460_419_200_000
"""2016-04-12T00:00Z."""
DAY_MS = 86_400_000


def a_gateway(conn, code="g1"):
    """Enrol a gateway in the centre `east`; return its id."""
    put_organisation(conn, kind="centre", code="east", name="East")
    key = hashlib.sha256(code.encode()).digest()
    return enrol_gateway(conn, centre="east", gateway=code, signing_key=key, encryption_key=key)


def a_patient(conn, pseudonym, *device_keys, worn_from=None, worn_until=None):
    """Write a patient of `east` who wears these bands; return the id."""
    put_organisation(conn, kind="centre", code="east", name="East")
    put_staff(conn, organisation="east", code="dr", role="family_doctor", name="Dr")
    patient_id = put_patient(conn, pseudonym=pseudonym, centre="east", family_doctor="dr")
    for key in device_keys:
        assign_device(
            conn, device_key=key, patient=pseudonym, worn_from=worn_from, worn_until=worn_until
        )
    return patient_id


def columns(at_utc_ms, values, *, quantity="heart_rate_bpm", device=0, span_ms=0, stamps=None):
    """Return columns of one band."""
    count = len(at_utc_ms)
    return ReadingColumns(
        quantity=quantity,
        device_index=np.full(count, device, np.uint16),
        at_utc_ms=np.array(at_utc_ms, np.int64),
        value=np.array(values, np.float64),
        span_ms=np.full(count, span_ms, np.uint32),
        flags=np.zeros(count, np.uint8),
        device_ts_ms=None if stamps is None else np.array(stamps, np.int64),
    )


def a_batch(
    gateway_id, seq, *parts, devices=("AA",), sealed_utc_ms=T0_MS + DAY_MS, boot=BOOT, salt=b""
):
    """Return a batch whose hash depends on its place, its readings and the salt."""
    content = hashlib.sha256(salt + boot + seq.to_bytes(8, "big") + "".join(devices).encode())
    for part in parts:
        content.update(part.at_utc_ms.tobytes() + part.value.tobytes())
    return IncomingBatch(
        gateway_id=gateway_id,
        boot=boot,
        seq=seq,
        content_sha256=content.digest(),
        previous_sha256=None,
        lane="live",
        schema_version=1,
        sealed_utc_ms=sealed_utc_ms,
        sealed_mono_ms=seq,
        devices=devices,
        columns=parts,
        sealed=b"signed " + content.digest(),
    )

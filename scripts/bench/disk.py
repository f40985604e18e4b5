"""What a reading takes on disk: as rows, compressed, and as the signed bytes it came in.

Heart rate at one a second of forty bands, stored by the hub's own way in batches of 600 of one
gateway. Whole seconds are what bands with a memory give, and what the wire is measured with; a box
that stamps what it hears gives milliseconds that scatter, which no packing takes away.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from ingest.batch.columns import chunk_of
from ingest.batch.content import Content, content_sha256, pack
from ingest.batch.envelope import seal
from ingest.batch.keys import make_keys
from ingest.batch.limits import SCHEMA_VERSION
from ingest.batch.reading import Quantity, Reading
from storage.database import Connection
from storage.gateways import enrol_gateway
from storage.ingest import IncomingBatch, ReadingColumns, store_batches
from storage.people import put_organisation
from storage.retention import Policies, apply_policies, reading_days, state

BANDS = 40
BATCH_READINGS = 600
DAY_MS = 86_400_000
T0_MS = 1_700_006_400_000
"""2023-11-15T00:00Z."""
BOOT = bytes(range(16))
TOGETHER = 20
"""Batches in one transaction."""
CENTRE, GATEWAY = "bench", "bench-disk"


@dataclass(frozen=True, slots=True)
class OnDisk:
    """Bytes a reading, with indexes and all a table has beside its rows."""

    readings: int
    jitter_ms: int
    server: str
    """TimescaleDB's version, or `plain`."""
    rows: float
    compressed: float | None
    """None: this server does not compress."""
    payload: float
    """The signed bytes, kept as evidence."""
    ledger: float
    """The batches' rows."""


def on_disk(conn: Connection, *, hours: float = 2, jitter_ms: int = 0) -> OnDisk:
    """Store `hours` of forty bands in an empty migrated database, and measure it.

    `jitter_ms`: by so much, at most, a time lies after its second. `conn` is the owner's, in
    autocommit. What it stored stays: give it a database of its own.
    """
    if conn.execute("SELECT EXISTS (SELECT FROM batch)").fetchone() == (True,):
        raise ValueError("the database is not empty")
    seconds = max(BATCH_READINGS // BANDS, round(hours * 3600))
    readings = 0
    together: list[IncomingBatch] = []
    for batch in _batches(conn, seconds, jitter_ms):
        together.append(batch)
        readings += batch.reading_count
        if len(together) == TOGETHER:
            store_batches(conn, together)
            together = []
    store_batches(conn, together)
    rows = sum(one.bytes for one in reading_days(conn))
    asked = Policies(compress_after_days=1, retain_readings_days=None, purge_unowned_after_days=30)
    later = datetime.fromtimestamp(T0_MS / 1000, UTC) + timedelta(days=3)
    apply_policies(conn, asked, now=later, actor="bench")
    packed = sum(one.bytes for one in reading_days(conn)) if state(conn).compresses else None
    version = conn.execute(
        "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"
    ).fetchone()
    return OnDisk(
        readings=readings,
        jitter_ms=jitter_ms,
        server=f"TimescaleDB {version[0]}" if version else "plain",
        rows=rows / readings,
        compressed=None if packed is None else packed / readings,
        payload=_size(conn, "batch_payload") / readings,
        ledger=_size(conn, "batch") / readings,
    )


def _size(conn: Connection, table: str) -> int:
    row = conn.execute("SELECT pg_total_relation_size(%s::regclass)", (table,)).fetchone()
    return int(row[0]) if row else 0


def _batches(conn: Connection, seconds: int, jitter_ms: int) -> Iterator[IncomingBatch]:
    keys = make_keys()
    put_organisation(conn, kind="centre", code=CENTRE, name=CENTRE)
    gateway_id = enrol_gateway(
        conn,
        centre=CENTRE,
        gateway=GATEWAY,
        signing_key=keys.public.signing.public_bytes_raw(),
        encryption_key=keys.public.encryption.public_bytes_raw(),
    )
    devices = tuple(f"C0:FF:EE:00:00:{band:02X}" for band in range(BANDS))
    random = np.random.default_rng(1)
    pulse = np.arange(60, 60 + BANDS, dtype=np.float64)
    previous = hashlib.sha256(b"first").digest()
    each = BATCH_READINGS // BANDS
    for seq in range(seconds // each):
        at, value = _heard(random, pulse, T0_MS + seq * each * 1000, each, jitter_ms)
        band = np.tile(np.arange(BANDS, dtype=np.uint16), each)
        sealed_ms = T0_MS + (seq + 1) * each * 1000
        chunk = chunk_of(
            [
                Reading(devices[number], Quantity.HEART_RATE_BPM, bpm, ms)
                for number, bpm, ms in zip(band.tolist(), value.tolist(), at.tolist(), strict=True)
            ]
        )
        content = pack(
            Content(
                schema=SCHEMA_VERSION,
                centre=CENTRE,
                gateway=GATEWAY,
                boot=BOOT,
                seq=seq,
                previous_sha256=previous,
                sealed_utc_ms=sealed_ms,
                sealed_mono_ms=seq * each * 1000,
                devices=chunk.devices,
                columns=chunk.columns,
            )
        )
        name = content_sha256(content)
        yield IncomingBatch(
            gateway_id=gateway_id,
            boot=BOOT,
            seq=seq,
            content_sha256=name,
            previous_sha256=previous,
            lane="live",
            schema_version=SCHEMA_VERSION,
            sealed_utc_ms=sealed_ms,
            sealed_mono_ms=seq * each * 1000,
            devices=devices,
            columns=[_columns(band, at, value)],
            sealed=seal(content, keys.signing, keys.kid),
        )
        previous = name


def _heard(
    random: np.random.Generator,
    pulse: NDArray[np.float64],
    from_ms: int,
    seconds: int,
    jitter_ms: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return times and pulses, second by second all bands; `pulse` goes on where it ended."""
    value = np.empty((seconds, len(pulse)))
    for second in range(seconds):
        pulse[:] = np.clip(pulse + random.choice((-2, -1, 0, 0, 0, 1, 2), len(pulse)), 50, 180)
        value[second] = pulse
    at = from_ms + np.repeat(np.arange(seconds, dtype=np.int64) * 1000, len(pulse))
    return at + random.integers(0, jitter_ms + 1, len(at)), value.ravel()


def _columns(
    band: NDArray[np.uint16], at: NDArray[np.int64], value: NDArray[np.float64]
) -> ReadingColumns:
    return ReadingColumns(
        quantity="heart_rate_bpm",
        device_index=band,
        at_utc_ms=at,
        value=value,
        span_ms=np.zeros(len(at), np.uint32),
        flags=np.full(len(at), 3, np.uint8),
    )

import pytest

from ingest.batch.columns import chunk_of
from ingest.batch.content import Content
from ingest.batch.reading import Flag, Quantity, Reading

NOON_UTC_MS = 1_767_268_800_000

READINGS = [
    Reading("c0:ff:ee:00:00:01", Quantity.HEART_RATE_BPM, 72.0, NOON_UTC_MS, 0, 3),
    Reading("c0:ff:ee:00:00:02", Quantity.HEART_RATE_BPM, 0.0, NOON_UTC_MS - 250, 0, Flag.SUSPECT),
    Reading("c0:ff:ee:00:00:01", Quantity.HEART_RATE_BPM, 300.0, NOON_UTC_MS + 1000, 0, 3),
    Reading("c0:ff:ee:00:00:01", Quantity.RR_INTERVAL_MS, 799.8046875, NOON_UTC_MS + 1000, 0, 3),
    Reading("c0:ff:ee:00:00:02", Quantity.STEPS_COUNTER, 65_535.0, NOON_UTC_MS + 9, 0, 0, 1_000),
    Reading("c0:ff:ee:00:00:02", Quantity.STEPS_INCREMENT, 12.0, NOON_UTC_MS, 60_000),
    Reading("c0:ff:ee:00:00:02", Quantity.BATTERY_PCT, 81.0, NOON_UTC_MS + 2, 0, 8),
]


def content_of(readings, **changed):
    chunk = chunk_of(readings)
    fields = {
        "schema": 1,
        "centre": "lujiazui",
        "gateway": "hall-1",
        "boot": bytes(range(16)),
        "seq": 7,
        "previous_sha256": bytes(range(32)),
        "sealed_utc_ms": NOON_UTC_MS + 2000,
        "sealed_mono_ms": 123_456,
        "devices": chunk.devices,
        "columns": chunk.columns,
    }
    return Content(**fields | changed)


@pytest.fixture
def content():
    return content_of(READINGS)

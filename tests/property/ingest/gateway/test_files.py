"""Whatever bytes a file holds: readings that can travel, or a refusal with its reason."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import Rejected
from ingest.batch.columns import chunk_of
from ingest.batch.reading import Reading
from ingest.gateway.files.found import Asked, BadRecord
from ingest.gateway.files.reader import read
from scripts.gateway.import_reasons import REASONS
from tests import measure_files as made

SECONDS = range(40)
SOUND = {
    make.__name__: make(SECONDS)
    for make in (
        made.fit, made.tcx, made.gpx, made.apple_health, made.gadgetbridge, made.csv,
    )
}  # fmt: skip
CUTS = st.lists(
    st.tuples(
        st.integers(0, 1 << 30),
        st.integers(0, 12),
        st.one_of(
            st.binary(max_size=12),
            st.sampled_from(
                [b"\xff" * 8, bytes(8), b"9" * 400, b"-1", b"nan", b"<", b"&", b'"', b"\n", b"]]>"]
            ),
        ),
    ),
    min_size=1,
    max_size=6,
)


def outcome(data):
    """Return (readings, reason of the refusal or None); anything else is raised."""
    found, fault = [], None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a file")
        path.write_bytes(data)
        try:
            for one in read(path, Asked(made.BAND, "Asia/Shanghai")):
                found.append(one)  # noqa: PERF402 - with what came before it was raised
        except Rejected as error:
            fault = error.reason
    reasons = {one.reason for one in found if isinstance(one, BadRecord)} | {fault}
    assert reasons - {None} <= REASONS.keys()  # each says what to do
    return [one for one in found if isinstance(one, Reading)], fault


def damaged(data, cuts):
    """Put other bytes in the place of some."""
    for at, length, bytes_ in cuts:
        start = at % (len(data) + 1)
        data = data[:start] + bytes_ + data[start + length :]
    return data


@pytest.mark.parametrize("kind", SOUND)
@given(cuts=CUTS)
def test_damage_gives_readings_that_can_travel_or_a_reason(kind, cuts):
    readings, _fault = outcome(damaged(SOUND[kind], cuts))

    if readings:
        assert len(chunk_of(readings)) == len(readings)
    assert len(readings) <= 2 * len(SECONDS)


@pytest.mark.parametrize("kind", SOUND)
def test_undamaged_they_give_every_reading(kind):
    readings, fault = outcome(SOUND[kind])

    assert [(r.at_utc_ms, r.value) for r in readings] == [
        ((made.T0_S + second) * 1000, made.bpm(second)) for second in SECONDS
    ]
    assert fault is None


@given(data=st.binary(max_size=300))
def test_any_bytes_at_all(data):
    for head in (
        b"",
        b"\x0e\x20\x54\x08\x40\x00\x00\x00.FIT",
        b"PK\x03\x04",
        b"<gpx>",
        b"time,hr\n",
    ):
        outcome(head + data)

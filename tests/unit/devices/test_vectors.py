"""Each family says of its vectors what their sources say, and refuses what is broken."""

import pytest

from config.errors import Rejected
from devices.wall_clock import shown
from tests.band_vectors import all_vectors, frames_of, shared_vectors, vectors_of

GOOD = [(family, vector) for family, vector in all_vectors() if "fault" not in vector]
BROKEN = [(family, vector) for family, vector in all_vectors() if "fault" in vector]


def names(pairs):
    return [f"{family.key} {vector.get('name') or vector['id']}" for family, vector in pairs]


@pytest.fixture
def shared():
    vectors = shared_vectors()
    if not vectors:
        pytest.skip("the shared vectors are not here")
    return vectors


def told(value):
    row = [value.quantity, value.value]
    if value.device_ts_ms is not None:
        row.append(shown(value.device_ts_ms).replace(tzinfo=None).isoformat())
    return row


@pytest.mark.parametrize(("family", "vector"), GOOD, ids=names(GOOD))
def test_a_sound_vector_gives_exactly_its_values(family, vector):
    decoded = family.decode(*frames_of(vector))

    assert [told(value) for value in decoded.values] == vector["expect"]
    assert vector.get("info", {}).items() <= decoded.info.items()


@pytest.mark.parametrize(("family", "vector"), BROKEN, ids=names(BROKEN))
def test_a_broken_vector_is_refused_for_its_reason(family, vector):
    with pytest.raises(Rejected) as refused:
        family.decode(*frames_of(vector))

    assert refused.value.reason == vector["fault"]


def test_every_shared_vector_gives_what_its_source_asserts(shared):
    missed = []
    for family, vector in shared:
        said = vector.get("extra_hex", {}).get("sd")
        frames = [bytes.fromhex(vector["hex"])]
        decoded = family.decode(frames, None if said is None else bytes.fromhex(said))
        found = [(value.quantity, value.value) for value in decoded.values]
        wanted = [(row["quantity"], row["value"]) for row in vector.get("expected_readings", ())]
        missed += [(vector["id"], row) for row in wanted if row not in found]
        missed += [
            (vector["id"], row)
            for row in vector.get("expected_readings", ())
            if "slot" in row and not is_in_slot(decoded.values, row)
        ]

    assert missed == []


def is_in_slot(values, row):
    return any(
        value.value == row["value"] and value.device_ts_ms // 300_000 % 288 == row["slot"]
        for value in values
    )


def test_every_shared_vector_stands_beside_its_family_too(shared):
    theirs = {vector["id"] for _, vector in shared}
    ours = {vector["name"] for family, _ in shared for vector in vectors_of(family.key)}

    assert theirs - ours == set()

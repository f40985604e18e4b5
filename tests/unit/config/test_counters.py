"""The numbers of step counters: each with its source, and the width of every family's total."""

import tomllib

import pytest

from config.counters import COUNTERS_FILE, Counters, load_counters
from config.errors import Misconfigured
from devices.value import STEPS_COUNTER
from tests.band_vectors import all_vectors


def test_every_number_has_its_unit_and_source():
    numbers = set(Counters.model_fields) - {"version", "sources", "bits"}

    assert set(load_counters().sources) == numbers


def test_every_family_that_tells_a_running_total_has_its_width():
    told = {
        family.key
        for family, vector in all_vectors()
        if any(value[0] == STEPS_COUNTER for value in vector.get("expect", []))
    }

    assert set(load_counters().bits) == told


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[told_late_s]", "[told_later_s]"),
        ("value = 300", 'value = "300"'),
        ("miband_advert = 16", "miband_advert = 3"),
        ("source = ", "from = "),
    ],
)
def test_a_file_with_a_fault_is_refused(tmp_path, old, new):
    path = tmp_path / "counters.toml"
    text = COUNTERS_FILE.read_text("utf-8")
    assert tomllib.loads(text)
    path.write_text(text.replace(old, new), "utf-8")

    with pytest.raises(Misconfigured, match=r"counters\.toml"):
        load_counters(path)

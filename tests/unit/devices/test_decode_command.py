"""`adhere decode`: frames in, JSON out, by every way of writing frames down."""

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from config.errors import Misconfigured
from devices.registry import load_families
from scripts.commands.decode import decode
from tests.band_vectors import all_vectors, shared_vectors
from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]
DECODE = typer.Typer()
DECODE.command()(decode)
BROKEN = [(family, vector) for family, vector in all_vectors() if "fault" in vector]
LOG = next(vector for family, vector in all_vectors() if family.key == "colmi_hr_log")


def run(*words):
    return CliRunner().invoke(DECODE, words)


def decoded(*words):
    result = run(*words)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def values(*words):
    return [reading["value"] for reading in decoded(*words)["readings"]]


def test_a_frame_is_printed_with_all_keys_and_whole_numbers_as_such():
    result = run("--family", "hrs", "--hex", "104b0004330b")

    assert json.loads(result.stdout) == {
        "readings": [
            {
                "quantity": quantity,
                "value": value,
                "at_utc": None,
                "start_utc": None,
                "device_ts": None,
            }
            for quantity, value in (
                ("heart_rate_bpm", 75),
                ("rr_interval_ms", 1000),
                ("rr_interval_ms", 2799.8046875),
            )
        ],
        "info": {"contact": None, "contact_supported": False, "energy_kj": None},
    }
    assert "1000.0" not in result.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["--hex", "105a00080010"],
        ["--hex", "105A 0008 0010"],
        ["--hex", "10 5a 00 08 00 10"],
        ["--hex", "10", "5a", "00", "08", "00", "10"],
        ["--hex", "0x105A00080010"],
        ["--hex", "10:5a:00:08:00:10"],
    ],
)
def test_hexadecimal_may_be_written_in_any_usual_way(words):
    assert values("--family", "hrs", *words) == [90, 2000, 4000]


@pytest.mark.parametrize(
    "words",
    [["--hex", "0050", "0051"], ["--hex", "0050", "--hex", "0051"]],
)
def test_frames_in_a_row_may_follow_one_option_or_each_its_own(words):
    assert values("--family", "hrs", *words) == [80, 81]
    assert values(*words, "--family", "hrs") == [80, 81]


def test_one_byte_is_a_whole_frame_of_a_battery():
    assert values("--family", "battery", "--hex", "32", "33") == [50, 51]


@pytest.mark.parametrize("family", ["colmi", "colmi_hr_log"])
def test_a_log_may_come_as_one_string_or_in_packets(family):
    whole, packets = ["--hex", "".join(LOG["hex"])], ["--hex", *LOG["hex"]]

    assert values("--family", family, *whole) == [row[1] for row in LOG["expect"]]
    assert decoded("--family", family, *packets) == decoded("--family", family, *whole)


def test_service_data_may_come_beside_a_frame_empty_or_alone():
    mi = ["--family", "miband_advert"]
    frame = ["--hex", "57010202017dffffffffffffffffffffffffff02aabbccddeeff"]

    assert values(*mi, *frame, "--service-data", "8D 23 00 00") == [125, 9101]
    assert values(*mi, *frame, "--service-data", "") == [125]
    assert values(*mi, "--service-data", "8d230000") == [9101]


def test_no_value_is_an_empty_list():
    assert values("--family", "hrs", "--hex", "0600") == []


def test_a_stamp_is_placed_where_the_bands_clock_is_told():
    frame = ["--family", "colmi", "--hex", "432410155c0001790015001000000087"]

    (unplaced,) = decoded(*frame)["readings"]
    (placed,) = decoded(*frame, "--utc-offset-min", "480")["readings"]

    assert unplaced["device_ts"] == placed["device_ts"] == "2024-10-15T23:00:00"
    assert (unplaced["start_utc"], unplaced["at_utc"]) == (None, None)
    assert (placed["start_utc"], placed["at_utc"]) == (
        "2024-10-15T15:00:00Z",
        "2024-10-15T15:15:00Z",
    )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--family", "hrs", "--hex", "01"], "too_short"),
        (["--family", "hrs", "--hex", ""], "too_short"),
        (["--family", "hrs", "--hex", "xyz"], "not_hexadecimal"),
        (["--family", "hrs", "--hex", "005"], "not_hexadecimal"),
        (["--family", "hrs", "--hex", "0050", "--service-data", "00"], "unknown_form"),
        (["--family", "colmi", "--hex", "6901004f0000000000000000000000b8"], "bad_checksum"),
    ],
)
def test_a_malformed_frame_ends_with_1_and_its_reason(words, reason):
    result = run(*words)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert reason in result.stderr


def test_an_unknown_family_names_those_that_are_known():
    fault = run("--family", "mood_ring", "--hex", "00").exception

    assert isinstance(fault, Misconfigured)
    assert all(key in str(fault) for key in load_families())


def test_nothing_to_decode_is_said():
    fault = run("--family", "hrs").exception

    assert isinstance(fault, Misconfigured)
    assert "--hex" in str(fault)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--family", "hrs", "--hex", "0050"], 0, ""),
        (["--family", "hrs", "--hex", "01"], 1, "too_short"),
        (["--family", "mood_ring", "--hex", "00"], 2, "polar_advert"),
    ],
)
def test_the_program_ends_with_its_code_and_says_why(words, code, said):
    ended = subprocess.run(
        [sys.executable, "-m", "scripts.main", "decode", *words],
        cwd=ROOT,
        env=os.environ | {"ADHERE_LANGUAGE": "en"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )

    assert ended.returncode == code
    assert said in ended.stderr
    assert bool(ended.stdout) is (code == 0)


def holds(row, reading):
    """Say whether a reading is what a source asserts of it; an interval's slot is ours to place."""
    named = {key: row[key] for key in ("quantity", "value")}
    if "device_ts" in row:  # YCBT's: seconds since 2000 on the band's clock
        shown = datetime(2000, 1, 1) + timedelta(seconds=row["device_ts"])  # noqa: DTZ001 - no zone
        named["device_ts"] = shown.isoformat()
    return named == {key: reading[key] for key in named}


def test_every_shared_vector_holds_through_the_command():
    """By the very words an integrator would write; `expected_readings` is what the source says."""
    vectors = shared_vectors()
    if not vectors:
        pytest.skip("the shared vectors are not here")
    missed = []
    for family, vector in vectors:
        said = vector.get("extra_hex", {}).get("sd")
        beside = [] if said is None else ["--service-data", said]
        result = run("--family", family.key, "--hex", vector["hex"], *beside)
        readings = json.loads(result.stdout)["readings"] if result.exit_code == 0 else []
        missed += [
            (vector["id"], row)
            for row in vector.get("expected_readings", ())
            if not any(holds(row, reading) for reading in readings)
        ]
        if result.exit_code:
            missed.append((vector["id"], result.output))

    assert missed == []
    assert len(vectors) > 60


@pytest.mark.parametrize(
    ("family", "vector"), BROKEN, ids=[f"{family.key} {v['name']}" for family, v in BROKEN]
)
def test_every_cut_or_corrupt_vector_is_refused_by_the_command(family, vector):
    said = vector.get("service_data")
    beside = [] if said is None else ["--service-data", said]

    result = run("--family", family.key, "--hex", *vector["hex"], *beside)

    assert (result.exit_code, result.stdout) == (1, "")
    assert vector["fault"] in result.output

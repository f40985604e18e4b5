"""`adhere band`, as an operator types it: from a band somebody offers to one somebody wears."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ingest.batch.claim_code import is_right
from storage.audit import entries
from storage.claims import store_edge_event
from storage.edge import EdgeOffer
from tests.claims import claim
from tests.district import District

ROOT = Path(__file__).resolve().parents[3]
BAND = "C0:FF:EE:00:00:01"
IRK = "ec0234a357c8ad05341010a60a397d9b"
SEEN = "70:81:94:0D:FB:AA"
"""What that key made, by the specification's example."""


@pytest.fixture
def adhere(database):
    def run(*words, typed=None):
        environ = {k: v for k, v in os.environ.items() if k not in {"LANGUAGE", "LC_ALL"}}
        return subprocess.run(
            [sys.executable, "-m", "scripts.main", "band", *words],
            cwd=ROOT,
            env=environ
            | {"LANG": "C.UTF-8", "ADHERE_LANGUAGE": "en", "ADHERE_DATABASE_DSN": database},
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def district(conn):
    district = District(conn)
    for name in ("p1", "p2"):
        district.enrol(district.add_patient(name), name, date(2020, 1, 6), mode="site")
    return district


def listed(run, *words):
    return json.loads(run("list", "--json", *words).stdout)


def test_a_band_that_is_offered_is_registered_and_handed_out(adhere, conn, district):
    offer = EdgeOffer(
        gateway_id=district.gateway, boot=bytes(16), number=1, age_ms=1, device_key=BAND,
        families=("hrs",), offered_utc_ms=0,
    )  # fmt: skip
    store_edge_event(conn, offer)
    assert BAND in adhere("offered").stdout

    assert adhere("register", BAND, "--family", "hrs").returncode == 0
    assert adhere("assign", BAND, "p1").returncode == 0

    [one] = listed(adhere, "--centre", "c1")
    assert (one["device_key"], one["family"], one["pseudonym"]) == (BAND, "hrs", "p1")
    assert adhere("offered").stdout == "There are none.\n"
    assert listed(adhere, "--centre", "c9") == []

    assert adhere("end", BAND).returncode == 0
    assert listed(adhere)[0]["pseudonym"] is None
    actions = [entry.action for entry in entries(conn)]
    assert actions == ["take_band_back", "assign_band", "register_band"]


@pytest.mark.parametrize("typed", [IRK, bytes.fromhex(IRK)[::-1].hex(), f" {IRK.upper()}\n"])
def test_an_identity_key_is_proved_by_an_address_whatever_its_byte_order(adhere, conn, typed):
    run = adhere("register", BAND, "--irk-file", "-", "--seen", SEEN, typed=typed)

    assert run.returncode == 0
    assert conn.execute("SELECT irk FROM band_key").fetchone() == (bytes.fromhex(IRK),)
    shown = adhere("list").stdout + adhere("list", "--json").stdout + run.stdout + run.stderr
    shown += str([entry.detail for entry in entries(conn)])
    assert IRK[:8] not in shown.lower()
    assert "with an identity key" in shown

    adhere("register", BAND, "--forget-irk")
    assert conn.execute("SELECT count(*) FROM band_key").fetchone() == (0,)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("00" * 16, "did not make the address"),
        ("abc", "32 hexadecimal digits"),
        (IRK + "00", "32 hexadecimal digits"),
        ("secret?" * 4, "32 hexadecimal digits"),
    ],
)
def test_a_key_that_is_none_or_another_bands_is_refused_without_being_shown(
    adhere, conn, typed, words
):
    run = adhere("register", BAND, "--irk-file", "-", "--seen", SEEN, typed=typed)

    assert run.returncode == 2
    assert words in run.stderr
    assert typed not in run.stderr + run.stdout
    assert conn.execute("SELECT count(*) FROM device").fetchone() == (0,)


def test_a_code_is_shown_once_and_kept_as_a_hash(adhere, conn, district):
    run = adhere("code", "p1")
    [code] = re.findall(r"\b\d{4}\b", run.stdout)

    salt, made = conn.execute("SELECT salt, hash FROM claim_code").fetchone()
    assert is_right(code, salt, made)
    assert code not in str([entry.detail for entry in entries(conn)])
    assert adhere("code", "nobody").returncode == 2

    adhere("code", "p1", "--withdraw")
    assert conn.execute("SELECT count(*) FROM claim_code").fetchone() == (0,)


def test_the_staffs_word_stands_above_a_claim(adhere, conn, district):
    store_edge_event(conn, claim(district, "p1", device_key=BAND))
    since = datetime.now(UTC) - timedelta(minutes=60)

    assert adhere("assign", BAND, "p2", "--since", since.isoformat()).returncode == 0

    [one] = listed(adhere)
    assert (one["pseudonym"], one["is_claimed"]) == ("p2", False)
    [claimed] = json.loads(adhere("claims", "--json").stdout)
    assert (claimed["pseudonym"], claimed["why_ended"]) == ("p1", "roster")
    assert claimed["counts_until"] == str(since)
    assert "p1: C0:FF:EE:00:00:01 at c1/g1" in adhere("claims").stdout


def test_bands_are_lent_and_swapped(adhere, conn, district):
    other = BAND[:-1] + "2"
    adhere("assign", BAND, "p1", "--since", "2026-11-01T09:00+08:00")
    adhere("assign", other, "p2", "--since", "2026-11-01T09:00+08:00")

    times = ("--since", "2026-11-02T09:00+08:00", "--until", "2026-11-02T12:00+08:00")
    lent = adhere("lend", BAND, "p2", *times)
    swapped = adhere("swap", BAND, other)

    assert lent.stdout == (f"p2 wears {BAND} until 2026-11-02T12:00:00+08:00, then p1 again.\n")
    assert swapped.stdout == f"p2 wears {BAND}.\np1 wears {other}.\n"
    assert [(one["device_key"], one["pseudonym"]) for one in listed(adhere)] == [
        (BAND, "p2"),
        (other, "p1"),
    ]
    assert [entry.action for entry in entries(conn)][:3] == [
        "swap_bands",
        "swap_bands",
        "lend_band",
    ]
    assert conn.execute("SELECT count(*) FROM device_assignment").fetchone() == (6,)


@pytest.mark.parametrize(
    "words",
    [
        (
            "lend",
            BAND,
            "p1",
            "--since",
            "2026-11-22T09:00+08:00",
            "--until",
            "2026-11-22T09:00+08:00",
        ),
        ("lend", BAND, "nobody", "--until", "2036-11-22T09:00+08:00"),
        ("assign", BAND, "nobody"),
        ("assign", BAND, "p1", "--since", "2026-11-22T09:00"),
        ("assign", BAND, "p1", "--since", "nine"),
        ("end", BAND),
        ("register", BAND, "--family", "no_such"),
        ("register", BAND, "--irk-file", "/no/such/file"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_do(adhere, conn, district, words):
    run = adhere(*words)

    assert run.returncode == 2
    assert run.stderr
    assert "Traceback" not in run.stderr
    assert conn.execute("SELECT count(*) FROM device_assignment").fetchone() == (0,)

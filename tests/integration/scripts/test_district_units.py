"""The units of the district's processes: what systemd itself thinks of them."""

import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

from storage.roles import LOGINS
from tests.patience import PATIENCE_S

PACKAGING = Path(__file__).resolve().parents[3] / "packaging" / "district"
MOST_EXPOSED = {"hub": 11, "watch": 11, "nightly": 4, "portal": 11}
"""Tenths of 10, by `systemd-analyze security`."""
PROCESSES = sorted(MOST_EXPOSED)


def unit_of(process):
    return PACKAGING / f"adhere-{process}.service"


def service_of(process):
    parser = RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read(unit_of(process))
    return parser["Service"]


@pytest.fixture(scope="module")
def analyze():
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd here says what it thinks of a unit")

    def run(*words):
        return subprocess.run(
            [program, *words], capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )

    return run


@pytest.mark.parametrize("process", PROCESSES)
def test_a_unit_is_exposed_no_more_than_it_was(analyze, process):
    done = analyze(
        "security", "--offline=yes", f"--threshold={MOST_EXPOSED[process]}", str(unit_of(process))
    )

    assert done.returncode == 0, done.stdout[-200:]


def test_systemd_knows_every_word_of_the_units(analyze):
    done = analyze("verify", *(str(unit_of(process)) for process in PROCESSES))

    told = [line for line in done.stderr.splitlines() if "adhere-" in line]
    assert [line for line in told if "is not executable" not in line] == [], "only it is not here"


@pytest.mark.parametrize("process", PROCESSES)
def test_a_unit_works_under_an_account_and_a_login_of_its_own(process):
    service, text = service_of(process), unit_of(process).read_text("utf-8")

    assert service["User"] == service["Group"] == f"adhere-{process}"
    assert f"u {service['User']} " in (PACKAGING / "adhere-district.sysusers.conf").read_text()
    assert service["User"] in LOGINS
    assert f"ADHERE_DATABASE_DSN=postgresql://{service['User']}@/adhere" in text
    assert service["ExecStart"].startswith(f"/opt/adhere/bin/adhere {process} ")
    assert (service["Restart"], service["RestartPreventExitStatus"]) == ("always", "2")
    assert service["CapabilityBoundingSet"] == ""


def test_every_account_has_a_unit():
    units = {unit.stem for unit in PACKAGING.glob("*.service")}

    assert units - {"adhere-backup", "adhere-drill"} == {f"adhere-{p}" for p in PROCESSES}


@pytest.mark.parametrize("name", ["adhere-backup", "adhere-drill"])
def test_what_is_done_now_and_then_has_a_timer(name):
    assert (PACKAGING / f"{name}.service").exists()
    assert "[Timer]" in (PACKAGING / f"{name}.timer").read_text("utf-8")

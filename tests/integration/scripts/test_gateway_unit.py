"""The unit of the Debian package: what systemd itself thinks of it."""

import shutil
import subprocess
import tomllib
from configparser import RawConfigParser
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S

PACKAGING = Path(__file__).resolve().parents[3] / "packaging"
UNIT = PACKAGING / "adhere-gateway.service"
MOST_EXPOSED = 14
"""Tenths: 1.4 of 10, which systemd calls OK."""


@pytest.fixture(scope="module")
def analyze():
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd here says what it thinks of a unit")

    def run(*words):
        return subprocess.run(
            [program, *words],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    return run


def unit():
    class Repeated(dict):
        def __setitem__(self, key, value):
            if isinstance(value, list) and key in self:
                self[key].extend(value)
            else:
                super().__setitem__(key, value)

    parser = RawConfigParser(strict=False, dict_type=Repeated)
    parser.optionxform = str
    parser.read(UNIT)
    return {section: dict(parser.items(section)) for section in parser.sections()}


def test_the_unit_is_exposed_no_more_than_it_was(analyze):
    done = analyze("security", "--offline=yes", f"--threshold={MOST_EXPOSED}", str(UNIT))

    assert done.returncode == 0, done.stdout[-200:]


def test_systemd_knows_every_word_of_the_unit(analyze):
    done = analyze("verify", str(UNIT))

    told = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert [line for line in told if "is not executable" not in line] == [], "only it is not here"


def test_the_unit_starts_what_the_package_installs_and_never_gives_up():
    said = unit()
    service = said["Service"]

    assert service["ExecStart"].startswith("/opt/adhere-gateway/current/bin/adhere gateway run ")
    assert (service["Type"], service["Restart"], service["User"]) == ("notify", "always", "adhere")
    assert int(service["WatchdogSec"]) == 120
    assert service["RestartPreventExitStatus"] == "2"
    assert service["CapabilityBoundingSet"] == ""
    assert service["RestrictAddressFamilies"] == "AF_UNIX AF_INET AF_INET6"
    assert said["Unit"]["StartLimitIntervalSec"] == "0"


def test_the_settings_of_the_package_are_a_file_that_enrolment_completes():
    said = tomllib.loads((PACKAGING / "gateway.toml").read_text("utf-8"))

    assert not said.keys() & {"centre", "gateway", "data_dir", "broker"}
    assert said["radio"]["adapters"] == []

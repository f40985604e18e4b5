"""`adhere db policies`, and what a night does of it, as an operator sees it."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reports.nightly.recompute import recompute
from storage.database import connect
from storage.retention import Policies, apply_policies
from tests.district import District, every, local_ms, results

ROOT = Path(__file__).resolve().parents[3]
MINUTE = 60_000
START = local_ms("2022-11-08 09:00:00")


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / "district.toml"
    path.write_text(
        f'data_dir = "{tmp_path}"\n[broker]\nhost = "127.0.0.1"\n'
        f'[nightly]\nreport_dir = "{tmp_path}/reports"\nlanguage = "en"\n'
        "[storage]\nretain_readings_days = 1096\n",
        "utf-8",
    )
    return path


@pytest.fixture
def conn(database):
    with connect(database) as conn:
        yield conn


@pytest.fixture
def district(conn):
    """A person with an old hour of readings, and a band that nobody wears."""
    district = District(conn)
    district.wear("p1", starts_on=datetime(2022, 11, 7, tzinfo=UTC).date())
    district.hear("p1", heart_rate=every(START, START + 40 * MINUTE, 120))
    district.hear("stray", heart_rate=[(START, 61), (START + 1000, 62)])
    recompute(conn)
    conn.execute("UPDATE unowned_span SET came_on = current_date - 31")
    return district


def adhere(dsn, *words):
    environ = {k: v for k, v in os.environ.items() if k not in {"LANGUAGE", "LC_ALL"}}
    return subprocess.run(
        [sys.executable, "-m", "scripts.main", *words],
        cwd=ROOT,
        env=environ | {"LANG": "C.UTF-8", "ADHERE_LANGUAGE": "en", "ADHERE_DATABASE_DSN": dsn},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.usefixtures("district")
def test_policies_are_shown_with_the_law_and_applied_once(database, conn, settings):
    before = adhere(database, "db", "policies", "show", "--settings", str(settings))
    first = adhere(database, "db", "policies", "apply", "--settings", str(settings), "--json")
    again = adhere(database, "db", "policies", "apply", "--settings", str(settings))

    assert before.returncode == 0, before.stderr
    assert "readings are dropped after 1096 days" in before.stdout
    assert "by law logs stay at least 200 days (Cybersecurity Law" in before.stdout
    assert "heart_rate: 1 days from 2022-11-08 to 2022-11-08" in before.stdout
    assert "readings of nobody wait: of 1 bands" in before.stdout
    done = json.loads(first.stdout)
    assert (done["purged_readings"], done["dropped_days"]) == (2, 1)
    assert {line.rsplit(": ")[-1] for line in again.stdout.splitlines()} == {"0"}
    assert conn.execute("SELECT count(*) FROM heart_rate").fetchone() == (0,)


@pytest.mark.usefixtures("district")
def test_a_night_applies_them_unless_they_are_off(database, conn, settings):
    text = settings.read_text("utf-8")
    settings.write_text(text + "policies = false\n", "utf-8")
    off = adhere(database, "nightly", "run", "--settings", str(settings))
    assert off.returncode == 0, off.stderr
    assert conn.execute("SELECT count(*) FROM heart_rate").fetchone() == (482,)

    settings.write_text(text, "utf-8")
    on = adhere(database, "nightly", "run", "--settings", str(settings))

    assert on.returncode == 0, on.stderr
    assert conn.execute("SELECT count(*) FROM heart_rate").fetchone() == (0,)
    # And a night after that judges nothing anew that it could no longer read.
    assert conn.execute("SELECT count(*), sum(wear_ms) FROM day").fetchone() == (1, 2_455_000)


def test_results_of_days_that_are_gone_stand_whatever_is_changed(conn, district):
    ending = local_ms("2022-11-10 00:00:00")
    district.hear("p1", heart_rate=every(ending - 20 * MINUTE, ending + 20 * MINUTE, 120))
    district.hear("p1", heart_rate=every(ending + 60 * MINUTE, ending + 70 * MINUTE, 125))
    recompute(conn)
    stored = results(conn)
    assert len(stored["day"]) == 3
    asked = Policies(
        compress_after_days=None, retain_readings_days=1, purge_unowned_after_days=3650
    )
    apply_policies(conn, asked, now=datetime(2022, 11, 10, 12, tzinfo=UTC), actor="nightly")
    assert conn.execute("SELECT max(day)::text FROM dropped_day").fetchone() == ("2022-11-08",)

    # Gone are the local days up to the 9th; of the 10th everything is there.
    conn.execute("UPDATE prescription SET hr_max_bpm = 150")
    recompute(conn)

    later = results(conn)
    assert later["day"][:2] == stored["day"][:2]
    assert later["day"][2] != stored["day"][2]
    assert [bout for bout in later["bout"] if bout in stored["bout"]] == stored["bout"][:2]
    conn.execute("UPDATE prescription SET hr_max_bpm = 170")
    recompute(conn)
    assert results(conn) == stored

"""Files through the real commands: handed over while the gateway runs, killed in their middle."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from ingest.batch.enrolment import Answer, dump, load_request
from ingest.batch.keys import load_keys
from ingest.batch.reading import Quantity, Reading
from ingest.gateway import KEY_FILE
from ingest.gateway.rosters import ROSTER_FILE
from ingest.gateway.status import STATUS_FILE
from tests.edges import BAND, roster, sealed, worn
from tests.fit_files import workout
from tests.patience import PATIENCE_S
from tests.small_hub import SmallHub

WEEKS_AGO_MS = (time.time_ns() // 10**9 - 20 * 86_400) * 1000
MANY = 60_000
KILLS = 4


def adhere(*words):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ADHERE_")}
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.main", *map(str, words)],
        env=environ | {"ADHERE_LANGUAGE": "en", "COLUMNS": "200"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ended(process, expect=0):
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == expect, f"{out.decode()}\n{err.decode()}"
    return out.decode(), err.decode()


def wait_for(path):
    patience = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < patience
        time.sleep(0.05)


def pulses(seconds, value=70):
    times = [WEEKS_AGO_MS + 1000 * second for second in seconds]
    return [Reading(BAND, Quantity.HEART_RATE_BPM, value, at, 0, 0, at) for at in times]


def csv(path, seconds):
    lines = "".join(f"{WEEKS_AGO_MS + 1000 * second},70\n" for second in seconds)
    path.write_text("at_utc_ms,hr\n" + lines)
    return path


@pytest.fixture
def box(mosquitto, tmp_path):
    """A box enrolled by its own commands, with a roster of one band, and its hub."""
    data, request, answer = tmp_path / "box", tmp_path / "request.json", tmp_path / "answer.json"
    settings = tmp_path / "gateway.toml"
    ended(adhere("gateway", "enroll", "request", "--data-dir", data, "--out", request))
    asked = load_request(request)
    hub = SmallHub(mosquitto.host, mosquitto.port, asked.keys.signing)
    answered = Answer.signed(
        hub.keys, asked, centre="centre", gateway="hall-1",
        broker_host=mosquitto.host, broker_port=mosquitto.port,
    )  # fmt: skip
    answer.write_bytes(dump(answered))
    ended(
        adhere("gateway", "enroll", "accept", answer, "--data-dir", data, "--settings", settings,
               "--compared")
    )  # fmt: skip
    known = roster(worn(), issued_utc_ms=WEEKS_AGO_MS)
    (data / ROSTER_FILE).write_bytes(sealed(known, hub.keys, load_keys(data / KEY_FILE)))
    yield settings, data, hub
    hub.stop()


def imported(settings, *words, expect=0):
    words = ("gateway", "import", "--settings", settings, "--device", BAND, "--json", *words)
    return json.loads(ended(adhere(*words), expect)[0])["files"]


def test_files_are_taken_by_the_gateway_that_runs(box, tmp_path):
    settings, data, hub = box
    run = tmp_path / "run.fit"
    run.write_bytes(workout(WEEKS_AGO_MS, [70] * 100))
    broken = tmp_path / "broken.csv"
    broken.write_bytes(csv(broken, range(50, 110)).read_bytes() + b"nonsense,70\n")

    with hub:
        gateway = adhere("gateway", "run", "--settings", settings)
        wait_for(data / STATUS_FILE)
        try:
            (first,) = imported(settings, run)
            (again,) = imported(settings, run)
            (other,) = imported(settings, broken, expect=1)
        finally:
            gateway.send_signal(signal.SIGTERM)
            ended(gateway)
        ended(adhere("gateway", "run", "--settings", settings, "--until-receipted"))

    assert first["taken"] == {"heart_rate_bpm": 100}
    assert (again["taken"], again["again"]) == ({}, 100)
    assert (other["taken"], other["again"], other["bad"]) == (
        {"heart_rate_bpm": 10},
        50,
        {"time": 1},
    )
    assert sorted(hub.readings) == pulses(range(110))
    assert set(hub.lanes) == {"backlog"}
    assert all(b"run.fit" not in path.read_bytes() for path in (data / "inbox").rglob("*.json"))


def test_a_gateway_killed_in_the_middle_of_files_takes_every_reading_once(box, tmp_path):
    settings, _data, hub = box
    files = [
        csv(tmp_path / f"{number}.csv", range(start, start + MANY))
        for number, start in enumerate((0, MANY // 2, MANY * 3))
    ]
    with hub:
        told = imported(settings, "--no-wait", *files)
        assert [account.get("waiting") for account in told] == [True] * 3
        chance = random.Random(5)
        for _ in range(KILLS):
            gateway = adhere("gateway", "run", "--settings", settings)
            time.sleep(chance.uniform(1.0, 4.0))  # a moment of chance in what is being done
            gateway.kill()
            gateway.communicate()
        ended(adhere("gateway", "run", "--settings", settings, "--until-receipted"))

    expected = pulses([*range(MANY + MANY // 2), *range(MANY * 3, MANY * 4)])
    assert len(hub.readings) == len(expected)
    assert sorted(hub.readings) == expected


def test_a_trial_says_what_would_be_taken_and_leaves_no_trace(box, tmp_path):
    settings, data, _hub = box
    run = tmp_path / "run.fit"
    run.write_bytes(workout(WEEKS_AGO_MS, [70] * 100))
    before = sorted(path.name for path in data.iterdir())

    words = ("gateway", "import", "--settings", settings, "--subject", "p-1", "--dry-run")
    told = json.loads(ended(adhere(*words, "--json", run))[0])
    shown, _ = ended(adhere(*words, run))

    assert (told["device"], told["dry_run"]) == (BAND, True)
    assert told["files"][0]["taken"] == {"heart_rate_bpm": 100}
    assert "100  would be taken" in shown
    assert sorted(path.name for path in data.iterdir()) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--device", "a-passer-by"), "no such band in the roster"),
        (("--subject", "p-9"), "no such band in the roster"),
        ((), "either --device or --subject"),
        (("--device", BAND, "--subject", "p-1"), "either --device or --subject"),
        (("--device", BAND, "--time-zone", "Asia/Nowhere"), "no time zone"),
        (("--device", BAND, "--time-zone", "../etc/passwd"), "no time zone"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is(box, tmp_path, words, says):
    settings, data, _hub = box
    file = csv(tmp_path / "a.csv", range(3))

    _, said = ended(adhere("gateway", "import", "--settings", settings, *words, file), expect=2)

    assert says in said
    assert not (data / "inbox").exists()


def test_a_file_that_is_not_there_is_said_before_any_is_taken(box, tmp_path):
    settings, data, _hub = box
    file = csv(tmp_path / "a.csv", range(3))

    words = ("gateway", "import", "--settings", settings, "--device", BAND)
    _, said = ended(adhere(*words, file, tmp_path / "none.fit"), expect=2)

    assert "none.fit cannot be read" in said
    assert not (data / "inbox").exists()

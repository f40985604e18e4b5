"""The gateway as it really runs: its own process, settings and keys from files."""

import json
import os
import random
import signal
import subprocess
import sys

import pytest

from config.settings import load_gateway
from ingest.batch.enrolment import Answer, dump, load_request
from ingest.batch.keys import load_keys
from tests.integration.ingest.gateway.conftest import pulses
from tests.patience import PATIENCE_S
from tests.small_hub import SmallHub

LINES = 2000
KILLS = int(os.environ.get("ADHERE_CHAOS_GATEWAY_KILLS", "5"))
"""The short form; each round kills at another moment of chance."""


def adhere(*words, **options):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ADHERE_")}
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.main", *map(str, words)],
        env=environ | {"ADHERE_LANGUAGE": "en", "COLUMNS": "200"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )  # fmt: skip


def ended(process, timeout_s=PATIENCE_S):
    out, err = process.communicate(timeout=timeout_s)
    return process.returncode, out.decode(), err.decode()


def write(path, readings):
    with path.open("w") as file:
        for device, quantity, value, at, *_ in readings:
            line = {"device": device, "quantity": quantity, "value": value, "at_utc_ms": at}
            file.write(json.dumps(line) + "\n")
    return path


@pytest.fixture
def enrolled(mosquitto, tmp_path):
    """A box enrolled by its own commands, and the hub it was enrolled with."""
    data, request, answer = tmp_path / "box", tmp_path / "request.json", tmp_path / "answer.json"
    settings = tmp_path / "gateway.toml"
    code, out, err = ended(
        adhere("gateway", "enroll", "request", "--data-dir", data, "--out", request)
    )
    assert code == 0, err
    box = load_request(request)
    assert box.keys.fingerprint in out

    hub = SmallHub(mosquitto.host, mosquitto.port, box.keys.signing)
    answered = Answer.signed(
        hub.keys, box, centre="centre", gateway="hall-1",
        broker_host=mosquitto.host, broker_port=mosquitto.port,
    )  # fmt: skip
    answer.write_bytes(dump(answered))
    code, out, err = ended(
        adhere("gateway", "enroll", "accept", answer, "--data-dir", data, "--settings", settings,
               "--compared")
    )  # fmt: skip
    assert code == 0, err
    assert hub.keys.public.fingerprint in out
    yield settings, hub
    hub.stop()


def test_a_gateway_killed_again_and_again_delivers_every_reading_once(enrolled, tmp_path):
    settings, hub = enrolled
    readings = pulses(KILLS * 10 * LINES)
    file = write(tmp_path / "readings.ndjson", readings)
    command = ("gateway", "run", "--settings", settings, "--readings", file,
               "--lane", "backlog", "--until-receipted", "--json")  # fmt: skip
    chance, killed = random.Random(), 0

    with hub:
        for _ in range(KILLS):
            before = hub.deliveries
            process = adhere(*command)
            # Wait for the first deliveries of this run, then a moment of chance.
            with hub.changed:
                hub.changed.wait_for(
                    lambda p=process, b=before: hub.deliveries > b or p.poll() is not None, 30
                )
            try:
                process.wait(chance.uniform(0, 0.25))
            except subprocess.TimeoutExpired:
                process.kill()
                killed += 1
            process.communicate()
        code, out, err = ended(adhere(*command))

    assert code == 0, err
    assert killed >= KILLS // 2, "too quick: nothing was interrupted"
    assert sorted(hub.readings) == sorted(readings)
    status = json.loads(out)
    assert status["stored"] == status["receipted"] == len(readings)
    assert status["waiting_batches"] == status["damaged"] == 0


def test_lines_that_are_no_readings_are_kept_aside_and_the_rest_goes_on(enrolled, tmp_path):
    settings, hub = enrolled
    file = write(tmp_path / "readings.ndjson", pulses(10))
    lines = file.read_bytes().splitlines()
    lines[3:3] = [b"not json", b'{"device": "x"}', b"[" * 4000, b"\xff" * 10_000]
    file.write_bytes(b"\n".join(lines))

    with hub:
        code, out, err = ended(
            adhere("gateway", "run", "--settings", settings, "--readings", file,
                   "--until-receipted", "--json")
        )  # fmt: skip

    assert code == 0, err
    assert sorted(hub.readings) == sorted(pulses(10))
    assert json.loads(out)["bad_input"] == 4


def test_sigterm_ends_it_well_and_what_was_heard_is_on_disk(enrolled, tmp_path, mosquitto):
    settings, hub = enrolled
    mosquitto.kill()
    process = adhere("gateway", "run", "--settings", settings, "--readings", "-",
                     stdin=subprocess.PIPE)  # fmt: skip
    process.stdin.write(write(tmp_path / "some.ndjson", pulses(LINES)).read_bytes())
    process.stdin.flush()
    folder = load_gateway(settings, {}).data_dir
    process.stdin.close()
    while b"source_ended" not in (line := process.stderr.readline()):
        assert line, "it ended by itself"
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0
    process.stdout.close()
    process.stderr.close()

    said = json.loads((folder / "status.json").read_text())
    assert said["stored"] == LINES

    mosquitto.start()
    with hub:
        code, _, err = ended(
            adhere("gateway", "run", "--settings", settings, "--until-receipted")
        )  # fmt: skip
    assert code == 0, err
    assert sorted(hub.readings) == sorted(pulses(LINES))

    code, out, _ = ended(adhere("gateway", "status", "--settings", settings, "--json"))
    assert code == 0
    assert json.loads(out)["receipted"] == LINES


def test_a_box_that_is_not_enrolled_is_told_what_to_do(enrolled, tmp_path):
    settings, _hub = enrolled
    (load_gateway(settings, {}).data_dir / "enrolment.json").unlink()

    code, _, err = ended(adhere("gateway", "run", "--settings", settings))

    assert code == 2
    assert "adhere gateway enroll request" in err


def test_a_box_under_another_name_than_enrolled_is_refused(enrolled):
    settings, _hub = enrolled
    settings.write_text(settings.read_text().replace("hall-1", "hall-2"))

    code, _, err = ended(adhere("gateway", "run", "--settings", settings))

    assert code == 2
    assert "hall-1" in err
    assert "hall-2" in err


def test_a_file_that_became_shorter_is_refused(enrolled, tmp_path):
    settings, hub = enrolled
    file = write(tmp_path / "readings.ndjson", pulses(10))
    command = ("gateway", "run", "--settings", settings, "--readings", file, "--until-receipted")
    with hub:
        assert ended(adhere(*command))[0] == 0
        file.write_text("")
        code, _, err = ended(adhere(*command))

    assert code == 2
    assert "shorter" in err


def test_asking_twice_keeps_the_keys(enrolled, tmp_path):
    settings, _hub = enrolled
    folder = load_gateway(settings, {}).data_dir
    before = load_keys(folder / "gateway.key").public.fingerprint

    code, out, _ = ended(
        adhere("gateway", "enroll", "request", "--data-dir", folder, "--out", tmp_path / "again")
    )

    assert code == 0
    assert before in out

"""`adhere gateway check` and `top` against a real broker, beside a gateway that runs."""

import asyncio
import datetime as dt
import json
import os
import subprocess
import sys

import pytest

from config.fields import Broker, Tls
from ingest.batch.enrolment import Answer, dump, make_request
from ingest.batch.keys import make_keys, save_keys
from ingest.gateway.checks.broker import broker_findings
from ingest.gateway.checks.certificate import certificate_findings
from ingest.gateway.checks.finding import worst
from tests.certificates import Authority
from tests.integration.ingest.gateway.conftest import in_chunks, pulses
from tests.patience import PATIENCE_S
from tests.ports import port_of


def looked(broker):
    return list(broker_findings(broker, centre="centre", gateway="hall-1"))


def certified(broker, now=None):
    return list(certificate_findings(broker, now=now or dt.datetime.now(dt.UTC)))


def test_a_broker_that_takes_us_is_ok_and_says_which_mqtt(mosquitto):
    (found,) = looked(Broker(host=mosquitto.host, port=mosquitto.port))

    assert found.state == "ok"
    assert "MQTT 5" in found.says


class Nobody:
    """Has a port, and does not listen there."""


def test_nobody_at_the_port_and_an_unknown_name_are_told_apart():
    owner = Nobody()
    (nobody,) = looked(Broker(host="127.0.0.1", port=port_of(owner)))
    (nameless,) = looked(Broker(host="no.such.name.invalid", port=1, allow_plaintext=True))

    assert "nothing listens" in nobody.says
    assert "not known" in nameless.says
    assert nobody.do
    assert nameless.do


def test_a_broker_with_tls_and_good_certificates_is_ok(tls_broker, authority):
    broker = tls_broker("127.0.0.1", days=90)
    ours = Broker(host="127.0.0.1", port=broker.port, tls=authority.tls("hall-1"))

    assert worst(looked(ours)) == "ok"
    assert any("TLSv1" in found.says for found in looked(ours))
    told = certified(ours)
    assert [found.state for found in told] == ["warn", "warn", "ok", "ok"], "CA and ours: one day"


def test_a_certificate_that_ends_soon_is_a_warning_and_an_ended_one_is_bad(tls_broker, authority):
    broker = tls_broker("127.0.0.1", days=20)
    ours = Broker(host="127.0.0.1", port=broker.port, tls=Tls(ca_file=authority.ca_file))
    now = dt.datetime.now(dt.UTC)

    soon = [found for found in certified(ours) if "the broker's lasts" in found.says]
    late = certified(ours, now + dt.timedelta(days=21))

    assert [found.state for found in soon] == ["warn"]
    assert any(found.state == "bad" and "expired on" in found.says for found in late)


def test_a_certificate_for_another_name_is_bad_with_what_to_do(tls_broker, authority):
    broker = tls_broker("127.0.0.2", days=90)
    ours = Broker(host="127.0.0.1", port=broker.port, tls=authority.tls("hall-1"))

    told = [found for found in certified(ours) if found.state == "bad"]

    assert len(told) == 1
    assert "broker.host" in told[0].do
    assert worst(looked(ours)) == "bad"


def test_a_certificate_of_another_key_is_bad(tls_broker, authority, tmp_path):
    broker = tls_broker("127.0.0.1", days=90)
    tls = authority.tls("hall-1")
    other = Authority(tmp_path, "other").tls("hall-1")
    mixed = tls.model_copy(update={"key_file": other.key_file})

    told = certified(Broker(host="127.0.0.1", port=broker.port, tls=mixed))

    assert any(found.state == "bad" and "another key" in found.says for found in told)


def test_without_encryption_another_machine_is_a_warning():
    (here,) = certified(Broker(host="127.0.0.1", port=1))
    (away,) = certified(Broker(host="broker.example", port=1, allow_plaintext=True))

    assert (here.state, away.state) == ("ok", "warn")


# --- beside a gateway that runs ------------------------------------------------------------------


def adhere(*words, language="en"):
    done = subprocess.run(
        [sys.executable, "-m", "scripts.main", "gateway", *map(str, words)],
        env=os.environ | {"ADHERE_LANGUAGE": language, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def enrolled(box, tmp_path):
    """The settings file of a box that is enrolled with the small hub."""
    box.folder.mkdir(mode=0o700)
    save_keys(box.folder / "gateway.key", box.keys)
    answer = Answer.signed(
        box.hub.keys,
        make_request(box.keys),
        centre="centre",
        gateway="hall-1",
        broker_host=box.broker.host,
        broker_port=box.broker.port,
    )
    (box.folder / "enrolment.json").write_bytes(dump(answer))
    path = tmp_path / "gateway.toml"
    path.write_text(
        'centre = "centre"\ngateway = "hall-1"\n'
        f'data_dir = "{box.folder}"\n'
        f'[broker]\nhost = "{box.broker.host}"\nport = {box.broker.port}\n'
    )
    return path


def beside_a_gateway(box, *commands):
    """Run commands while a gateway runs; return what they gave, and the gateway's last status."""

    async def scene():
        box.hub.start()
        stop = asyncio.Event()
        running = asyncio.ensure_future(box.run(in_chunks(pulses(30), 10), stop=stop, drain=False))
        while len(box.hub.batches) < 1:
            assert not running.done(), running.exception()
            await asyncio.sleep(0.05)
        given = [await asyncio.to_thread(adhere, *command) for command in commands]
        assert not running.done()
        stop.set()
        return given, await running

    return asyncio.run(scene())


def test_a_check_beside_a_running_gateway_disturbs_nothing(box, enrolled):
    parts = ("enrolment", "gateway", "broker", "certificate", "spool", "roster")
    only = [word for part in parts for word in ("--part", part)]

    ((code, out, err),), status = beside_a_gateway(
        box, ("check", "--settings", enrolled, "--json", *only)
    )

    said = json.loads(out)
    by_part = {part: [] for part in parts}
    for found in said["findings"]:
        by_part[found["part"]].append(found["state"])
    assert by_part == {
        "enrolment": ["ok"], "gateway": ["ok"], "broker": ["ok"], "certificate": ["ok"],
        "spool": ["ok"], "roster": ["bad"],
    }, (out, err)  # fmt: skip
    assert (said["state"], code) == ("bad", 4), "it has no roster"
    assert status.resent_batches == 0
    assert status.connected is False, "after its end"


def test_a_box_at_rest_is_checked_in_chinese_too(enrolled):
    code, out, _ = adhere(
        "check", "--settings", enrolled, "--part", "gateway", "--part", "spool", language="zh_CN"
    )

    assert code == 0, "that it does not run is a warning"
    assert "warn" in out
    assert "ok" in out


def test_a_box_that_is_not_enrolled_is_told_how_to(enrolled, box):
    (box.folder / "enrolment.json").unlink()

    code, out, _ = adhere("check", "--settings", enrolled, "--part", "enrolment")

    assert code == 4
    assert "adhere gateway enroll request" in out


def test_top_shows_the_gateway_that_runs_and_no_pulse(box, enrolled):
    (lines, as_json), _ = beside_a_gateway(
        box,
        ("top", "--settings", enrolled, "--once"),
        ("top", "--settings", enrolled, "--once", "--json"),
    )

    assert lines[0] == 0, lines[2]
    assert "centre / hall-1" in lines[1]
    assert "district reached" in lines[1]
    assert json.loads(as_json[1])["status"]["stored"] == 30
    assert "bpm" not in lines[1] + as_json[1]


def test_top_without_a_gateway_says_so(enrolled):
    code, _, err = adhere("top", "--settings", enrolled, "--once")

    assert code == 4
    assert "no gateway runs" in err


def test_a_key_that_others_may_read_is_found_by_the_check(box, enrolled):
    (box.folder / "spool.key").write_text(make_keys().spool_tag_key().hex())
    (box.folder / "spool.key").chmod(0o644)

    code, out, _ = adhere("check", "--settings", enrolled, "--part", "permissions")

    assert code == 4
    assert f"chmod 600 {box.folder / 'spool.key'}" in out

"""`adhere gateway check` and `top` against a real broker, beside a gateway that runs."""

import asyncio
import base64
import datetime as dt
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.fields import Broker, Tls
from config.gateway_settings import ScannerSettings
from ingest.batch.enrolment import Answer, dump, make_request
from ingest.batch.keys import make_keys, save_keys
from ingest.gateway.checks.broker import broker_findings
from ingest.gateway.checks.certificate import certificate_findings
from ingest.gateway.checks.finding import worst
from ingest.gateway.checks.scanners import scanner_findings
from tests.certificates import Authority
from tests.integration.ingest.gateway.conftest import in_chunks, pulses
from tests.mosquitto import Mosquitto, installed
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


# --- the scanners' broker ------------------------------------------------------------------------


def scanned(broker, *, own=None, prefixes=("home",), phones=()):
    settings = ScannerSettings(
        prefixes=prefixes, phones=dict.fromkeys(phones, "AA:BB:CC:DD:EE:01"), broker=broker
    )
    return list(scanner_findings(settings, own or Broker(host="127.0.0.1", port=1)))


def salted(password):
    """A password as mosquitto's dynamic security keeps it."""
    salt = b"twelve bytes"
    hashed = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return {
        "password": base64.b64encode(hashed).decode(),
        "salt": base64.b64encode(salt).decode(),
        "iterations": 101,
    }


@pytest.fixture
def guarded(tmp_path):
    """A broker that knows `reader`, who may subscribe below `home`, and nobody else."""
    program = installed()
    (plugin,) = Path("/usr/lib").glob("*/mosquitto_dynamic_security.so")  # of the same package
    rules = {
        "defaultACLAccess": {
            "publishClientSend": False, "publishClientReceive": False,
            "subscribe": False, "unsubscribe": True,
        },
        "clients": [{"username": "reader", "roles": [{"rolename": "hears"}], **salted("right")}],
        "roles": [{
            "rolename": "hears",
            "acls": [{"acltype": "subscribePattern", "topic": "home/#", "allow": True}],
        }],
    }  # fmt: skip
    (tmp_path / "rules.json").write_text(json.dumps(rules))
    broker = Mosquitto(
        program,
        tmp_path,
        f"allow_anonymous false\nplugin {plugin}\nplugin_opt_config_file {tmp_path}/rules.json\n",
    )
    broker.start()
    yield lambda password: Broker(
        host=broker.host, port=broker.port, username="reader", password=password
    )
    broker.stop()


def test_a_box_without_scanners_says_so_and_asks_no_broker():
    (found,) = scanned(None, prefixes=())

    assert (found.part, found.state, found.do) == ("scanners", "ok", "")


def test_the_scanners_broker_takes_the_password_and_opens_the_topics(guarded):
    (found,) = scanned(guarded("right"))

    assert (found.part, found.state) == ("scanners", "ok")
    assert "MQTT 3.1.1" in found.says, "as the source speaks with it"


def test_a_wrong_password_of_the_scanners_broker_is_bad_and_its_variable_named(guarded):
    for password in ("wrong", None):
        (found,) = scanned(guarded(password))

        assert (found.part, found.state) == ("scanners", "bad")
        assert "does not take us" in found.says
        assert "ADHERE_SCANNERS_PASSWORD" in found.do
        assert "[scanners.broker]" in found.do


def test_topics_that_the_scanners_broker_keeps_closed_are_named(guarded):
    (found,) = scanned(guarded("right"), prefixes=("home", "elsewhere"), phones=("hr_push/1",))

    assert (found.part, found.state) == ("scanners", "bad")
    closed = ("elsewhere/+/BTtoMQTT/+", "elsewhere/+/LWT", "elsewhere/+/SYStoMQTT", "hr_push/1")
    assert ", ".join(closed) in found.says
    assert "home/" not in found.says


def test_scanners_at_the_boxs_own_broker_are_looked_at_there(guarded):
    (well,) = scanned(None, own=guarded("right"))
    (sick,) = scanned(None, own=guarded("wrong"))

    assert (well.part, well.state) == ("scanners", "ok")
    assert sick.state == "bad"
    assert "ADHERE_BROKER_PASSWORD" in sick.do
    assert "[scanners.broker]" not in sick.do


def test_a_scanners_broker_that_is_not_there_is_bad():
    owner = Nobody()
    (found,) = scanned(Broker(host="127.0.0.1", port=port_of(owner)))

    assert (found.part, found.state) == ("scanners", "bad")
    assert "nothing listens" in found.says
    assert "[scanners.broker]" in found.do


def test_tls_with_the_scanners_broker_is_tried_and_a_wrong_name_told(tls_broker, authority):
    good, other = tls_broker("127.0.0.1", days=90), tls_broker("127.0.0.2", days=90)
    tls = authority.tls("hall-1")

    well = scanned(Broker(host="127.0.0.1", port=good.port, tls=tls))
    (sick,) = scanned(Broker(host="127.0.0.1", port=other.port, tls=tls))

    assert [found.state for found in well] == ["ok", "ok"]
    assert "TLSv1" in well[0].says
    assert (sick.part, sick.state) == ("scanners", "bad")
    assert "broker.host" in sick.do
    assert "[scanners.broker]" in sick.do


def test_the_check_takes_the_scanners_password_from_the_environment(guarded, enrolled, monkeypatch):
    broker = guarded("right")
    with enrolled.open("a") as settings:
        settings.write(
            '[scanners]\nprefixes = ["home"]\n'
            f'[scanners.broker]\nhost = "{broker.host}"\nport = {broker.port}\n'
            'username = "reader"\n'
        )
    command = ("check", "--settings", enrolled, "--part", "scanners", "--json")
    without = adhere(*command)
    monkeypatch.setenv("ADHERE_SCANNERS_PASSWORD", "right")
    code, out, err = adhere(*command)

    assert without[0] == 4
    assert code == 0, err
    assert [one["part"] for one in json.loads(out)["findings"]] == ["scanners"]
    assert "right" not in out + err + without[1] + without[2]


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

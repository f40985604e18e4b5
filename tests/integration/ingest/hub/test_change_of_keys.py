"""New keys for a box, and an end to a box: by the commands, with a real hub, broker, database."""

import asyncio
import json
import os
import subprocess
import sys
import tomllib

import pytest

from config.settings import load_gateway
from ingest.batch.enrolment import load_answer
from ingest.batch.keys import make_keys, save_keys
from ingest.gateway.box_keys import load_box_keys
from ingest.gateway.clock import ContentClock
from ingest.gateway.run import run_gateway
from ingest.gateway.safety import Edge
from tests.hubs import CENTRE, hub_at_work, open_centre
from tests.integration.ingest.gateway.conftest import QUICK, REPLAY, in_chunks, pulses
from tests.patience import PATIENCE_S


class Town:
    """A district and a box, as their operators have them."""

    def __init__(self, folder, dsn, broker, hub_keys):
        self.folder, self.dsn, self.broker, self.hub_keys = folder, dsn, broker, hub_keys
        self.data_dir = folder / "box"
        self.settings_file = folder / "gateway.toml"
        (folder / "hub").mkdir()
        save_keys(folder / "hub/hub.key", hub_keys)
        self.district_file = folder / "district.toml"
        self.district_file.write_text(
            f'data_dir = "{folder / "hub"}"\n[broker]\nhost = "{broker.host}"\n'
            f'port = {broker.port}\n[nightly]\nreport_dir = "{folder}"\n'
        )

    def adhere(self, *words, fails=False):
        done = subprocess.run(
            [sys.executable, "-m", "scripts.main", *map(str, words)],
            env=os.environ
            | {"ADHERE_LANGUAGE": "en", "ADHERE_DATABASE_DSN": self.dsn, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            cwd=self.folder,
        )
        assert (done.returncode != 0) == fails, (words, done.stdout, done.stderr)
        return done.stderr if fails else done.stdout

    def enroll(self, *words, fails=False):
        return self.adhere("gateway", "enroll", *words, fails=fails)

    def first_enrolment(self, *more):
        self.enroll("request", "--data-dir", self.data_dir, *more)
        self.enroll(
            "answer", "request.json", "--centre", CENTRE, "--gateway", "box-1",
            "--settings", self.district_file, "--compared",
        )  # fmt: skip
        return self.accept()

    def accept(self):
        return self.enroll(
            "accept", "answer.json", "--data-dir", self.data_dir,
            "--settings", self.settings_file, "--compared",
        )  # fmt: skip

    def known_keys(self):
        return json.loads(self.enroll("keys", CENTRE, "box-1", "--json"))

    def run(self, count, *, until=None):
        """Run the gateway over its readings up to `count`; until all is receipted, or `until`."""
        settings = load_gateway(self.settings_file, os.environ)
        keys = load_box_keys(self.data_dir)
        hub_key = load_answer(self.data_dir / "enrolment.json", keys).hub_keys.signing

        async def scene():
            stop, edge = asyncio.Event(), Edge(settings, keys, hub_key)
            running = asyncio.ensure_future(
                run_gateway(
                    settings, keys, hub_key, in_chunks(pulses(count), 10), stop=stop,
                    drain=until is None, clock=ContentClock(), sealing=REPLAY, uplink=QUICK,
                    edge=edge, hub_encryption=self.hub_keys.public.encryption,
                )
            )  # fmt: skip
            async with asyncio.timeout(PATIENCE_S):
                while until is not None and not until(edge) and not running.done():  # noqa: ASYNC110 - as asked
                    await asyncio.sleep(0.05)
                if until is not None:
                    stop.set()
                return await running

        return asyncio.run(scene())


@pytest.fixture
def town(tmp_path, database, db, mosquitto):
    open_centre(db)
    return Town(tmp_path, database, mosquitto, make_keys())


@pytest.fixture
def hub(town, monkeypatch):
    monkeypatch.setattr("ingest.hub.rosters.LEAST_BETWEEN_S", 0.05)
    with hub_at_work(town.dsn, town.broker, town.hub_keys) as working:
        yield working


def stored(db):
    return db.execute("SELECT count(*) FROM heart_rate").fetchone()[0]


def letters(db):
    return dict(db.execute("SELECT reason, count(*) FROM dead_letter GROUP BY reason").fetchall())


def test_a_box_changes_its_keys_and_nothing_is_lost_or_doubled(town, hub, db):
    town.first_enrolment()
    old = load_box_keys(town.data_dir)
    town.run(20)

    asked = town.enroll("rotate", "--data-dir", town.data_dir)
    said = town.enroll("confirm", "rotation.json", "--settings", town.district_file, "--compared")

    assert len(town.known_keys()) == 2
    assert town.known_keys()[0]["fingerprint"] in asked
    assert town.known_keys()[0]["fingerprint"] in said
    town.run(30)
    assert stored(db) == 30, "until the answer is accepted the old keys do"
    assert "no batch has come" in town.enroll("retire", CENTRE, "box-1", fails=True)

    assert "new keys" in town.accept()
    new = load_box_keys(town.data_dir)
    assert new.kid != old.kid
    town.run(40)

    assert stored(db) == 40
    assert town.enroll("retire", CENTRE, "box-1") == "1 keys revoked.\n"
    assert [key["revoked_at"] is None for key in town.known_keys()] == [True, False]
    town.run(50)
    assert stored(db) == 50
    assert letters(db) == {}
    actions = [row[0] for row in db.execute("SELECT action FROM audit ORDER BY id").fetchall()]
    assert actions == ["enrol_gateway", "add_gateway_key", "retire_gateway_keys"]


def test_what_was_sealed_before_a_change_goes_out_after_the_old_key_is_retired(town, db):
    town.first_enrolment()
    town.broker.stop()
    waiting = town.run(40, until=lambda edge: edge.unsent() > 0)
    assert waiting.waiting_batches
    town.broker.start()
    town.enroll("rotate", "--data-dir", town.data_dir)
    town.enroll("confirm", "rotation.json", "--settings", town.district_file, "--compared")
    town.accept()
    town.enroll("retire", CENTRE, "box-1", "--anyway")

    with hub_at_work(town.dsn, town.broker, town.hub_keys):
        ended = town.run(40)

    assert ended.waiting_batches == 0
    assert stored(db) == 40
    assert letters(db) == {}


def test_a_revoked_box_is_refused_knows_it_and_goes_on_with_its_spool_once_enrolled_anew(
    town, hub, db
):
    town.first_enrolment()
    town.run(20)
    town.adhere("hub", "revoke", CENTRE, "box-1")

    told = town.run(40, until=lambda edge: edge.is_revoked)

    assert told.edge["revoked"]
    assert stored(db) == 20
    assert set(letters(db)) <= {"revoked_key"}
    check = town.adhere(
        "gateway", "check", "--settings", town.settings_file, "--part", "enrolment", "--json",
        fails=True,
    )  # fmt: skip
    assert "something is not as it should be" in check
    seen = letters(db)
    again = town.run(40, until=lambda edge: edge.link_is_up())
    assert again.stored == 40, "it goes on storing"
    assert again.sent_batches == 0, "it knows, and sends nothing"
    assert letters(db) == seen
    refused = town.enroll("answer", "request.json", "--centre", CENTRE, "--gateway", "box-1",
        "--settings", town.district_file, "--compared", fails=True)  # fmt: skip
    assert "make new keys" in refused

    town.first_enrolment("--new-keys")
    ended = town.run(60)

    assert stored(db) == 60, "what waited through it all is there, once"
    assert ended.waiting_batches == 0
    assert not ended.edge["revoked"]


def test_a_stranger_cannot_ask_for_new_keys_in_a_boxs_name(town, db):
    town.first_enrolment()
    town.enroll("rotate", "--data-dir", town.data_dir)
    said = json.loads((town.folder / "rotation.json").read_text())
    said["gateway"] = "box-2"
    (town.folder / "rotation.json").write_text(json.dumps(said))

    refused = town.enroll(
        "confirm", "rotation.json", "--settings", town.district_file, "--compared", fails=True
    )

    assert "changed on the way" in refused
    assert len(town.known_keys()) == 1


def test_a_revoked_key_cannot_vouch_for_a_new_one(town):
    town.first_enrolment()
    town.enroll("rotate", "--data-dir", town.data_dir)
    town.adhere("hub", "revoke", CENTRE, "box-1")

    refused = town.enroll(
        "confirm", "rotation.json", "--settings", town.district_file, "--compared", fails=True
    )

    assert "--new-keys" in refused
    assert len(town.known_keys()) == 1


def test_settings_that_name_no_box_yet_are_completed_and_others_left_alone(town):
    town.settings_file.write_text("# mine\n\n# the radio\n[radio]\nadapters = []\n")
    town.first_enrolment()

    text = town.settings_file.read_text()
    said = tomllib.loads(text)
    assert (said["centre"], said["gateway"]) == (CENTRE, "box-1")
    assert said["broker"]["port"] == town.broker.port
    assert text.startswith("# mine\n")
    assert "# the radio\n[radio]\nadapters = []\n" in text
    town.accept()
    assert town.settings_file.read_text() == text

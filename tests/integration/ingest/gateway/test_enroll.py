"""Both ends of enrolment by their commands, against a real database."""

import os
import subprocess
import sys

import pytest

from ingest.batch.enrolment import load_answer, load_request
from ingest.batch.keys import load_keys, make_keys, raw, save_keys
from storage.database import connect
from storage.people import put_organisation
from tests.patience import PATIENCE_S


@pytest.fixture
def district(database, tmp_path):
    """A district with one centre: its settings file, its hub's keys, and its database."""
    hub = make_keys()
    save_keys(tmp_path / "hub.key", hub)
    settings = tmp_path / "district.toml"
    settings.write_text(
        f'data_dir = "{tmp_path}"\n[broker]\nhost = "localhost"\n'
        f'[nightly]\nreport_dir = "{tmp_path}"\n'
    )
    with connect(database) as conn:
        put_organisation(conn, code="centre", kind="centre", name="A centre")
    return settings, hub, database


def enroll(*words, dsn="", answer=""):
    environ = os.environ | {"ADHERE_LANGUAGE": "en", "ADHERE_DATABASE_DSN": dsn, "COLUMNS": "200"}
    command = [sys.executable, "-m", "scripts.main", "gateway", "enroll", *map(str, words)]
    done = subprocess.run(
        command,
        env=environ,
        input=answer,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def asked(tmp_path):
    box, request = tmp_path / "box", tmp_path / "request.json"
    assert enroll("request", "--data-dir", box, "--out", request)[0] == 0
    return box, request


def answering(district, request, out, *more, centre="centre", answer=""):
    settings, _, dsn = district
    return enroll(
        "answer", request, "--centre", centre, "--gateway", "hall-1", "--settings", settings,
        "--out", out, *more, dsn=dsn, answer=answer,
    )  # fmt: skip


def enrolled_keys(dsn):
    with connect(dsn) as conn:
        return conn.execute("SELECT signing_key, encryption_key FROM gateway_key").fetchall()


def test_two_files_make_box_and_district_known_to_each_other(district, asked, tmp_path):
    box, request = asked
    _, hub, dsn = district

    code, out, err = answering(district, request, tmp_path / "answer.json", answer="y\n")

    assert code == 0, err
    keys = load_keys(box / "gateway.key")
    assert keys.public.fingerprint in out
    assert hub.public.fingerprint in out
    assert enrolled_keys(dsn) == [(raw(keys.public.signing), raw(keys.public.encryption))]
    code, out, err = enroll(
        "accept", tmp_path / "answer.json", "--data-dir", box,
        "--settings", tmp_path / "gateway.toml", answer="y\n",
    )  # fmt: skip
    assert code == 0, err
    assert hub.public.fingerprint in out
    assert load_answer(box / "enrolment.json", keys).hub_keys.fingerprint == hub.public.fingerprint
    assert 'gateway = "hall-1"' in (tmp_path / "gateway.toml").read_text()


def test_a_fingerprint_that_differs_enrolls_nobody(district, asked, tmp_path):
    _, request = asked

    code, _, _ = answering(district, request, tmp_path / "answer.json", answer="n\n")

    assert code != 0
    assert enrolled_keys(district[2]) == []
    assert not (tmp_path / "answer.json").exists()


def test_an_unknown_centre_is_refused(district, asked, tmp_path):
    _, request = asked

    code, _, err = answering(
        district, request, tmp_path / "answer.json", "--compared", centre="elsewhere"
    )

    assert code == 2
    assert "elsewhere" in err
    assert not (tmp_path / "answer.json").exists()


def test_a_hub_that_cannot_be_trusted_is_not_accepted(district, asked, tmp_path):
    box, request = asked
    assert answering(district, request, tmp_path / "answer.json", "--compared")[0] == 0

    code, _, _ = enroll("accept", tmp_path / "answer.json", "--data-dir", box, answer="n\n")

    assert code != 0
    assert not (box / "enrolment.json").exists()
    assert (
        load_request(request).keys.fingerprint == load_keys(box / "gateway.key").public.fingerprint
    )

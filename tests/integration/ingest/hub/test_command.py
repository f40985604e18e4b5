"""`adhere hub` as an operator meets it."""

import os
import subprocess
import sys

import pytest

from ingest.batch.keys import load_keys
from ingest.hub import HUB_KEY_FILE
from storage.audit import at_terminal

SETTINGS = """
data_dir = "{folder}/data"
[broker]
host = "127.0.0.1"
port = 1
[nightly]
report_dir = "{folder}"
"""


@pytest.fixture
def adhere(tmp_path):
    settings = tmp_path / "district.toml"
    settings.write_text(SETTINGS.format(folder=tmp_path), "utf-8")

    def run(*words, dsn="postgresql://nobody@127.0.0.1:1/none", **environ):
        return subprocess.run(
            [sys.executable, "-m", "scripts.main", *words, "--settings", str(settings)],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"ADHERE_DATABASE_DSN": dsn, "LANGUAGE": "en"} | environ,
        )

    return run


def test_init_makes_a_key_that_only_its_owner_can_read(adhere, tmp_path):
    result = adhere("hub", "init")

    path = tmp_path / "data" / HUB_KEY_FILE
    assert result.returncode == 0, result.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert load_keys(path).public.fingerprint in result.stdout


def test_init_never_replaces_a_key(adhere, tmp_path):
    adhere("hub", "init")
    before = (tmp_path / "data" / HUB_KEY_FILE).read_bytes()

    result = adhere("hub", "init")

    assert result.returncode == 2
    assert "exists already" in result.stderr
    assert (tmp_path / "data" / HUB_KEY_FILE).read_bytes() == before


def test_no_hub_runs_without_a_key(adhere):
    result = adhere("hub")

    assert result.returncode == 2
    assert "adhere hub init" in result.stderr


def test_a_key_file_open_to_others_is_refused(adhere, tmp_path):
    adhere("hub", "init")
    (tmp_path / "data" / HUB_KEY_FILE).chmod(0o644)

    result = adhere("hub")

    assert result.returncode == 2
    assert "chmod 600" in result.stderr


def test_an_unreadable_dsn_is_said_at_once_and_not_shown(adhere):
    adhere("hub", "init")

    result = adhere("hub", dsn="postgres//user:secret-word@host")

    assert result.returncode == 2
    assert "secret-word" not in result.stderr + result.stdout


def test_a_database_without_our_tables_is_said_with_what_to_do(adhere, postgres):
    adhere("hub", "init")

    result = adhere("hub", dsn=postgres.dsn)

    assert result.returncode == 2
    assert "adhere db migrate" in result.stderr


def test_revoking_a_gateway_ends_all_of_its_keys_once(database, enrolled, db):
    enrolled("box-1"), enrolled("box-1"), enrolled("box-2")

    def revoke(gateway):
        return subprocess.run(
            [sys.executable, "-m", "scripts.main", "hub", "revoke", "east", gateway],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"ADHERE_DATABASE_DSN": database, "LANGUAGE": "en"},
        )

    first, again, unknown = revoke("box-1"), revoke("box-1"), revoke("box-9")

    assert (first.returncode, first.stdout) == (0, "2 keys revoked.\n")
    assert (again.returncode, again.stdout) == (0, "0 keys revoked.\n")
    assert unknown.returncode == 2
    assert db.execute("SELECT count(*) FROM gateway_key WHERE revoked_at IS NULL").fetchone() == (
        1,
    )
    noted = db.execute(
        "SELECT actor, subject FROM audit WHERE action = 'revoke_gateway'"
    ).fetchall()
    assert noted == [(at_terminal(), "east/box-1")]

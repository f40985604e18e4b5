"""`adhere db`, as an operator types it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from storage.database import connect
from storage.dead_letters import LARGEST_DEAD_LETTER_BYTES, store_dead_letter
from storage.ingest import store_batches
from storage.migrate import MIGRATIONS_DIR
from tests.batches import T0_MS, a_batch, a_gateway, columns
from tests.postgres import new_database

ROOT = Path(__file__).resolve().parents[3]
NAMES = sorted(path.name for path in MIGRATIONS_DIR.glob("*.sql"))


def adhere(dsn, *words):
    environ = {k: v for k, v in os.environ.items() if k not in {"LANGUAGE", "LC_ALL"}}
    return subprocess.run(
        [sys.executable, "-m", "scripts.main", "db", *words],
        cwd=ROOT,
        env=environ | {"LANG": "C.UTF-8", "ADHERE_LANGUAGE": "en", "ADHERE_DATABASE_DSN": dsn},
        capture_output=True,
        text=True,
        check=False,
    )


def test_migrate_brings_a_new_database_up_to_date_once(postgres):
    with new_database(postgres.dsn) as dsn:
        before = adhere(dsn, "status", "--json")
        first = adhere(dsn, "migrate", "--json")
        second = adhere(dsn, "migrate")

    assert json.loads(before.stdout)["pending"] == NAMES
    assert json.loads(first.stdout) == {"applied": NAMES}
    assert second.stdout == "The database is up to date.\n"


def test_status_says_what_is_stored_and_what_waits(database):
    with connect(database) as conn:
        store_batches(conn, [a_batch(a_gateway(conn), 1, columns([T0_MS, 0], [60, 61]))])
        store_dead_letter(conn, "t", "bad_signature", "", b"x")

    run = adhere(database, "status", "--json")
    shown = adhere(database, "status")

    seen = json.loads(run.stdout)
    assert (seen["batches"], seen["readings"], seen["quarantined"]) == (1, 2, 1)
    assert (seen["dead_letters"], seen["touched"], seen["pending"]) == (1, 1, [])
    assert "batches: 1" in shown.stdout.splitlines()


def test_dead_letters_are_listed_and_shown_and_their_bytes_go_to_a_new_file(database, tmp_path):
    data = bytes(range(256)) * (LARGEST_DEAD_LETTER_BYTES // 256) + b"cut off"
    with connect(database) as conn:
        for _ in range(3):
            letter_id = store_dead_letter(conn, "a/\x00b", "oversize", "too \ud800 long", data)
        store_dead_letter(conn, "c/d", "bad_signature", "", b"x")
    file = tmp_path / "letter"

    listed = json.loads(adhere(database, "dead-letter", "list", "--json").stdout)
    only = adhere(database, "dead-letter", "list", "--reason", "oversize")
    shown = adhere(database, "dead-letter", "show", str(letter_id), "--output", str(file))
    again = adhere(database, "dead-letter", "show", str(letter_id), "--output", str(file))

    assert [letter["reason"] for letter in listed] == ["bad_signature", "oversize"]
    assert listed[1]["times_seen"] == 3
    assert listed[1]["full_length"] == len(data)
    assert only.stdout.startswith(f"{letter_id}: oversize on a/\ufffdb, 3 times")
    assert only.stdout.count("\n") == 1
    assert shown.returncode == 0, shown.stderr
    assert file.read_bytes() == data[:LARGEST_DEAD_LETTER_BYTES]
    assert again.returncode == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [(["dead-letter", "show", "77"], "no dead letter 77"), (["status"], "ADHERE_DATABASE_DSN")],
)
def test_a_misconfiguration_ends_with_2_and_says_what_to_do(database, words, said):
    run = adhere("" if words == ["status"] else database, *words)

    assert run.returncode == 2
    assert said in run.stderr


def test_no_dead_letters_are_good_news(database):
    assert adhere(database, "dead-letter", "list").stdout == "There are no dead letters.\n"

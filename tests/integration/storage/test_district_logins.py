"""A district as it is installed: an owner who is no superuser, and a login for each process."""

import re
from datetime import date
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from typer.testing import CliRunner

from config.district_settings import BackupSettings
from ingest.batch.keys import make_keys, save_keys
from ingest.hub import HUB_KEY_FILE
from scripts.commands.db import app as db_app
from storage.backup.put_back import opened, restore
from storage.backup.take import take
from storage.database import connect
from storage.dead_letters import store_dead_letter
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from storage.privileges import difference
from storage.role_setup import statements_for_logins
from tests.district import District, every, local_ms

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "of nobody"  # noqa: S105 - of logins that live as long as their test
BACKUP_NEEDS = (
    'ALTER ROLE "adhere-backup" BYPASSRLS CREATEDB',
    'GRANT pg_read_all_data TO "adhere-backup"',
)


@pytest.fixture(scope="module")
def server(server_folder):
    with EmbeddedPostgres(server_folder / "installed", base=server_folder / "base") as server:
        yield server


def new_database(admin, name):
    admin.execute(
        sql.SQL("CREATE DATABASE {} OWNER plain TEMPLATE template0 ENCODING 'UTF8'").format(
            sql.Identifier(name)
        )
    )


@pytest.fixture(scope="module")
def installed(server):
    """Return a function from a login and a database to a DSN."""

    def dsn_of(login, name="district"):
        return make_conninfo(server.dsn_of(name), user=login, password=PASSWORD)

    with psycopg.connect(server.dsn, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE plain LOGIN PASSWORD '{PASSWORD}'")
        new_database(admin, "district")
        with connect(dsn_of("plain")) as conn:
            statements = statements_for_logins(conn)
        for statement in [*statements, *BACKUP_NEEDS]:
            admin.execute(statement)
            made = re.match(r'CREATE ROLE ("adhere-\w+")', statement)
            if made:
                admin.execute(f"ALTER ROLE {made[1]} PASSWORD '{PASSWORD}'")
    with connect(dsn_of("plain")) as conn:
        migrate(conn)
    with connect(server.dsn_of("district")) as conn:
        district = District(conn)
        case = district.wear("p1")
        conn.execute(
            "INSERT INTO pause (enrolment_id, during, reason)"
            " VALUES (%s, '[2026-11-09,2026-11-10)', 'ill')",
            (case,),
        )
        start = local_ms("2026-11-03 08:00:00")
        district.hear("p1", heart_rate=every(start, start + 600_000, 120))
        store_dead_letter(conn, "adhere/v1/c1/g9/live", "unknown_gateway", "", b"nobody's")
    return dsn_of


def test_an_owner_who_sees_past_no_row_security_restores_a_backup(installed, server, tmp_path):
    with connect(installed("adhere-backup")) as conn:
        taken = take(
            conn, installed("adhere-backup"), BackupSettings(folder=tmp_path, leave_free_mb=0)
        )

    for number in range(3):  # two programs at work meet in another order each time
        name = f"restored_{number}"
        with psycopg.connect(server.dsn, autocommit=True) as admin:
            new_database(admin, name)
        restore(opened(taken.path), installed("plain", name))
        with connect(server.dsn_of(name)) as conn:
            unprotected = conn.execute(
                "SELECT relname FROM pg_class WHERE relforcerowsecurity AND NOT relrowsecurity"
            ).fetchall()
            assert unprotected == []
            assert difference(conn) == ((), ())


def test_with_the_login_of_backups_no_right_is_one_that_nobody_needs(installed):
    with connect(installed("adhere-operator")) as conn:
        assert difference(conn) == ((), ())


@pytest.fixture
def settings(tmp_path):
    save_keys(tmp_path / HUB_KEY_FILE, make_keys())
    path = tmp_path / "district.toml"
    path.write_text(
        f'data_dir = "{tmp_path}"\n[broker]\nhost = "localhost"\n'
        f'[nightly]\nreport_dir = "{tmp_path}"\n[cold]\nfolder = "{tmp_path}/cold"\n',
        "utf-8",
    )
    return ["--settings", str(path)]


AS_OPERATOR = [
    ("status",),
    ("roles",),
    ("ledger",),
    ("policies", "show"),
    ("policies", "apply"),
    ("dead-letter", "list"),
    ("dead-letter", "show", "1"),
    ("audit", "seal"),
]


@pytest.mark.parametrize("words", AS_OPERATOR, ids=" ".join)
def test_the_operators_login_runs_the_operators_commands(installed, settings, words):
    done = CliRunner().invoke(
        db_app,
        [*words, *(settings if words[0] == "policies" else ())],
        env={"ADHERE_DATABASE_DSN": installed("adhere-operator"), "ADHERE_BROKER_PASSWORD": ""},
    )

    assert done.exit_code == 0, (done.output, done.exception)


def wrapped(*words):
    """Return the login as which packaging/district/adhere-operator runs a command."""
    script = (ROOT / "packaging/district/adhere-operator").read_text("utf-8")
    for pattern, account in re.findall(r"^    (\"[^)]*)\) account=(\S+) ;;", script, re.MULTILINE):
        prefixes = [one.strip().strip('*"').strip('"') for one in pattern.split("|")]
        if any(f"{' '.join(words)} ".startswith(prefix) for prefix in prefixes):
            return account
    return "adhere-operator"


def test_letters_are_read_again_as_the_account_that_the_wrapper_takes(installed, settings):
    words = ["dead-letter", "retry", "--reason", "unknown_gateway"]
    login = wrapped("db", *words)

    done = CliRunner().invoke(
        db_app,
        [*words, *settings, "--json"],
        env={"ADHERE_DATABASE_DSN": installed(login), "ADHERE_BROKER_PASSWORD": ""},
    )

    assert login == "adhere-hub"
    assert done.exit_code == 1, (done.output, done.exception)  # tried, and no batch still
    assert '"now": "not_cose"' in done.stdout


def test_days_are_exported_dropped_and_explained_as_the_account_that_the_wrapper_takes(
    installed, settings
):
    login = wrapped("db", "export", "--before", "2026-11-20")
    environ = {"ADHERE_DATABASE_DSN": installed(login), "ADHERE_BROKER_PASSWORD": ""}

    def run(app, *words):
        done = CliRunner().invoke(app, words, env=environ)
        assert done.exit_code in {0, 3}, (done.output, done.exception)
        return done.stdout

    run(db_app, "export", "--before", "2026-11-20", "--drop", *settings, "--json")
    run(db_app, "export", "verify")
    listed = run(db_app, "export", "list", "--json")

    assert login == wrapped("why", "--case", "p1") == "adhere-nightly"
    assert str(date(2026, 11, 3)) in listed

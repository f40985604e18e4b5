"""A backup is whole or not there; what is restored is what was, or it is refused."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from config.district_settings import BackupSettings
from config.errors import Misconfigured, Unavailable
from storage import audit, audit_chain, migrate
from storage.backup import content, programs, sums
from storage.backup.drill import drill
from storage.backup.folder import backups, newest
from storage.backup.put_back import opened, restore
from storage.backup.take import take
from storage.database import connect
from storage.ingest import store_batches
from storage.privileges import difference
from tests.batches import DAY_MS, T0_MS, a_batch, a_gateway, columns
from tests.patience import PATIENCE_S
from tests.postgres import new_database

ROOT = Path(__file__).resolve().parents[3]
TIMES = [T0_MS + day * DAY_MS + s * 1000 for day in (-2, -1, 0) for s in range(200)]


def fill(conn):
    """Readings of three days, one of which is compressed where that can be; a sealed trail."""
    store_batches(conn, [a_batch(a_gateway(conn), 1, columns(TIMES, range(60, 660)))])
    if conn.execute("SELECT FROM pg_extension WHERE extname = 'timescaledb'").fetchone():
        conn.execute("ALTER TABLE heart_rate SET (timescaledb.compress)")
        conn.execute("SELECT compress_chunk(chunk) FROM show_chunks('heart_rate') AS chunk LIMIT 1")
    audit.note(conn, actor="d1", action="read_patient", subject="p1")
    audit_chain.seal(conn)


def database_rights(conn):
    """Who may make temporary tables: said of the database itself, and so in no dump."""
    return conn.execute(
        "SELECT rolname, has_database_privilege(rolname, current_database(), 'TEMPORARY')"
        " FROM pg_roles WHERE rolname LIKE 'adhere!_%' ESCAPE '!' ORDER BY rolname"
    ).fetchall()


def taken(dsn, folder, **given):
    with connect(dsn) as conn:
        return take(conn, dsn, BackupSettings(folder=folder, **{"leave_free_mb": 0} | given))


@pytest.fixture
def plain(postgres, template):
    with new_database(postgres.dsn, template=template) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def backup(postgres, template, tmp_path_factory):
    """One backup of one day's database, for tests that only read it or copy it."""
    with new_database(postgres.dsn, template=template) as dsn:
        with connect(dsn) as conn:
            fill(conn)
        return taken(dsn, tmp_path_factory.mktemp("backups")).path


@pytest.fixture
def copied(backup, tmp_path):
    return Path(shutil.copytree(backup, tmp_path / backup.name))


@pytest.fixture
def empty(postgres):
    with new_database(postgres.dsn) as dsn:
        yield dsn


def test_what_was_backed_up_comes_back_as_it_was(database, tmp_path):
    with connect(database) as conn:
        fill(conn)
        rights, on_database = difference(conn), database_rights(conn)
        name = conn.info.dbname
    before_it = [f"{name}-20200101T000000Z", f"{name}-20200102T000000Z", "z-20200101T000000Z"]
    for old in before_it:
        (tmp_path / "deep" / old).mkdir(parents=True)
    done = taken(database, tmp_path / "deep", keep=2)
    with connect(database) as conn:
        anchor = audit_chain.newest(conn)
        before = content.look(conn)

    with new_database(make_conninfo(database, dbname="postgres"), template="template0") as target:
        restored = restore(opened(done.path), target)

        with connect(target) as conn:
            assert restored.pending == ()
            migrate.require_current(conn)
            found = content.differences(before, content.look(conn))
            assert [one.table for one in found] == ["audit"]  # says that it was restored
            assert before.tables["heart_rate"].rows == len(TIMES)
            assert audit_chain.verify(conn, anchor).faults == ()
            assert difference(conn) == rights
            assert database_rights(conn) == on_database
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only added to"):
                conn.execute("DELETE FROM audit")
            # And life goes on: ids are given on, days are made, the hub stores.
            store_batches(conn, [a_batch(1, 2, columns([T0_MS + 9 * DAY_MS], [61]))])
            assert audit_chain.seal(conn) == 1
            actions = conn.execute("SELECT action FROM audit ORDER BY id").fetchall()
            assert [action for (action,) in actions] == [
                "read_patient",
                "back_up",
                "restore_backup",
            ]
    assert done.removed == before_it[:1]
    left = {done.path.name, *before_it[1:]}  # those of another database are not counted
    assert {path.name for path in backups(done.path.parent)} == left
    assert done.manifest.content.anchor == anchor
    assert done.path.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in done.path.rglob("*"))


def test_sha256sum_reads_the_list_of_checksums(backup):
    run = subprocess.run(
        [shutil.which("sha256sum"), "-c", "--quiet", sums.NAME], cwd=backup, check=False
    )

    assert run.returncode == 0


def test_what_is_committed_meanwhile_is_not_in_it_and_does_not_disturb(plain, tmp_path):
    """pg_dump waits for a lock, so that there is a meanwhile; its snapshot is of before."""
    with connect(plain) as conn, connect(plain) as other:
        fill(conn)
        other.execute("BEGIN")
        other.execute("LOCK TABLE week IN ACCESS EXCLUSIVE MODE")
        with subprocess_of("backup", plain, tmp_path) as process:
            wait_for_pg_dump(conn)
            conn.execute("INSERT INTO device (device_key) VALUES ('late')")
            other.execute("COMMIT")
            assert process.wait(PATIENCE_S) == 0

    manifest = opened(newest(tmp_path)).manifest
    assert manifest.content.tables["device"].rows == 1


class subprocess_of:  # noqa: N801 - reads as the verb it is
    """`adhere db`, started; killed at the latest on leaving."""

    def __init__(self, word, dsn, folder, *more):
        environ = os.environ | {"ADHERE_LANGUAGE": "en", "ADHERE_DATABASE_DSN": dsn}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scripts.main", "db", word, "--to", str(folder), *more],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self.process

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def wait_for_pg_dump(conn):
    end = time.monotonic() + PATIENCE_S
    waiting = (
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'pg_dump'"
        " AND wait_event_type = 'Lock' AND datname = current_database()"
    )
    while (row := conn.execute(waiting).fetchone()) is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    return row[0]


def test_a_backup_that_is_killed_or_cut_off_is_not_there_and_no_password_shows(plain, tmp_path):
    with connect(plain) as conn, connect(plain) as other:
        password = conn.info.password
        other.execute("BEGIN")
        other.execute("LOCK TABLE week IN ACCESS EXCLUSIVE MODE")
        with subprocess_of("backup", plain, tmp_path) as process:
            pg_dump = wait_for_pg_dump(conn)
            lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
            assert any(b"pg_dump" in line and str(tmp_path).encode() in line for line in lines)
            assert not any(password.encode() in line for line in lines)
            assert [path.name[:6] for path in tmp_path.iterdir() if path.is_dir()] == [".half-"]
            process.send_signal(signal.SIGKILL)
            process.wait()
        conn.execute("SELECT pg_terminate_backend(%s, 10000)", (pg_dump,))
        assert backups(tmp_path) == []

        with subprocess_of("backup", plain, tmp_path) as process:
            conn.execute("SELECT pg_terminate_backend(%s, 10000)", (wait_for_pg_dump(conn),))
            other.execute("COMMIT")
            _out, said = process.communicate()
            assert process.returncode == 4
            assert "pg_dump" in said

    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_disk_too_full_is_said_before_anything_is_written(plain, tmp_path):
    with pytest.raises(Unavailable, match="make room"):
        taken(plain, tmp_path, leave_free_mb=1_000_000_000)

    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


@pytest.mark.parametrize("which", ["dump/toc.dat", "manifest.json", sums.NAME, "the largest"])
def test_a_flipped_bit_is_refused_with_the_name_of_the_file(copied, empty, which):
    files = [path for path in copied.rglob("*") if path.is_file()]
    file = max(files, key=lambda path: path.stat().st_size)
    file = file if which == "the largest" else copied / which
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)

    with pytest.raises(sums.Damaged) as caught:
        opened(copied)

    assert which == sums.NAME or str(file) in str(caught.value)
    with connect(empty) as conn:
        assert content.look(conn).tables == {}


def test_a_file_that_is_gone_or_too_many_is_refused_by_name(copied):
    (copied / "dump" / "more").write_text("x")
    with pytest.raises(sums.Damaged, match=r"dump/more is no part"):
        opened(copied)
    (copied / "dump" / "more").rename(copied / "manifest.json")
    with pytest.raises(sums.Damaged, match=r"manifest\.json is damaged"):
        opened(copied)
    (copied / "manifest.json").unlink()
    with pytest.raises(sums.Damaged, match=r"manifest\.json is missing"):
        opened(copied)


def test_nothing_is_restored_over_anything(backup, empty):
    with connect(empty) as conn:
        conn.execute("CREATE VIEW mine AS SELECT 1")

    with pytest.raises(Misconfigured, match="not empty"):
        restore(opened(backup), empty)


def test_a_database_restored_in_part_is_taken_for_none(backup, empty):
    """The server refuses to make the last kind of thing a dump makes."""
    with connect(empty) as conn:
        conn.execute("CREATE SCHEMA apart")
        conn.execute(
            "CREATE FUNCTION apart.refuse() RETURNS event_trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE 'no triggers today'; END $$"
        )
        conn.execute(
            "CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE TRIGGER')"
            " EXECUTE FUNCTION apart.refuse()"
        )

    with pytest.raises(Unavailable, match="no triggers today"):
        restore(opened(backup), empty)

    with connect(empty) as conn:
        # A part is there; how many rows of it depends on who of the restorers was how far.
        assert conn.execute("SELECT to_regclass('heart_rate') IS NOT NULL").fetchone() == (True,)
        with pytest.raises(Misconfigured, match="lacks 0001"):
            migrate.require_current(conn)


def test_a_login_that_sees_a_part_is_refused_and_the_documented_one_sees_all(plain, tmp_path):
    with connect(plain) as conn:
        fill(conn)
        conn.execute("ALTER TABLE patient ENABLE ROW LEVEL SECURITY")
        conn.execute("CREATE ROLE backs_up LOGIN CREATEDB PASSWORD 'x' IN ROLE pg_read_all_data")
    try:
        with connect(plain) as conn:
            conn.execute("GRANT INSERT (actor, action, subject, detail) ON audit TO backs_up")
        login = make_conninfo(plain, user="backs_up", password="x")  # noqa: S106 - of a test
        with pytest.raises(Misconfigured, match=r"patient.*BYPASSRLS"):
            taken(login, tmp_path)

        with connect(plain) as conn:
            conn.execute("ALTER ROLE backs_up BYPASSRLS")
        done = taken(login, tmp_path)

        assert done.manifest.content.tables["heart_rate"].rows == len(TIMES)
        noted = next(role for role in done.manifest.server.roles if role.name == "backs_up")
        assert (noted.can_login, noted.bypasses_row_security) == (True, True)
        assert noted.member_of == ["pg_read_all_data"]
        tried = drill(done.path, scratch_dsn=make_conninfo(login, dbname="postgres"))
        assert (tried.faults, tried.restored.owner_kept, tried.audit.blocks) == ((), False, 1)
        with connect(plain) as conn:
            left = "SELECT count(*) FROM pg_database WHERE datname LIKE 'adhere_drill%'"
            assert conn.execute(left).fetchone() == (0,)
    finally:
        with connect(plain) as conn:
            conn.execute("DROP OWNED BY backs_up")
            conn.execute("DROP ROLE backs_up")
    with (
        new_database(make_conninfo(plain, dbname="postgres")) as target,
        pytest.raises(Misconfigured, match=r'CREATE ROLE "backs_up" LOGIN BYPASSRLS;\nGRANT'),
    ):
        restore(opened(done.path), target)


def test_a_drill_on_a_server_of_its_own_finds_a_table_that_is_other_than_the_backup_says(
    copied, server_folder
):
    place = server_folder / "drill"  # which a server's account can enter
    place.mkdir(mode=0o755)
    said = json.loads((copied / "manifest.json").read_text())
    said["tables"]["device"]["hash"] = "0" * 16
    (copied / "manifest.json").write_text(json.dumps(said))
    (copied / sums.NAME).unlink()
    sums.write(copied)

    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "scripts.main",
            "db",
            "drill",
            "--from",
            str(copied.parent),
            "--json",
        ],
        cwd=ROOT,
        env=os.environ | {"ADHERE_LANGUAGE": "en", "ADHERE_DRILL_DSN": "", "TMPDIR": str(place)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 1, run.stderr
    told = json.loads(run.stdout)
    assert (told["passed"], told["faults"]) == (False, ["restored_otherwise: device"])
    assert told["rows"] == sum(table["rows"] for table in said["tables"].values())
    assert list(place.iterdir()) == []


def test_a_hash_does_not_know_the_order_of_rows_but_every_value(postgres):
    with new_database(postgres.dsn) as dsn, connect(dsn) as conn:
        conn.execute("CREATE TABLE one (a integer, b text)")
        conn.execute("CREATE TABLE two (a integer, b text)")
        conn.execute("INSERT INTO one VALUES (1, 'x'), (2, null), (2, null)")
        conn.execute("INSERT INTO two VALUES (2, null), (1, 'x'), (2, null)")
        seen = content.look(conn).tables
        conn.execute("UPDATE two SET b = '' WHERE a = 2")

        assert seen["one"] == seen["two"]
        assert content.look(conn).tables["two"] != seen["two"]


def test_programs_are_of_the_servers_version_or_newer_and_otherwise_said():
    assert programs.find(18).major >= 18

    with pytest.raises(Misconfigured, match="postgresql-client-29"):
        programs.find(29)
    # What these write, no server of version 15 takes back.
    with pytest.raises(Misconfigured, match="PostgreSQL 15 or newer"):
        programs.find(15, programs.find(18).folder)


def test_a_password_does_not_go_onto_a_command_line(tmp_path):
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "scripts.main",
            "db",
            "drill",
            "--from",
            str(tmp_path),
            "--dsn",
            "postgresql://me:secret-word@here/x",
        ],
        cwd=ROOT,
        env=os.environ | {"ADHERE_LANGUAGE": "en"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 2
    assert "ADHERE_DRILL_DSN" in run.stderr
    assert "secret-word" not in run.stderr

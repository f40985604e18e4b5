"""A PostgreSQL server of our own in a folder: made on first use, started, stopped, recovered.

Its folder is 0700 of the account the server runs as, and holds `data` (the cluster), `password`
(0600), `server.log`, `lock`, and `socket` or, where that path is too long for a Unix socket,
`socket-folder`, which names a short one.
"""

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

import psycopg
import structlog
from psycopg import sql

from config.errors import Misconfigured, Unavailable
from config.language import _
from storage.embedded import leftovers, place, programs
from storage.embedded.account import Account, plain_environment
from storage.embedded.guard import Guard
from storage.roles import Role

log = structlog.get_logger()

ROLE = DATABASE = "adhere"
PROCESSES = "adhere_processes"
"""The login of those who only work in the database; ROLE owns it, and the server."""
DEFAULT_BASE = Path("/var/lib/adhere")
"""Where root keeps programs and data that the account could not reach elsewhere."""
POLL_S = 0.02
LARGEST_LOG_BYTES = 10 * 2**20

SETTINGS = {
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "60",
    "max_wal_size": "2GB",
    # A day of readings is a partition, and a question over years locks every one it may look at.
    "max_locks_per_transaction": "1024",
    # Statements and details can hold patients' values: the log gets the message line alone.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
}


class EmbeddedPostgres:
    """One server in one folder; use it with `with`, or `start` and `stop`.

    `folder` is made if missing. As root the server runs as `account` (default `nobody`), and where
    that account cannot enter `folder`, the data lies below `base` and `folder` holds only its name.
    The server listens on a Unix socket, and on `tcp_hosts` where `tcp_port` is given. A folder is
    one process's at a time: a second start is Misconfigured. The server ends with its starter, also
    with a killed one; should it outlive it all the same, the next start ends it first. The DSN
    stays the same over restarts.
    """

    def __init__(
        self,
        folder: Path,
        *,
        account: str | None = None,
        base: Path = DEFAULT_BASE,
        tcp_port: int | None = None,
        tcp_hosts: Sequence[str] = ("127.0.0.1",),
        start_timeout_s: float = 120,
    ) -> None:
        self.folder = folder.absolute()
        self.home = self.folder
        self.programs = Path()
        self._account = Account.of_this_process(account)
        self._base = base.absolute()
        self._tcp_port, self._tcp_hosts = tcp_port, tuple(tcp_hosts)
        self._start_timeout_s = start_timeout_s
        self._sockets = Path()
        self._password = ""
        self._lock: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def data(self) -> Path:
        """The cluster's own folder, wherever it had to be put."""
        return self.home / "data"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    @property
    def dsn(self) -> str:
        """The program's database, by the socket. It holds the password: never print it."""
        return self.dsn_of(DATABASE)

    def dsn_of(self, database: str) -> str:
        """Return the DSN of another database of this server."""
        return self._dsn_of(database, ROLE)

    def _dsn_of(self, database: str, login: str) -> str:
        where = f"host={quote(str(self._sockets), safe='')}&port={self._port}"
        return f"postgresql://{login}:{self._password}@/{quote(database, safe='')}?{where}"

    def process_dsn(self) -> str:
        """Return a DSN of the program's database whose login is no superuser and owns nothing.

        It may work as each of the group roles; those are there once the database was migrated.
        """
        login, password = sql.Identifier(PROCESSES), sql.Literal(self._password)
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            found = conn.execute("SELECT FROM pg_roles WHERE rolname = %s", (PROCESSES,))
            if found.rowcount == 0:
                conn.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(login, password))
            groups = sql.SQL(", ").join(map(sql.Identifier, Role))
            conn.execute(sql.SQL("GRANT {} TO {}").format(groups, login))
        return self._dsn_of(DATABASE, PROCESSES)

    @property
    def _port(self) -> int:
        """The TCP port; without TCP only a part of the socket's name."""
        return self._tcp_port or 5432

    def start(self) -> Self:
        """Start the server and wait until it answers; after a crash it recovers first.

        Raises Misconfigured where the folder is in use or cannot be used, Unavailable where the
        server does not come up in time.
        """
        if self.pid is not None:
            return self
        try:
            self._prepare()
            self._launch()
            self._wait_until_ready()
            self._ensure_database()
        except BaseException:
            self.stop(immediately=True)
            raise
        return self

    def stop(self, *, immediately: bool = False, patience_s: float = 30) -> None:
        """Cut the clients, write everything, end. `immediately`: as in a power failure."""
        if self._process is not None:
            for number in (signal.SIGQUIT,) if immediately else (signal.SIGINT, signal.SIGQUIT):
                self._process.send_signal(number)
                try:
                    self._process.wait(patience_s)
                    break
                except subprocess.TimeoutExpired:
                    log.warning("embedded_postgres_slow_to_stop", signal=number.name)
        self.kill()

    def kill(self) -> None:
        """Kill the postmaster with SIGKILL, as a crash would; `start` recovers."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None
        self._release_guard()
        if self._lock is not None:
            self._lock.close()
        self._lock = None

    def _release_guard(self) -> None:
        if self._guard is not None:
            self._guard.release()
        self._guard = None

    def _prepare(self) -> None:
        """Find or make the folder, the programs, the cluster and the socket's folder."""
        self._release_guard()  # of a server that ended by itself
        self.home = place.home(self.folder, self._account, self._base)
        if self._lock is None:
            self._lock = place.lock(self.home / "lock")
        leftovers.clear(self.data)
        self.programs = programs.reachable_bin(self._account, self._base)
        if not (self.home / "password").exists():
            place.write_private(self.home / "password", secrets.token_urlsafe(24))
        self._password = place.read_private(self.home / "password")
        if not (self.data / "PG_VERSION").exists():
            self._make_cluster()
        self._check_version()
        self._sockets = place.socket_folder(self.home, self._account)

    def _make_cluster(self) -> None:
        """Run initdb beside the data folder, then move it in place: whole or not at all."""
        half, password_file = self.home / "data.half", self.home / "initdb-password"
        shutil.rmtree(half, ignore_errors=True)
        password_file.unlink(missing_ok=True)
        place.write_private(password_file, self._password)
        if self._account.is_other:
            os.chown(password_file, self._account.uid, self._account.gid)
        done = self._account.run(
            [
                str(self.programs / "initdb"),
                f"--pgdata={half}",
                f"--username={ROLE}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                # Sorts by code point, the same on every machine, whatever its locales.
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--data-checksums",
                "--no-instructions",
            ]
        )
        password_file.unlink()
        if done.returncode != 0:
            shutil.rmtree(half, ignore_errors=True)
            raise Unavailable(_("initdb failed: %(fault)s") % {"fault": _last_line(done.stderr)})
        half.rename(self.data)

    def _check_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text("ascii").strip()
        installed = metadata.version(programs.WHEEL).split(".", 1)[0]
        if made_by != installed:
            raise Misconfigured(
                _(
                    "The data in %(folder)s was made by PostgreSQL %(made_by)s, and %(installed)s "
                    "is installed: dump it with the old one and restore it with the new."
                )
                % {"folder": self.data, "made_by": made_by, "installed": installed}
            )

    def _launch(self) -> None:
        options = SETTINGS | {
            "port": str(self._port),
            "listen_addresses": ",".join(self._tcp_hosts) if self._tcp_port else "",
            "unix_socket_directories": f'"{self._sockets}"',
        }
        command = [str(self.programs / "postgres"), "-D", str(self.data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        log_path = self.home / "server.log"
        if log_path.exists() and log_path.stat().st_size > LARGEST_LOG_BYTES:
            log_path.replace(self.home / "server.log.1")
        with place.open_private(log_path, os.O_APPEND) as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own fixed command
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.home,
                env=plain_environment(),
                start_new_session=True,  # Ctrl-C in a terminal is for us, not for the server
                user=self._account.uid if self._account.is_other else None,
                group=self._account.gid if self._account.is_other else None,
                extra_groups=[] if self._account.is_other else None,
            )
        self._guard = Guard(self._account, self.data, self._process.pid)

    def _wait_until_ready(self) -> None:
        """Wait for the line `ready` in postmaster.pid, which comes after any recovery."""
        end = time.monotonic() + self._start_timeout_s
        while not _says_ready(self.data / "postmaster.pid", self.pid):
            if self.pid is None:
                with place.open_private(self.home / "server.log") as output:
                    last = _last_line(output.read())
                raise Unavailable(
                    _("the embedded PostgreSQL did not start: %(fault)s") % {"fault": last}
                )
            if time.monotonic() > end:
                raise Unavailable(_("the embedded PostgreSQL did not start in time"))
            time.sleep(POLL_S)

    def _ensure_database(self) -> None:
        try:
            with psycopg.connect(self.dsn_of("postgres"), autocommit=True) as conn:
                found = conn.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,))
                if found.rowcount == 0:
                    conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except psycopg.OperationalError as error:
            raise Unavailable(
                _("the embedded PostgreSQL does not answer: %(fault)s") % {"fault": error}
            ) from None


def _says_ready(pid_file: Path, pid: int | None) -> bool:
    try:
        lines = pid_file.read_text("utf-8").split("\n")
    except OSError:
        return False
    return lines[0] == str(pid) and any(line.strip() == "ready" for line in lines[7:])


def _last_line(output: bytes) -> str:
    lines = output[-2000:].decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "no message"

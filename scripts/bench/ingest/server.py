"""The database a measurement works in: a new one on a server, emptied before each run.

What the server's processes cost is read from /proc: whatever else works there at the time counts.
"""

import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from config.errors import Misconfigured
from config.language import _
from storage import pgcopy
from storage.database import Connection, border, connect, require_durable
from storage.migrate import migrate
from storage.reading_copy import READING_COLUMNS

TABLE = "heart_rate"
COPY_ROWS = f"COPY {TABLE} ({', '.join(READING_COLUMNS)}) FROM STDIN (FORMAT BINARY)"
FILLED = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
    AND (
        relname IN ('batch', 'batch_payload', 'clock_heard')
        OR EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'batch_id')
    )
"""
"""What storing batches fills: the ledger, and whatever speaks of a batch."""
ROW_BYTES = 64
"""Of a row without the band's own stamp: see storage/pgcopy.py."""
BLOCK_BYTES = 2**16


@dataclass(frozen=True)
class Stored:
    """What is in the table: two ways of storing the same readings must agree on it."""

    rows: int
    sums: tuple[float, int, int]
    """Of values, devices and times."""


class Server:
    """A migrated database of our own on one server, and that server's processes."""

    def __init__(self, dsn: str, conn: Connection) -> None:
        self.dsn, self.conn = dsn, conn
        self._postmaster = _parent(conn.info.backend_pid)

    @property
    def version(self) -> str:
        """The server's own words, with TimescaleDB's version where it is used."""
        (version, timescale) = self._one(
            "SELECT current_setting('server_version'), "
            "(SELECT extversion FROM pg_extension WHERE extname = 'timescaledb')"
        )
        return f"PostgreSQL {version}" + (f", TimescaleDB {timescale}" if timescale else "")

    def empty(self) -> None:
        """Remove readings and ledger, and let nothing of earlier runs reach into the next."""
        with border():
            filled = [sql.Identifier(name) for (name,) in self.conn.execute(FILLED)]
            self.conn.execute(
                sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(sql.SQL(", ").join(filled))
            )
            try:
                self.conn.execute("CHECKPOINT")
            except psycopg.errors.InsufficientPrivilege:
                return  # the server decides when: its figures spread a little more

    def make_day(self, day: str) -> None:
        """Make the day that all readings lie in."""
        with border():
            self.conn.execute("SELECT ensure_reading_days(%s, %s::date[])", (TABLE, [day]))

    def stored(self) -> Stored:
        """Count and sum what is in the table."""
        rows, *sums = self._one(
            "SELECT count(*), coalesce(sum(value), 0), coalesce(sum(device_id), 0), "  # noqa: S608 - our own table
            f"coalesce(sum((extract(epoch FROM at) * 1000)::bigint), 0)::bigint FROM {TABLE}"
        )
        return Stored(rows, (sums[0], sums[1], sums[2]))

    def cpu_s(self) -> float | None:
        """Return the processor seconds of all its processes; None where /proc does not tell."""
        if self._postmaster is None:
            return None
        try:
            task = Path(f"/proc/{self._postmaster}/task/{self._postmaster}/children")
            used = _ticks(self._postmaster, with_ended_children=True)
            for child in task.read_text("ascii").split():
                used += _ticks(int(child), with_ended_children=False)
        except OSError:
            return None
        return used / os.sysconf("SC_CLK_TCK")

    def _one(self, statement: str) -> tuple[Any, ...]:
        with border():
            row = self.conn.execute(statement.encode()).fetchone()
        return tuple(row or ())


@contextmanager
def server_of(dsn: str) -> Iterator[Server]:
    """Make a migrated database on the server at `dsn` while the block runs.

    Raises Misconfigured where fsync is off (no figure then means anything), or where this login
    may not make a database.
    """
    name = sql.Identifier(f"adhere_bench_{uuid.uuid4().hex[:12]}")
    with connect(dsn) as admin:
        require_durable(admin)
        try:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(name))
        except psycopg.errors.InsufficientPrivilege:
            raise Misconfigured(
                _("this login may not make a database for the measurement: ALTER ROLE … CREATEDB")
            ) from None
        try:
            own = make_conninfo(dsn, dbname=name.as_string().strip('"'))
            with connect(own) as conn:
                migrate(conn)
                yield Server(own, conn)
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def copy_rows(server: Server, rows: Path, connections: int) -> None:
    """Copy prepared rows into the table, over so many connections, each one COPY and one commit."""
    faults: list[BaseException] = []

    def copy(begin: int, end: int) -> None:
        try:
            with (
                connect(server.dsn) as conn,
                conn.cursor() as cursor,
                cursor.copy(COPY_ROWS.encode()) as copying,
            ):
                copying.write(pgcopy.HEADER)
                for at in range(begin, end, BLOCK_BYTES):
                    copying.write(data[at : min(at + BLOCK_BYTES, end)])
                copying.write(pgcopy.TRAILER)
        except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
            faults.append(error)

    with rows.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        count = len(data) // ROW_BYTES
        bounds = [ROW_BYTES * (count * part // connections) for part in range(connections + 1)]
        threads = [
            threading.Thread(target=copy, args=bounds[part : part + 2])
            for part in range(connections)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if faults:
        raise faults[0]


def _parent(pid: int) -> int | None:
    """Return the process that started a session's own: the whole server's. None: not on here."""
    try:
        if Path(f"/proc/{pid}/comm").read_text("utf-8").strip() not in {"postgres", "postmaster"}:
            return None
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])


def _ticks(pid: int, *, with_ended_children: bool) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except FileNotFoundError:  # it has just ended: its parent's count has it
        return 0
    times = stat.rpartition(")")[2].split()[11:15]
    return sum(map(int, times if with_ended_children else times[:2]))

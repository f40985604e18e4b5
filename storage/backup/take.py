"""`adhere db backup`: one moment of the whole database into a new folder, whole or not at all."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import structlog

from config.district_settings import BackupSettings
from config.errors import Misconfigured
from config.language import _
from storage import audit
from storage.backup import content, folder, programs, sums
from storage.backup.manifest import Manifest, Noted, Server
from storage.database import Connection, border, snapshot
from storage.queries import query

log = structlog.get_logger()

DUMP = "dump"
ROOM_FACTOR = 1.3
"""Of the newest backup's size: the next is a little larger."""


class Taken(NamedTuple):
    """A backup that is whole and on the disk."""

    path: Path
    manifest: Manifest
    sums_sha256: str
    """Of SHA256SUMS: who notes it elsewhere can hold the whole backup to it."""
    size_bytes: int
    taking_s: float
    removed: list[str]


def take(conn: Connection, dsn: str, settings: BackupSettings) -> Taken:
    """Dump the database of `conn` (and `dsn`) and keep what the settings say.

    pg_dump and the counts and hashes beside it see the same moment, while everybody works on.
    Raises Misconfigured for a login that does not see every row or a server without matching
    programs, Unavailable while another backup is at work or where the disk is too full.
    """
    began = time.monotonic()
    server = _server(conn)
    _require_whole_sight(conn, server.database)
    tools = programs.find(server.major, settings.programs)
    with folder.only_maker(settings.folder):
        folder.require_room(
            settings.folder,
            about_bytes=_expected_bytes(settings.folder, server),
            leave_free_bytes=settings.leave_free_mb << 20,
        )
        taken_at = datetime.now(UTC).replace(microsecond=0)
        audit.note_command(
            conn,
            action="back_up",
            subject=server.database,
            detail={"folder": str(settings.folder)},
        )
        with (
            _for_nobody_else(),
            folder.placed(settings.folder, server.database, taken_at) as (half, final),
        ):
            manifest = _dump(conn, dsn, tools, half / DUMP, server, taken_at)
            manifest.write(half)
            sums_sha256 = sums.write(half)
        removed = folder.prune(settings.folder, server.database, settings.keep)
    size = folder.size_bytes(final)
    log.info("backup_taken", name=final.name, size_bytes=size, removed=len(removed))
    return Taken(final, manifest, sums_sha256, size, time.monotonic() - began, removed)


@contextmanager
def _for_nobody_else() -> Iterator[None]:
    """Whatever is written meanwhile, by pg_dump too, only this account reads."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _dump(
    conn: Connection,
    dsn: str,
    tools: programs.Programs,
    target: Path,
    server: Server,
    taken_at: datetime,
) -> Manifest:
    """Let pg_dump and ourselves look at one exported snapshot, side by side."""
    with snapshot(conn):
        # A server may end a transaction that waits; this one waits for pg_dump.
        conn.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        conn.execute("SET LOCAL statement_timeout = 0")
        row = conn.execute("SELECT pg_export_snapshot()").fetchone()
        words = [
            "--format=directory",
            f"--file={target}",
            f"--snapshot={row[0] if row else ''}",
            "--compress=1",  # three quarters of what more would save, in half the time
            "--no-publications",
            "--no-subscriptions",
        ]
        began = time.monotonic()
        with tools.started("pg_dump", words, dsn) as wait:
            seen = content.look(conn)
            migrations = [
                str(name)
                for (name,) in conn.execute(
                    "SELECT name FROM public.migration ORDER BY name"
                ).fetchall()
            ]
            wait()
    return Manifest(
        taken_at=taken_at,
        program=metadata.version("adhere"),
        pg_dump=tools.major,
        server=server,
        migrations=migrations,
        content=seen,
        dump_s=time.monotonic() - began,
    )


def _server(conn: Connection) -> Server:
    with border():
        row = conn.execute(query("describe_database")).fetchone()
        roles = [Noted(*role) for role in conn.execute(query("describe_roles"))]
    if row is None or row[7] is None:
        raise Misconfigured(_("This database holds nothing of ours: run `adhere db migrate`."))
    name, version, major, timescale, encoding, collation, size, owner, _super, access, given = row
    return Server(
        name, version, major, timescale, encoding, collation, size, owner, access, given, roles
    )


def _require_whole_sight(conn: Connection, database: str) -> None:
    """Refuse a login of which row security hides rows: its dump would lack them."""
    with border():
        hidden = [str(name) for (name,) in conn.execute(query("find_hidden_tables"))]
    if hidden:
        raise Misconfigured(
            _(
                "Row security hides rows of %(tables)s from this login, so %(database)s cannot be "
                "backed up by it: use a login of its own that has BYPASSRLS and is a member of "
                "pg_read_all_data (docs/howto/restore.md)"
            )
            % {"tables": ", ".join(hidden), "database": database}
        )


def _expected_bytes(where: Path, server: Server) -> int:
    """Return about what the backup will take: as the newest, else half of the database."""
    before = folder.backups(where, server.database)
    if before:
        return int(folder.size_bytes(before[-1]) * ROOM_FACTOR)
    return server.size_bytes // 2

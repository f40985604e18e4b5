"""`adhere db drill`: whether the newest backup would bring everything back, and in what time."""

import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import structlog
from psycopg import sql
from psycopg.conninfo import make_conninfo

from config.errors import Misconfigured
from config.language import _
from storage import audit_chain
from storage.backup.folder import require_room
from storage.backup.manifest import Manifest
from storage.backup.put_back import Differs, Opened, Restored, opened, restore
from storage.database import Connection, border, connect
from storage.embedded import EmbeddedPostgres, programs

log = structlog.get_logger()

SPARE_BYTES = 2**30
"""For what a server writes beside its tables."""


class Drilled(NamedTuple):
    """What a drill found out; it passed unless something is said under `faults`."""

    backup: Opened
    restored: Restored | None
    """None where something came back otherwise."""
    audit: audit_chain.Verified | None
    """None in a database of before the trail was sealed."""
    scratch_s: float
    """Until there was a server with an empty database."""
    audit_s: float
    total_s: float
    """Of all of it, from the first byte that was verified on."""
    faults: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether everything came back as it was."""
        return not self.faults


def drill(
    path: Path, *, scratch_dsn: str | None = None, tools_folder: Path | None = None
) -> Drilled:
    """Restore a backup into a database that is thrown away, compare, walk along the audit trail.

    The database is made on the server of `scratch_dsn`, or on one of our own in a temporary folder
    (which has no TimescaleDB). Raises Misconfigured for a damaged backup, and where no scratch
    database can be had.
    """
    began = time.monotonic()
    backup = opened(path)
    verified = time.monotonic()
    with _scratch(backup.manifest, scratch_dsn) as dsn:
        ready = walked = time.monotonic()
        restored, looked = None, None
        faults: list[str] = []
        try:
            restored = restore(
                backup, dsn, tools_folder=tools_folder, on_scratch=scratch_dsn is None
            )
        except Differs as error:
            faults.append(str(error))
        else:
            walked = time.monotonic()
            looked = _audit(dsn, backup.manifest)
            faults += [restored.unfit] if restored.unfit else []
        end = time.monotonic()
    faults += [f"audit {fault.kind}: {fault.block}" for fault in (looked.faults if looked else ())]
    log.info("backup_drilled", name=path.name, passed=not faults)
    return Drilled(
        backup,
        restored,
        looked,
        scratch_s=ready - verified,
        audit_s=end - walked,
        total_s=end - began,
        faults=tuple(faults),
    )


def _audit(dsn: str, manifest: Manifest) -> audit_chain.Verified | None:
    """Walk along the whole chain, up to the anchor the backup names."""
    if "audit_block" not in manifest.content.tables:
        return None
    with connect(dsn, application="adhere drill") as conn:
        return audit_chain.verify(conn, manifest.content.anchor)


@contextmanager
def _scratch(manifest: Manifest, dsn: str | None) -> Iterator[str]:
    """Make an empty database; yield its DSN."""
    if dsn is not None:
        with connect(dsn, application="adhere drill") as conn, scratch_database(conn) as name:
            yield make_conninfo(dsn, dbname=name)
        return
    if manifest.server.timescale is not None:
        raise Misconfigured(
            _(
                "The backup is of TimescaleDB, which our own scratch server does not have: set "
                "ADHERE_DRILL_DSN to a server that has it"
            )
        )
    if not programs.is_installed():
        raise Misconfigured(
            _(
                "No scratch server of our own is installed here (adhere[demo]): set "
                "ADHERE_DRILL_DSN to a server where the drill may make a database"
            )
        )
    place = Path(tempfile.mkdtemp(prefix="adhere-drill-"))
    try:
        place.chmod(0o755)  # as root the server is another account's
        require_room(place, about_bytes=manifest.server.size_bytes, leave_free_bytes=SPARE_BYTES)
        with (
            EmbeddedPostgres(place / "postgres", base=place / "base") as server,
            connect(server.dsn, application="adhere drill") as conn,
            scratch_database(conn) as name,
        ):
            yield server.dsn_of(name)
    finally:
        shutil.rmtree(place)


@contextmanager
def scratch_database(conn: Connection) -> Iterator[str]:
    """Make an empty database on the server of `conn`; yield its name; drop it at the end."""
    name = f"adhere_drill_{secrets.token_hex(6)}"
    named = sql.Identifier(name)
    with border():
        conn.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(named))
    try:
        yield name
    finally:
        with border():
            conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(named))

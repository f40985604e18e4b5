"""`adhere db restore`: a backup into a new, empty database, and then compared with what it was.

The rows of `migration` are put in last: a database that was restored in part lacks them, and no
process takes it for a whole one.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import structlog
from psycopg import sql

from config.errors import Misconfigured, Rejected
from config.language import _
from storage import audit, migrate
from storage.backup import content, programs, sums
from storage.backup.manifest import Manifest, Noted
from storage.backup.take import DUMP
from storage.database import Connection, border, connect, exclusively
from storage.queries import query
from storage.role_setup import make_missing_roles
from storage.roles import Role

log = structlog.get_logger()

SKIPPED = (
    " SCHEMA - public ",
    " COMMENT - SCHEMA public ",
    " COMMENT - EXTENSION ",
    " EXTENSION - plpgsql ",
    " EXTENSION - timescaledb ",
)
"""A new database has these, or only its owner may touch them."""
PARALLEL = 2
"""Indexes of one day are made while the rows of the next come in."""
DATABASE_RIGHTS = {
    "CONNECT": sql.SQL("CONNECT"),
    "CREATE": sql.SQL("CREATE"),
    "TEMPORARY": sql.SQL("TEMPORARY"),
}
ROW_SECURITY = " ROW SECURITY "
"""Switched on when all rows and keys are there: a foreign key is checked by reading its table, and
an owner who may not read past row security is refused."""
LAST = " TABLE DATA public migration "


class Differs(Rejected):
    """What was restored is not what was backed up."""


class Opened(NamedTuple):
    """A backup whose files are what was written."""

    path: Path
    manifest: Manifest
    sums_sha256: str
    verify_s: float


class Restored(NamedTuple):
    """A database that is what its backup says, with the seconds each part took."""

    pending: tuple[str, ...]
    """Migrations that this program has and the database lacks."""
    unfit: str
    """Why this program cannot use it whatever is migrated: it is of a newer one. Empty: it can."""
    owner_kept: bool
    restore_s: float
    analyze_s: float
    compare_s: float


def opened(path: Path) -> Opened:
    """Verify every byte of a backup, then read what it says of itself; raises `sums.Damaged`."""
    began = time.monotonic()
    sums_sha256 = sums.verify(path)
    return Opened(path, Manifest.read(path), sums_sha256, time.monotonic() - began)


def restore(
    backup: Opened, dsn: str, *, tools_folder: Path | None = None, on_scratch: bool = False
) -> Restored:
    """Restore `backup` into the empty database of `dsn`, compare it, and note it in its trail.

    Group roles of ours that the server lacks are made; others only `on_scratch`, on a server that
    is thrown away. Raises Misconfigured, with what to do, for a database that is not empty, an
    older server, a lacking role or TimescaleDB; Differs where a table came out other than it was.
    """
    began = time.monotonic()
    manifest = backup.manifest
    with connect(dsn, application="adhere restore") as conn, exclusively(conn, "restore") as mine:
        if not mine:
            raise Misconfigured(_("another restore works in this database: let it finish"))
        major = _require_fit(conn, manifest)
        make_missing_roles(conn)
        _require_roles(conn, manifest, make=on_scratch)
        owner_kept = _may_work_as(conn, manifest.server.owner)
        tools = programs.find(max(major, manifest.pg_dump), tools_folder)
        with _prepared_for(conn, manifest):
            _grant_access(conn, manifest)
            _load(tools, backup.path / DUMP, dsn, owner_kept=owner_kept, manifest=manifest)
    loaded = time.monotonic()
    with connect(dsn, application="adhere restore") as conn:
        with border():
            conn.execute("ANALYZE")
        analyzed = time.monotonic()
        require_same(conn, manifest)
        compared = time.monotonic()
        audit.note_command(
            conn,
            action="restore_backup",
            subject=manifest.server.database,
            detail={"backup": backup.path.name, "sums_sha256": backup.sums_sha256},
        )
        pending, unfit = _fitness(conn)
    log.info("backup_restored", name=backup.path.name)
    return Restored(
        pending,
        unfit,
        owner_kept,
        restore_s=loaded - began,
        analyze_s=analyzed - loaded,
        compare_s=compared - analyzed,
    )


def require_same(conn: Connection, manifest: Manifest) -> None:
    """Raise Differs unless every table, and the audit anchor, is what it was."""
    after = content.look(conn)
    found = content.differences(manifest.content, after)
    if found:
        raise Differs("restored_otherwise", ", ".join(difference.table for difference in found))
    if after.anchor != manifest.content.anchor:
        raise Differs("restored_otherwise", "audit_block")


def _fitness(conn: Connection) -> tuple[tuple[str, ...], str]:
    """Return what stands between the database, which is whole, and this program."""
    try:
        return migrate.status(conn).pending, ""
    except Misconfigured as error:
        return (), str(error)


def _require_fit(conn: Connection, manifest: Manifest) -> int:
    """Refuse what would end in half a database, or in one of a wrong kind; return the version."""
    with border():
        found = conn.execute(query("find_anything")).fetchone()
        row = conn.execute(query("describe_database")).fetchone()
        offered = conn.execute(query("timescale_versions")).fetchone()
    name, _version, major, _timescale, encoding, *_rest = row or (None,) * 11
    if found is None or found[0]:
        raise Misconfigured(
            _("The database %(name)s is not empty: make a new one, and restore into that")
            % {"name": name}
        )
    if encoding != manifest.server.encoding:
        raise Misconfigured(
            _("The database %(name)s is in %(encoding)s: make it with ENCODING '%(needed)s'")
            % {"name": name, "encoding": encoding, "needed": manifest.server.encoding}
        )
    if int(str(major)) < manifest.server.major:
        raise Misconfigured(
            _("The backup is of PostgreSQL %(its)d: it cannot go into version %(ours)d")
            % {"its": manifest.server.major, "ours": major}
        )
    wanted = manifest.server.timescale
    if wanted is not None and wanted not in ((offered and offered[0]) or ()):
        raise Misconfigured(
            _(
                "The backup is of TimescaleDB %(version)s, which this server does not have: "
                "install that version here, restore, and update it then"
            )
            % {"version": wanted}
        )
    return int(str(major))


def _require_roles(conn: Connection, manifest: Manifest, *, make: bool) -> None:
    """See that every role that owns or was granted something is there; rights go with the dump."""
    noted = {role.name: role for role in manifest.server.roles if role.name not in set(Role)}
    with border():
        lacking = [
            str(name)
            for (name,) in conn.execute(query("find_lacking_roles"), {"roles": list(noted)})
        ]
        if make:
            for name in lacking:
                conn.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name)))
            return
    if lacking:
        raise Misconfigured(
            _(
                "The server lacks roles. As an administrator run this, then try again:\n"
                "%(statements)s"
            )
            % {"statements": "\n".join(_statements(conn, noted[name]) for name in lacking)}
        )


def _statements(conn: Connection, role: Noted) -> str:
    """Return SQL that makes a role as it was, without its password."""
    words = "LOGIN" if role.can_login else "NOLOGIN"
    words += " BYPASSRLS" * role.bypasses_row_security + " CREATEROLE" * role.makes_roles
    name = sql.Identifier(role.name).as_string(conn)
    lines = [f"CREATE ROLE {name} {words};"]
    lines += [
        f"GRANT {sql.Identifier(group).as_string(conn)} TO {name};" for group in role.member_of
    ]
    return "\n".join(lines)


def _may_work_as(conn: Connection, owner: str | None) -> bool:
    with border():
        row = conn.execute(query("may_work_as"), {"role": owner}).fetchone()
    return bool(row and row[0])


def _grant_access(conn: Connection, manifest: Manifest) -> None:
    """Give the rights on the database itself, which no dump holds, as they were."""
    database = sql.Identifier(conn.info.dbname)
    with border():
        conn.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        for role, right in manifest.server.access:
            conn.execute(
                sql.SQL("GRANT {} ON DATABASE {} TO {}").format(
                    DATABASE_RIGHTS[right],
                    database,
                    sql.SQL("PUBLIC") if role == "PUBLIC" else sql.Identifier(role),
                )
            )


@contextmanager
def _prepared_for(conn: Connection, manifest: Manifest) -> Iterator[None]:
    """On TimescaleDB: its extension in that version, and its own catalogue held still meanwhile."""
    version = manifest.server.timescale
    if version is None:
        yield
        return
    with border():
        conn.execute(
            sql.SQL("CREATE EXTENSION IF NOT EXISTS timescaledb VERSION {}").format(
                sql.Literal(version)
            )
        )
        conn.execute("SELECT timescaledb_pre_restore()")
        yield
        conn.execute("SELECT timescaledb_post_restore()")


def _load(
    tools: programs.Programs, dump: Path, dsn: str, *, owner_kept: bool, manifest: Manifest
) -> None:
    lines = [line for line in tools.contents(dump) if not any(part in line for part in SKIPPED)]
    last = [line for line in lines if LAST in line]
    if len(last) != 1:
        raise Misconfigured(_("%(path)s holds no table of migrations") % {"path": dump})
    secured = [line for line in lines if ROW_SECURITY in line]
    first = [line for line in lines if line not in {*secured, *last}]
    words = ["--exit-on-error", *(() if owner_kept else ("--no-owner",))]
    # The tables of TimescaleDB's own catalogue must come in order.
    jobs = 1 if manifest.server.timescale else PARALLEL
    with tempfile.TemporaryDirectory(prefix="adhere-restore-") as name:
        for number, chosen in enumerate((first, secured, last)):
            contents = Path(name, f"contents-{number}")
            contents.write_text("\n".join(chosen) + "\n", "utf-8")
            tools.run(
                "pg_restore",
                [
                    *words,
                    f"--use-list={contents}",
                    f"--jobs={jobs if chosen is first else 1}",
                    str(dump),
                ],
                dsn,
            )

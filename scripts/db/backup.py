"""`adhere db backup`, `restore` and `drill`: what brings the database back when it is lost."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from config.district_settings import BackupSettings
from config.errors import Misconfigured
from config.language import _
from config.settings import database_dsn, load_district

if TYPE_CHECKING:
    from storage.backup.drill import Drilled
    from storage.backup.manifest import Manifest
    from storage.backup.put_back import Opened, Restored
    from storage.backup.take import Taken

EXIT_DIFFERENT = 1
DRILL_DSN = "ADHERE_DRILL_DSN"
DEFAULT_SETTINGS = Path("/etc/adhere/district.toml")

AsJson = Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        help=_("The district's settings file (TOML); not needed where a folder is named."),
    ),
]


def backup(
    settings: SettingsFile = None,
    folder: Annotated[
        Path | None, typer.Option("--to", help=_("Folder the backup is written to."))
    ] = None,
    keep: Annotated[
        int | None, typer.Option(min=1, help=_("So many stay, the newest; older ones go."))
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Back up the database while everybody works on, into a new folder with its checksums.

    The keys of the hub are not in it: copy `data_dir` apart, and keep the copy elsewhere.
    """
    from storage.backup.take import take
    from storage.database import connect

    wanted = _settings(settings, folder)
    if keep is not None:
        wanted = wanted.model_copy(update={"keep": keep})
    dsn = database_dsn(os.environ).get_secret_value()
    with connect(dsn, application="adhere backup") as conn:
        taken = take(conn, dsn, wanted)
    if as_json:
        typer.echo(json.dumps(_taken(taken)))
        return
    said = _taken(taken)
    typer.echo(_("Backup: %(backup)s") % said)
    typer.echo(
        _("%(tables)d tables, %(rows)d rows, %(size_bytes)d bytes in %(taking_s).1f s") % said
    )
    typer.echo(_("SHA-256 of its SHA256SUMS: %(sums_sha256)s") % said)
    if taken.manifest.content.anchor is not None:
        typer.echo(_("anchor: %(anchor)s") % said)
    for name in taken.removed:
        typer.echo(_("removed: %(name)s") % {"name": name})
    typer.echo(
        _("Not in it: the keys of the hub, settings and secrets, report files, exported days.")
    )


def restore(
    backup: Annotated[Path, typer.Argument(help=_("The backup's folder."))],
    settings: SettingsFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Restore a backup into the new, empty database that ADHERE_DATABASE_DSN names.

    Every file is verified before anything is written, and every table is compared afterwards.
    """
    from storage.backup.put_back import opened
    from storage.backup.put_back import restore as put_back

    tools = load_district(settings, os.environ).backup.programs if settings else None
    found = opened(backup)
    done = put_back(found, database_dsn(os.environ).get_secret_value(), tools_folder=tools)
    if as_json:
        typer.echo(json.dumps(_restored(found, done)))
        return
    said = _restored(found, done)
    typer.echo(_("Restored as it was at %(taken_at)s: %(tables)d tables, %(rows)d rows") % said)
    typer.echo(
        _(
            "verified in %(verify_s).1f s, restored in %(restore_s).1f s, "
            "analyzed in %(analyze_s).1f s, compared in %(compare_s).1f s"
        )
        % said
    )
    if not done.owner_kept:
        typer.echo(_("Its tables belong to who restored them now."), err=True)
    if done.unfit:
        typer.echo(done.unfit, err=True)
    if done.pending:
        typer.echo(
            _("The database lacks %(names)s: run `adhere db migrate`.")
            % {"names": ", ".join(done.pending)},
            err=True,
        )


def drill(
    backup: Annotated[
        Path | None, typer.Argument(help=_("A backup's folder; left out: the newest."))
    ] = None,
    settings: SettingsFile = None,
    folder: Annotated[
        Path | None, typer.Option("--from", help=_("Folder with backups: the newest is taken."))
    ] = None,
    dsn: Annotated[
        str | None,
        typer.Option(
            help=_(
                "A server to make the scratch database on, instead of one of our own; without a "
                "password: that goes into ADHERE_DRILL_DSN."
            )
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Restore the newest backup into a scratch database, compare every table, and throw it away.

    Ends with 1 where something did not come back as it was. Nothing of the district is touched.
    """
    from storage.backup.drill import drill as try_out
    from storage.backup.folder import newest

    if backup is not None and folder is None and settings is None:
        folder = backup.parent
    wanted, scratch = _settings(settings, folder), _scratch_dsn(dsn)
    done = try_out(
        backup or newest(wanted.folder), scratch_dsn=scratch, tools_folder=wanted.programs
    )
    if as_json:
        typer.echo(json.dumps(_drilled(done)))
    else:
        _show_drill(done)
    if not done.passed:
        sys.exit(EXIT_DIFFERENT)


def _settings(path: Path | None, folder: Path | None) -> BackupSettings:
    if path is None and folder is not None:
        return BackupSettings(folder=folder)
    found = load_district(path or DEFAULT_SETTINGS, os.environ).backup
    return found if folder is None else found.model_copy(update={"folder": folder})


def _scratch_dsn(given: str | None) -> str | None:
    if given is None:
        return os.environ.get(DRILL_DSN) or None
    from storage.backup.programs import without_password

    _rest, password = without_password(given)
    if password:
        raise Misconfigured(
            _("other users see command lines: put a DSN with a password into %(variable)s")
            % {"variable": DRILL_DSN}
        )
    return given


def _taken(taken: "Taken") -> dict[str, Any]:
    return _told(taken.manifest) | {
        "backup": str(taken.path),
        "sums_sha256": taken.sums_sha256,
        "size_bytes": taken.size_bytes,
        "dump_s": round(taken.manifest.dump_s, 3),
        "taking_s": round(taken.taking_s, 3),
        "removed": taken.removed,
    }


def _told(manifest: "Manifest") -> dict[str, Any]:
    content = manifest.content
    return {
        "taken_at": manifest.taken_at.isoformat(),
        "database": manifest.server.database,
        "server": manifest.server.version,
        "timescale": manifest.server.timescale,
        "database_bytes": manifest.server.size_bytes,
        "tables": len(content.tables),
        "rows": sum(table.rows for table in content.tables.values()),
        "anchor": str(content.anchor) if content.anchor else None,
    }


def _restored(found: "Opened", done: "Restored") -> dict[str, Any]:
    return _told(found.manifest) | {
        "backup": str(found.path),
        "sums_sha256": found.sums_sha256,
        "pending": done.pending,
        "unfit": done.unfit or None,
        "owner_kept": done.owner_kept,
        "verify_s": round(found.verify_s, 3),
        "restore_s": round(done.restore_s, 3),
        "analyze_s": round(done.analyze_s, 3),
        "compare_s": round(done.compare_s, 3),
    }


def _drilled(done: "Drilled") -> dict[str, Any]:
    said = _told(done.backup.manifest) | {"backup": str(done.backup.path)}
    if done.restored is not None:
        said = _restored(done.backup, done.restored)
    return said | {
        "passed": done.passed,
        "faults": done.faults,
        "audit_blocks": done.audit.blocks if done.audit else None,
        "audit_rows": done.audit.rows if done.audit else None,
        "scratch_s": round(done.scratch_s, 3),
        "audit_s": round(done.audit_s, 3),
        "total_s": round(done.total_s, 3),
    }


def _show_drill(done: "Drilled") -> None:
    said = _drilled(done)
    typer.echo(_("Backup: %(backup)s") % said)
    typer.echo(_("Taken at %(taken_at)s: %(tables)d tables, %(rows)d rows") % said)
    if done.restored is not None:
        typer.echo(
            _(
                "verified in %(verify_s).1f s, restored in %(restore_s).1f s, "
                "analyzed in %(analyze_s).1f s, compared in %(compare_s).1f s"
            )
            % said
        )
    if done.audit is not None:
        typer.echo(
            _("audit trail: %(audit_blocks)d blocks, %(audit_rows)d rows in %(audit_s).1f s") % said
        )
    typer.echo(_("whole drill: %(total_s).1f s") % said)
    for fault in done.faults:
        typer.echo(_("came back otherwise: %(what)s") % {"what": fault}, err=True)
    if done.passed:
        typer.echo(_("Everything came back as it was."))

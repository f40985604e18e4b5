"""`adhere db export`: readings of past days into files, compared with the tables, then dropped."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.district_settings import ColdSettings
from config.errors import Misconfigured
from config.language import _
from config.settings import database_dsn, load_district

if TYPE_CHECKING:
    from storage.cold.export import Watch

app = typer.Typer(add_completion=False)

DEFAULT_SETTINGS = Path("/etc/adhere/district.toml")
EXIT_FAULTS = 1
EXIT_NOT_ALL = 3
"""Everything is sound, but some day stays in the tables; as for refused data elsewhere."""

AsJson = Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))]


@app.callback(invoke_without_command=True)
def export(
    context: typer.Context,
    *,
    before: Annotated[
        str | None,
        typer.Option(help=_("The first UTC day that is not exported."), metavar="YYYY-MM-DD"),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(help=_("The archive's folder; left out: cold.folder of the settings.")),
    ] = None,
    drop: Annotated[
        bool,
        typer.Option(
            "--drop",
            help=_("Then compare files and tables, and drop from the tables what is the same."),
        ),
    ] = False,
    settings: Annotated[
        Path, typer.Option("--settings", help=_("The district's settings file (TOML)."))
    ] = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Write readings of past days to Parquet files. Doing it again writes only what came since.

    Killed at any moment it begins that day anew. Ends with 1 where files are not sound, with 3
    where a day had to stay in the tables.
    """
    if context.invoked_subcommand is not None:
        return
    if before is None:
        raise Misconfigured(_("say up to which day: --before 2026-09-01"))
    from config.retention import load_retention
    from scripts.db import export_shown
    from storage.cold.drop import Gone, drop_days
    from storage.cold.export import days_before, export_days
    from storage.database import connect
    from storage.roles import Role

    cold = _cold(settings, asked=settings != DEFAULT_SETTINGS or to is None)
    folder = _folder(to, cold)
    with connect(_dsn(), application="adhere db export", role=Role.CORE) as conn:
        days = days_before(conn, _day(before))
        with _watching() as watch:
            parts = list(export_days(conn, days, folder, cold.buckets, watch=watch))
        gone = Gone()
        if drop:
            gone = drop_days(
                conn,
                days,
                folder,
                cold.buckets,
                nobody_days=round(load_retention().unowned_readings.value),
                keep_days=cold.keep_days,
            )
    if as_json:
        typer.echo(json.dumps(export_shown.export_as_json(parts, gone)))
    else:
        export_shown.show_export(parts, gone)
    if gone.faulty:
        raise typer.Exit(EXIT_FAULTS)
    if gone.kept:
        raise typer.Exit(EXIT_NOT_ALL)


@app.command()
def verify(
    day: Annotated[
        list[str] | None,
        typer.Option(help=_("Only this day; may be given several times."), metavar="YYYY-MM-DD"),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Compare the archive with its hashes, and with the tables as far as they hold the days.

    Ends with 1 where something is not as it was written.
    """
    from scripts.db import export_shown
    from storage.cold.verify import verify_days
    from storage.database import connect
    from storage.roles import Role

    days = None if day is None else [_day(one) for one in day]
    with connect(_dsn(), application="adhere db export", role=Role.CORE) as conn:
        found = list(verify_days(conn, days))
    if as_json:
        typer.echo(json.dumps(export_shown.verified_as_json(found)))
    else:
        export_shown.show_verified(found)
    if not all(seen.is_sound for seen in found):
        raise typer.Exit(EXIT_FAULTS)


@app.command()
def purge(*, as_json: AsJson = False) -> None:
    """Delete from the archive what has been nobody's for as long as nobody's readings are kept.

    The files of a part that has such readings are written anew without them. Killed at any moment
    it begins that part anew. Doing it again does nothing.
    """
    from config.retention import load_retention
    from scripts.db import export_shown
    from storage.cold.purge import purge_days
    from storage.database import connect
    from storage.roles import Role

    nobody_days = round(load_retention().unowned_readings.value)
    came_before = datetime.now(UTC).date() - timedelta(days=nobody_days)
    with connect(_dsn(), application="adhere db export", role=Role.CORE) as conn:
        done = list(purge_days(conn, came_before=came_before))
    if as_json:
        typer.echo(json.dumps([part._asdict() for part in done], default=str))
    else:
        export_shown.show_purged(done)


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List what has been exported: days, parts, and whether the tables still hold them."""
    from scripts.db import export_shown
    from storage.cold.parts import parts_of
    from storage.database import connect
    from storage.roles import Role

    with connect(_dsn(), application="adhere db export", role=Role.CORE) as conn:
        parts = parts_of(conn)
    if as_json:
        rows = [part._asdict() | {"manifest_sha256": part.manifest_sha256.hex()} for part in parts]
        typer.echo(json.dumps(rows, default=str))
    else:
        export_shown.show_parts(parts)


@contextmanager
def _watching() -> Iterator["Watch"]:
    """Show how far an export is, while a person watches."""
    from rich.console import Console

    with Console(stderr=True).status("") as status:

        def watch(day: date, readings: int) -> None:
            status.update(_("%(day)s: %(readings)d readings") % {"day": day, "readings": readings})

        yield watch


def _cold(settings: Path, *, asked: bool) -> ColdSettings:
    """Return the settings of the archive; without a file, and not asked for one, the defaults."""
    if not asked and not settings.exists():
        return ColdSettings()
    return load_district(settings, os.environ).cold


def _folder(to: Path | None, cold: ColdSettings) -> Path:
    folder = to or cold.folder
    if folder is None:
        raise Misconfigured(_("say where to: give --to, or cold.folder in the settings"))
    return folder


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Misconfigured(
            _("%(text)s is no day: write it as 2026-09-01") % {"text": text}
        ) from error


def _dsn() -> str:
    return database_dsn(os.environ).get_secret_value()

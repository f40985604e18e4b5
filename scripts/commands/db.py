"""`adhere db`: bring the database up to date, see how it stands, read what could not be taken."""

import json
import os
from typing import Annotated

import typer

from config.language import _
from config.settings import database_dsn
from scripts.db import audit, backup, dead_letter, export, ledger, retention
from scripts.db.roles import roles

app = typer.Typer(add_completion=False, no_args_is_help=True)
app.add_typer(dead_letter.app, name="dead-letter")
app.command("ledger")(ledger.ledger)
app.command("roles")(roles)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("drill")(backup.drill)
app.add_typer(audit.audit, name="audit")
app.add_typer(retention.app, name="policies")
app.add_typer(export.app, name="export")

AsJson = Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))]


def _dsn() -> str:
    return database_dsn(os.environ).get_secret_value()


@app.callback()
def db() -> None:
    """Look after the database that ADHERE_DATABASE_DSN names."""


@app.command()
def migrate(*, as_json: AsJson = False) -> None:
    """Bring the database up to date. Doing it again changes nothing."""
    from storage.database import connect
    from storage.migrate import migrate as bring_up_to_date

    with connect(_dsn(), application="adhere db") as conn:
        applied = bring_up_to_date(conn)
    if as_json:
        typer.echo(json.dumps({"applied": applied}))
        return
    for name in applied:
        typer.echo(_("%(name)s: done") % {"name": name})
    if not applied:
        typer.echo(_("The database is up to date."))


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Show the server, what is migrated, and how much is stored and waits. Changes nothing."""
    from storage.database import connect
    from storage.status import look

    with connect(_dsn(), application="adhere db") as conn:
        seen = look(conn)
    if as_json:
        typer.echo(json.dumps(seen._asdict(), default=str))
        return
    for label, value in (
        (_("PostgreSQL"), seen.server),
        (_("TimescaleDB"), seen.timescale or _("no: days are made as partitions")),
        (_("migrations run"), len(seen.applied)),
        (_("migrations to run"), ", ".join(seen.pending) or 0),
        (_("batches"), seen.batches),
        (_("readings in them"), seen.readings),
        (_("readings in quarantine"), seen.quarantined),
        (_("readings that gateways declare lost"), seen.declared_lost),
        (_("last batch committed"), seen.last_committed_at or _("never")),
        (_("dead letters"), seen.dead_letters),
        (_("stretches of readings waiting for the night"), seen.touched),
        (_("roles missing"), ", ".join(seen.roles_missing) or 0),
        (_("rights missing"), seen.rights_missing),
        (_("rights that nobody needs"), seen.rights_beyond),
    ):
        typer.echo(f"{label}: {value}")

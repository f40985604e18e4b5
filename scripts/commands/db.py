"""`adhere db`: bring the database up to date, see how it stands, read what could not be taken."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from config.errors import Misconfigured
from config.language import _
from config.settings import database_dsn

app = typer.Typer(add_completion=False, no_args_is_help=True)
dead_letters = typer.Typer(no_args_is_help=True)
app.add_typer(dead_letters, name="dead-letter")

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
    ):
        typer.echo(f"{label}: {value}")


@dead_letters.callback()
def dead_letter() -> None:
    """Read what could not be taken."""


@dead_letters.command("list")
def list_(
    reason: Annotated[
        str | None, typer.Option(help=_("Only this reason, such as bad_signature."))
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help=_("How many, the latest first."))] = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """List dead letters, the latest first, without their bytes."""
    from storage.database import connect
    from storage.dead_letters import latest

    with connect(_dsn(), application="adhere db") as conn:
        letters = latest(conn, reason=reason, limit=limit)
    if as_json:
        typer.echo(json.dumps([letter._asdict() for letter in letters], default=str))
        return
    for letter in letters:
        typer.echo(
            _("%(id)d: %(reason)s on %(topic)s, %(times)d times, last %(last)s, %(length)d bytes")
            % {
                "id": letter.id,
                "reason": letter.reason,
                "topic": letter.topic,
                "times": letter.times_seen,
                "last": letter.last_seen_at.isoformat(timespec="seconds"),
                "length": letter.full_length,
            }
        )
    if not letters:
        typer.echo(_("There are no dead letters."))


@dead_letters.command()
def show(
    letter_id: Annotated[int, typer.Argument(metavar="ID", help=_("The number from the list."))],
    output: Annotated[
        Path | None, typer.Option(help=_("Write the bytes that came to this new file."))
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter; its bytes go to a file, never to the terminal."""
    from storage.database import connect
    from storage.dead_letters import bytes_of, one

    with connect(_dsn(), application="adhere db") as conn:
        letter = one(conn, letter_id)
        data = bytes_of(conn, letter_id)
    if output is not None:
        try:
            with output.open("xb") as file:
                file.write(data)
        except OSError as error:
            raise Misconfigured(
                _("%(path)s cannot be written: %(fault)s")
                % {"path": output, "fault": error.strerror}
            ) from error
    if as_json:
        typer.echo(json.dumps(letter._asdict(), default=str))
        return
    for name, value in letter._asdict().items():
        typer.echo(f"{name}: {value}")
    if len(data) < letter.full_length:
        typer.echo(
            _("Of %(full)d bytes the first %(kept)d were kept.")
            % {"full": letter.full_length, "kept": len(data)},
            file=sys.stderr,
        )

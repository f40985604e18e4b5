"""`adhere db policies`: how long readings stay and how, shown and applied by hand."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.language import _
from config.retention import load_retention
from config.settings import load_district

if TYPE_CHECKING:
    from config.sourced import SourcedNumber
    from storage.retention import State

app = typer.Typer(no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))]
SettingsFile = Annotated[
    Path, typer.Option("--settings", help=_("The district's settings file (TOML)."))
]
DEFAULT_SETTINGS = Path("/etc/adhere/district.toml")
MIB = 2**20


@app.callback()
def policies() -> None:
    """See, or bring about, how long readings stay: compressed, dropped, purged."""


@app.command()
def show(settings: SettingsFile = DEFAULT_SETTINGS, *, as_json: AsJson = False) -> None:
    """Show the policies with their legal floors, and the days there are. Changes nothing."""
    from storage.database import connect
    from storage.retention import policies_of, state
    from storage.roles import Role

    district = load_district(settings, os.environ)
    asked = policies_of(district.storage)
    dsn = district.database_dsn.get_secret_value()
    with connect(dsn, application="adhere db", role=Role.OPERATOR) as conn:
        seen = state(conn)
    if as_json:
        said = {"on": district.storage.policies, "policies": asdict(asked)} | asdict(seen)
        typer.echo(json.dumps(said | {"law": load_retention().model_dump()}, default=str))
        return
    law = load_retention()
    typer.echo(
        _("by the night: %(on)s") % {"on": _("yes") if district.storage.policies else _("no")}
    )
    after = {"days": asked.compress_after_days}
    typer.echo(_("days are compressed after %(days)d days") % after)
    kept = asked.retain_readings_days
    typer.echo(
        _("readings are kept for ever")
        if kept is None
        else _("readings are dropped after %(days)d days") % {"days": kept}
    )
    typer.echo(
        _floor(_("by law readings stay at least %(days)d days (%(source)s)"), law.readings_floor)
    )
    typer.echo(
        _floor(
            _("by law the audit trail stays at least %(days)d days (%(source)s)"), law.audit_floor
        )
    )
    typer.echo(_floor(_("by law logs stay at least %(days)d days (%(source)s)"), law.logs_floor))
    typer.echo(
        _floor(
            _("readings that belong to nobody go %(days)d days after they came (%(source)s)"),
            law.unowned_readings,
        )
    )
    typer.echo(
        _floor(
            _("the bytes of dead letters go %(days)d days after they first came (%(source)s)"),
            law.dead_letter_bytes,
        )
    )
    for line in _tables(seen):
        typer.echo(line)


@app.command()
def apply(settings: SettingsFile = DEFAULT_SETTINGS, *, as_json: AsJson = False) -> None:
    """Do what is due now, as the night does; doing it again changes nothing.

    Exit code 4: a night is at work, or the database is away.
    """
    from storage.audit import at_terminal
    from storage.database import connect
    from storage.retention import apply_policies, policies_of
    from storage.roles import Role

    district = load_district(settings, os.environ)
    dsn = district.database_dsn.get_secret_value()
    with connect(dsn, application="adhere db", role=Role.OPERATOR) as conn:
        done = apply_policies(
            conn,
            policies_of(district.storage),
            now=datetime.now(UTC),
            actor=at_terminal(),
            archive=district.cold.folder is not None,
        )
    if as_json:
        typer.echo(json.dumps(asdict(done)))
        return
    for label, count in (
        (_("readings of nobody deleted"), done.purged_readings),
        (_("bands they came from"), done.purged_bands),
        (_("batches without a reading left, whose signed bytes went"), done.purged_payloads),
        (_("quarantined readings deleted, of bands nobody ever wore"), done.purged_quarantined),
        (_("days dropped"), done.dropped_days),
        (_("days due, and left to `adhere db export --drop`"), done.not_exported_days),
        (_("batches whose signed bytes went with their days"), done.dropped_payloads),
        (_("dead letters whose bytes went"), done.dropped_letters),
        (_("days compressed, one table each"), done.compressed_days),
        (_("left for the next time, for others were at work on them"), done.busy_steps),
    ):
        typer.echo(f"{label}: {count}")


def _floor(words: str, number: "SourcedNumber") -> str:
    return words % {"days": number.value, "source": number.source}


def _tables(seen: "State") -> Iterator[str]:
    if not seen.compresses:
        yield _("this server does not compress: days are partitions")
    for table in seen.tables:
        yield _(
            "%(table)s: %(days)d days from %(first)s to %(last)s, %(size).1f MiB; "
            "%(compressed)d compressed, %(touched)d to be compressed again"
        ) % {
            "table": table.reading_table,
            "days": table.days,
            "first": table.first_day,
            "last": table.last_day,
            "size": table.bytes / MIB,
            "compressed": table.compressed,
            "touched": table.touched,
        }
    if seen.waiting_bands:
        yield _("readings of nobody wait: of %(bands)d bands, the oldest came on %(day)s") % {
            "bands": seen.waiting_bands,
            "day": seen.waiting_since,
        }
    yield _("readings of nobody deleted so far: %(readings)d of %(batches)d batches") % {
        "readings": seen.purged_readings,
        "batches": seen.purged_batches,
    }

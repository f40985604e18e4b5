"""`adhere gateway refused`: what the hub has refused for good, and giving it up."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from config.errors import Misconfigured
from config.language import _
from config.settings import load_gateway

app = typer.Typer(no_args_is_help=True)

SettingsFile = Annotated[
    Path, typer.Option("--settings", help=_("The gateway's settings file (TOML)."))
]
DEFAULT_SETTINGS = Path("/etc/adhere/gateway.toml")


@app.command("list")
def list_(
    settings: SettingsFile = DEFAULT_SETTINGS,
    *,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON for programs."))] = False,
) -> None:
    """List the batches that the hub refused and the box still keeps. Stop the gateway first."""
    from ingest.gateway.opened_spool import opened_spool

    with opened_spool(load_gateway(settings, os.environ)) as spool:
        kept = spool.batches.refused()
    if as_json:
        typer.echo(json.dumps([one._asdict() for one in kept]))
        return
    for one in kept:
        sealed = datetime.fromtimestamp(one.sealed_utc_ms / 1000, UTC).isoformat(" ", "seconds")
        typer.echo(
            _("%(seq)d: %(readings)d readings, sealed %(sealed)s, refused: %(reason)s")
            % {"seq": one.seq, "readings": one.readings, "sealed": sealed, "reason": one.reason}
        )
    if not kept:
        typer.echo(_("The hub has refused nothing that is still here."))


@app.command()
def release(
    seqs: Annotated[
        list[int] | None, typer.Argument(help=_("The numbers of the batches; or --all."))
    ] = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    *,
    everything: Annotated[bool, typer.Option("--all", help=_("All that were refused."))] = False,
    sure: Annotated[bool, typer.Option("--yes", help=_("Do not ask."))] = False,
) -> None:
    """Give up refused batches for good; the box declares their readings to the hub as lost.

    The hub keeps the bytes of each in its dead letters, for 90 days. Stop the gateway first.
    """
    from ingest.gateway.opened_spool import opened_spool

    if bool(seqs) == everything:
        raise Misconfigured(_("name the batches to release, or say --all"))
    with opened_spool(load_gateway(settings, os.environ)) as spool:
        kept = {one.seq: one for one in spool.batches.refused()}
        unknown = sorted(set(seqs or ()) - kept.keys())
        if unknown:
            raise Misconfigured(
                _("the hub has not refused, or the box no longer has: %(seqs)s")
                % {"seqs": ", ".join(map(str, unknown))}
            )
        chosen = kept if everything else {seq: kept[seq] for seq in seqs or ()}
        readings = sum(one.readings for one in chosen.values())
        if chosen and not sure:
            question = _("Give up %(batches)d batches with %(readings)d readings for good?")
            typer.confirm(question % {"batches": len(chosen), "readings": readings}, abort=True)
        released = spool.batches.release(chosen)
    typer.echo(
        _("%(count)d readings given up; the hub is told with the next batch.") % {"count": released}
    )

"""`adhere db audit`: seal the audit trail, and look whether anybody has changed it since."""

import json
import os
import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from config.language import _, later
from config.settings import database_dsn

EXIT_CHANGED = 1
AsJson = Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))]
SAID: Mapping[str, str] = {
    "edited": later(
        "block %(block)d, rows %(from_id)d to %(to_id)d: a row or the block was edited"
    ),
    "removed": later("block %(block)d, rows %(from_id)d to %(to_id)d: rows were removed"),
    "added": later("block %(block)d, rows %(from_id)d to %(to_id)d: rows were added afterwards"),
    "block_missing": later("before block %(block)d a block is missing"),
    "chain_broken": later("block %(block)d does not follow the block before it"),
    "other_anchor": later("the chain does not hold the anchor of block %(block)d"),
    "reported_anchor": later(
        "the chain does not hold the anchor of block %(block)d that a report of a night names"
    ),
}

audit = typer.Typer(no_args_is_help=True)


@audit.callback()
def trail() -> None:
    """Look after the audit trail: who read or changed what about whom."""


@audit.command()
def seal(*, as_json: AsJson = False) -> None:
    """Seal what was written since the last time; every night does so too. Prints the anchor."""
    from storage import audit_chain
    from storage.database import connect
    from storage.roles import Role

    dsn = database_dsn(os.environ).get_secret_value()
    with connect(dsn, application="adhere db", role=Role.OPERATOR) as conn:
        blocks = audit_chain.seal(conn)
        anchor = audit_chain.newest(conn)
    if as_json:
        typer.echo(json.dumps({"blocks": blocks, "anchor": str(anchor) if anchor else None}))
        return
    typer.echo(_("blocks sealed: %(blocks)d") % {"blocks": blocks})
    if anchor is not None:
        typer.echo(_("anchor: %(anchor)s") % {"anchor": anchor})


@audit.command()
def verify(
    *,
    anchor: Annotated[
        str | None,
        typer.Option(
            help=_("An anchor as a report or a backup prints it: the chain must hold it."),
            metavar="NUMBER:SHA256",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compute every sealed block anew. Ends with 1 where a row was edited, removed or added."""
    from storage import audit_chain
    from storage.database import connect
    from storage.roles import Role

    held_to = audit_chain.Anchor.read(anchor) if anchor is not None else None
    dsn = database_dsn(os.environ).get_secret_value()
    with connect(dsn, application="adhere db", role=Role.AUDITOR) as conn:
        looked = audit_chain.verify(conn, held_to)
    if as_json:
        said = looked._asdict() | {
            "anchor": str(looked.anchor) if looked.anchor else None,
            "faults": [fault._asdict() for fault in looked.faults],
        }
        typer.echo(json.dumps(said))
    else:
        typer.echo(
            _("%(blocks)d blocks, %(rows)d rows in them; %(unsealed)d rows not yet sealed")
            % looked._asdict()
        )
        if looked.anchor is not None:
            typer.echo(_("anchor: %(anchor)s") % {"anchor": looked.anchor})
        for fault in looked.faults:
            typer.echo(_(SAID[fault.kind]) % fault._asdict(), err=True)
        if not looked.faults:
            typer.echo(_("Nothing was edited, removed or added."))
    if looked.faults:
        sys.exit(EXIT_CHANGED)

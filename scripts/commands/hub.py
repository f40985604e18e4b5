"""`adhere hub`: batches from the broker into the database; its key; an end to a gateway."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from config.district_settings import DistrictSettings
from config.errors import Misconfigured
from config.language import _
from config.settings import database_dsn, load_district
from ingest.hub import HUB_KEY_FILE
from scripts.stopping import stopped_by_signal

app = typer.Typer(add_completion=False)

SettingsFile = Annotated[
    Path, typer.Option("--settings", help=_("The district's settings file (TOML)."))
]
DEFAULT_SETTINGS = Path("/etc/adhere/district.toml")


@app.callback(invoke_without_command=True)
def hub(
    context: typer.Context,
    settings: SettingsFile = DEFAULT_SETTINGS,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help=_("Print the final counters as JSON."))
    ] = False,
) -> None:
    """Take batches from the broker into the database until SIGTERM."""
    if context.invoked_subcommand is None:
        _run(load_district(settings, os.environ), as_json=as_json)


@app.command()
def init(settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Make the hub's key, once. It never replaces one: gateways trust the key they were given."""
    from ingest.batch.keys import make_keys, save_keys

    path = load_district(settings, os.environ).data_dir / HUB_KEY_FILE
    keys = make_keys()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        save_keys(path, keys)
    except FileExistsError as error:
        raise Misconfigured(
            _("%(path)s exists already: gateways trust it, so it is not replaced") % {"path": path}
        ) from error
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be written: %(fault)s") % {"path": path, "fault": error.strerror}
        ) from error
    typer.echo(_("The hub's key is %(path)s; back it up safely.") % {"path": path})
    typer.echo(_("Its fingerprint: %(digits)s") % {"digits": keys.public.fingerprint})


@app.command()
def change_key(settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Make a new encryption key; the former one is kept and still reads. Then restart the hub.

    Boxes write to the new key once they have accepted an answer made from now on.
    """
    from ingest.batch.keys import load_keys
    from ingest.hub.keys import change_encryption_key

    data_dir = load_district(settings, os.environ).data_dir
    before = load_keys(data_dir / HUB_KEY_FILE).public.fingerprint
    changed = change_encryption_key(data_dir)
    typer.echo(_("Fingerprint before: %(digits)s") % {"digits": before})
    typer.echo(_("Its fingerprint: %(digits)s") % {"digits": changed.public.fingerprint})
    typer.echo(
        _("Restart the hub, then make each box's answer anew: adhere gateway enroll answer.")
    )


@app.command()
def revoke(centre: str, gateway: str) -> None:
    """Take nothing from this gateway any more: its box was lost, stolen or replaced."""
    from storage import audit
    from storage.database import connect
    from storage.gateways import revoke_gateway
    from storage.roles import Role

    with connect(database_dsn(os.environ).get_secret_value(), role=Role.OPERATOR) as conn:
        ended = revoke_gateway(conn, centre=centre, gateway=gateway)
        if ended:
            subject = f"{centre}/{gateway}"
            audit.note_command(conn, action="revoke_gateway", subject=subject)
    typer.echo(_("%(count)d keys revoked.") % {"count": ended})


def _run(settings: DistrictSettings, *, as_json: bool) -> None:
    import structlog

    from ingest.hub.keys import load_hub_keys
    from ingest.hub.run import Hub

    keys, reads_with = load_hub_keys(settings.data_dir)
    working = Hub(
        settings.database_dsn.get_secret_value(),
        settings.broker,
        settings.hub,
        keys.signing,
        stopped_by_signal(),
        time_zone=settings.time_zone,
        reads_with=reads_with,
    )
    try:
        working.run(lambda: structlog.get_logger().info("hub_ready"))
    finally:
        if as_json:
            typer.echo(json.dumps(working.report()))

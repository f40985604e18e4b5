"""`adhere replay`: recorded data through the whole chain."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.errors import Misconfigured
from config.fields import Broker
from config.language import _, language
from config.settings import BROKER_PASSWORD, DATABASE_DSN

if TYPE_CHECKING:
    from scripts.replay.recording import Recording

BROKER_USERNAME = "ADHERE_BROKER_USERNAME"


def replay(  # noqa: PLR0913 - one argument an option of the command line
    *,
    hr: Annotated[Path, typer.Option(help=_("Heart rate: person, ts, hr. Parquet or CSV."))],
    cases: Annotated[Path, typer.Option(help=_("Prescriptions: one row a case."))],
    steps: Annotated[
        Path | None, typer.Option(help=_("Steps by minute: person, ts, steps."))
    ] = None,
    data: Annotated[
        Path, typer.Option(help=_("State folder: spools, keys, embedded database."))
    ] = Path("adhere-replay"),
    broker: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help=_("A broker of yours; left out: an embedded one.")),
    ] = None,
    no_hub: Annotated[
        bool,
        typer.Option("--no-hub", help=_("You run `adhere hub --settings DATA/district.toml`.")),
    ] = False,
    report_dir: Annotated[
        Path | None, typer.Option(help=_("Folder of the workbook; left out: in the state folder."))
    ] = None,
    time_zone: Annotated[
        str, typer.Option(help=_("The site's time zone, for times without one."))
    ] = "Asia/Shanghai",
    check: Annotated[
        bool, typer.Option("--check", help=_("Compare day, bout and week with `adhere score`."))
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))] = False,
) -> None:
    """Send recorded data through spool, broker, hub, database and core, to the week's figures.

    The database is the one of ADHERE_DATABASE_DSN, or an embedded one in the state folder. Stopped
    or killed, the same command goes on; finished, it changes nothing.
    """
    from config.conventions import load_conventions
    from scripts.replay import session, show
    from scripts.replay.files import read_recording
    from scripts.replay.run import Interrupted, Options
    from scripts.score.times import known_zone

    conventions = load_conventions()
    zone = known_zone(time_zone)
    options = Options(
        dsn=os.environ.get(DATABASE_DSN) or None,
        broker=_broker(broker),
        own_hub=not no_hub,
        report_dir=report_dir,
        language=language(),
        check=check,
    )

    def read() -> "Recording":
        return read_recording(hr, steps, cases, zone=zone, conventions=conventions)

    try:
        replayed = session.run(read, data, options, conventions)
    except Interrupted:
        typer.echo(_("Stopped; run the same command again to go on."), err=True)
        raise typer.Exit(session.EXIT_INTERRUPTED) from None
    if as_json:
        typer.echo(json.dumps(show.as_json(replayed), ensure_ascii=False))
    else:
        show.show_replay(replayed)
    if not replayed.is_sound:
        raise typer.Exit(session.EXIT_DIFFERENT)


def _broker(address: str | None) -> Broker | None:
    """Return the broker named on the command line; user and password come by the environment."""
    from pydantic import SecretStr, ValidationError

    if address is None:
        return None
    host, colon, port = address.rpartition(":")
    password = os.environ.get(BROKER_PASSWORD)
    try:
        return Broker(
            host=host if colon else address,
            port=int(port) if colon else 1883,
            username=os.environ.get(BROKER_USERNAME) or None,
            password=SecretStr(password) if password else None,
        )
    except (ValueError, ValidationError):
        raise Misconfigured(
            _("--broker %(address)s: give HOST:PORT of a broker on this machine, 127.0.0.1:1883")
            % {"address": address}
        ) from None

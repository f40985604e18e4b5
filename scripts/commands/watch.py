"""`adhere watch`: raise alerts on what was committed, and see that they reach a person."""

import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from config.district_settings import DistrictSettings
from config.language import _
from config.settings import load_district
from scripts.stopping import stopped_by_signal

if TYPE_CHECKING:
    from alerts.sending import Channel
    from alerts.watch import Watch

DEFAULT_SETTINGS = Path("/etc/adhere/district.toml")


def watch(
    settings: Annotated[
        Path, typer.Option("--settings", help=_("The district's settings file (TOML)."))
    ] = DEFAULT_SETTINGS,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help=_("Print the final counters as JSON."))
    ] = False,
) -> None:
    """Raise alerts and see that they reach a person, until SIGTERM. Only one may run."""
    import structlog

    working = _watch_of(load_district(settings, os.environ), stopped_by_signal())
    try:
        working.run(lambda: structlog.get_logger().info("watch_ready"))
    finally:
        if as_json:
            typer.echo(json.dumps(working.report()))


def _watch_of(settings: DistrictSettings, stop: threading.Event) -> "Watch":
    from alerts.file import File
    from alerts.mail import Mail
    from alerts.message import Writer
    from alerts.watch import Watch
    from config.alert_rules import load_alert_rules

    given = settings.alerts
    channels: list[Channel] = []
    if given.mail is not None:
        channels.append(Mail(given.mail))
    if given.file is not None:
        channels.append(File(given.file))
    return Watch(
        settings.database_dsn.get_secret_value(),
        load_alert_rules(),
        channels,
        given.on_call,
        Writer(given.language, settings.portal.public_url, ZoneInfo(settings.time_zone)),
        stop,
    )

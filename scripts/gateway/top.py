"""`adhere gateway top`: bands, adapters, spool and uplink of the gateway that runs, live.

No pulse is shown, nor who wears a band: who stands behind the screen of a terminal is not known,
and to find a band that is not heard neither is needed. Both stand on the on-site page.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from config.errors import Unavailable
from config.language import _, later
from config.settings import load_gateway

if TYPE_CHECKING:
    from rich.console import Group

WAYS = {
    "linked": later("linked"),
    "advert": later("advert"),
    "waiting": later("waits for a link"),
    "silent": later("silent"),
    "unheard": later("not heard yet"),
}
ORDER = {way: place for place, way in enumerate(WAYS)}


def top(
    settings: Annotated[
        Path, typer.Option("--settings", help=_("The gateway's settings file (TOML)."))
    ] = Path("/etc/adhere/gateway.toml"),
    every: Annotated[
        float, typer.Option(min=0.2, max=60, help=_("Look again after so many seconds."))
    ] = 1.0,
    *,
    once: Annotated[bool, typer.Option("--once", help=_("Look once, and end."))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON for programs."))] = False,
) -> None:
    """Show bands, adapters, spool and uplink of the gateway that runs, until Ctrl-C."""
    folder = load_gateway(settings, os.environ).data_dir
    said = _look(folder)
    if as_json:
        while True:
            typer.echo(json.dumps(said))
            if once:
                return
            time.sleep(every)
            said = _look(folder)
    if once or not sys.stdout.isatty():
        typer.echo("\n".join(plain(said)))
        while not once:
            time.sleep(every)
            typer.echo("\n".join(("", *plain(_look(folder)))))
        return
    from rich.live import Live

    try:
        with Live(_table(said), auto_refresh=False, screen=True) as live:
            while True:
                time.sleep(every)
                live.update(_table(_look(folder)), refresh=True)
    except KeyboardInterrupt:
        return


def plain(said: Mapping[str, Any]) -> list[str]:
    """Return what there is to see as lines of text."""
    rows = [_heads(), *(_row(band) for band in _sorted(said))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return [*_box(said), *table]


def _look(folder: Path) -> Mapping[str, Any]:
    from ingest.gateway.glance import glance

    try:
        said = glance(folder)
    except OSError as error:
        raise Unavailable(
            _("the gateway cannot be asked (%(why)s): run this as its account, or as root")
            % {"why": error.strerror}
        ) from error
    if said is None:
        raise Unavailable(_("no gateway runs with the data folder %(path)s") % {"path": folder})
    return said


def _box(said: Mapping[str, Any]) -> list[str]:
    """Return the lines above the bands."""
    status = said["status"]
    edge, now = status.get("edge", {}), time.strftime("%H:%M:%S")
    reached = _("reached") if status["connected"] else _("NOT reached")
    told = [
        _("%(centre)s / %(gateway)s   %(now)s   district %(reached)s")
        % {
            "centre": status["centre"],
            "gateway": status["gateway"],
            "now": now,
            "reached": reached,
        },
        _("spool: %(unsealed)d readings unsealed, %(waiting)d batches wait, %(refused)d refused")
        % {
            "unsealed": status["unsealed"],
            "waiting": status["waiting_batches"],
            "refused": status["refused_batches"],
        },
    ]
    if edge:
        told.append(
            _("roster: number %(version)s, %(bands)d bands   alarms now: %(alarms)d")
            % {
                "version": edge.get("roster_version") or "-",
                "bands": edge.get("roster_bands", 0),
                "alarms": edge.get("alarms", 0),
            }
        )
        if edge.get("revoked"):
            told.append(_("The district takes nothing from this box any more."))
    told += [
        _("adapter %(address)s: %(state)s, %(links)d of %(budget)d links") % adapter
        for adapter in said.get("adapters", ())
    ]
    return told


def _heads() -> tuple[str, ...]:
    return (
        _("band"),
        _("family"),
        _("how"),
        _("heard"),
        _("readings/min"),
        _("dBm"),
        _("battery"),
        _("known by"),
    )


def _row(band: Mapping[str, Any]) -> tuple[str, ...]:
    ago_s, battery = band["heard_ago_s"], band["battery_pct"]
    return (
        band["device_key"],
        band["family"] or "-",
        _(WAYS.get(band["way"], band["way"])),
        "-" if ago_s is None else _("%(seconds)d s ago") % {"seconds": round(ago_s)},
        str(band["readings_per_min"]),
        "-" if band["rssi_dbm"] is None else str(band["rssi_dbm"]),
        "-" if battery is None else f"{battery} %",
        _("claim") if band.get("claimed") else _("roster"),
    )


def _sorted(said: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the bands, those to be looked after at the end, where the eye is."""
    return sorted(
        said.get("bands", ()), key=lambda band: (ORDER.get(band["way"], 0), band["device_key"])
    )


def _table(said: Mapping[str, Any]) -> "Group":
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(*_heads(), expand=False)
    for band in _sorted(said):
        table.add_row(*map(Text, _row(band)))  # a name from outside is no markup
    return Group(*map(Text, _box(said)), table)

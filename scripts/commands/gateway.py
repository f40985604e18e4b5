"""`adhere gateway`: enroll a box, run it, see how it stands."""

import json
import os
import stat
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from config.errors import Misconfigured
from config.gateway_settings import GatewaySettings
from config.language import _
from config.settings import load_gateway
from ingest.gateway import ENROLMENT_FILE
from scripts.gateway import box_list, refused
from scripts.gateway.check import check
from scripts.gateway.importing import import_files
from scripts.gateway.top import top

if TYPE_CHECKING:
    from ingest.batch.keys import Keys, PublicKeys
    from ingest.batch.reading import Reading
    from ingest.batch.roster import RosterBand
    from ingest.gateway.files.inbox import Inbox
    from ingest.gateway.heard import Heard, Source
    from ingest.gateway.rosters import RosterBook
    from ingest.gateway.safety import Edge
    from ingest.gateway.status import Status

app = typer.Typer(add_completion=False, no_args_is_help=True)
app.command("import")(import_files)
app.add_typer(refused.app, name="refused", help=_("List and give up what the hub has refused."))
app.add_typer(box_list.app, name="enroll", help=_("Make a box and a district known to each other."))

app.command()(check)
app.command()(top)

SettingsFile = Annotated[
    Path, typer.Option("--settings", help=_("The gateway's settings file (TOML)."))
]
DEFAULT_SETTINGS = Path("/etc/adhere/gateway.toml")
Json = Annotated[bool, typer.Option("--json", help=_("Print JSON for programs."))]


class LaneName(StrEnum):
    """Which way readings travel."""

    LIVE = "live"
    BACKLOG = "backlog"


@app.command()
def run(
    settings: SettingsFile = DEFAULT_SETTINGS,
    readings: Annotated[
        Path | None,
        typer.Option(help=_("Readings to send, one JSON object a line; - for standard input.")),
    ] = None,
    lane: Annotated[
        LaneName, typer.Option(help=_("live: just heard. backlog: history."))
    ] = LaneName.LIVE,
    *,
    until_receipted: Annotated[
        bool,
        typer.Option("--until-receipted", help=_("End once the hub has answered for everything.")),
    ] = False,
    as_json: Json = False,
) -> None:
    """Store what the bands say and send it to the hub, until SIGTERM.

    With --readings those are sent, and the radio stays silent.
    """
    import asyncio

    loaded = load_gateway(settings, os.environ)
    os.umask(0o077)  # whatever is written from here on is this account's alone
    final = asyncio.run(_serve(loaded, readings, lane, until_receipted=until_receipted))
    if as_json:
        typer.echo(json.dumps(final.as_dict()))


@app.command()
def status(settings: SettingsFile = DEFAULT_SETTINGS, *, as_json: Json = False) -> None:
    """Show what the gateway last said of itself."""
    from ingest.gateway import status as statuses

    said = statuses.read(load_gateway(settings, os.environ).data_dir)
    if as_json:
        typer.echo(json.dumps(said))
        return
    typer.echo(_("As of %(age_s)d s ago:") % {"age_s": statuses.age_s(said)})
    for name, value in said.items():
        typer.echo(f"  {name:20} {value}")


async def _serve(
    settings: GatewaySettings, readings: Path | None, lane: LaneName, *, until_receipted: bool
) -> "Status":
    import asyncio
    import signal

    from ingest.gateway.box_keys import load_box_keys
    from ingest.gateway.disk import OPENS_SOON_S
    from ingest.gateway.run import run_gateway
    from ingest.gateway.safety import Edge
    from ingest.gateway.status import last_alive_utc_ms
    from ingest.gateway.watchdog import Supervisor

    keys = load_box_keys(settings.data_dir)
    hub = _hub_keys(settings, keys)
    edge = Edge(settings, keys, hub.signing)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    parts: dict[str, Any] = {"edge": edge, "stop": stop, "drain": until_receipted}
    if readings is None and (alive_utc_ms := last_alive_utc_ms(settings.data_dir)) is not None:
        edge.outages.was_off(alive_utc_ms)
    parts["supervisor"] = Supervisor.of(os.environ)
    if settings.uplink.encrypt:
        parts["hub_encryption"] = hub.encryption
    if readings is None:
        parts["inbox"] = _inbox(settings, edge)
    if readings is None and not until_receipted:
        # Who is on site is guarded without a disk, too.
        parts["spool_within_s"] = OPENS_SOON_S
    source: Source = partial(_source, readings, lane.value)
    if readings is None:
        source = _collectors(settings, edge, parts) or source
    return await run_gateway(settings, keys, hub.signing, source, **parts)


def roster_book(settings: GatewaySettings) -> "RosterBook":
    """Return the box's book of its rosters, as a gateway that runs last kept it."""
    from ingest.gateway.box_keys import load_box_keys
    from ingest.gateway.edge_time import EdgeTime
    from ingest.gateway.rosters import ROSTER_FILE, RosterBook

    keys = load_box_keys(settings.data_dir)
    return RosterBook(
        settings.data_dir / ROSTER_FILE,
        _hub_keys(settings, keys).signing,
        keys,
        centre=settings.centre,
        gateway=settings.gateway,
        time=EdgeTime(),
    )


def _inbox(settings: GatewaySettings, edge: "Edge") -> "Inbox":
    """Return what takes in files, of the bands that the newest roster names."""
    from ingest.gateway.files.inbox import Inbox

    def worn(device_key: str) -> "list[RosterBand]":
        roster = edge.book.roster
        bands = () if roster is None else roster.bands
        return [band for band in bands if band.device_key == device_key]

    return Inbox(settings.data_dir, worn)


def _collectors(settings: GatewaySettings, edge: "Edge", parts: dict[str, Any]) -> "Source | None":
    """Return what hears bands, None where the settings name none; give `parts` what it tells."""
    from ingest.gateway.together import together

    sources: list[Source] = []
    near, away = [], []
    if settings.radio.adapters:
        radio, parts["radio"], parts["look"] = _radio(settings, edge)
        sources.append(radio)
        near.append(edge.neighbours)
        away.append(edge.away)
    if settings.scanners.prefixes or settings.scanners.phones:
        from ingest.gateway.scanner.source import ScannerSource

        scanners = ScannerSource(
            settings.scanners,
            settings.scanners.broker or settings.broker,
            edge.registered,
            edge.heard,
            session_bpm=settings.radio.session_bpm,
            device_key_of=edge.device_key_of,
        )
        parts["scanners"] = scanners.status
        sources.append(scanners)
        near.append(scanners.neighbours)
        away.append(scanners.away)
    edge.neighbours = lambda: [one for hear in near for one in hear()]
    edge.away = lambda: [ear for ears in away for ear in ears()]
    return together(sources) if sources else None


def _radio(
    settings: GatewaySettings, edge: "Edge"
) -> "tuple[Source, Callable[[], Mapping[str, object]], Callable[[], Mapping[str, object]]]":
    """Return what hears the bands of the roster, its counters, and its board for `top`."""
    from ingest.gateway.radio.board import shown
    from ingest.gateway.radio.counters import RadioCounters
    from ingest.gateway.radio.source import radio_source
    from ingest.gateway.tally import Tally

    counters, tally = RadioCounters(), Tally()

    def heard(readings: "Sequence[Reading]") -> None:
        edge.heard(readings)
        tally.heard(readings)

    edge.neighbours = lambda: list(counters.offered.values())
    source = radio_source(
        settings.radio, edge.registered, heard, counters, device_key_of=edge.device_key_of
    )
    edge.vibrate = source.vibrate
    edge.away = counters.away
    return source, counters.as_dict, lambda: shown(counters.board(), tally, edge.claims.standing)


async def _source(
    readings: Path | None, lane: Literal["live", "backlog"], cursor: Mapping[str, str]
) -> "AsyncGenerator[Heard, None]":
    from ingest.gateway.readings_file import file_source, stream_source

    if readings is None:
        return
    if str(readings) != "-":
        source = file_source(readings, cursor, lane=lane)
    elif stat.S_ISREG(os.fstat(sys.stdin.fileno()).st_mode):
        raise Misconfigured(_("name the file (--readings FILE): then a restart goes on in it"))
    else:
        source = stream_source(sys.stdin.buffer, lane=lane)
    async for heard in source:
        yield heard


def _hub_keys(settings: GatewaySettings, keys: "Keys") -> "PublicKeys":
    """Return the keys of the hub this box was enrolled with, under the name its settings say."""
    from ingest.batch.enrolment import load_answer

    path = settings.data_dir / ENROLMENT_FILE
    if not path.exists():
        raise Misconfigured(
            _("this box is not enrolled (no %(path)s): run `adhere gateway enroll request`")
            % {"path": path}
        )
    accepted = load_answer(path, keys)
    if (accepted.centre, accepted.gateway) != (settings.centre, settings.gateway):
        raise Misconfigured(
            _(
                "the settings call this box %(gateway)s in %(centre)s, but it was enrolled as "
                "%(enrolled_gateway)s in %(enrolled_centre)s: correct the settings or enroll again"
            )
            % {
                "gateway": settings.gateway,
                "centre": settings.centre,
                "enrolled_gateway": accepted.gateway,
                "enrolled_centre": accepted.centre,
            }
        )
    return accepted.hub_keys

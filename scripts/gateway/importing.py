"""`adhere gateway import`: hand files of wearables to the gateway, or say what is in them."""

import asyncio
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from config.errors import Misconfigured
from config.gateway_settings import GatewaySettings
from config.language import _
from config.settings import load_gateway
from scripts.gateway.import_reasons import REASONS

if TYPE_CHECKING:
    from ingest.batch.roster import RosterBand
    from ingest.gateway.files.found import Asked

EXIT_NOT_ALL = 1
"""Something in the files could not be taken; all the rest was."""
DEFAULT_SETTINGS = Path("/etc/adhere/gateway.toml")
LOOK_S = 0.5
RUNNING_S = 60.0
"""A gateway that wrote its status this lately is running."""


def import_files(  # noqa: PLR0913 - the options of a command
    files: Annotated[list[Path], typer.Argument(help=_("Files of one person and one band."))],
    settings: Annotated[
        Path, typer.Option("--settings", help=_("The gateway's settings file (TOML)."))
    ] = DEFAULT_SETTINGS,
    device: Annotated[
        str | None, typer.Option(help=_("The registered band that the readings are of."))
    ] = None,
    subject: Annotated[
        str | None, typer.Option(help=_("Instead: its wearer's pseudonym, as in the roster."))
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option(help=_("Where local times in the file were written, such as Asia/Shanghai.")),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help=_("Which source (Apple Health) or address (Gadgetbridge) to take.")),
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=_("Only say what would be taken."))
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help=_("Wait for the gateway to take the files."))
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON for programs."))] = False,
) -> None:
    """Take in files: FIT, TCX, GPX, Apple Health export, Gadgetbridge database, CSV.

    Of registered bands alone, and only times at which somebody wears them. A file may come twice,
    under any name: nothing counts twice. The running gateway sends what is new as history. Ends
    with 1 where something in a file could not be taken.
    """
    from ingest.gateway.files.found import Asked

    loaded = load_gateway(settings, os.environ)
    bands = _bands(loaded, device, subject)
    if time_zone is not None:
        _check_zone(time_zone)
    asked = Asked(bands[0].device_key, time_zone, source, loaded.radio.time_zone)
    needed = _check_files(files)
    if dry_run:
        accounts = [asyncio.run(_tried(loaded, path, asked, bands)) for path in files]
    else:
        _check_room(loaded, needed)
        accounts = _handed_over(loaded, files, asked, wait=wait)
    told = [
        {"file": str(path)} | dict(account) for path, account in zip(files, accounts, strict=True)
    ]
    if as_json:
        typer.echo(json.dumps({"device": asked.device_key, "dry_run": dry_run, "files": told}))
    else:
        for account in told:
            typer.echo("\n".join(lines(account, dry_run=dry_run)))
    if any(account.get("reason") or account.get("bad") for account in told):
        raise typer.Exit(EXIT_NOT_ALL)


def lines(account: Mapping[str, Any], *, dry_run: bool) -> Iterator[str]:
    """Give what became of a file, as text for the terminal."""
    yield f"{account['file']}:"
    if account.get("waiting"):
        yield "  " + _("waits in the inbox for the gateway")
        return
    reason = account["reason"]
    if reason is not None:
        yield f"  {_(REASONS[reason]) if reason in REASONS else reason} ({account['detail']})"
    taken = _("would be taken") if dry_run else _("taken")
    for quantity, count in sorted(account["taken"].items()):
        yield f"  {quantity:18} {count:9,d}  {taken}"
    counts = (
        (account["again"], _("known already")),
        (account["overlapping"], _("steps of a time that is known already, from elsewhere")),
        (account["not_worn"], _("at times when nobody wears the band, or too long ago")),
    )
    for count, meaning in counts:
        if count:
            yield f"  {meaning}: {count:,d}"
    for name, count in account["others"].items():
        other = name or _("other devices")
        yield "  " + _("of %(source)s, not taken: %(count)d") % {"source": other, "count": count}
    for word, count in account["bad"].items():
        yield f"  {count:,d} x {_(REASONS[word]) if word in REASONS else word}"
    for place, word in account["bad_places"]:
        yield "    " + _("line or record %(place)d: %(reason)s") % {"place": place, "reason": word}


def _bands(
    settings: GatewaySettings, device: str | None, subject: str | None
) -> "list[RosterBand]":
    """Return the roster's entries of the one band that is meant."""
    from scripts.commands.gateway import roster_book

    if (device is None) == (subject is None):
        raise Misconfigured(_("say whose readings they are: either --device or --subject"))
    roster = roster_book(settings).roster
    if roster is None:
        raise Misconfigured(
            _("no roster has come from the district yet: run the gateway until it has one")
        )
    bands = [band for band in roster.bands if device in {None, band.device_key}]
    bands = [band for band in bands if subject in {None, band.subject}]
    keys = sorted({band.device_key for band in bands})
    if not keys:
        raise Misconfigured(
            _("there is no such band in the roster: register it in the district first")
        )
    if len(keys) > 1:
        raise Misconfigured(
            _("they wear more than one band: choose with --device one of %(bands)s")
            % {"bands": ", ".join(keys)}
        )
    return [band for band in roster.bands if band.device_key == keys[0]]


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Misconfigured(
            _("there is no time zone %(name)s: write one such as Asia/Shanghai") % {"name": name}
        ) from error


def _check_files(files: list[Path]) -> int:
    """Find out before anything is done that all can be read; return their bytes."""
    needed = 0
    for path in files:
        try:
            with path.open("rb") as file:
                needed += file.seek(0, 2)
        except OSError as error:
            raise Misconfigured(
                _("%(path)s cannot be read: %(fault)s.") % {"path": path, "fault": error.strerror}
            ) from error
    return needed


def _check_room(settings: GatewaySettings, needed: int) -> None:
    """See that copies of the files leave the spool the room that its quota promises."""
    from ingest.gateway.run import SPOOL_FILE

    spool = settings.data_dir / SPOOL_FILE
    used = spool.stat().st_size if spool.exists() else 0
    promised = max(0, settings.spool.quota_mb * 2**20 - used)
    if shutil.disk_usage(settings.data_dir).free < needed + promised:
        raise Misconfigured(
            _("there is too little room in %(path)s: the spool must keep what it was promised")
            % {"path": settings.data_dir}
        )


async def _tried(
    settings: GatewaySettings, path: Path, asked: "Asked", bands: "list[RosterBand]"
) -> Mapping[str, Any]:
    """Read a file as the gateway would, and throw the readings away."""
    from ingest.gateway.files.journal import JOURNAL_FILE, tried_journal
    from ingest.gateway.files.taking import Progress, spans_of, take
    from ingest.gateway.heard import Heard

    async def put(_heard: Heard) -> None:
        return

    journal = tried_journal(settings.data_dir / JOURNAL_FILE)
    try:
        progress = Progress("", spans_of(bands, time.time_ns() // 10**6))
        account = await take(path, asked, progress, journal, put)
    finally:
        journal.close()
    return account.as_dict()


def _handed_over(
    settings: GatewaySettings, files: list[Path], asked: "Asked", *, wait: bool
) -> list[Mapping[str, Any]]:
    """Put the files into the inbox; return what became of each, as far as it is known."""
    from ingest.gateway.files import jobs

    with _inbox_reached(settings.data_dir):
        names = [jobs.hand_over(settings.data_dir, path, asked) for path in files]
        accounts = [jobs.account_of(settings.data_dir, name) for name in names]
        while wait and None in accounts and _is_running(settings.data_dir):
            time.sleep(LOOK_S)
            accounts = [jobs.account_of(settings.data_dir, name) for name in names]
    return [{"waiting": True} if account is None else account for account in accounts]


@contextmanager
def _inbox_reached(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Misconfigured(
            _("the inbox in %(path)s cannot be used: %(fault)s. Run it as root or as adhere.")
            % {"path": data_dir, "fault": error.strerror}
        ) from error


def _is_running(data_dir: Path) -> bool:
    """Say whether a gateway is at work on this folder: it writes its status every ten seconds."""
    from ingest.gateway import status

    try:
        return status.age_s(status.read(data_dir)) < RUNNING_S
    except Misconfigured:
        return False

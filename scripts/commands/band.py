"""`adhere band`: register bands, hand them out, see what is asked for and what was claimed."""

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.errors import Misconfigured
from config.language import _
from config.settings import database_dsn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from storage.database import Connection

app = typer.Typer(add_completion=False, no_args_is_help=True)

IRK_BYTES = 16
AsJson = Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))]
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help=_("The band's address or serial."))]
Person = Annotated[str, typer.Argument(metavar="PERSON", help=_("The person's pseudonym."))]
OfCentre = Annotated[str | None, typer.Option("--centre", help=_("Only this centre."))]


@app.callback()
def band() -> None:
    """Register bands and hand them out, in the database that ADHERE_DATABASE_DSN names."""


@app.command()
def offered(centre: OfCentre = None, *, as_json: AsJson = False) -> None:
    """List the bands that somebody at an on-site page asks to register, the newest first."""
    from storage import bands

    with _database() as conn:
        found = bands.offered(conn, centre=centre)
    _show(
        (one._asdict() for one in found),
        (
            _("%(band)s (%(kind)s), asked for at %(centre)s/%(gateway)s, %(at)s")
            % {
                "band": one.device_key,
                "kind": " ".join(one.families),
                "centre": one.centre,
                "gateway": one.gateway,
                "at": _time(one.asked_at),
            }
            for one in found
        ),
        as_json=as_json,
    )


@app.command("list")
def list_(centre: OfCentre = None, *, as_json: AsJson = False) -> None:
    """List the registered bands and who wears them now; never an identity key."""
    from storage import bands

    with _database() as conn:
        found = bands.registered(conn, centre=centre)
    _show(
        (one._asdict() for one in found),
        (
            " ".join(
                filter(
                    None,
                    (
                        one.device_key,
                        one.family or "-",
                        one.pseudonym or _("nobody"),
                        _("since %(at)s") % {"at": _time(one.worn_from)} if one.worn_from else "",
                        _("claimed on the page") if one.is_claimed else "",
                        _("with an identity key") if one.has_identity_key else "",
                    ),
                )
            )
            for one in found
        ),
        as_json=as_json,
    )


@app.command()
def register(
    address: Address,
    family: Annotated[
        str | None, typer.Option(help=_("How to talk with it: a key of docs/reference/devices.md."))
    ] = None,
    irk_file: Annotated[
        Path | None,
        typer.Option(
            help=_("File with the identity resolving key, 32 hexadecimal digits; - : typed in.")
        ),
    ] = None,
    seen: Annotated[
        str | None,
        typer.Option(
            help=_("A private address the band has now: proves the key and finds its byte order.")
        ),
    ] = None,
    *,
    forget_irk: Annotated[
        bool, typer.Option("--forget-irk", help=_("Delete the identity key."))
    ] = False,
) -> None:
    """Register a band. The identity key never stands on the command line or in an answer."""
    from devices.registry import load_families
    from storage import audit, bands

    if family is not None and family not in load_families():
        raise Misconfigured(
            _("No family is called %(family)s: see docs/reference/devices.md.") % {"family": family}
        )
    irk = None if irk_file is None else _irk(irk_file, seen)
    with _database() as conn, conn.transaction():
        bands.register_band(conn, address, family=family, irk=irk)
        if forget_irk:
            bands.forget_identity_key(conn, address)
        keys = "forgotten" if forget_irk else "given" if irk else "as before"
        detail = {"family": family, "identity_key": keys}
        audit.note_command(conn, action="register_band", subject=address, detail=detail)
    typer.echo(_("%(band)s is registered.") % {"band": address})


@app.command()
def assign(
    address: Address,
    person: Person,
    since: Annotated[
        str | None, typer.Option(help=_("ISO time with its zone; left out: now."))
    ] = None,
    until: Annotated[
        str | None, typer.Option(help=_("ISO time with its zone; left out: until taken back."))
    ] = None,
) -> None:
    """Give a band to a person: every gateway of their centre hears it from then on."""
    from storage import audit, bands

    begins, ends = _instant(since) or _now(), _instant(until)
    if ends is not None and ends <= begins:
        raise Misconfigured(_("--until must be later than --since."))
    with _database() as conn, conn.transaction():
        bands.hand_out(conn, address, patient=person, since=begins, until=ends)
        audit.note_command(
            conn,
            action="assign_band",
            subject=person,
            detail={"band": address, "since": _time(begins), "until": _time(ends)},
        )
    typer.echo(_("%(who)s wears %(band)s.") % {"who": person, "band": address})


@app.command()
def end(
    address: Address,
    at: Annotated[
        str | None, typer.Option(help=_("ISO time with its zone; left out: now."))
    ] = None,
) -> None:
    """Take a band back: it is nobody's from then on.

    One that was handed out by mistake is taken back as a whole: --at is when it was, or earlier.
    """
    from storage import audit, bands

    when = _instant(at) or _now()
    with _database() as conn, conn.transaction():
        taken = bands.take_back(conn, address, at=when)
        if taken is None:
            raise Misconfigured(_("Nobody wears %(band)s at that time.") % {"band": address})
        detail = {"band": address, "at": _time(when), "whole": taken.is_whole}
        detail |= {"since": _time(taken.since), "until": _time(taken.until)}  # to undo it by
        audit.note_command(conn, action="take_band_back", subject=taken.patient, detail=detail)
    said = (
        _("%(who)s was never given %(band)s: nothing it told counts as theirs.")
        if taken.is_whole
        else _("%(who)s no longer wears %(band)s.")
    )
    typer.echo(said % {"who": taken.patient, "band": address})


@app.command()
def lend(
    address: Address,
    person: Person,
    until: Annotated[str, typer.Option(help=_("When it goes back: ISO time with its zone."))],
    since: Annotated[
        str | None, typer.Option(help=_("ISO time with its zone; left out: now."))
    ] = None,
) -> None:
    """Give a band to a person for a while; then it is again whose it was."""
    from storage import audit, bands

    begins, ends = _instant(since) or _now(), _instant(until)
    if ends is None or ends <= begins:
        raise Misconfigured(_("--until must be later than --since."))
    with _database() as conn, conn.transaction():
        whose = bands.lend(conn, address, patient=person, since=begins, until=ends)
        audit.note_command(
            conn,
            action="lend_band",
            subject=person,
            detail={
                "band": address,
                "since": _time(begins),
                "until": _time(ends),
                "lender": whose,
            },
        )
    typer.echo(
        _("%(who)s wears %(band)s until %(until)s, then %(whose)s again.")
        % {"who": person, "band": address, "until": _time(ends), "whose": whose or _("nobody")}
    )


@app.command()
def swap(
    address: Address,
    other: Annotated[
        str, typer.Argument(metavar="OTHER", help=_("The address or serial of the other band."))
    ],
    at: Annotated[
        str | None, typer.Option(help=_("ISO time with its zone; left out: now."))
    ] = None,
) -> None:
    """Let two people exchange their bands; each keeps one for as long as before."""
    from storage import audit, bands

    when = _instant(at) or _now()
    with _database() as conn, conn.transaction():
        worn = bands.swap(conn, address, other, at=when)
        for who, band in zip(worn, (address, other), strict=True):
            detail = {"band": band, "at": _time(when)}
            audit.note_command(conn, action="swap_bands", subject=who, detail=detail)
    for who, band in zip(worn, (address, other), strict=True):
        typer.echo(_("%(who)s wears %(band)s.") % {"who": who, "band": band})


@app.command()
def code(
    person: Person,
    *,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help=_("Let the person claim no more."))
    ] = False,
) -> None:
    """Make a person's claim code for the on-site page and show it once: write it down for them."""
    from ingest.batch.claim_code import code_hash, new_code, new_salt
    from storage import audit, bands

    made, salt = new_code(), new_salt()
    with _database() as conn, conn.transaction():
        if withdraw:
            bands.withdraw_code(conn, person)
        else:
            bands.give_code(conn, person, salt, code_hash(made, salt))
        action = "withdraw_claim_code" if withdraw else "give_claim_code"
        audit.note_command(conn, action=action, subject=person)
    if withdraw:
        typer.echo(_("%(who)s has no code.") % {"who": person})
    else:
        typer.echo(_("The code of %(who)s: %(code)s") % {"who": person, "code": made})


@app.command()
def claims(
    days: Annotated[int, typer.Option(min=1, max=400, help=_("Of how many days."))] = 7,
    centre: OfCentre = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List what people claimed on the on-site pages, the newest first.

    What the district refused stands in `adhere db dead-letter list`.
    """
    from storage import bands

    with _database() as conn:
        found = bands.claims(conn, since=_now() - timedelta(days=days), centre=centre)
    _show(
        (one._asdict() for one in found),
        (
            _("%(who)s: %(band)s at %(centre)s/%(gateway)s, %(since)s to %(until)s (%(why)s)")
            % {
                "who": one.pseudonym,
                "band": one.device_key,
                "centre": one.centre,
                "gateway": one.gateway,
                "since": _time(one.began_at),
                "until": _time(one.ended_at) or "-",
                "why": one.why_ended or _("goes on"),
            }
            for one in found
        ),
        as_json=as_json,
    )


def _database() -> "Connection":
    from storage.database import connect
    from storage.roles import Role

    return connect(
        database_dsn(os.environ).get_secret_value(),
        application="adhere band",
        role=Role.OPERATOR,
    )


def _show(found: "Iterable[dict[str, object]]", lines: "Iterable[str]", *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(list(found), default=str))
        return
    shown = list(lines)
    typer.echo("\n".join(shown) if shown else _("There are none."))


def _irk(path: Path, seen: str | None) -> bytes:
    """Read an identity key, and turn it round where that is what makes the address seen."""
    from ingest.gateway.irk import resolves

    try:
        text = sys.stdin.readline() if str(path) == "-" else path.read_text("ascii")
        irk = bytes.fromhex(text.strip())
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be read: %(fault)s") % {"path": path, "fault": error.strerror}
        ) from error
    except ValueError:
        irk = b""
    if len(irk) != IRK_BYTES:
        # Without the cause: it would show what was read.
        raise Misconfigured(_("An identity key is 32 hexadecimal digits.")) from None
    if seen is None or resolves(irk, seen):
        return irk
    if resolves(irk[::-1], seen):
        return irk[::-1]
    raise Misconfigured(_("That key did not make the address %(seen)s.") % {"seen": seen})


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Misconfigured(
            _("%(text)s is no time with its zone: write 2026-11-22T09:00+08:00.") % {"text": text}
        )
    return at


def _now() -> datetime:
    return datetime.now(UTC)


def _time(at: datetime | None) -> str:
    return "" if at is None else at.isoformat(timespec="seconds")

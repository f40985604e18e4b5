"""`adhere portal`: serve the web pages, make the first administrator, make a one-time link."""

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.errors import Misconfigured
from config.language import _
from config.settings import load_district

if TYPE_CHECKING:
    from storage.database import Connection

app = typer.Typer(add_completion=False, no_args_is_help=True)

SettingsFile = Annotated[
    Path, typer.Option("--settings", help=_("The district's settings file (TOML)."))
]
DEFAULT_SETTINGS = Path("/etc/adhere/district.toml")


@app.command()
def serve(settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Serve the web pages until SIGTERM."""
    from portal.app import create_app
    from portal.serving import serve as serve_app
    from storage.database import connect
    from storage.migrate import require_current
    from storage.roles import Role

    district = load_district(settings, os.environ)
    dsn = district.database_dsn.get_secret_value()
    with connect(dsn, application="adhere portal", role=Role.PORTAL) as conn:
        require_current(conn)
    serve_app(create_app(dsn, district.portal, time_zone=district.time_zone), district.portal)


@app.command()
def create_admin(
    settings: SettingsFile = DEFAULT_SETTINGS,
    *,
    code: Annotated[str, typer.Option(help=_("The name to log in with."))],
    name: Annotated[str, typer.Option(help=_("The person's name."))],
    organisation: Annotated[
        str | None, typer.Option(help=_("Code of the organisation; left out: the only district."))
    ] = None,
    link: Annotated[
        bool,
        typer.Option("--link", help=_("Print a one-time link instead of asking for a password.")),
    ] = False,
) -> None:
    """Make an administrator, with a password typed here or a one-time link. There is no default."""
    from portal.passwords import Passwords, fault_of
    from storage import audit
    from storage.accounts import find_account, issue_link, open_account, set_password_hash
    from storage.database import connect
    from storage.people import put_staff
    from storage.roles import Role

    district = load_district(settings, os.environ)
    dsn = district.database_dsn.get_secret_value()
    with connect(dsn, application="adhere portal", role=Role.OPERATOR) as conn:
        account = find_account(conn, code)
        if account is not None and account.role != "administrator":
            raise Misconfigured(
                _("%(code)s is somebody else: choose another code") % {"code": code}
            )
        hashed = None
        if not link:
            password = _ask_twice()
            fault = fault_of(password, code, name)
            if fault is not None:
                raise Misconfigured(_(fault))
            hashed = Passwords().hashed(password)
        put_staff(
            conn,
            organisation=organisation or _only_district(conn),
            code=code,
            role="administrator",
            name=name,
        )
        audit.note_command(conn, action="put_staff", subject=code)
        if hashed is not None:
            opened = open_account(conn, code)
            set_password_hash(conn, staff_id=opened.staff_id, password_hash=hashed)
            typer.echo(_("%(code)s may log in now.") % {"code": code})
            return
        token = issue_link(conn, code, timedelta(hours=24), sets_password=True)
    _show_link(district.portal.public_url, token, 24)


@app.command("link")
def one_time_link(
    settings: SettingsFile = DEFAULT_SETTINGS,
    *,
    staff: Annotated[str, typer.Option(help=_("Code of the person of the staff."))],
    hours: Annotated[int, typer.Option(min=1, max=168, help=_("Good for so long."))] = 24,
) -> None:
    """Print a one-time link by which a person of the staff logs in and sets a password."""
    from storage import audit
    from storage.accounts import issue_link
    from storage.database import connect
    from storage.roles import Role

    district = load_district(settings, os.environ)
    dsn = district.database_dsn.get_secret_value()
    with connect(dsn, application="adhere portal", role=Role.OPERATOR) as conn:
        token = issue_link(conn, staff, timedelta(hours=hours), sets_password=True)
        audit.note_command(conn, action="issue_link", subject=staff)
    _show_link(district.portal.public_url, token, hours)


def _show_link(public_url: str, token: str, hours: int) -> None:
    typer.echo(f"{public_url}/enter/{token}")
    typer.echo(
        _("It opens the pages once, within %(hours)d hours. Hand it over like a key.")
        % {"hours": hours},
        err=True,
    )


def _ask_twice() -> str:
    """Ask for a password at the terminal, without showing it."""
    try:
        return str(
            typer.prompt(_("Password"), hide_input=True, confirmation_prompt=_("Password again"))
        )
    except typer.Abort:
        raise Misconfigured(_("no password was given: nothing was changed")) from None


def _only_district(conn: "Connection") -> str:
    """Return the one organisation an administrator can be of; in a new house make it."""
    from storage.database import border
    from storage.people import put_organisation
    from storage.queries import query

    with border():
        found = [str(row[0]) for row in conn.execute(query("read_districts"))]
    if len(found) > 1:
        raise Misconfigured(
            _("there are several organisations: name one with --organisation (%(codes)s)")
            % {"codes": ", ".join(found)}
        )
    if found:
        return found[0]
    put_organisation(conn, kind="district", code="district", name="District")
    return "district"

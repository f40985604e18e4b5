"""`adhere db roles`: who may work as what, and where the server's rights are not as declared."""

import json
import os
from typing import Annotated

import typer

from config.language import _
from config.settings import database_dsn

EXIT_DIFFERENT = 1


def roles(
    *,
    as_sql: Annotated[
        bool,
        typer.Option(
            "--sql",
            help=_(
                "Print what an administrator of the server runs to make the roles and the logins."
            ),
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))] = False,
) -> None:
    """Show who may work as which role, and where rights differ from what is declared.

    Changes nothing. Ends with 1 where a role is missing or a right is not as declared.
    """
    from storage.database import connect
    from storage.privileges import difference
    from storage.role_setup import (
        logins,
        missing_roles,
        overpowered_roles,
        statements_for_logins,
    )
    from storage.roles import Role

    with connect(database_dsn(os.environ).get_secret_value(), application="adhere db") as conn:
        if as_sql:
            for statement in statements_for_logins(conn):
                typer.echo(statement)
            return
        members, missing = logins(conn), missing_roles(conn)
        overpowered, rights = overpowered_roles(conn), difference(conn)
    is_right = not (missing or overpowered or rights.missing or rights.beyond)
    if as_json:
        said = {
            "roles": {
                str(role): [login.name for login in members if role in login.roles]
                for role in Role
                if role not in missing
            },
            "superusers": [login.name for login in members if login.is_superuser],
            "missing": list(map(str, missing)),
            "overpowered": overpowered,
            "rights_missing": list(map(str, rights.missing)),
            "rights_beyond": list(map(str, rights.beyond)),
        }
        typer.echo(json.dumps(said))
    else:
        for role in Role:
            if role in missing:
                typer.echo(_("%(role)s: missing, run `adhere db migrate`") % {"role": role})
                continue
            names = [one.name for one in members if role in one.roles and not one.is_superuser]
            typer.echo(f"{role}: {', '.join(names) or _('no login')}")
        superusers = ", ".join(login.name for login in members if login.is_superuser)
        typer.echo(_("superusers, who may do everything: %(names)s") % {"names": superusers})
        for name in overpowered:
            typer.echo(_("%(role)s may log in or has powers of its own") % {"role": name})
        for right in rights.missing:
            typer.echo(_("right missing: %(right)s") % {"right": right})
        for right in rights.beyond:
            typer.echo(_("right that nobody needs: %(right)s") % {"right": right})
    if not is_right:
        raise typer.Exit(EXIT_DIFFERENT)

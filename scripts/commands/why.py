"""`adhere why`: a week down to its sessions, bouts, minutes and batches."""

import json
import os
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.errors import Misconfigured
from config.language import _

if TYPE_CHECKING:
    from scripts.why.account import Account

EXIT_DIFFERENT = 1
"""A stored sum is not that of the minutes; the same code as where a replay differs."""


def why(  # noqa: PLR0913 - one argument an option of the command line
    *,
    case: Annotated[str, typer.Option(help=_("The case, as in the workbook or the file."))],
    week: Annotated[
        str,
        typer.Option(help=_("A day of the week, 2026-11-09, or its number, 2026-W46.")),
    ],
    settings: Annotated[Path, typer.Option(help=_("The district's settings file (TOML)."))] = Path(
        "/etc/adhere/district.toml"
    ),
    hr: Annotated[
        Path | None,
        typer.Option(help=_("Heart rate as for `score`: then no database is asked.")),
    ] = None,
    cases: Annotated[
        Path | None, typer.Option(help=_("Prescriptions, with --hr: one row a case."))
    ] = None,
    steps: Annotated[Path | None, typer.Option(help=_("Steps by minute, with --hr."))] = None,
    sessions: Annotated[
        Path | None, typer.Option(help=_("Session log as for `score`, with --hr."))
    ] = None,
    time_zone: Annotated[
        str, typer.Option(help=_("The site's time zone, for times in files without one."))
    ] = "Asia/Shanghai",
    minutes: Annotated[
        bool, typer.Option("--minutes", help=_("Show every minute on a line of its own."))
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))] = False,
) -> None:
    """Tell why a week is what it is: every credited second, and why each other minute is not.

    Out of the database, and then written into the audit trail, or out of files with --hr. Ends with
    1 where a stored sum is not that of the minutes.
    """
    from config.conventions import load_conventions
    from scripts.why.data import as_data
    from scripts.why.show import Page

    monday = monday_of(week)
    conventions = load_conventions()
    if hr is not None and cases is not None:
        from scripts.score.inputs import Files
        from scripts.score.times import known_zone
        from scripts.why.recorded import recorded_week

        files = Files(hr, steps, cases, sessions)
        account = recorded_week(
            files, case=case, week=monday, zone=known_zone(time_zone), conventions=conventions
        )
    elif (hr, cases, steps, sessions) == (None, None, None, None):
        account = _stored(settings, case, monday)
    else:
        raise Misconfigured(
            _("a week out of files needs --hr and --cases; --steps and --sessions go with them")
        )
    runs = account.each_minute() if minutes else account.runs()
    if as_json:
        typer.echo(json.dumps(as_data(account, runs), default=str, ensure_ascii=False))
    else:
        for line in Page(account, conventions).lines(runs):
            typer.echo(line)
    if not all(check.is_equal for check in account.checks()):
        raise typer.Exit(EXIT_DIFFERENT)


def _stored(settings: Path, case: str, monday: date) -> "Account":
    from config.settings import load_district
    from scripts.why.stored import stored_week
    from storage.database import connect
    from storage.roles import Role

    district = load_district(settings, os.environ)
    dsn = district.database_dsn.get_secret_value()
    with connect(dsn, application="adhere why", role=Role.REPORTS) as conn:
        return stored_week(conn, case, monday)


def monday_of(text: str) -> date:
    """Return the Monday of a day or a numbered week; raise Misconfigured where it is neither."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Misconfigured(
            _("%(text)s is no week: write a day of it like 2026-11-09, or 2026-W46")
            % {"text": text}
        ) from None
    return day - timedelta(days=day.weekday())

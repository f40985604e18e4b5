"""`adhere nightly`: recompute what changed and write the workbook, every night or one by hand."""

import json
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import structlog
import typer

from config.district_settings import DistrictSettings
from config.errors import Misconfigured, Unavailable
from config.language import _
from config.settings import load_district
from scripts.stopping import on_stop_signal

if TYPE_CHECKING:
    from reports.nightly.night import Night
    from storage.database import Connection

log = structlog.get_logger()

app = typer.Typer(add_completion=False)

SettingsFile = Annotated[
    Path, typer.Option("--settings", help=_("The district's settings file (TOML)."))
]
DEFAULT_SETTINGS = Path("/etc/adhere/district.toml")
SHOWN = 20
"""Refused versions that a person is shown."""


@app.callback(invoke_without_command=True)
def nightly(context: typer.Context, settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Run every night at the configured time until SIGTERM; make up missed nights at the start."""
    if context.invoked_subcommand is None:
        _serve(load_district(settings, os.environ))


@app.command()
def run(
    settings: SettingsFile = DEFAULT_SETTINGS,
    night: Annotated[
        str | None,
        typer.Option(
            "--date",
            help=_("The last local day that counts, 2026-11-15; left out: yesterday."),
            metavar="YYYY-MM-DD",
        ),
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))] = False,
) -> None:
    """Run one night by hand. Doing it again changes nothing until there is new data."""
    district = load_district(settings, os.environ)
    today = datetime.now(ZoneInfo(district.time_zone)).date()
    done = _runner(district)(_night_before(night, today))
    if as_json:
        typer.echo(json.dumps(said(done)))
        return
    typer.echo(_("Night %(night)s, revision %(revision)d") % said(done))
    typer.echo(
        _(
            "%(patient_weeks)d patient-weeks: %(met)d met, %(not_met)d not met, "
            "%(cannot_judge)d cannot be judged"
        )
        % said(done)
    )
    if done.lines:
        typer.echo(_("%(lines)d payment lines, %(amount)s yuan payable") % said(done))
    _show_refused(done)
    if not done.is_new:
        typer.echo(_("Nothing has changed since it was reported."))
    typer.echo(_("Workbook: %(workbook)s") % said(done))


def _show_refused(done: "Night") -> None:
    """Name what is not judged, to standard error; all of it stands in the table."""
    from reports.nightly.refused import REASONS

    for one in done.refused[:SHOWN]:
        said_of = {"case": one.case_label, "version": one.version, "day": one.from_day}
        words = _("case %(case)s, version %(version)d from %(day)s is not judged: %(reason)s")
        typer.echo(words % (said_of | {"reason": _(REASONS[one.reason])}), err=True)
    if len(done.refused) > SHOWN:
        words = _("and %(count)d more: see the table refused_version")
        typer.echo(words % {"count": len(done.refused) - SHOWN}, err=True)


def said(done: "Night") -> dict[str, object]:
    """Return a night as plain values: hashes in hex, paths and dates as text."""
    return {
        "night": str(done.night),
        "revision": done.revision,
        "is_new": done.is_new,
        "workbook": str(done.workbook),
        "workbook_sha256": done.workbook_sha256.hex(),
        "input_sha256": done.input_sha256.hex(),
        "method_version": done.method_version,
        "conventions_sha256": done.conventions_sha256.hex(),
        "patients": done.patients,
        "patient_weeks": done.patient_weeks,
        "met": done.met,
        "not_met": done.not_met,
        "cannot_judge": done.cannot_judge,
        "lines": done.lines,
        "amount": str(done.amount),
        "refused": [one._asdict() | {"from_day": str(one.from_day)} for one in done.refused],
        "recomputed": {
            name: value for name, value in vars(done.recomputed).items() if name != "through"
        },
    }


def _night_before(text: str | None, today: date) -> date:
    """Return the night asked for, yesterday's without asking; only a day that is over will do."""
    if text is None:
        return today - timedelta(days=1)
    try:
        night = date.fromisoformat(text)
    except ValueError:
        raise Misconfigured(
            _("%(text)s is no date: write it like 2026-11-15") % {"text": text}
        ) from None
    if night >= today:
        raise Misconfigured(
            _("the day %(night)s is not over: ask for %(yesterday)s or earlier")
            % {"night": night, "yesterday": today - timedelta(days=1)}
        )
    return night


def _runner(settings: DistrictSettings) -> Callable[[date], "Night"]:
    from alerts.weekly import judge_weeks
    from config.alert_rules import load_alert_rules
    from config.schemes import load_schemes
    from reports.nightly.night import run_night
    from reports.nightly.weeks import OpeningHours
    from storage.database import connect, working_as
    from storage.roles import Role

    nightly_settings = settings.nightly
    schemes = load_schemes(settings.payment.schemes)
    opening = OpeningHours(
        time.fromisoformat(nightly_settings.opens), time.fromisoformat(nightly_settings.closes)
    )

    def one(night: date) -> "Night":
        with connect(
            settings.database_dsn.get_secret_value(), application="adhere nightly", role=Role.CORE
        ) as conn:
            done = run_night(
                conn,
                night,
                nightly_settings.report_dir,
                nightly_settings.language,
                zone_name=settings.time_zone,
                opening=opening,
                schemes=schemes,
                with_side=nightly_settings.side_sheet,
            )
            # The watch looks at the weeks as well, now and then; so they are judged without one.
            today = datetime.now(ZoneInfo(settings.time_zone)).date()
            with working_as(conn, Role.ALERTS):
                judge_weeks(conn, load_alert_rules(), today)
            if settings.storage.policies:
                _see_to_storage(conn, settings)
            return done

    return one


def _see_to_storage(conn: "Connection", settings: DistrictSettings) -> None:
    """Compress, drop and purge what is due; what cannot be done now the next night does."""
    from storage.retention import apply_policies, policies_of

    try:
        apply_policies(
            conn,
            policies_of(settings.storage),
            now=datetime.now(UTC),
            actor="nightly",
            archive=settings.cold.folder is not None,
        )
    except Unavailable as error:
        log.warning("policies_wait", reason=str(error))


def _serve(settings: DistrictSettings) -> None:
    from reports.nightly.night import last_finished_night
    from reports.nightly.schedule import Schedule, cron
    from storage.database import connect
    from storage.roles import Role

    def last_night() -> date | None:
        with connect(
            settings.database_dsn.get_secret_value(),
            application="adhere nightly",
            role=Role.REPORTS,
        ) as conn:
            return last_finished_night(conn)

    zone = ZoneInfo(settings.time_zone)
    schedule = Schedule(
        cron(settings.nightly.at, settings.time_zone),
        last_night=last_night,
        run=_runner(settings),
        now=lambda: datetime.now(zone),
    )
    on_stop_signal(schedule.stop)
    schedule.serve()

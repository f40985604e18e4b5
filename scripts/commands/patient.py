"""`adhere patient`: enter centres, patients, and what is recorded of a patient.

A command line stands in the shell's history and in the log of sudo: a name, a level and a value can
be typed in instead (`-`).
"""

import json
import os
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from config.errors import Misconfigured
from config.language import _
from config.settings import database_dsn
from ingest.batch.topics import check_code

if TYPE_CHECKING:
    from storage.database import Connection

app = typer.Typer(add_completion=False, no_args_is_help=True)

Person = Annotated[str, typer.Argument(metavar="PERSON", help=_("The person's pseudonym."))]
Code = Annotated[str, typer.Argument(metavar="CODE", help=_("Short name; it never changes."))]
Name = Annotated[str, typer.Option(help=_("The name that people read."))]
ALWAYS = "always"
On = Annotated[str, typer.Option("--on", metavar="DATE", help=_("The local day: 2026-11-22."))]
Correct = Annotated[
    bool,
    typer.Option(
        "--correct", help=_("In place of what was entered for that day; that is kept, unseen.")
    ),
]


@app.callback()
def patient() -> None:
    """Enter centres, patients and their records, in the database that ADHERE_DATABASE_DSN names.

    Entering the same again changes nothing.
    """


@app.command()
def district(code: Code, *, name: Name) -> None:
    """Enter a district, or give it another name."""
    check_code(code)
    with _database() as conn:
        is_new = _put_organisation(conn, "district", code, name, None)
    _answer(code, is_new=is_new)


@app.command()
def centre(
    code: Code,
    *,
    name: Name,
    of_district: Annotated[
        str | None,
        typer.Option("--district", help=_("Code of its district; left out: the only district.")),
    ] = None,
) -> None:
    """Enter a community centre, or give it another name or district."""
    check_code(code)
    with _database() as conn:
        belongs_to = _district(conn, of_district)
        is_new = _put_organisation(conn, "centre", code, name, belongs_to)
    _answer(code, is_new=is_new)


@app.command()
def add(
    person: Person,
    *,
    of_centre: Annotated[str, typer.Option("--centre", help=_("Code of the community centre."))],
    doctor: Annotated[str, typer.Option(help=_("Code of the family doctor."))],
    name: Annotated[
        str | None,
        typer.Option(help=_("The person's name; - : typed in; left out: what stands is kept.")),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help=_("First local day at the centre, or `always`; left out: from now on."),
        ),
    ] = None,
) -> None:
    """Enter a patient, or give one another centre or family doctor.

    A week is judged by the centre of its Monday: a move changes no week that is over.
    """
    from storage import audit, people, registered

    since_utc = None if since in {None, ALWAYS} else _midnight_utc(_day(str(since)))
    if name is not None:
        name = _typed(name)
    with _database() as conn, conn.transaction():
        _require_kind(conn, of_centre, "centre")
        if registered.staff_role(conn, doctor) != "family_doctor":
            raise Misconfigured(_("%(code)s is no family doctor here.") % {"code": doctor})
        stood = registered.registration(conn, person)
        if name is None and stood is not None:
            name = stood.name
        is_new = stood != (of_centre, doctor, name)
        if is_new:
            people.put_patient(
                conn, pseudonym=person, centre=of_centre, family_doctor=doctor, name=name
            )
        if since is not None:
            is_new |= people.move_patient(
                conn, pseudonym=person, centre=of_centre, since_utc=since_utc
            )
        if is_new:
            detail = {"centre": of_centre, "staff": doctor} | ({"since": since} if since else {})
            audit.note_command(conn, action="put_patient", subject=person, detail=detail)
    _answer(person, is_new=is_new)


@app.command()
def consent(
    person: Person,
    purpose: Annotated[str, typer.Argument(metavar="PURPOSE", help=_("What was agreed to."))],
    *,
    version: Annotated[str, typer.Option(help=_("Version of the text that was signed."))],
    on: On,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help=_("It was withdrawn on that day."))
    ] = False,
) -> None:
    """Enter a consent, or that it was withdrawn. Purposes: monitoring, payer, research."""
    from storage import audit, records

    _require_word(purpose, records.PURPOSES)
    day = _day(on)
    action = "withdraw_consent" if withdraw else "put_consent"
    detail = {"purpose": purpose, "version": version, "day": day.isoformat()}
    with _database() as conn, conn.transaction():
        if withdraw:
            is_new = records.withdraw_consent(
                conn, patient=person, purpose=purpose, version=version, withdrawn_on=day
            )
        else:
            is_new = records.put_consent(
                conn, patient=person, purpose=purpose, version=version, given_on=day
            )
        if is_new:
            audit.note_command(conn, action=action, subject=person, detail=detail)
    _answer(person, is_new=is_new)


@app.command()
def risk(
    person: Person,
    level: Annotated[
        str, typer.Argument(metavar="LEVEL", help=_("How risky exercise is; - : typed in."))
    ],
    *,
    method: Annotated[str, typer.Option(help=_("By which questionnaire or test."))],
    on: On,
    correct: Correct = False,
) -> None:
    """Enter how risky exercise was found to be. Levels: low, moderate, high."""
    from storage import audit, records

    level = _typed(level)
    _require_word(level, records.LEVELS)
    day = _day(on)
    enter, action = (
        (records.correct_risk, "correct_risk") if correct else (records.put_risk, "put_risk")
    )
    with _database() as conn, conn.transaction():
        is_new = enter(conn, patient=person, level=level, method=method, assessed_on=day)
        if is_new:
            detail = {"day": day.isoformat()}  # a level is a finding: it stays out of the trail
            audit.note_command(conn, action=action, subject=person, detail=detail)
    _answer(person, is_new=is_new)


@app.command()
def outcome(
    person: Person,
    kind: Annotated[str, typer.Argument(metavar="KIND", help=_("What was measured."))],
    value: Annotated[
        str, typer.Argument(metavar="VALUE", help=_("In the unit of the kind; - : typed in."))
    ],
    *,
    on: On,
    correct: Correct = False,
) -> None:
    """Enter one measurement in the centre.

    Kinds: systolic_mmhg, diastolic_mmhg, fasting_glucose_mmol_l, hba1c_pct, weight_kg.
    """
    from storage import audit, records

    _require_word(kind, records.KINDS)
    day, measured = _day(on), _number(_typed(value))
    enter, action = (
        (records.correct_outcome, "correct_outcome")
        if correct
        else (records.put_outcome, "put_outcome")
    )
    with _database() as conn, conn.transaction():
        is_new = enter(conn, patient=person, kind=kind, value=measured, measured_on=day)
        if is_new:
            detail = {"kind": kind, "day": day.isoformat()}
            audit.note_command(conn, action=action, subject=person, detail=detail)
    _answer(person, is_new=is_new)


@app.command("take-back")
def take_back(
    person: Person,
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help=_("risk, or what was measured: weight_kg."))
    ],
    *,
    on: On,
    method: Annotated[
        str | None, typer.Option(help=_("Of a risk: by which questionnaire or test."))
    ] = None,
) -> None:
    """Take back a risk or a measurement that was entered for the wrong person or day.

    It is shown no more, and kept. Corrected later (--correct), it holds again.
    """
    from storage import audit, records

    _require_word(kind, ("risk", *records.KINDS))
    day = _day(on)
    if (kind == "risk") != (method is not None):
        raise Misconfigured(_("--method is given with a risk, and with nothing else."))
    with _database() as conn, conn.transaction():
        if method is not None:
            is_new = records.correct_risk(
                conn, patient=person, level=None, method=method, assessed_on=day
            )
        else:
            is_new = records.correct_outcome(
                conn, patient=person, kind=kind, value=None, measured_on=day
            )
        if is_new:
            detail = {"kind": kind, "day": day.isoformat()}
            audit.note_command(conn, action="take_record_back", subject=person, detail=detail)
    _answer(person, is_new=is_new)


@app.command()
def show(
    person: Person,
    *,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))] = False,
) -> None:
    """Show a patient's consents, risk assessments and outcomes; the audit trail notes it."""
    from storage import audit, records

    with _database() as conn, conn.transaction():
        found = records.records_of(conn, person)
        audit.note_command(conn, action="read_records", subject=person)
    if as_json:
        listed = {kind: [one._asdict() for one in rows] for kind, rows in found._asdict().items()}
        typer.echo(json.dumps(listed, default=str, ensure_ascii=False))
        return
    lines = [
        _("consent %(purpose)s, text %(version)s, given on %(given)s")
        % {"purpose": one.purpose, "version": one.version, "given": one.given_on}
        + (_(", withdrawn on %(day)s") % {"day": one.withdrawn_on} if one.withdrawn_on else "")
        for one in found.consents
    ]
    lines += [
        _("risk %(level)s on %(day)s, by %(method)s")
        % {"level": one.level, "day": one.assessed_on, "method": one.method}
        + _corrected(one.corrections)
        for one in found.risks
    ]
    lines += [
        f"{one.kind} {one.value:g} {one.measured_on}" + _corrected(one.corrections)
        for one in found.outcomes
    ]
    typer.echo("\n".join(lines) if lines else _("There are none."))


def _database() -> "Connection":
    from storage.database import connect
    from storage.roles import Role

    return connect(
        database_dsn(os.environ).get_secret_value(),
        application="adhere patient",
        role=Role.OPERATOR,
    )


def _put_organisation(
    conn: "Connection", kind: str, code: str, name: str, parent: str | None
) -> bool:
    """Write it where it differs from what stands; what is of another kind stays what it is."""
    from storage import audit, people, registered

    if name is not None:
        name = _typed(name)
    with conn.transaction():
        stood = registered.organisation(conn, code)
        if stood is not None:
            _require_kind(conn, code, kind)
        if stood == (kind, name, parent):
            return False
        if kind == "district":
            people.put_organisation(conn, kind="district", code=code, name=name)
        else:
            people.put_organisation(conn, kind="centre", code=code, name=name, parent=parent)
        audit.note_command(conn, action="put_organisation", subject=code)
    return True


def _district(conn: "Connection", code: str | None) -> str:
    from storage import registered

    if code is not None:
        _require_kind(conn, code, "district")
        return code
    known = registered.districts(conn)
    if not known:
        raise Misconfigured(_("There is no district yet: enter it with `adhere patient district`."))
    if len(known) > 1:
        raise Misconfigured(
            _("There are several districts: name one with --district (%(codes)s).")
            % {"codes": ", ".join(known)}
        )
    return known[0]


def _require_kind(conn: "Connection", code: str, kind: str) -> None:
    from storage import registered

    stands = registered.organisation(conn, code)
    if stands is None and kind == "district":
        raise Misconfigured(_("There is no district %(code)s.") % {"code": code})
    if stands is None:
        raise Misconfigured(_("There is no centre %(centre)s.") % {"centre": code})
    if stands.kind != kind:
        raise Misconfigured(
            _("%(code)s is an organisation of another kind: write another code.") % {"code": code}
        )


def _require_word(given: str, known: tuple[str, ...]) -> None:
    if given not in known:  # what was typed is not shown: it may be a value in the wrong place
        raise Misconfigured(_("Write one of these: %(known)s.") % {"known": ", ".join(known)})


def _typed(given: str) -> str:
    return str(typer.prompt(_("Type it in"), err=True)).strip() if given == "-" else given


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        # Without the cause: it would show what was read.
        raise Misconfigured(_("VALUE is a number, as 61.5.")) from None


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Misconfigured(
            _("%(text)s is no day: write it as 2026-09-01") % {"text": text}
        ) from None
    # A slip of the year is caught here. East of Greenwich a local day begins before that of UTC.
    if day > (datetime.now(UTC) + timedelta(hours=14)).date():
        raise Misconfigured(_("%(day)s is yet to come.") % {"day": day})
    return day


def _corrected(times: int) -> str:
    return _(", corrected") if times else ""


def _midnight_utc(day: date) -> datetime:
    """Return when a local day begins."""
    from config.conventions import load_conventions

    offset = timedelta(minutes=load_conventions().utc_offset_min)
    return datetime(day.year, day.month, day.day, tzinfo=UTC) - offset


def _answer(subject: str, *, is_new: bool) -> None:
    text = _("%(subject)s: written.") if is_new else _("%(subject)s: it stands so already.")
    typer.echo(text % {"subject": subject})

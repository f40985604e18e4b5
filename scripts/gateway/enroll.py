"""`adhere gateway enroll`: make a box and a district known to each other."""

import json
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.district_settings import DistrictSettings
from config.errors import Misconfigured
from config.language import _
from config.settings import load_district
from ingest.batch.topics import check_code
from ingest.gateway import CA_FILE, ENROLMENT_FILE, KEY_FILE

if TYPE_CHECKING:
    from ingest.batch.enrolment import Answer, Request
    from ingest.batch.keys import Keys

app = typer.Typer(no_args_is_help=True)

DistrictFile = Annotated[
    Path, typer.Option("--settings", help=_("The district's settings file (TOML)."))
]
DEFAULT_DISTRICT = Path("/etc/adhere/district.toml")
DataDir = Annotated[Path, typer.Option("--data-dir", help=_("The gateway's data folder."))]
DEFAULT_DATA = Path("/var/lib/adhere")
AnswerFile = Annotated[Path, typer.Option(help=_("The answer file to write."))]
DEFAULT_ANSWER = Path("answer.json")
BrokerHost = Annotated[
    str | None, typer.Option(help=_("The broker as the box reaches it; else as the hub does."))
]
BrokerPort = Annotated[
    int | None, typer.Option(min=1, max=65_535, help=_("Its port; else as the hub's."))
]
Compared = Annotated[
    bool, typer.Option("--compared", help=_("The fingerprints were compared: do not ask."))
]


@app.command()
def request(
    data_dir: DataDir = DEFAULT_DATA,
    out: Annotated[Path, typer.Option(help=_("The request file to write."))] = Path("request.json"),
    *,
    new_keys: Annotated[
        bool,
        typer.Option("--new-keys", help=_("Ask with new keys: the old ones were revoked.")),
    ] = False,
) -> None:
    """On the box: make its keys, once, and the request to take to the district."""
    from ingest.batch.enrolment import dump, make_request
    from ingest.batch.keys import load_keys, make_keys, save_keys
    from ingest.gateway.box_keys import give_to_owner, next_keys

    key_file = data_dir / KEY_FILE
    if not key_file.exists():
        with writing(key_file):
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            save_keys(key_file, make_keys())
            give_to_owner(key_file)
    with writing(data_dir):
        keys = next_keys(data_dir) if new_keys else load_keys(key_file)
    with writing(out):
        out.write_bytes(dump(make_request(keys)))
    typer.echo(_("Take %(path)s to the district.") % {"path": out})
    say_fingerprint(_("Fingerprint of this box, to read aloud:"), keys.public.fingerprint)


@app.command()
def answer(
    request_file: Annotated[Path, typer.Argument(help=_("The box's request file."))],
    centre: Annotated[str, typer.Option(help=_("The centre's short name."))],
    gateway: Annotated[str, typer.Option(help=_("The box's short name in its centre."))],
    settings: DistrictFile = DEFAULT_DISTRICT,
    out: AnswerFile = DEFAULT_ANSWER,
    broker_host: BrokerHost = None,
    broker_port: BrokerPort = None,
    *,
    compared: Compared = False,
) -> None:
    """In the district: enroll the box under its name, and write the answer to take back."""
    from ingest.batch.enrolment import dump, load_request
    from ingest.batch.keys import load_keys, raw
    from ingest.hub import HUB_KEY_FILE
    from storage import audit
    from storage.database import connect
    from storage.gateways import enrol_gateway
    from storage.roles import Role

    district = load_district(settings, os.environ)
    hub = load_keys(district.data_dir / HUB_KEY_FILE)
    asked = load_request(request_file)
    answered = answer_to(
        asked, district, hub, centre=centre, gateway=gateway, broker=(broker_host, broker_port)
    )
    say_fingerprint(_("Fingerprint of the box that asks:"), asked.keys.fingerprint)
    if not compared:
        question = _("Does the box show the same digits?")
        typer.confirm(question, abort=True)
    with connect(district.database_dsn.get_secret_value(), role=Role.OPERATOR) as conn:
        enrol_gateway(
            conn,
            centre=centre,
            gateway=gateway,
            signing_key=raw(asked.keys.signing),
            encryption_key=raw(asked.keys.encryption),
        )
        audit.note_command(conn, action="enrol_gateway", subject=f"{centre}/{gateway}")
    with writing(out):
        out.write_bytes(dump(answered))
    typer.echo(_("Take %(path)s to the box.") % {"path": out})
    say_fingerprint(_("Fingerprint of the hub, to read aloud:"), hub.public.fingerprint)


@app.command()
def accept(
    answer_file: Annotated[Path, typer.Argument(help=_("The district's answer file."))],
    data_dir: DataDir = DEFAULT_DATA,
    settings: Annotated[
        Path | None, typer.Option(help=_("Write a settings file for this box, if there is none."))
    ] = None,
    *,
    compared: Compared = False,
) -> None:
    """On the box: trust the district's hub, and be what it calls this box."""
    from ingest.batch.enrolment import dump, load_answer
    from ingest.gateway.box_keys import finish_change, give_to_owner, keys_answered

    accepted = load_answer(answer_file, keys_answered(data_dir, answer_file))
    say_fingerprint(_("Fingerprint of the hub that answers:"), accepted.hub_keys.fingerprint)
    if not compared:
        question = _("Does the district show the same digits?")
        typer.confirm(question, abort=True)
    if accepted.ca_pem is not None:
        with writing(data_dir / CA_FILE):
            (data_dir / CA_FILE).write_text(accepted.ca_pem, "utf-8")
            give_to_owner(data_dir / CA_FILE)
    if settings is not None and (given := _settings_with(accepted, data_dir, settings)) is not None:
        with writing(settings):
            settings.write_text(given, "utf-8")
    with writing(data_dir / ENROLMENT_FILE):
        part = data_dir / f".{ENROLMENT_FILE}"
        with part.open("wb") as file:
            file.write(dump(accepted))
            file.flush()
            os.fsync(file.fileno())
        give_to_owner(part)
        part.replace(data_dir / ENROLMENT_FILE)
        has_new_keys = finish_change(data_dir)
    typer.echo(
        _("This box is %(gateway)s in %(centre)s.")
        % {"gateway": accepted.gateway, "centre": accepted.centre}
    )
    if has_new_keys:
        typer.echo(_("It has new keys; start the gateway anew, so that it goes by them."))


def answer_to(
    asked: "Request",
    district: DistrictSettings,
    hub: "Keys",
    *,
    centre: str,
    gateway: str,
    broker: tuple[str | None, int | None],
) -> "Answer":
    """Return the district's signed answer; `broker` is host and port where boxes have their own."""
    from ingest.batch.enrolment import Answer

    tls, (host, port) = district.broker.tls, broker
    return Answer.signed(
        hub,
        asked,
        centre=check_code(centre),
        gateway=check_code(gateway),
        broker_host=host or district.broker.host,
        broker_port=port or district.broker.port,
        ca_pem=None if tls is None else _text(tls.ca_file),
    )


def _settings_with(accepted: "Answer", data_dir: Path, path: Path) -> str | None:
    """Return what to write as settings: a file that names no centre yet gets who the box is.

    None: the box has settings of its own, and they stay.
    """
    if not path.exists():
        return _settings_of(accepted, data_dir)
    rest = _text(path)
    try:
        said = tomllib.loads(rest)
    except tomllib.TOMLDecodeError:
        return None  # who runs the gateway is told what is wrong with it
    if said.keys() & {"centre", "gateway", "data_dir", "broker"}:
        return None
    who = _settings_of(accepted, data_dir)
    top, tables = _cut_at_tables(rest)
    return f"{top}{who}\n{tables}"


def _cut_at_tables(text: str) -> tuple[str, str]:
    """Cut a TOML text before the comment or table with which its tables begin."""
    lines = text.splitlines(keepends=True)
    first = next((n for n, line in enumerate(lines) if line.lstrip().startswith("[")), len(lines))
    while first and lines[first - 1].startswith("#"):
        first -= 1
    return "".join(lines[:first]), "".join(lines[first:])


def _settings_of(accepted: "Answer", data_dir: Path) -> str:
    """Return a settings file; a JSON string is a TOML string too."""
    lines = [
        f"centre = {json.dumps(accepted.centre)}",
        f"gateway = {json.dumps(accepted.gateway)}",
        f"data_dir = {json.dumps(str(data_dir.resolve()))}",
        "",
        "[broker]",
        f"host = {json.dumps(accepted.broker_host)}",
        f"port = {accepted.broker_port}",
    ]
    if accepted.ca_pem is not None:
        ca_file = str((data_dir / CA_FILE).resolve())
        lines += ["", "[broker.tls]", f"ca_file = {json.dumps(ca_file)}"]
    return "\n".join([*lines, ""])


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(_("%(path)s cannot be read.") % {"path": path}) from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say of a path that cannot be written what is wrong."""
    try:
        yield
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be written: %(fault)s") % {"path": path, "fault": error.strerror}
        ) from error


def say_fingerprint(what: str, digits: str) -> None:
    """Show digits that two people are to compare."""
    typer.echo(what)
    typer.echo(f"  {digits}")

"""`adhere gateway enroll`: make a box and a district known to each other."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.errors import Misconfigured
from config.language import _
from config.settings import load_district
from ingest.batch.topics import check_code
from ingest.gateway import CA_FILE, ENROLMENT_FILE, KEY_FILE

if TYPE_CHECKING:
    from ingest.batch.enrolment import Answer

app = typer.Typer(no_args_is_help=True)

DistrictFile = Annotated[
    Path, typer.Option("--settings", help=_("The district's settings file (TOML)."))
]
DEFAULT_DISTRICT = Path("/etc/adhere/district.toml")
DataDir = Annotated[Path, typer.Option("--data-dir", help=_("The gateway's data folder."))]
DEFAULT_DATA = Path("/var/lib/adhere")


@app.command()
def request(
    data_dir: DataDir = DEFAULT_DATA,
    out: Annotated[Path, typer.Option(help=_("The request file to write."))] = Path("request.json"),
) -> None:
    """On the box: make its keys, once, and the request to take to the district."""
    from ingest.batch.enrolment import dump, make_request
    from ingest.batch.keys import load_keys, make_keys, save_keys

    key_file = data_dir / KEY_FILE
    if not key_file.exists():
        with _writing(key_file):
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            save_keys(key_file, make_keys())
    keys = load_keys(key_file)
    with _writing(out):
        out.write_bytes(dump(make_request(keys)))
    typer.echo(_("Take %(path)s to the district.") % {"path": out})
    _say_fingerprint(_("Fingerprint of this box, to read aloud:"), keys.public.fingerprint)


@app.command()
def answer(
    request_file: Annotated[Path, typer.Argument(help=_("The box's request file."))],
    centre: Annotated[str, typer.Option(help=_("The centre's short name."))],
    gateway: Annotated[str, typer.Option(help=_("The box's short name in its centre."))],
    settings: DistrictFile = DEFAULT_DISTRICT,
    out: Annotated[Path, typer.Option(help=_("The answer file to write."))] = Path("answer.json"),
    broker_host: Annotated[
        str | None, typer.Option(help=_("The broker as the box reaches it; else as the hub does."))
    ] = None,
    broker_port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help=_("Its port; else as the hub's."))
    ] = None,
    *,
    compared: Annotated[
        bool, typer.Option("--compared", help=_("The fingerprints were compared: do not ask."))
    ] = False,
) -> None:
    """In the district: enroll the box under its name, and write the answer to take back."""
    from ingest.batch.enrolment import Answer, dump, load_request
    from ingest.batch.keys import load_keys, raw
    from ingest.hub import HUB_KEY_FILE
    from storage.database import connect
    from storage.gateways import enrol_gateway

    district = load_district(settings, os.environ)
    hub = load_keys(district.data_dir / HUB_KEY_FILE)
    asked = load_request(request_file)
    tls = district.broker.tls
    answered = Answer.signed(
        hub,
        asked,
        centre=check_code(centre),
        gateway=check_code(gateway),
        broker_host=broker_host or district.broker.host,
        broker_port=broker_port or district.broker.port,
        ca_pem=None if tls is None else _text(tls.ca_file),
    )
    _say_fingerprint(_("Fingerprint of the box that asks:"), asked.keys.fingerprint)
    if not compared:
        question = _("Does the box show the same digits?")
        typer.confirm(question, abort=True)
    with connect(district.database_dsn.get_secret_value()) as conn:
        enrol_gateway(
            conn,
            centre=centre,
            gateway=gateway,
            signing_key=raw(asked.keys.signing),
            encryption_key=raw(asked.keys.encryption),
        )
    with _writing(out):
        out.write_bytes(dump(answered))
    typer.echo(_("Take %(path)s to the box.") % {"path": out})
    _say_fingerprint(_("Fingerprint of the hub, to read aloud:"), hub.public.fingerprint)


@app.command()
def accept(
    answer_file: Annotated[Path, typer.Argument(help=_("The district's answer file."))],
    data_dir: DataDir = DEFAULT_DATA,
    settings: Annotated[
        Path | None, typer.Option(help=_("Write a settings file for this box, if there is none."))
    ] = None,
    *,
    compared: Annotated[
        bool, typer.Option("--compared", help=_("The fingerprints were compared: do not ask."))
    ] = False,
) -> None:
    """On the box: trust the district's hub, and be what it calls this box."""
    from ingest.batch.enrolment import dump, load_answer
    from ingest.batch.keys import load_keys

    accepted = load_answer(answer_file, load_keys(data_dir / KEY_FILE))
    _say_fingerprint(_("Fingerprint of the hub that answers:"), accepted.hub_keys.fingerprint)
    if not compared:
        question = _("Does the district show the same digits?")
        typer.confirm(question, abort=True)
    if accepted.ca_pem is not None:
        with _writing(data_dir / CA_FILE):
            (data_dir / CA_FILE).write_text(accepted.ca_pem, "utf-8")
    if settings is not None and not settings.exists():
        with _writing(settings):
            settings.write_text(_settings_of(accepted, data_dir), "utf-8")
    with _writing(data_dir / ENROLMENT_FILE):
        part = data_dir / f".{ENROLMENT_FILE}"
        part.write_bytes(dump(accepted))
        part.replace(data_dir / ENROLMENT_FILE)
    typer.echo(
        _("This box is %(gateway)s in %(centre)s.")
        % {"gateway": accepted.gateway, "centre": accepted.centre}
    )


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
        lines += [
            "",
            "[broker.tls]",
            f"ca_file = {json.dumps(str((data_dir / CA_FILE).resolve()))}",
        ]
    return "\n".join([*lines, ""])


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(_("%(path)s cannot be read.") % {"path": path}) from error


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be written: %(fault)s") % {"path": path, "fault": error.strerror}
        ) from error


def _say_fingerprint(what: str, digits: str) -> None:
    typer.echo(what)
    typer.echo(f"  {digits}")

"""`adhere gateway enroll rotate` and `confirm`: new keys for a box that is enrolled."""

import os
from pathlib import Path
from typing import Annotated

import typer

from config.language import _
from config.settings import load_district
from ingest.gateway import ENROLMENT_FILE
from scripts.gateway.enroll import (
    DEFAULT_ANSWER,
    DEFAULT_DATA,
    DEFAULT_DISTRICT,
    AnswerFile,
    BrokerHost,
    BrokerPort,
    Compared,
    DataDir,
    DistrictFile,
    answer_to,
    app,
    say_fingerprint,
    writing,
)

__all__ = ["app"]


@app.command()
def rotate(
    data_dir: DataDir = DEFAULT_DATA,
    out: Annotated[Path, typer.Option(help=_("The request file to write."))] = Path(
        "rotation.json"
    ),
) -> None:
    """On the box: make new keys, and the request to take to the district, signed by both."""
    from ingest.batch.enrolment import load_answer
    from ingest.batch.rotation import dump_rotation, make_rotation
    from ingest.gateway.box_keys import load_box_keys, next_keys

    keys = load_box_keys(data_dir)
    known_as = load_answer(data_dir / ENROLMENT_FILE, keys)
    with writing(data_dir):
        new = next_keys(data_dir)
    with writing(out):
        asked = make_rotation(keys, new, centre=known_as.centre, gateway=known_as.gateway)
        out.write_bytes(dump_rotation(asked))
    typer.echo(_("Take %(path)s to the district.") % {"path": out})
    say_fingerprint(_("Fingerprint of this box's new keys, to read aloud:"), new.public.fingerprint)
    typer.echo(_("Until the answer is accepted the box goes by the keys it has."))


@app.command()
def confirm(
    rotation_file: Annotated[Path, typer.Argument(help=_("The box's request for new keys."))],
    settings: DistrictFile = DEFAULT_DISTRICT,
    out: AnswerFile = DEFAULT_ANSWER,
    broker_host: BrokerHost = None,
    broker_port: BrokerPort = None,
    *,
    compared: Compared = False,
) -> None:
    """In the district: let a box have new keys beside those it has, and write the answer."""
    from ingest.batch.enrolment import dump
    from ingest.batch.keys import load_keys, raw
    from ingest.batch.rotation import load_rotation
    from ingest.hub import HUB_KEY_FILE
    from storage import audit
    from storage.database import connect
    from storage.gateways import add_gateway_key
    from storage.roles import Role

    district = load_district(settings, os.environ)
    hub = load_keys(district.data_dir / HUB_KEY_FILE)
    asked = load_rotation(rotation_file)
    answered = answer_to(
        asked.as_request,
        district,
        hub,
        centre=asked.centre,
        gateway=asked.gateway,
        broker=(broker_host, broker_port),
    )
    typer.echo(
        _("%(gateway)s in %(centre)s asks for new keys.")
        % {"gateway": asked.gateway, "centre": asked.centre}
    )
    say_fingerprint(_("Fingerprint of the new keys:"), asked.keys.fingerprint)
    if not compared:
        question = _("Does the box show the same digits?")
        typer.confirm(question, abort=True)
    with connect(district.database_dsn.get_secret_value(), role=Role.OPERATOR) as conn:
        add_gateway_key(
            conn,
            centre=asked.centre,
            gateway=asked.gateway,
            former_signing_key=bytes.fromhex(asked.former_signing_key),
            signing_key=raw(asked.keys.signing),
            encryption_key=raw(asked.keys.encryption),
        )
        subject = f"{asked.centre}/{asked.gateway}"
        audit.note_command(conn, action="add_gateway_key", subject=subject)
    with writing(out):
        out.write_bytes(dump(answered))
    typer.echo(_("Take %(path)s to the box.") % {"path": out})
    say_fingerprint(_("Fingerprint of the hub, to read aloud:"), hub.public.fingerprint)
    ending = f"adhere gateway enroll retire {asked.centre} {asked.gateway}"
    typer.echo(
        _("Both hold now. Once the box goes by the new ones: %(ending)s") % {"ending": ending}
    )

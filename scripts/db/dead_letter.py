"""`adhere db dead-letter`: read what could not be taken, and have it read again."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.errors import Misconfigured
from config.language import _
from config.settings import database_dsn, load_district
from storage.roles import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.batch.to_hub import HubSecrets
    from storage.dead_letters import DeadLetter

app = typer.Typer(no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))]
SettingsFile = Annotated[
    Path, typer.Option("--settings", help=_("The district's settings file (TOML)."))
]
DEFAULT_SETTINGS = Path("/etc/adhere/district.toml")
DROPPED = "bytes_dropped"
"""Its bytes are no longer kept: there is nothing to try."""


def _dsn() -> str:
    return database_dsn(os.environ).get_secret_value()


@app.callback()
def dead_letter() -> None:
    """Read what could not be taken, and have it read again."""


@app.command("list")
def list_(
    reason: Annotated[
        str | None, typer.Option(help=_("Only this reason, such as bad_signature."))
    ] = None,
    gateway: Annotated[
        str | None, typer.Option(help=_("Only on topics of this gateway: CODE or CENTRE/CODE."))
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help=_("How many, the latest first."))] = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """List dead letters, the latest first, without their bytes."""
    from storage.database import connect
    from storage.dead_letters import latest
    from storage.ledger import gateway_id_of

    with connect(_dsn(), application="adhere db", role=Role.OPERATOR) as conn:
        of = None if gateway is None else [gateway_id_of(conn, gateway)]
        letters = latest(conn, reason=reason, gateway_ids=of, limit=limit)
    if as_json:
        typer.echo(json.dumps([letter._asdict() for letter in letters], default=str))
        return
    for letter in letters:
        typer.echo(_in_a_line(letter))
    if not letters:
        typer.echo(_("There are no dead letters."))


@app.command()
def show(
    letter_id: Annotated[int, typer.Argument(metavar="ID", help=_("The number from the list."))],
    output: Annotated[
        Path | None, typer.Option(help=_("Write the bytes that came to this new file."))
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter; its bytes go to a file, never to the terminal."""
    from storage.database import connect
    from storage.dead_letters import bytes_of, one

    with connect(_dsn(), application="adhere db", role=Role.OPERATOR) as conn:
        letter = one(conn, letter_id)
        data = bytes_of(conn, letter_id)
    if output is not None:
        if letter.bytes_dropped_at is not None:
            raise Misconfigured(
                _("The bytes of dead letter %(id)d are no longer kept: dropped %(at)s.")
                % {"id": letter_id, "at": letter.bytes_dropped_at.isoformat(timespec="seconds")}
            )
        try:
            with output.open("xb") as file:
                file.write(data)
        except OSError as error:
            raise Misconfigured(
                _("%(path)s cannot be written: %(fault)s")
                % {"path": output, "fault": error.strerror}
            ) from error
    if as_json:
        typer.echo(json.dumps(letter._asdict(), default=str))
        return
    for name, value in letter._asdict().items():
        typer.echo(f"{name}: {'-' if value is None else value}")
    if letter.bytes_dropped_at is None and len(data) < letter.full_length:
        typer.echo(
            _("Of %(full)d bytes the first %(kept)d were kept.")
            % {"full": letter.full_length, "kept": len(data)},
            file=sys.stderr,
        )


@app.command()
def retry(
    letter_id: Annotated[
        int | None, typer.Argument(metavar="[ID]", help=_("The number from the list."))
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(help=_("All of this reason that no retry has settled, the oldest first.")),
    ] = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    *,
    as_json: AsJson = False,
) -> None:
    """Have letters read again by the hub's keys, and store what can be: after a repair.

    Run it as the hub's account, which may read its keys. A second try changes nothing.
    """
    from storage.database import connect
    from storage.dead_letters import SETTLED, kept, mark_retried, to_retry

    if (letter_id is None) == (reason is None):
        raise Misconfigured(_("Say which: a number from the list, or --reason."))
    secrets = _secrets(settings)
    answers = []
    with connect(_dsn(), application="adhere db retry", role=Role.HUB) as conn:
        from ingest.hub.retry import retry as retry_one

        letters: Sequence[int] = (
            [letter_id] if letter_id is not None else to_retry(conn, reason or "")
        )
        for each in letters:
            letter = kept(conn, each)
            if letter.is_dropped:
                outcome = now = letter.settled or DROPPED
                detail = ""
            else:
                retried = retry_one(conn, letter, secrets)
                now, detail = retried.outcome, retried.detail
                outcome = mark_retried(conn, each, now, detail, batch=retried.batch)
            answers.append({"id": each, "outcome": outcome, "now": now, "detail": detail})
            if not as_json:
                typer.echo(_("%(id)d: %(outcome)s %(detail)s") % answers[-1])
    if as_json:
        typer.echo(json.dumps(answers))
    elif not answers:
        typer.echo(_("There are no dead letters of this reason to try again."))
    if any(answer["now"] not in SETTLED for answer in answers):
        raise typer.Exit(1)


def _secrets(settings: Path) -> "HubSecrets":
    from ingest.batch.to_hub import HubSecrets
    from ingest.hub.keys import load_hub_keys

    _keys, reads_with = load_hub_keys(load_district(settings, os.environ).data_dir)
    return HubSecrets(reads_with)


def _in_a_line(letter: "DeadLetter") -> str:
    line = _(
        "%(id)d: %(reason)s on %(topic)s, %(times)d times, last %(last)s, %(length)d bytes"
    ) % {
        "id": letter.id,
        "reason": letter.reason,
        "topic": letter.topic,
        "times": letter.times_seen,
        "last": letter.last_seen_at.isoformat(timespec="seconds"),
        "length": letter.full_length,
    }
    if letter.retry_outcome is None:
        return line
    return line + "; " + _("tried again: %(outcome)s") % {"outcome": letter.retry_outcome}

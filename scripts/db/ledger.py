"""`adhere db ledger`: what each gateway has sealed, what is here of it, what is missing and why."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from config.errors import Misconfigured, Rejected
from config.language import _
from config.settings import database_dsn
from storage.roles import Role

if TYPE_CHECKING:
    from storage.database import Connection
    from storage.ledger import Box, Counted, Finding, Gap, Hour

LATELY = timedelta(days=1)
MOST_GAPS, MOST_FINDINGS = 1_000, 1_000


def ledger(
    gateway: Annotated[
        str | None, typer.Option(help=_("One gateway, hour by hour: CODE or CENTRE/CODE."))
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help=_("From this time on (2026-11-01 or 2026-11-01T08:00, UTC); one day.")),
    ] = None,
    *,
    anew: Annotated[
        bool, typer.Option("--anew", help=_("First forget the counts, count every batch again."))
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))] = False,
) -> None:
    """Show readings by gateway: expected = stored + declared lost + pending; gaps and findings.

    Exit 1 where anything is held against a box that no operator has taken note of, or where the
    ledger cannot be counted; 4 where somebody else is counting for longer than it waits.
    """
    from storage import ledger as kept
    from storage.database import connect

    until = datetime.now(UTC) + timedelta(minutes=5)
    begin = _moment(since) if since is not None else until - LATELY
    dsn = database_dsn(os.environ).get_secret_value()
    with connect(dsn, application="adhere db ledger", role=Role.OPERATOR) as conn:
        fault = _count(conn, anew=anew)
        uncounted = kept.uncounted(conn) if fault else 0
        of = None if gateway is None else [kept.gateway_id_of(conn, gateway)]
        boxes = kept.boxes(conn, begin, until, gateway_ids=of)
        hours = kept.hours(conn, begin, until, gateway_ids=of) if of is not None or as_json else []
        gaps = kept.gaps(conn, gateway_ids=of, limit=MOST_GAPS)
        findings = kept.findings(conn, gateway_ids=of, limit=MOST_FINDINGS)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "since": begin.isoformat(),
                    "until": until.isoformat(),
                    "uncounted_batches": uncounted,
                    "gateways": [_flat(box) for box in boxes],
                    "hours": [_flat(hour) for hour in hours],
                    "gaps": [gap._asdict() for gap in gaps],
                    "findings": [finding._asdict() for finding in findings],
                },
                default=str,
            )
        )
    else:
        for text in (
            *map(_box_line, boxes),
            *map(_hour_line, hours),
            *map(_gap_line, gaps),
            *map(_finding_line, findings),
        ):
            typer.echo(text)
        if not boxes:
            typer.echo(_("No gateway is enrolled."))
    if fault:
        typer.echo(
            _("The ledger cannot be counted (%(why)s): %(count)d batches are in no sum.")
            % {"why": fault, "count": uncounted},
            err=True,
        )
    if fault or any(finding.seen_at is None for finding in findings):
        raise typer.Exit(1)


def _count(conn: "Connection", *, anew: bool) -> str | None:
    """Count what is due, or everything; return why that cannot be done, None where it is done."""
    from storage import ledger as kept

    try:
        if anew:
            kept.count_anew(conn, patience_s=kept.PATIENCE_S)
        else:
            kept.count_all(conn, patience_s=kept.PATIENCE_S)
    except Rejected as error:
        return str(error)
    return None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Misconfigured(
            _("%(text)s is no time: write 2026-11-01 or 2026-11-01T08:00.") % {"text": text}
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _flat(row: "Box | Hour") -> Mapping[str, object]:
    """Put the counts beside the names."""
    items: dict[str, object] = row._asdict()
    del items["counted"]
    return items | row.counted._asdict()


def _sums(counted: "Counted") -> str:
    """Say it as a sum; what nobody knows is said so."""
    line = _(
        "expected %(expected)s = stored %(stored)d + declared lost %(lost)d + pending %(pending)d"
    ) % {
        "expected": _("unknown") if counted.expected is None else counted.expected,
        "stored": counted.stored,
        "lost": counted.lost,
        "pending": counted.pending,
    }
    if counted.unknown_batches:
        count = {"count": counted.unknown_batches}
        line += " + " + _("%(count)d batches of unknown size") % count
    return line


def _box_line(box: "Box") -> str:
    on_box = _("unknown") if box.on_box is None else box.on_box
    last = box.last_batch_at
    return (
        f"{box.centre}/{box.gateway}: {_sums(box.counted)}; "
        + _("on the box %(on_box)s; last batch %(last)s; %(gaps)d gaps, %(findings)d findings")
        % {
            "on_box": on_box,
            "last": _("never") if last is None else last.isoformat(timespec="seconds"),
            "gaps": box.gaps,
            "findings": box.findings,
        }
        + ("; " + _("down: it may have sealed more") if box.is_online is False else "")
    )


def _hour_line(hour: "Hour") -> str:
    return f"  {hour.hour.isoformat(timespec='minutes')} {_sums(hour.counted)}"


def _gap_line(gap: "Gap") -> str:
    return _(
        "gap: %(gateway)s, spool %(boot)s, batches %(first)d to %(last)d,"
        " readings %(readings)s, declared lost %(lost)s, sealed between %(after)s and %(before)s"
    ) % {
        "gateway": f"{gap.centre}/{gap.gateway}",
        "boot": gap.boot[:8],
        "first": gap.first_seq,
        "last": gap.last_seq,
        "readings": _("unknown") if gap.readings is None else gap.readings,
        "lost": _("unknown") if gap.lost is None else gap.lost,
        "after": "-" if gap.after_at is None else gap.after_at.isoformat(timespec="seconds"),
        "before": gap.before_at.isoformat(timespec="seconds"),
    }


def _finding_line(finding: "Finding") -> str:
    if finding.dead_letter is not None:
        where = _("dead letter %(id)d") % {"id": finding.dead_letter}
    else:
        where = _("spool %(boot)s, batch %(seq)d") % {
            "boot": str(finding.boot)[:8],
            "seq": finding.seq or 0,
        }
    seen = finding.seen_by or _("nobody has taken note of it")
    return f"{finding.kind}: {finding.centre}/{finding.gateway}, {where}, {seen}"

"""One night: recompute, and write the workbook once.

The same night over the same results is one row and one file; later data makes a revision with a
file of its own. One runner at a time, by an advisory lock that ends with its connection.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from config.conventions import Conventions, load_conventions
from config.errors import Misconfigured, Rejected, Unavailable
from config.language import _
from config.schemes import Scheme
from reports.nightly.content import content_of
from reports.nightly.evidence import sha256_of_facts
from reports.nightly.files import clear_unfinished, put_file, require_unchanged
from reports.nightly.quality import as_rows, of_rows
from reports.nightly.recompute import Recomputed, recompute
from reports.nightly.refused import Refused, refused_versions
from reports.nightly.weeks import OpeningHours
from reports.payment.store import evaluate_due
from reports.workbook.book import build_workbook
from reports.workbook.content import Content, Coverage
from storage import audit_chain, ledger
from storage.database import Connection, border, exclusively, snapshot, working_as
from storage.queries import query
from storage.roles import Role

log = structlog.get_logger()

SEALING_PATIENCE_S = 15.0
"""Whoever writes into the trail for longer is sealed by the next night."""


@dataclass(frozen=True)
class Night:
    """What became of one night."""

    night: date
    revision: int
    is_new: bool
    """False: this night had been reported over the same results, nothing was written."""
    workbook: Path
    workbook_sha256: bytes
    input_sha256: bytes
    method_version: str
    conventions_sha256: bytes
    patients: int
    patient_weeks: int
    met: int
    not_met: int
    cannot_judge: int
    recomputed: Recomputed
    lines: int
    """Payable lines shown, zero ones too; 0 without a payment scheme."""
    amount: Decimal
    """What of them is payable, yuan."""
    refused: tuple[Refused, ...]
    """Versions of prescriptions that nothing is judged by, for somebody to put right."""


@contextmanager
def only_runner(conn: Connection) -> Iterator[None]:
    """Hold the night's lock; raise Unavailable if another process holds it."""
    with exclusively(conn, "nightly") as mine:
        if not mine:
            raise Unavailable(_("another nightly run is at work: wait until it has finished"))
        yield


def last_finished_night(conn: Connection) -> date | None:
    """Return the newest night that was reported, None before the first."""
    with border():
        row = conn.execute(query("last_night")).fetchone()
    return row[0] if row and isinstance(row[0], date) else None


def run_night(
    conn: Connection,
    night: date,
    report_dir: Path,
    language: str,
    *,
    zone_name: str = "Asia/Shanghai",
    opening: OpeningHours | None = None,
    schemes: Sequence[Scheme] = (),
    with_side: bool = False,
) -> Night:
    """Recompute, evaluate the payment schemes, and report up to the end of the local day `night`.

    `with_side`: the workbook shows side figures, and so is for those who treat; not with `schemes`,
    whose workbook a payer reads.

    `conn` is in autocommit; its login is a member of the roles of core and of reports, and works as
    each for its part. Running it again changes nothing until results have changed. Raises
    Unavailable while another runner is at work.
    """
    conventions = load_conventions()
    opening = opening or OpeningHours()
    started_at = datetime.now(UTC)
    with only_runner(conn):
        clear_unfinished(report_dir)
        with working_as(conn, Role.CORE):
            recomputed = recompute(conn, through=night, conventions=conventions, opening=opening)
            _seal_audit(conn)
        counted_to = recomputed.through or night
        with working_as(conn, Role.REPORTS):
            evaluate_due(conn, schemes, counted_to)
            is_counted = _count_ledger(conn)
        with working_as(conn, Role.REPORTS), snapshot(conn):
            content = content_of(
                conn,
                night,
                conventions,
                opening,
                zone_name=zone_name,
                schemes=schemes,
                counted_to=counted_to,
                with_side=with_side and not schemes,
            )
            if not is_counted:
                content = replace(content, uncounted_batches=ledger.uncounted(conn) or None)
            refused = refused_versions(conn, night)
            done = _report(
                conn, content, conventions, report_dir, language, zone_name, started_at, recomputed
            )
    done = replace(done, refused=refused)
    if refused:
        log.warning("versions_refused", versions=len(refused))
    log.info(
        "night_done",
        night=str(night),
        revision=done.revision,
        is_new=done.is_new,
        workbook=done.workbook.name,
        patient_weeks=done.patient_weeks,
        lines=done.lines,
    )
    return done


def _seal_audit(conn: Connection) -> None:
    """Seal the audit trail, whose newest block the cover names; a report does not wait for it."""
    try:
        audit_chain.seal(conn, patience_s=SEALING_PATIENCE_S)
    except Unavailable as error:
        log.warning("audit_not_sealed", error=str(error))


def _count_ledger(conn: Connection) -> bool:
    """Count all that is due; where that cannot be done the report says so and does not wait."""
    try:
        ledger.count_all(conn, patience_s=ledger.PATIENCE_S)
    except (Rejected, Unavailable) as error:
        log.error("ledger_not_counted", why=str(error))  # noqa: TRY400 - as said
        return False
    return True


def _report(
    conn: Connection,
    content: Content,
    conventions: Conventions,
    report_dir: Path,
    language: str,
    zone_name: str,
    started_at: datetime,
    recomputed: Recomputed,
) -> Night:
    """Find this night's report, or write it: the file first, then the row that names it.

    A run killed between the two leaves a file nobody names, with the hash of its bytes in its name.
    """
    facts = {"data": content.input_sha256.hex(), "language": language}
    terms = {
        "night": content.night,
        "input_sha256": sha256_of_facts(facts),
        "language": language,
    }
    row = conn.execute(query("find_run"), terms).fetchone()
    if not row and content.uncounted_batches is not None:
        # Made again as soon as the ledger can be counted: until then it is another report.
        terms["input_sha256"] = sha256_of_facts(facts | {"ledger": "not counted"})
        row = conn.execute(query("find_run"), terms).fetchone()
    if row:
        revision, name, sha256, quality, uncounted, *coverage, anchor = row
        content = _as_reported(content, int(str(revision)), coverage, zone_name)
        content = replace(
            content, quality=of_rows(quality), uncounted_batches=uncounted, anchor=anchor
        )
        workbook, digest = report_dir / str(name), bytes(sha256)
        if not require_unchanged(workbook, digest):
            data = build_workbook(content, conventions, language, zone_name)
            _put_again(workbook, data, digest)
        return _night(content, workbook, digest, recomputed, is_new=False)
    revision_row = conn.execute(query("next_revision"), terms).fetchone()
    revision = int(str(revision_row[0])) if revision_row else 1
    anchor = audit_chain.newest(conn)
    content = replace(content, revision=revision, anchor=str(anchor) if anchor else None)
    data = build_workbook(content, conventions, language, zone_name)
    digest = hashlib.sha256(data).digest()
    workbook = report_dir / f"adherence-{content.night}-r{revision}-{digest.hex()[:8]}.xlsx"
    put_file(workbook, data)
    conn.execute(
        query("put_run"),
        terms
        | _run_row(content, workbook, digest, started_at, zone_name)
        | {"audit_block": anchor.number if anchor else None},
    )
    conn.execute(
        query("put_audit"),
        {
            "action": "report_weeks",
            "subject": f"night {content.night} r{revision}",
            "detail": json.dumps(
                {"patients": content.patients.height, "patient_weeks": content.weeks.height}
            ),
        },
    )
    return _night(content, workbook, digest, recomputed, is_new=True)


def _as_reported(
    content: Content, revision: int, coverage: list[object], zone_name: str
) -> Content:
    """Return the content with the coverage of the time it was first reported."""
    until, *counts = coverage
    local = until.astimezone(ZoneInfo(zone_name)) if isinstance(until, datetime) else None
    return replace(
        content,
        revision=revision,
        coverage=Coverage(
            local.replace(tzinfo=None) if local else None, *(int(str(count)) for count in counts)
        ),
    )


def _put_again(workbook: Path, data: bytes, sha256: bytes) -> None:
    """Write a report that has gone missing, if it comes to the very same bytes."""
    if hashlib.sha256(data).digest() != sha256:
        raise Misconfigured(
            _("%(path)s is missing, and cannot be written as it was: restore it from a backup.")
            % {"path": workbook}
        )
    put_file(workbook, data)
    log.warning("workbook_written_again", workbook=workbook.name)


def _run_row(
    content: Content, workbook: Path, digest: bytes, started_at: datetime, zone_name: str
) -> dict[str, object]:
    coverage = content.coverage
    until = coverage.data_until
    return {
        "revision": content.revision,
        "started_at": started_at,
        "method_version": content.method_version,
        "workbook_name": workbook.name,
        "workbook_sha256": digest,
        "data_until": until.replace(tzinfo=ZoneInfo(zone_name)) if until else None,
        "batches": coverage.batches,
        "readings": coverage.readings,
        "quarantined": coverage.quarantined,
        "dead_letters": coverage.dead_letters,
        "uncounted_batches": content.uncounted_batches,
        "quality": None if content.quality is None else json.dumps(as_rows(content.quality)),
    }


def _night(
    content: Content, workbook: Path, digest: bytes, recomputed: Recomputed, *, is_new: bool
) -> Night:
    states = dict(content.weeks.group_by("state").len().iter_rows())
    lines = content.payment.lines if content.payment is not None else ()
    return Night(
        night=content.night,
        revision=content.revision,
        is_new=is_new,
        workbook=workbook,
        workbook_sha256=digest,
        input_sha256=content.input_sha256,
        method_version=content.method_version,
        conventions_sha256=content.conventions_sha256,
        patients=content.patients.height,
        patient_weeks=content.weeks.height,
        met=states.get("met", 0),
        not_met=states.get("not_met", 0),
        cannot_judge=states.get("cannot_judge", 0),
        recomputed=recomputed,
        lines=len(lines),
        amount=sum((line.payable for line in lines), Decimal("0.00")),
        refused=(),
    )

"""Lines into the database: an open month follows its weeks, and says what it changed.

The same weeks, scheme and signature leave every row as it is. A line that says something else is
replaced, with an audit row of old and new.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import nullcontext
from datetime import date, timedelta
from typing import NamedTuple

import structlog
from psycopg.pq import TransactionStatus

from config.errors import Misconfigured, Rejected
from config.language import _
from config.schemes import Scheme
from reports.nightly.evidence import sha256_of_facts
from reports.payment.content import Line, Lines
from reports.payment.inputs import computed, month_of
from storage.audit import note
from storage.database import Connection, border, snapshot
from storage.queries import query

log = structlog.get_logger()

ACTOR = "nightly"
"""Who changes lines: the nightly run, by itself; no person does."""


class _Stored(NamedTuple):
    line_id: int
    patient_id: int
    pseudonym: str
    item: str
    scheme_id: int
    version: int
    state: str
    amount: object
    input_sha256: bytes


def evaluate_month(
    conn: Connection, scheme: Scheme, month: date, *, through: date | None = None
) -> Lines:
    """Evaluate one month, given by any day of it, and store its lines; return them.

    Weeks count that are over by the local day `through`; left out: the last day that any stored
    week counts. Raises Rejected (`period_closed`) for a closed month, (`not_in_force`) where the
    scheme does not cover it, Misconfigured where this version's figures were edited after use.
    """
    month = month_of(month)
    if not scheme.covers(month):
        raise Rejected("not_in_force", f"{scheme.key} {month:%Y-%m}")
    idle = conn.info.transaction_status == TransactionStatus.IDLE
    with snapshot(conn) if idle else nullcontext(), border():
        scheme_id, _changed = put_scheme(conn, scheme)
        return _evaluate(conn, scheme, scheme_id, month, through or _counted_to(conn) or month)


def evaluate_due(conn: Connection, schemes: Sequence[Scheme], through: date) -> list[Lines]:
    """Evaluate every open month that may have changed, under each scheme, in one transaction.

    These are the month of `through` and the one before; months whose weeks are other than those
    their lines rest on; every open month after the scheme was signed; and, as limits run over the
    year, the later months of a year in which a line has changed. A month behind a version's last
    one loses that version's lines, with a trace; a version that is not given keeps what it has.
    """
    found: list[Lines] = []
    if not schemes:
        return found
    changed: dict[str, set[date]] = defaultdict(set)
    with snapshot(conn):
        closed = {row[0] for row in conn.execute(query("payment_closed_months")).fetchall()}
        # A limit runs over the versions that follow one another in a year: the earlier one first.
        for scheme in sorted(schemes, key=lambda scheme: (scheme.key, scheme.first_month)):
            scheme_id, is_new = put_scheme(conn, scheme)
            due = _due_months(conn, scheme, through, everything=is_new) - closed
            with_lines = _open_months(conn, scheme.key)
            left = {
                month
                for month in _open_months(conn, scheme.key, scheme.version)
                if not _is_covered(month, scheme.key, schemes)
            }
            due |= left | _behind(changed[scheme.key], with_lines)
            while due:
                month = min(due)
                due.remove(month)
                if scheme.covers(month):
                    lines = _evaluate(conn, scheme, scheme_id, month, through)
                elif month in left:
                    lines = _store(conn, scheme, scheme_id, month, ())
                else:
                    continue
                found.append(lines)
                if lines.changed:
                    changed[scheme.key].add(month)
                    due |= _behind({month}, with_lines)
    return found


def _open_months(conn: Connection, key: str, version: int | None = None) -> set[date]:
    return _months(conn, "payment_open_months", {"key": key, "version": version})


def _is_covered(month: date, key: str, schemes: Sequence[Scheme]) -> bool:
    """Say whether any version of a scheme is in force in a month."""
    return any(scheme.key == key and scheme.covers(month) for scheme in schemes)


def _behind(changed: AbstractSet[date], with_lines: AbstractSet[date]) -> set[date]:
    """Return the months with lines that lie behind a changed one in its year."""
    return {m for m in with_lines if any(m > c and m.year == c.year for c in changed)}


def put_scheme(conn: Connection, scheme: Scheme) -> tuple[int, bool]:
    """Write a version down; return its id, and whether it or its signature is new."""
    numbers = scheme.deciding()
    sign_off = scheme.sign_off
    row = {
        "key": scheme.key,
        "version": scheme.version,
        "figures_sha256": sha256_of_facts(numbers),
        "figures": json.dumps(numbers, sort_keys=True),
        "signed_by": sign_off.by if sign_off else None,
        "signed_on": sign_off.on if sign_off else None,
    }
    changed = conn.execute(query("put_payment_scheme"), row).rowcount
    known = conn.execute(query("find_payment_scheme"), row).fetchone()
    if known is None:
        raise Misconfigured(
            _(
                "Version %(version)d of the payment scheme %(key)s was edited after it was used: "
                "give the changed figures a new version."
            )
            % {"version": scheme.version, "key": scheme.key}
        )
    return int(known[0]), changed > 0


def _due_months(conn: Connection, scheme: Scheme, through: date, *, everything: bool) -> set[date]:
    asked = {"key": scheme.key, "version": scheme.version, "through": through}
    this_month = month_of(through)
    due = _months(conn, "payment_due_months", asked)
    due |= {this_month, month_of(this_month - timedelta(days=1))}
    return due | _open_months(conn, scheme.key) if everything else due


def _months(conn: Connection, name: str, asked: Mapping[str, object]) -> set[date]:
    return {row[0] for row in conn.execute(query(name), asked).fetchall()}


def _counted_to(conn: Connection) -> date | None:
    row = conn.execute(query("latest_counted")).fetchone()
    return row[0] if row and isinstance(row[0], date) else None


def _evaluate(
    conn: Connection, scheme: Scheme, scheme_id: int, month: date, through: date
) -> Lines:
    row = conn.execute(query("payment_period_state"), {"month": month}).fetchone()
    if row is not None and row[0] != "open":
        raise Rejected("period_closed", f"{month:%Y-%m}")
    lines = computed(conn, scheme, month, through)
    if lines:
        conn.execute(query("put_payment_period"), {"month": month})
    return _store(conn, scheme, scheme_id, month, lines)


def _store(
    conn: Connection, scheme: Scheme, scheme_id: int, month: date, lines: tuple[Line, ...]
) -> Lines:
    changed = _replace(conn, scheme, scheme_id, month, lines)
    found = Lines(month, scheme.key, scheme.version, lines, changed)
    log.info(
        "month_evaluated",
        month=f"{month:%Y-%m}",
        scheme=scheme.key,
        version=scheme.version,
        lines=len(lines),
        changed=changed,
    )
    return found


def _replace(
    conn: Connection, scheme: Scheme, scheme_id: int, month: date, lines: Sequence[Line]
) -> int:
    """Make the stored lines equal to these; return how many are new, other or gone."""
    asked = {"month": month, "key": scheme.key, "scheme_id": scheme_id}
    stored = [_Stored(*row) for row in conn.execute(query("payment_stored"), asked).fetchall()]
    said = {(line.patient_id, line.item): line for line in lines}
    kept = {
        (row.patient_id, row.item)
        for row in stored
        if row.scheme_id == scheme_id
        and (line := said.get((row.patient_id, row.item))) is not None
        and line.input_sha256 == row.input_sha256
    }
    gone = [
        row
        for row in stored
        if row.scheme_id != scheme_id or (row.patient_id, row.item) not in kept
    ]
    fresh = [line for name, line in said.items() if name not in kept]
    conn.execute(query("drop_payment_lines"), {"ids": [row.line_id for row in gone]})
    _insert(conn, scheme_id, fresh)
    _insert_weeks(conn, asked, fresh)
    _audit(conn, scheme, month, gone, said, added=len(fresh))
    return len({(row.patient_id, row.item) for row in gone} | (said.keys() - kept))


def _insert(conn: Connection, scheme_id: int, fresh: Sequence[Line]) -> None:
    conn.execute(query("make_payment_staging"))
    with conn.cursor() as cursor, cursor.copy(query("stage_payment_lines")) as out:
        for line in fresh:
            out.write_row(
                (
                    line.month,
                    line.patient_id,
                    scheme_id,
                    line.item,
                    line.doctor_id,
                    line.centre_id,
                    line.weeks,
                    line.numerator,
                    line.denominator,
                    json.dumps(line.exclusions),
                    json.dumps(line.flags),
                    line.quantity,
                    line.unit_price,
                    line.factor,
                    line.cut,
                    line.amount,
                    json.dumps({role: str(yuan) for role, yuan in line.shares.items()}),
                    line.state,
                    list(line.reasons),
                    line.signed_by,
                    line.input_sha256,
                )
            )
    conn.execute(query("put_payment_lines"))


def _insert_weeks(conn: Connection, asked: Mapping[str, object], fresh: Sequence[Line]) -> None:
    ids = {
        (patient_id, item): line_id
        for patient_id, item, line_id in conn.execute(query("payment_line_ids"), asked).fetchall()
    }
    with conn.cursor() as cursor, cursor.copy(query("stage_payment_line_weeks")) as out:
        for line in fresh:
            for week in line.behind:
                out.write_row(
                    (
                        ids[line.patient_id, line.item],
                        week.enrolment_id,
                        week.week,
                        week.prescription_id,
                        week.state,
                        week.reason,
                        week.method_version,
                        week.input_sha256,
                        json.dumps(week.flags_min),
                    )
                )
    conn.execute(query("put_payment_line_weeks"))


def _audit(
    conn: Connection,
    scheme: Scheme,
    month: date,
    gone: Sequence[_Stored],
    said: Mapping[tuple[int, str], Line],
    *,
    added: int,
) -> None:
    """One row for an evaluation that changed something, one more for each line it replaced."""
    if not gone and not added:
        return
    of_month = f"{scheme.key} v{scheme.version} {month:%Y-%m}"
    totals = {"lines": len(said), "written": added, "removed": len(gone)}
    note(conn, actor=ACTOR, action="payment_evaluated", subject=of_month, detail=totals)
    for row in gone:
        line = said.get((row.patient_id, row.item))
        old = {
            "version": row.version,
            "state": row.state,
            "amount": str(row.amount),
            "input_sha256": row.input_sha256.hex(),
        }
        new = line and {
            "version": line.scheme_version,
            "state": line.state,
            "amount": str(line.amount),
            "input_sha256": line.input_sha256.hex(),
        }
        note(
            conn,
            actor=ACTOR,
            action="payment_line_replaced" if line else "payment_line_removed",
            subject=f"{of_month} {row.item} {row.pseudonym}",
            detail={"old": old, "new": new},
        )

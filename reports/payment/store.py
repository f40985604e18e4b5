"""Which months are evaluated, and under which version: an open month follows its weeks."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, timedelta

import structlog

from config.errors import Misconfigured
from config.language import _
from config.schemes import Scheme
from reports.nightly.evidence import sha256_of_facts
from reports.payment.content import Line, Lines
from reports.payment.inputs import computed, month_of
from reports.payment.lines_written import put_lines
from storage.database import Connection, snapshot
from storage.queries import query

log = structlog.get_logger()


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


def _evaluate(
    conn: Connection, scheme: Scheme, scheme_id: int, month: date, through: date
) -> Lines:
    lines = computed(conn, scheme, month, through)
    if lines:
        conn.execute(query("put_payment_period"), {"month": month})
    return _store(conn, scheme, scheme_id, month, lines)


def _store(
    conn: Connection, scheme: Scheme, scheme_id: int, month: date, lines: tuple[Line, ...]
) -> Lines:
    changed = put_lines(conn, scheme, scheme_id, month, lines)
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

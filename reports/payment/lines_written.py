"""Lines into the database: what says something else is replaced, with a trace of old and new.

The same weeks, scheme and signature leave every row as it is.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from config.schemes import Scheme
from reports.payment.content import Line
from storage.audit import note
from storage.database import Connection
from storage.queries import query

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


def put_lines(
    conn: Connection, scheme: Scheme, scheme_id: int, month: date, lines: Sequence[Line]
) -> int:
    """Make the stored lines of a month equal to these; return how many are new, other or gone."""
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

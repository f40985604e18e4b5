"""What a person does with an alert: acknowledge it, close it with an outcome.

Only somebody who looks after the patient may; for everybody else the alert does not exist. Each
call is one transaction. Times are the database's.
"""

import json
from collections.abc import Mapping

from config.errors import Rejected
from config.language import later
from storage.database import Connection, border
from storage.queries import query

OUTCOMES: Mapping[str, str] = {
    "called": later("Called"),
    "prescription_adjusted": later("Prescription adjusted"),
    "referred": later("Referred"),
    "false_alarm": later("False alarm"),
    "no_action": later("No action"),
}
"""How an alert may be closed, and what that is called on a page."""
NEEDS_REASON = frozenset({"false_alarm", "no_action"})
LONGEST_REASON = 1000


def acknowledge(conn: Connection, alert_id: int, staff_id: int) -> bool:
    """Take charge of an alert: escalation stops, messages not yet sent are dropped.

    Return False where somebody has already done so (the first stands). Raises Rejected:
    `unknown_alert` (there is none, or its patient is not this person's), `alert_closed`.
    """
    given = {"alert_id": alert_id, "staff_id": staff_id}
    with border(), conn.transaction():
        state = _locked_state(conn, given)
        if state == "closed":
            raise Rejected("alert_closed")
        if state == "acknowledged":
            return False
        conn.execute(query("acknowledge_alert"), given)
        conn.execute(query("drop_waiting_deliveries"), given)
        add_event(conn, alert_id, "acknowledged", staff_id=staff_id)
    return True


def close(
    conn: Connection, alert_id: int, staff_id: int, outcome: str, reason: str | None = None
) -> None:
    """End an alert with an outcome of OUTCOMES; what needs a reason is refused without one.

    Raises Rejected: `unknown_alert`, `alert_closed`, `unknown_outcome`, `reason_missing`,
    `reason_too_long`.
    """
    said = (reason or "").strip()
    if outcome not in OUTCOMES:
        raise Rejected("unknown_outcome")
    if outcome in NEEDS_REASON and not said:
        raise Rejected("reason_missing")
    if len(said) > LONGEST_REASON:
        raise Rejected("reason_too_long")
    given = {"alert_id": alert_id, "staff_id": staff_id, "outcome": outcome, "reason": said or None}
    with border(), conn.transaction():
        if _locked_state(conn, given) == "closed":
            raise Rejected("alert_closed")
        conn.execute(query("close_alert"), given)
        conn.execute(query("drop_waiting_deliveries"), given)
        add_event(conn, alert_id, "closed", staff_id=staff_id, outcome=outcome)


def add_event(
    conn: Connection, alert_id: int, kind: str, *, staff_id: int | None = None, **detail: object
) -> None:
    """Note what happened to an alert, in the caller's transaction; `detail` is plain JSON."""
    given = {
        "alert_id": alert_id,
        "kind": kind,
        "staff_id": staff_id,
        "detail": json.dumps(detail),
    }
    conn.execute(query("add_alert_event"), given)


def _locked_state(conn: Connection, given: Mapping[str, object]) -> str:
    row = conn.execute(query("lock_alert_of_team"), given).fetchone()
    if row is None:
        raise Rejected("unknown_alert")
    return str(row[0])

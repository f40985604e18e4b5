"""Who is told of a red alert, and when: the steps of an escalation, by the database's clock.

Step 0 is the family doctor and the centre's instructors, step 1 the centre's other staff, step 2
the on-call addresses. A step that can tell nobody gives way to the next at once. The messages are
written to the outbox in the transaction that writes the alert: neither is without the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from alerts.lifecycle import add_event
from config.alert_rules import CeilingRule
from storage.database import Connection
from storage.queries import query

log = structlog.get_logger()

MAIL, FILE = "mail", "file"
FIRST, CENTRE, ON_CALL = range(3)
"""The steps; a rule with fewer times than two escalates no further than it has times for."""


@dataclass(frozen=True, slots=True)
class Channels:
    """What messages can go through."""

    mail: bool
    file: bool
    on_call: tuple[str, ...] = ()
    """E-mail addresses."""


def page(conn: Connection, alert_id: int, rule: CeilingRule, channels: Channels) -> int:
    """Tell the first people now; return how many messages were queued.

    In the caller's transaction, for an alert whose round has just begun.
    """
    return escalate_due(conn, rule, channels, alert_id=alert_id)


def escalate_due(
    conn: Connection, rule: CeilingRule, channels: Channels, *, alert_id: int | None = None
) -> int:
    """Take every step of escalation that is due (of one alert, or of all); return the messages.

    In the caller's transaction, which holds the alerts' rows until it commits.
    """
    due = conn.execute(query("lock_due_alerts"), {"alert_id": alert_id}).fetchall()
    return sum(
        _take_steps(conn, rule, channels, *found) for *found, rule_id in due if rule_id == rule.id
    )


def _take_steps(
    conn: Connection,
    rule: CeilingRule,
    channels: Channels,
    alert_id: int,
    patient_id: int,
    round_no: int,
    step: int,
) -> int:
    """Take the step that is due; while it can tell nobody, the next one too."""
    last_step = len(rule.escalate_after_min)
    queued = 0
    while not queued and step <= last_step:
        queued = _tell(conn, alert_id, patient_id, round_no, step, channels)
        if queued:
            kind = "escalated" if step else "paged"
            add_event(conn, alert_id, kind, step=step, round=round_no, messages=queued)
            log.info("alert_told", alert=alert_id, step=step, messages=queued)
        step += 1
    given = {"alert_id": alert_id, "round": round_no}
    told = conn.execute(query("count_deliveries"), given).fetchone()
    if not (told and told[0]):
        _nobody_to_tell(conn, alert_id, round_no)
        return 0
    follows = step if step <= last_step else None
    after_min = rule.escalate_after_min[step - 1] if follows is not None else 0
    conn.execute(
        query("set_next_step"),
        {"alert_id": alert_id, "step": follows, "after": timedelta(minutes=after_min)},
    )
    return queued


def _tell(
    conn: Connection,
    alert_id: int,
    patient_id: int,
    round_no: int,
    step: int,
    channels: Channels,
) -> int:
    """Queue the messages of one step; nobody who was told in this round is told again."""
    people, addresses = _people(conn, patient_id, step, channels.on_call)
    wanted = [(MAIL, address) for address in addresses] if channels.mail else []
    if channels.file and (people or addresses):
        wanted.append((FILE, FILE))
    queued = 0
    for channel, recipient in wanted:
        given = {
            "alert_id": alert_id,
            "round": round_no,
            "step": step,
            "channel": channel,
            "recipient": recipient,
        }
        queued += conn.execute(query("queue_delivery"), given).fetchone() is not None
    return queued


def _people(
    conn: Connection, patient_id: int, step: int, on_call: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return the codes of the staff of a step, and the addresses it can reach."""
    if step >= ON_CALL:
        return [], list(dict.fromkeys(on_call))
    staff = conn.execute(query("staff_to_tell"), {"patient_id": patient_id}).fetchall()
    of_step = [
        (code, email)
        for code, email, is_family_doctor, role in staff
        if (is_family_doctor or role == "instructor") == (step == FIRST)
    ]
    addresses = dict.fromkeys(email for _code, email in of_step if email)
    return [code for code, _email in of_step], list(addresses)


def _nobody_to_tell(conn: Connection, alert_id: int, round_no: int) -> None:
    """Leave it red, say so once, and look again: somebody may be given an address yet."""
    given = {
        "alert_id": alert_id,
        "kind": "nobody_to_tell",
        "detail": f'{{"round": {int(round_no)}}}',
    }
    row = conn.execute(query("has_event"), given).fetchone()
    if not (row and row[0]):
        add_event(conn, alert_id, "nobody_to_tell", round=round_no)
        log.error("nobody_to_tell", alert=alert_id)
    conn.execute(query("look_again_for_somebody"), given)

"""Alerts for people: the work list, one alert with its history, what each rule was worth.

Who may see an alert is decided in SQL, by the view `patient_team`: an alert of somebody else's
patient is not in the answer, as if there were none.
"""

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from storage.database import Connection, border
from storage.queries import query


class ListedAlert(NamedTuple):
    """One alert as a page shows it. Instants are UTC; those of readings are the readings' own."""

    id: int
    patient_id: int
    pseudonym: str
    name: str | None
    """The patient's; a page masks it unless its reader asked for names."""
    centre: str
    """Its code."""
    centre_name: str
    doctor_name: str
    rule: str
    """A key of `config.alert_rules.TITLES`."""
    rule_version: int
    tier: str
    direction: str
    onset_at: datetime
    raised_at: datetime
    last_at: datetime
    opened_at: datetime
    ended_at: datetime | None
    """The last reading of the condition, once it has ended; None while it lasts."""
    week: date | None
    """The Monday of the newest week it is about."""
    occurrences: int
    peak_bpm: float | None
    ceiling_bpm: float | None
    samples: int | None
    heard_by: str | None
    """`edge`, `district`, `both`."""
    device_key: str | None
    paged: bool
    """False: noticed too late to be urgent, nobody was told."""
    next_step_at: datetime | None
    """When it escalates unless somebody acknowledges it."""
    state: str
    acknowledged_by: str | None
    """A name, as in `closed_by`."""
    acknowledged_at: datetime | None
    closed_by: str | None
    closed_at: datetime | None
    outcome: str | None
    outcome_reason: str | None
    closed_itself: bool
    sent: int
    """Messages of this round that a channel has taken."""
    waiting: int
    undelivered: int
    """Messages that failed, or have waited for more than 10 s."""
    nobody_to_tell: bool
    """It should have been told at once, and there is no address to tell."""

    @property
    def is_going_on(self) -> bool:
        """Say whether the condition lasts; of a closed alert, only what was heard since says so."""
        if self.ended_at is not None:
            return False
        return self.closed_at is None or self.last_at > self.closed_at


class HistoryEntry(NamedTuple):
    """Something that happened to an alert."""

    at: datetime
    kind: str
    """raised, paged, escalated, nobody_to_tell, repeated, raised_again, heard_also, ended,
    acknowledged, closed, closed_itself, reopened."""
    who: str | None
    """A name; None: the program."""
    detail: dict[str, Any]


class Delivered(NamedTuple):
    """One message of the outbox."""

    round: int
    step: int
    """0: the first to be told; then each step of the escalation."""
    channel: str
    recipient: str
    again: bool
    state: str
    """queued, sent, refused, unknown, dropped."""
    attempts: int
    queued_at: datetime
    sent_at: datetime | None
    detail: str


class Yield(NamedTuple):
    """What a rule was worth in the last 90 days."""

    rule: str
    raised: int
    closed_by_person: int
    confirmed: int
    """Closed as called, prescription adjusted or referred."""
    false_alarms: int
    closed_itself: int


class Beat(NamedTuple):
    """The sign of life of `adhere watch`."""

    at: datetime
    age: timedelta


def work_list(conn: Connection, staff_id: int) -> list[ListedAlert]:
    """Return every alert of this person's patients that is not closed: red first, open first."""
    return _listed(conn, staff_id, only_unclosed=True)


def one(conn: Connection, staff_id: int, alert_id: int) -> ListedAlert | None:
    """Return one alert, closed ones too; None where it is not this person's to see."""
    found = _listed(conn, staff_id, alert_id=alert_id)
    return found[0] if found else None


def of_patient(conn: Connection, staff_id: int, patient_id: int) -> list[ListedAlert]:
    """Return all alerts of one patient, closed ones last."""
    return _listed(conn, staff_id, patient_id=patient_id)


def history(conn: Connection, alert_id: int) -> list[HistoryEntry]:
    """Return what happened to an alert, oldest first; ask `one` first whether it may be seen."""
    with border():
        rows = conn.execute(query("alert_history"), {"alert_id": alert_id}).fetchall()
    return [HistoryEntry(*row) for row in rows]


def deliveries(conn: Connection, alert_id: int) -> list[Delivered]:
    """Return the messages of an alert, oldest first; ask `one` first whether it may be seen."""
    with border():
        rows = conn.execute(query("alert_deliveries"), {"alert_id": alert_id}).fetchall()
    return [Delivered(*row) for row in rows]


def yields(conn: Connection) -> list[Yield]:
    """Return the 90-day yield of each rule that raised anything, to an auditor's page."""
    with border():
        return [Yield(*row) for row in conn.execute(query("shown_alert_yields")).fetchall()]


def last_beat(conn: Connection) -> Beat | None:
    """Return the last sign of life of the watch; None: it has never run."""
    with border():
        row = conn.execute(query("last_watch_beat")).fetchone()
    return Beat(*row) if row else None


def _listed(
    conn: Connection,
    staff_id: int,
    *,
    alert_id: int | None = None,
    patient_id: int | None = None,
    only_unclosed: bool = False,
) -> list[ListedAlert]:
    given = {
        "staff_id": staff_id,
        "alert_id": alert_id,
        "patient_id": patient_id,
        "only_unclosed": only_unclosed,
    }
    with border():
        return [ListedAlert(*row) for row in conn.execute(query("list_alerts"), given).fetchall()]

"""The audit trail in the reader's words: about what, and the details of each row.

A code that nobody has named is shown as it is, and a zero is shown: only what is not there is left
out.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from markupsafe import Markup, escape

from alerts.findings import KINDS
from alerts.lifecycle import OUTCOMES
from config.language import later
from portal.reading import Reader
from portal.words import ACTIONS, ROLES
from reports.workbook.payment_words import LINE_STATES

SUBJECTS: Mapping[str, str] = {
    "account": later("own account"),
    "accounts": later("all accounts"),
    "attendance": later("who is at the centre"),
    "audit trail": later("the audit trail"),
    "batches": later("signed batches"),
    "patients": later("list of patients"),
    "payment lines": later("the payment lines"),
    "quarantine": later("readings in quarantine"),
    "session": later("own session"),
    "work list": later("the work list"),
}

DETAILS: Mapping[str, str] = {
    "account": later("worked as the account"),
    "action": later("did what"),
    "actor": later("who"),
    "alert": later("alert"),
    "amount": later("amount"),
    "at": later("at"),
    "backup": later("backup"),
    "band": later("wristband"),
    "batches": later("batches"),
    "before": later("from before"),
    "by": later("by"),
    "centre": later("centre"),
    "claim": later("claim"),
    "count": later("count"),
    "day": later("day"),
    "entry": later("entry"),
    "family": later("band family"),
    "folder": later("folder"),
    "identity_key": later("identity key"),
    "input_sha256": later("input hash"),
    "kind": later("kind"),
    "lender": later("lender"),
    "letters": later("dead letters"),
    "lines": later("lines"),
    "login": later("login"),
    "manifest_sha256": later("hash of the manifest"),
    "month": later("month"),
    "new": later("after"),
    "of": later("filtered by"),
    "old": later("before"),
    "outcome": later("outcome"),
    "page": later("page"),
    "parts": later("parts"),
    "patient_days": later("patient-days"),
    "patient_weeks": later("patient-weeks"),
    "patients": later("patients"),
    "payloads": later("signed batches"),
    "purpose": later("purpose"),
    "readings": later("readings"),
    "removed": later("removed"),
    "role": later("role"),
    "route": later("asked for"),
    "since": later("since"),
    "staff": later("staff code"),
    "state": later("state"),
    "subject": later("about whom"),
    "sums_sha256": later("hash of the sums"),
    "until": later("until"),
    "use": later("for"),
    "version": later("version"),
    "week": later("week of"),
    "whole": later("whole"),
    "why": later("because"),
    "why_ended": later("ended because"),
    "written": later("written"),
    "wrong_before": later("wrong passwords before"),
}

USES: Mapping[str, str] = {
    "alert": later("the readings of an alert"),
    "class": later("who is at the centre today"),
    "last_heard": later("when last heard"),
    "list": later("the curve on the work list"),
    "rule": later("an alert rule"),
    "trace": later("the heart-rate curve"),
    "week": later("the minutes of a week"),
}
"""What raw readings were read for."""

PAGES: Mapping[str, str] = {
    "prescription": later("exercise prescription"),
}
"""Pages of a patient beside the patient's own."""

CODES: Mapping[str, Mapping[str, str]] = {
    "action": ACTIONS,
    "kind": KINDS,
    "outcome": OUTCOMES,
    "page": PAGES,
    "role": ROLES,
    "state": LINE_STATES,
    "use": USES,
}
"""Details whose value is a code with words of its own."""


def details(reader: Reader, detail: Mapping[str, object]) -> Markup:
    """Return the details of a row on one line."""
    return Markup(" · ").join(_each(reader, detail))


def _each(reader: Reader, detail: Mapping[str, object]) -> Iterator[Markup]:
    given = {key: value for key, value in detail.items() if value not in (None, "", [], {})}
    if isinstance(given.get("from"), str) and isinstance(given.get("to"), str):
        since, until = _value(reader, "", given.pop("from")), _value(reader, "", given.pop("to"))
        yield Markup("{} – {}").format(since, until)
    for key, value in given.items():
        yield Markup("{}: {}").format(reader.word(DETAILS, key), _value(reader, key, value))


def _value(reader: Reader, key: str, value: object) -> Markup:
    if isinstance(value, Mapping):
        return Markup(", ").join(
            Markup("{} {}").format(reader.word(DETAILS, name), _value(reader, name, one))
            for name, one in value.items()
        )
    if isinstance(value, list):
        return Markup(", ").join(_value(reader, key, one) for one in value)
    if key in CODES:
        return reader.word(CODES[key], str(value))
    return escape(_local(reader, value) if isinstance(value, str) else str(value))


def _local(reader: Reader, text: str) -> str:
    """Return an instant as the clock on the wall showed it; other text as it is."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if at.tzinfo is None else reader.stamp(at)

"""What is known of a patient beside bands and prescriptions: consents, risk, outcomes.

Written again with the same words a record changes nothing. None is edited: a consent ends by being
withdrawn, and what was mistyped is corrected or taken back by another entry, the earlier one kept.
"""

from collections.abc import Mapping
from datetime import date
from math import isfinite
from typing import Any, NamedTuple

from config.errors import Misconfigured, Rejected
from config.language import _
from storage.database import Connection, border
from storage.queries import query

PURPOSES = ("monitoring", "payer", "research")
LEVELS = ("low", "moderate", "high")
KINDS = ("systolic_mmhg", "diastolic_mmhg", "fasting_glucose_mmol_l", "hba1c_pct", "weight_kg")
"""What an outcome may be, with its unit."""
MOST_VALUE = 1_000.0


class Consent(NamedTuple):
    """What a patient has agreed to; days are local."""

    purpose: str
    version: str
    """Of the text that was signed."""
    given_on: date
    withdrawn_on: date | None


class Risk(NamedTuple):
    """How risky exercise was found to be, and by what."""

    level: str
    method: str
    assessed_on: date
    corrections: int
    """How often it was said anew; what stood before is kept."""


class Outcome(NamedTuple):
    """One measurement, in the unit that its kind names."""

    kind: str
    value: float
    measured_on: date
    corrections: int


class Records(NamedTuple):
    """All records of one patient that hold, each kind by its days; consents those withdrawn too."""

    consents: list[Consent]
    risks: list[Risk]
    outcomes: list[Outcome]


def put_consent(
    conn: Connection, *, patient: str, purpose: str, version: str, given_on: date
) -> bool:
    """Enter a consent; False where it stands so. After a withdrawal it may be given again.

    Raises Misconfigured where one of this text stands since another day, or was withdrawn on that
    day or later: what was agreed to then is over.
    """
    _require_one_of(purpose, PURPOSES)
    _require_words(version)
    given = {"patient": patient, "purpose": purpose, "version": version, "given_on": given_on}
    with border(), conn.transaction():
        _require_patient(conn, patient)
        if conn.execute(query("put_consent"), given).fetchone() is not None:
            return True
        times = conn.execute(query("consents_by_text"), given).fetchall()
    if (given_on, None) in times:
        return False
    if any(withdrawn_on is None for _given, withdrawn_on in times):
        raise Misconfigured(
            _("A consent by the text %(version)s stands since another day: withdraw that first.")
            % given
        )
    raise Misconfigured(
        _(
            "The consent of %(given_on)s by the text %(version)s was withdrawn: one that is given"
            " again has a day of its own, not before the withdrawal."
        )
        % given
    )


def withdraw_consent(
    conn: Connection, *, patient: str, purpose: str, version: str, withdrawn_on: date
) -> bool:
    """End a consent; False where it was withdrawn on that day before.

    Raises Misconfigured where none stands on that day.
    """
    named = {"patient": patient, "purpose": purpose, "version": version}
    with border(), conn.transaction():
        _require_patient(conn, patient)
        given = named | {"withdrawn_on": withdrawn_on}
        if conn.execute(query("withdraw_consent"), given).fetchone() is not None:
            return True
        times = conn.execute(query("consents_by_text"), named).fetchall()
    if any(before == withdrawn_on for _given, before in times):
        return False
    if not times:
        raise Misconfigured(
            _("%(patient)s has given no consent for %(purpose)s by the text %(version)s.") % named
        )
    raise Misconfigured(
        _("No consent for %(purpose)s by the text %(version)s stands on %(withdrawn_on)s.") % given
    )


def put_risk(conn: Connection, *, patient: str, level: str, method: str, assessed_on: date) -> bool:
    """Enter an assessment; False where it stands so. Raises Misconfigured where another does."""
    given = _risk(patient, level, method, assessed_on)
    return _put(conn, "risk", given, level)


def correct_risk(
    conn: Connection, *, patient: str, level: str | None, method: str, assessed_on: date
) -> bool:
    """Say an assessment anew; None takes it back. False where it stands so.

    Raises Misconfigured where there is none of that day and method.
    """
    given = _risk(patient, level, method, assessed_on)
    return _correct(conn, "risk", given, level)


def put_outcome(
    conn: Connection, *, patient: str, kind: str, value: float, measured_on: date
) -> bool:
    """Enter a measurement; False where it stands so. Raises Misconfigured where another does."""
    given = _outcome(patient, kind, value, measured_on)
    return _put(conn, "outcome", given, value)


def correct_outcome(
    conn: Connection, *, patient: str, kind: str, value: float | None, measured_on: date
) -> bool:
    """Say a measurement anew; None takes it back. False where it stands so.

    Raises Misconfigured where there is none of that day and kind.
    """
    given = _outcome(patient, kind, value, measured_on)
    return _correct(conn, "outcome", given, value)


def records_of(conn: Connection, patient: str) -> Records:
    """Return what is recorded of a patient. Raises Misconfigured for one nobody knows."""
    with border():
        _require_patient(conn, patient)
        named = {"patient": patient}
        return Records(
            [Consent(*row) for row in conn.execute(query("consents_of"), named).fetchall()],
            [Risk(*row) for row in conn.execute(query("risks_of"), named).fetchall()],
            [Outcome(*row) for row in conn.execute(query("outcomes_of"), named).fetchall()],
        )


def _risk(patient: str, level: str | None, method: str, assessed_on: date) -> dict[str, Any]:
    if level is not None:
        _require_one_of(level, LEVELS)
    _require_words(method)
    return {"patient": patient, "level": level, "method": method, "assessed_on": assessed_on}


def _outcome(patient: str, kind: str, value: float | None, measured_on: date) -> dict[str, Any]:
    _require_one_of(kind, KINDS)
    if value is not None and not (isfinite(value) and 0 < value < MOST_VALUE):
        raise Rejected("not_a_measurement", "outside 0 to 1000")
    return {"patient": patient, "kind": kind, "value": value, "measured_on": measured_on}


def _put(conn: Connection, kind: str, given: Mapping[str, Any], said: object) -> bool:
    with border(), conn.transaction():
        _require_patient(conn, given["patient"])
        holds, revision = _holding(conn, kind, given)
        if not revision:
            return _add(conn, kind, given, 1)
    if holds != said:
        raise Misconfigured(
            _(
                "Another one of that day stands, or was taken back: say it anew with --correct,"
                " the earlier one is kept."
            )
        )
    return False


def _correct(conn: Connection, kind: str, given: Mapping[str, Any], said: object) -> bool:
    with border(), conn.transaction():
        _require_patient(conn, given["patient"])
        holds, revision = _holding(conn, kind, given)
        if not revision:
            raise Misconfigured(_("There is none of that day: see `adhere patient show`."))
        return holds != said and _add(conn, kind, given, revision + 1)


def _holding(conn: Connection, kind: str, given: Mapping[str, Any]) -> tuple[object, int]:
    """Return what holds (None: nothing) and how many entries there are of it."""
    row = conn.execute(query(f"find_{kind}"), given).fetchone()
    return (None, 0) if row is None else (row[0], int(row[1]))


def _add(conn: Connection, kind: str, given: Mapping[str, Any], revision: int) -> bool:
    written = conn.execute(query(f"put_{kind}"), dict(given) | {"revision": revision}).fetchone()
    if written is None:
        raise Rejected("changed_meanwhile", "somebody else has entered one just now")
    return True


def _require_patient(conn: Connection, patient: str) -> None:
    if conn.execute(query("is_patient"), {"patient": patient}).fetchone() is None:
        raise Misconfigured(_("There is no patient %(patient)s.") % {"patient": patient})


def _require_one_of(word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        raise Rejected("unknown_word", ", ".join(words))


def _require_words(text: str) -> None:
    if not text.strip() or "\x00" in text:
        raise Rejected("empty", "a text is needed")

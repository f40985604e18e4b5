"""What is known of a patient beside bands and prescriptions: consents, risk, outcomes.

Written again with the same words a record changes nothing. None is edited: a record that stands
with other words is Rejected, and a consent ends by being withdrawn.
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


class Outcome(NamedTuple):
    """One measurement, in the unit that its kind names."""

    kind: str
    value: float
    measured_on: date


class Records(NamedTuple):
    """All records of one patient, each kind by its days."""

    consents: list[Consent]
    risks: list[Risk]
    outcomes: list[Outcome]


def put_consent(
    conn: Connection, *, patient: str, purpose: str, version: str, given_on: date
) -> bool:
    """Enter a consent; say whether it is new. Raises Rejected where it stands with another day."""
    _require_one_of(purpose, PURPOSES)
    _require_words(version)
    given = {"patient": patient, "purpose": purpose, "version": version, "given_on": given_on}
    return _put(conn, "put_consent", "find_consent", given, (given_on,))


def withdraw_consent(
    conn: Connection, *, patient: str, purpose: str, version: str, withdrawn_on: date
) -> bool:
    """End a consent; False where it had ended before. Raises Misconfigured where there is none."""
    named = {"patient": patient, "purpose": purpose, "version": version}
    with border(), conn.transaction():
        _require_patient(conn, patient)
        if conn.execute(query("find_consent"), named).fetchone() is None:
            raise Misconfigured(
                _("%(patient)s has given no consent for %(purpose)s by the text %(version)s.")
                % named
            )
        given = named | {"withdrawn_on": withdrawn_on}
        return conn.execute(query("withdraw_consent"), given).fetchone() is not None


def put_risk(conn: Connection, *, patient: str, level: str, method: str, assessed_on: date) -> bool:
    """Enter an assessment; say whether it is new. Raises Rejected where it stands otherwise."""
    _require_one_of(level, LEVELS)
    _require_words(method)
    given = {"patient": patient, "level": level, "method": method, "assessed_on": assessed_on}
    return _put(conn, "put_risk", "find_risk", given, (level,))


def put_outcome(
    conn: Connection, *, patient: str, kind: str, value: float, measured_on: date
) -> bool:
    """Enter a measurement; say whether it is new. Raises Rejected where the day has another one."""
    _require_one_of(kind, KINDS)
    if not (isfinite(value) and 0 < value < MOST_VALUE):
        raise Rejected("not_a_measurement", "outside 0 to 1000")
    given = {"patient": patient, "kind": kind, "value": value, "measured_on": measured_on}
    return _put(conn, "put_outcome", "find_outcome", given, (value,))


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


def _put(
    conn: Connection, put: str, find: str, given: Mapping[str, Any], same: tuple[object, ...]
) -> bool:
    """Insert where there is none; `same` is what a record that stands must begin with."""
    with border(), conn.transaction():
        _require_patient(conn, given["patient"])
        if conn.execute(query(put), given).fetchone() is not None:
            return True
        stands = conn.execute(query(find), given).fetchone()
        if stands is None or stands[: len(same)] != same:
            raise Rejected("stands_otherwise", "a record of that day stands with other words")
        return False


def _require_patient(conn: Connection, patient: str) -> None:
    if conn.execute(query("is_patient"), {"patient": patient}).fetchone() is None:
        raise Misconfigured(_("There is no patient %(patient)s.") % {"patient": patient})


def _require_one_of(word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        raise Rejected("unknown_word", ", ".join(words))


def _require_words(text: str) -> None:
    if not text.strip() or "\x00" in text:
        raise Rejected("empty", "a text is needed")

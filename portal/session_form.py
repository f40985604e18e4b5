"""The form of a session: as it was typed, and as it is written into the log."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, cast

from fastapi import Form

from adherence.schema import LOGGED
from config.language import later
from portal.records import Enrolment
from storage.session_log import Component, Session

Text = Annotated[str, Form(max_length=80)]

LONGEST_REASON = 400
BAD_DAY = later("A session lies between the start of the programme and today.")
BAD_FIGURES = later("Minutes are 1 to 1,440, exertion is 6 to 20; either may stay empty.")
BAD_CHOICE = later("Choose what was done and who was there.")
ABSENT_HAS_NOTHING = later("Who did not come has neither minutes nor exertion.")
NO_REASON = later("A correction needs a reason, of at most 400 characters.")


class FaultySession(Exception):
    """What was typed cannot be meant; `words` are for the page."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(frozen=True)
class Asked:
    """What the form says, as it was typed."""

    date: Text = ""
    component: Text = ""
    attended: Text = "yes"
    minutes: Text = ""
    rpe: Text = ""
    supervised_by: Text = ""


def session_of(asked: Asked, enrolment: Enrolment, today: date, people: set[str]) -> Session:
    """Return what was typed as a session; `people` may supervise it. Raises FaultySession."""
    try:
        day = date.fromisoformat(asked.date)
    except ValueError:
        raise FaultySession(BAD_DAY) from None
    last = today
    if enrolment.ends_on is not None:
        last = min(last, enrolment.ends_on - timedelta(days=1))
    if not enrolment.starts_on <= day <= last:
        raise FaultySession(BAD_DAY)
    if asked.component not in LOGGED or asked.supervised_by not in people:
        raise FaultySession(BAD_CHOICE)
    minutes, rpe = _figure(asked.minutes, 1, 1_440), _figure(asked.rpe, 6, 20)
    attended = asked.attended == "yes"
    if not attended and (minutes is not None or rpe is not None):
        raise FaultySession(ABSENT_HAS_NOTHING)
    return Session(
        date=day,
        component=cast("Component", asked.component),
        attended=attended,
        minutes=minutes,
        rpe=rpe,
        supervised_by=asked.supervised_by or None,
    )


def check_reason(said: str) -> None:
    """Refuse a correction without a reason. Raises FaultySession."""
    if not said or len(said) > LONGEST_REASON:
        raise FaultySession(NO_REASON)


def _figure(text: str, least: float, most: float) -> float | None:
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        raise FaultySession(BAD_FIGURES) from None
    if not least <= value <= most:
        raise FaultySession(BAD_FIGURES)
    return value


def as_typed(session: Session) -> Asked:
    """Return a session as the form shows it."""
    return Asked(
        date=session.date.isoformat(),
        component=session.component,
        attended="yes" if session.attended else "no",
        minutes="" if session.minutes is None else f"{session.minutes:g}",
        rpe="" if session.rpe is None else f"{session.rpe:g}",
        supervised_by=session.supervised_by or "",
    )

"""The terms of a new version: as a doctor typed them, and as they are written.

What a form does not ask for stands as in the version before, and so does every figure that was left
as it is: nothing is lost or rounded on the way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, Form

from portal.limits import (
    BAD_DAY,
    BAD_NUMBER,
    BAD_PHASE,
    LAST_WEEK,
    LATEST,
    TAKEN,
    Faulty,
    check_aerobic,
    check_ceiling,
    check_parts,
)
from portal.records import AEROBIC, Version
from portal.words import INTENSITY_KINDS, PHASES
from storage.people import Phase, PhaseName, Prescription

if TYPE_CHECKING:
    from storage.intensity import IntensityKind

Text = Annotated[str, Form(max_length=40)]
Rows = Annotated[list[str] | None, Form(max_length=24)]

BLANK_PHASES = 2
ALWAYS_ASKED = ("effective_from", *AEROBIC, "ceiling_bpm")
"""What every form of a version asks for, also one opened before there was more."""


@dataclass(frozen=True)
class AskedPhase:
    """A row of the form's phases, as it was typed."""

    from_week: str = ""
    phase: str = ""
    zone_lo: str = ""
    zone_hi: str = ""
    session_min: str = ""
    sessions_per_week: str = ""
    weekly_min: str = ""


def typed_phases(
    phase_from_week: Rows = None,
    phase_phase: Rows = None,
    phase_zone_lo: Rows = None,
    phase_zone_hi: Rows = None,
    phase_session_min: Rows = None,
    phase_sessions_per_week: Rows = None,
    phase_weekly_min: Rows = None,
) -> tuple[AskedPhase, ...] | None:
    """Return the rows of the form's phases; None where it has none."""
    columns = (
        phase_from_week,
        phase_phase,
        phase_zone_lo,
        phase_zone_hi,
        phase_session_min,
        phase_sessions_per_week,
        phase_weekly_min,
    )
    if phase_from_week is None:
        return None
    return tuple(
        AskedPhase(*(text[:40] for text in row))
        for row in zip_longest(*(column or [] for column in columns), fillvalue="")
    )


@dataclass(frozen=True)
class Asked:
    """What the form says, as it was typed."""

    effective_from: Text = ""
    zone_lo: Text = ""
    zone_hi: Text = ""
    session_min: Text = ""
    sessions_per_week: Text = ""
    weekly_min: Text = ""
    ceiling_bpm: Text = ""
    asks_parts: Text = ""
    """The form has the fields below; a field left empty comes as if it were not there."""
    intensity_kind: Text = ""
    day_adds_up: Text = ""
    resistance_per_week: Text = ""
    resistance_min: Text = ""
    rest_days: Text = ""
    balance_per_week: Text = ""
    balance_min: Text = ""
    steps_per_day: Text = ""
    phases: Annotated[tuple[AskedPhase, ...] | None, Depends(typed_phases)] = None
    """None: the form has no phases."""


def as_typed(version: Version, today: date) -> Asked:
    """Return a version as the form shows it first."""
    terms = version.terms
    earliest = max(today, terms.effective_from) + timedelta(days=1)
    figures = {
        field.name: _shown(getattr(terms, field.name))
        for field in fields(Asked)
        if field.name not in {"effective_from", "ceiling_bpm", "asks_parts", "phases"}
    }
    phases = [
        AskedPhase(
            **{field.name: _shown(getattr(phase, field.name)) for field in fields(AskedPhase)}
        )
        for phase in terms.phases
    ]
    return Asked(
        asks_parts="yes",
        effective_from=earliest.isoformat(),
        ceiling_bpm="" if terms.ceiling_bpm is None else f"{round(terms.ceiling_bpm)}",
        phases=(*phases, *[AskedPhase()] * BLANK_PHASES),
        **figures,
    )


def filled(asked: Asked, version: Version, today: date) -> Asked:
    """Return what was typed, with the version's own words where the form did not ask."""
    first = as_typed(version, today)
    typed = asked
    if not asked.asks_parts:
        typed = replace(first, **{name: getattr(asked, name) for name in ALWAYS_ASKED})
    return typed if asked.phases is not None else replace(typed, phases=first.phases)


def _shown(value: object) -> str:
    """Write a figure so that it reads back as exactly itself."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def terms_of(asked: Asked, last: Version, today: date) -> Prescription:
    """Return the new terms; HRmax and rest stay as frozen. Raises Faulty."""
    before = last.terms
    day = _day(asked.effective_from)
    if not today < day <= today + LATEST:
        raise Faulty(BAD_DAY)
    if day <= before.effective_from:
        raise Faulty(TAKEN)
    asked = filled(asked, last, today)
    zone_lo = _number(asked.zone_lo)
    resistance = _number(asked.resistance_per_week)
    balance = _number(asked.balance_per_week)
    # A length of nothing, or rest between nothing, says nothing.
    terms = replace(
        before,
        effective_from=day,
        intensity_kind=_kind(asked.intensity_kind),
        zone_lo=zone_lo,
        zone_hi=_number(asked.zone_hi),
        session_min=_number(asked.session_min),
        sessions_per_week=_number(asked.sessions_per_week),
        weekly_min=_number(asked.weekly_min),
        day_adds_up=asked.day_adds_up == "yes" and zone_lo is not None,
        resistance_per_week=resistance,
        resistance_min=None if resistance is None else _number(asked.resistance_min),
        rest_days=0 if resistance is None else _whole(asked.rest_days),
        balance_per_week=balance,
        balance_min=None if balance is None else _number(asked.balance_min),
        steps_per_day=_number(asked.steps_per_day),
        phases=_phases(asked.phases or ()),
    )
    check_parts(terms)
    check_aerobic(terms, before)
    return _with_ceiling(terms, asked.ceiling_bpm, last)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Faulty(BAD_NUMBER) from None


def _kind(text: str) -> "IntensityKind":
    if text not in INTENSITY_KINDS:
        raise Faulty(BAD_NUMBER)
    return cast("IntensityKind", text)


def _number(text: str) -> float | None:
    try:
        return float(text) if text.strip() else None
    except ValueError:
        raise Faulty(BAD_NUMBER) from None


def _whole(text: str) -> int:
    number = _number(text) or 0.0
    if not number.is_integer():  # infinity and NaN are not either
        raise Faulty(BAD_NUMBER)
    return int(number)


def _phases(rows: Sequence[AskedPhase]) -> tuple[Phase, ...]:
    """Return the phases of the rows that say a week or a name, by their weeks."""
    found = []
    for row in rows:
        if not row.from_week.strip() and not row.phase:
            continue
        week = _whole(row.from_week)
        if row.phase not in PHASES or not 1 <= week <= LAST_WEEK:
            raise Faulty(BAD_PHASE)
        phase = Phase(
            from_week=week,
            phase=cast("PhaseName", row.phase),
            zone_lo=_number(row.zone_lo),
            zone_hi=_number(row.zone_hi),
            session_min=_number(row.session_min),
            sessions_per_week=_number(row.sessions_per_week),
            weekly_min=_number(row.weekly_min),
        )
        found.append(phase)
    if len({phase.from_week for phase in found}) < len(found):
        raise Faulty(BAD_PHASE)
    return tuple(sorted(found, key=lambda phase: phase.from_week))


def _with_ceiling(terms: Prescription, text: str, last: Version) -> Prescription:
    """Return the terms with ceiling and source: shown rounded and left so, it stays exact."""
    typed = _number(text)
    if typed is None:
        return replace(terms, ceiling_bpm=None, ceiling_source=None)
    exact = last.terms.ceiling_bpm
    is_left = exact is not None and round(exact) == typed
    new = replace(
        terms,
        ceiling_bpm=exact if is_left else typed,
        ceiling_source=last.terms.ceiling_source if is_left else "prescribed",
    )
    check_ceiling(last._replace(terms=new))
    return new

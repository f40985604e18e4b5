"""What a doctor's form lets through: limits of plausibility, each with its sentence.

What contradicts itself the database refuses anyway; here it is said in words, before.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import cast

from config.language import later
from portal.records import AEROBIC, Version
from storage.people import Phase, Prescription

BAD_NUMBER = later("Write a number in every field that is asked for.")
BAD_ZONE = later(
    "The zone's lower end must be below its upper end, both above 0 and at most 100 %."
)
BAD_BPM = later("The zone's lower end must be below its upper end, both within 40 and 220 bpm.")
BAD_RATING = later(
    "A rating of perceived exertion lies within 6 and 20, its lower end below its upper end."
)
BAD_AMOUNT = later(
    "Sessions must be 1 to 7 a week, as one a day counts, of 5 to 180 minutes; "
    "the minutes of a week at most 2,000."
)
BAD_CEILING = later("The ceiling must lie above the zone's upper end and be at most 220 bpm.")
BAD_DAY = later("A version takes effect tomorrow at the earliest.")
TAKEN = later("A version takes effect on that day or later already: choose a later day.")
HALF = later("The aerobic part needs all of its five figures, or none.")
NOTHING = later("Prescribe something: an aerobic part, resistance, balance or steps.")
BAD_PART = later(
    "Resistance and balance are 1 to 7 days a week, of 1 to 180 minutes where minutes are asked "
    "for; steps 100 to 50,000 a day."
)
BAD_REST = later("So many days of rest leave no room for the resistance training of a week.")
BAD_PHASE = later("A phase needs a name and a week from 1 to 520, and no two the same week.")
LATEST = timedelta(days=366)
MOST_BPM = 220
LAST_WEEK = 520
WEEK_DAYS = 7


class Faulty(Exception):
    """What was typed cannot be meant; `words` are for the page."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def check_parts(terms: Prescription) -> None:
    """Look at resistance, balance and steps. Raises Faulty."""
    per_week = (terms.resistance_per_week, terms.balance_per_week)
    lengths = (terms.resistance_min, terms.balance_min)
    for values, least, most in (
        (per_week, 1, 7),
        (lengths, 1, 180),
        ((terms.steps_per_day,), 100, 50_000),
    ):
        if any(value is not None and not least <= value <= most for value in values):
            raise Faulty(BAD_PART)
    if not 0 <= terms.rest_days < WEEK_DAYS:
        raise Faulty(BAD_REST)
    most_days = -(-WEEK_DAYS // (terms.rest_days + 1))
    if terms.resistance_per_week is not None and terms.resistance_per_week > most_days:
        raise Faulty(BAD_REST)


def check_aerobic(terms: Prescription, before: Prescription) -> None:
    """Look at the figures as written and in every phase; what was left as it is may stay.

    Raises Faulty.
    """
    asked = _asked(terms)
    given = {value is None for value in asked}
    if given == {True, False}:
        raise Faulty(HALF)
    if given == {True}:
        if terms.phases:
            raise Faulty(HALF)
        if {terms.resistance_per_week, terms.balance_per_week, terms.steps_per_day} == {None}:
            raise Faulty(NOTHING)
        return
    left = set()
    if terms.intensity_kind == before.intensity_kind and before.zone_lo is not None:
        left = {_asked(before), *_in_phases(before)}
    for figures in (asked, *_in_phases(terms)):
        if figures not in left:
            low, high, session, sessions, weekly = (cast("float", value) for value in figures)
            _check_zone(terms.intensity_kind, low, high)
            is_fit = 5 <= session <= 180 and session <= weekly <= 2_000  # noqa: PLR2004 - as the sentence says
            if not (1 <= sessions <= WEEK_DAYS and is_fit):
                raise Faulty(BAD_AMOUNT)


def _asked(terms: Prescription | Phase) -> tuple[float | None, ...]:
    return tuple(getattr(terms, name) for name in AEROBIC)


def _in_phases(terms: Prescription) -> Iterable[tuple[float | None, ...]]:
    for phase in terms.phases:
        yield tuple(
            own if said is None else said
            for said, own in zip(_asked(phase), _asked(terms), strict=True)
        )


def _check_zone(kind: str, low: float, high: float) -> None:
    limits = {"bpm": (40, MOST_BPM, BAD_BPM), "rpe": (6, 20, BAD_RATING)}
    least, most, words = limits.get(kind, (0, 100, BAD_ZONE))
    if not (0 < low < high and least <= low and high <= most):
        raise Faulty(words)


def check_ceiling(version: Version) -> None:
    """Look at the ceiling beside the zone as written and in every phase. Raises Faulty."""
    terms = version.terms
    asked: tuple[Prescription | Phase, ...] = (terms, *terms.phases)
    upper_ends = [zone[1] for one in asked if (zone := version.zone_bpm(one))]
    ceiling = terms.ceiling_bpm
    if ceiling is not None and not max(upper_ends, default=0) < ceiling <= MOST_BPM:
        raise Faulty(BAD_CEILING)

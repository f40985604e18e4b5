"""What a case asks of heart rate, and when: C8, C9; of section 13 kinds, versions, phases."""

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.reference.plain_numbers import Number, Row, given, monday_of

ZONES = (("near_max", 90), ("vigorous", 60), ("moderate", 40), ("light", 30), ("very_light", None))


class Version:
    """One row of a case with its frozen figures; a case may have several, one after another."""

    def __init__(self, row: Row, rest: Number | None, hr_max: Number | None) -> None:
        self.row, self.rest, self.hr_max = row, rest, hr_max
        self.kind = row.get("intensity_kind") or "hrr"
        self.zone_lo, self.zone_hi = given(row, "zone_lo"), given(row, "zone_hi")
        self.ceiling = given(row, "ceiling_bpm")

    def holds_on(self, day: date) -> bool:
        """Zones change at local midnight; a missing bound is open."""
        first, behind = self.row.get("from_day"), self.row.get("until_day")
        return (first is None or first <= day) and (behind is None or day < behind)

    def reaches(self, bpm: Number, percent: Number) -> bool:
        """C8: at least so many percent of the heart-rate reserve."""
        return 100 * (bpm - self.rest) >= percent * (self.hr_max - self.rest)

    def is_below(self, bpm: Number, percent: Number) -> bool:
        """C16; False where there are no figures to say so."""
        return self.has_figures() and not self.reaches(bpm, percent)

    def has_figures(self) -> bool:
        return self.hr_max is not None and self.rest is not None

    def zone(self, bpm: Number) -> str | None:
        """C8; nobody can say without a maximum and a resting heart rate."""
        if not self.has_figures():
            return None
        return next(name for name, from_ in ZONES if from_ is None or self.reaches(bpm, from_))

    def meets(self, bpm: Number, limit: Number | None) -> bool:
        """Section 13: at least the limit, in the kind of number the prescription is written in."""
        if limit is None or self.kind == "rpe":
            return False
        if self.kind == "bpm":
            return bpm >= limit
        if self.kind == "hr_max":
            return 100 * bpm >= limit * self.hr_max
        return self.reaches(bpm, limit)

    def has_low_ceiling(self) -> bool:
        """Whoever reaches the zone is at the ceiling already."""
        if self.ceiling is None or not needs_figures(self.row):
            return False
        begins = {
            "hrr": lambda: self.rest + self.zone_lo * Fraction(self.hr_max - self.rest, 100),
            "hr_max": lambda: self.zone_lo * Fraction(self.hr_max, 100),
            "bpm": lambda: self.zone_lo,
        }
        return self.ceiling <= begins[self.kind]()

    def above(self, bpm: Number) -> bool:
        """C9: reported, never credited; so is what reaches the ceiling of a heart-rate zone."""
        return self.meets(bpm, self.zone_hi) or self.meets_ceiling(bpm)

    def meets_ceiling(self, bpm: Number) -> bool:
        """Section 13; a ceiling stands beside a zone that heart rate can be in, or says nothing."""
        return self.ceiling is not None and needs_figures(self.row) and bpm >= self.ceiling

    def effort(self, bpm: Number) -> bool:
        """C9: creditable or above."""
        return self.meets(bpm, self.zone_lo) or self.above(bpm)

    def creditable(self, bpm: Number) -> bool:
        """C9."""
        return self.meets(bpm, self.zone_lo) and not self.above(bpm)


def needs_figures(row: Row) -> bool:
    """A rating of exertion, or a component beside heart rate, needs none."""
    return given(row, "zone_lo") is not None and row.get("intensity_kind") != "rpe"


def in_force(versions: list[Version], day: date) -> Version | None:
    """The version that holds on a day; versions of one case do not overlap."""
    return next((version for version in versions if version.holds_on(day)), None)


def in_force_for_week(versions: list[Version], monday: date) -> Version | None:
    """A week is judged by its Monday; where nothing holds then, by what begins first in it."""
    days = (monday + timedelta(days=n) for n in range(7))
    return next((version for day in days if (version := in_force(versions, day))), None)


def in_phases(case: Row, phases: list[Row]) -> list[Row]:
    """The case as rows one after another: its own figures, then each phase's from its Monday on.

    Weeks count from 1, the week of the case's first day. What a phase leaves empty is as in the
    case, not as in the phase before.
    """
    mine: list[Row] = sorted(
        (phase for phase in phases if phase["case"] == case["case"]),
        key=lambda phase: phase["from_week"],
    )
    rows = [dict(case)]
    for phase in mine:
        begins = monday_of(case["start_day"]) + timedelta(weeks=phase["from_week"] - 1)
        told: dict[str, Any] = {
            name: value
            for name, value in phase.items()
            if name not in ("case", "phase", "from_week") and value is not None
        }
        rows[-1]["until_day"] = earlier(rows[-1].get("until_day"), begins)
        rows.append(case | told | {"from_day": later(case.get("from_day"), begins)})
    return [row for row in rows if not is_empty(row)]


def earlier(one: date | None, other: date) -> date:
    return other if one is None else min(one, other)


def later(one: date | None, other: date) -> date:
    return other if one is None else max(one, other)


def is_empty(row: Row) -> bool:
    """A row whose time ends before it begins holds on no day."""
    first, behind = row.get("from_day"), row.get("until_day")
    return first is not None and behind is not None and behind <= first

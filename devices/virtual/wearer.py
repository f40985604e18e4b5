"""Who a virtual wearer is, and how sessions are kept. Demo code: plausible, not clinical.

Every number here only shapes made-up recordings. Nothing in it judges anybody: thresholds that do
stand in `config/`.
"""

from dataclasses import dataclass
from enum import StrEnum


class Keeping(StrEnum):
    """What a wearer makes of a prescribed session."""

    KEPT = "kept"
    MISSED = "missed"
    TOO_EASY = "too_easy"
    """Walked, but below the prescribed zone."""
    TOO_HARD = "too_hard"
    """Above the prescribed zone, where time is not credited."""
    CUT_SHORT = "cut_short"
    """In the zone, but for a third of the prescribed minutes."""


@dataclass(frozen=True, kw_only=True)
class Wearer:
    """One person as the model needs them. Weeks are counted from 0."""

    rest_bpm: float
    """Awake, seated."""
    hr_max_bpm: float
    session_min: float
    session_weekdays: tuple[int, ...]
    """0 is Monday."""
    session_hour: float
    """Local hour at which a session usually starts."""
    zone_mid_pct: float
    """The middle of the prescribed zone, in per cent of heart-rate reserve."""
    keeping: tuple[tuple[Keeping, ...], ...]
    """Per week, per session in order; a shorter row repeats its last entry."""
    few_steps: bool = False
    """Exercises without walking (tai chi, cycling): a pulse, hardly a step."""
    night_off: bool = False
    """Takes the band off to sleep."""
    off_days: frozenset[int] = frozenset()
    """Days of the whole recording, from 0, on which the band stays in the drawer."""
    shaken_days: frozenset[int] = frozenset()
    """Days on which the band is shaken by hand for a while in the evening: steps, no pulse."""
    session_every_s: int = 1
    """How often the pulse is heard in a session; at home the band remembers one value a minute."""

    def kept(self, week: int, session: int) -> Keeping:
        """Return what becomes of the given session of the given week."""
        row = self.keeping[min(week, len(self.keeping) - 1)]
        return row[min(session, len(row) - 1)]

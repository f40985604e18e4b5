"""The method's numbers (conventions C1-C16), read from TOML with the source of each.

No threshold of the method stands in code: the core is given these as arguments.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from config.errors import Misconfigured
from config.language import _

CONVENTIONS_FILE = Path(__file__).with_name("conventions_c1.toml")

NonNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]


class Source(BaseModel):
    """Where a number comes from, and whether a clinician has yet to confirm it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    value: int
    unit: str = Field(min_length=1)
    convention: str = Field(pattern=r"^C([1-9]|1[0-6])$")
    source: str = Field(min_length=1)
    confirm: bool


class Conventions(BaseModel):
    """The numbers of one version of the method; names carry the unit."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: str
    time_zone: str
    sources: dict[str, Source]

    utc_offset_min: int
    lowest_bpm: Positive
    highest_bpm: Positive
    spike_reach_s: NonNegative
    spike_deviation_bpm: NonNegative
    spike_least_samples: Positive
    longest_hold_s: Positive
    hr_max_intercept_bpm: Positive
    hr_max_intercept_beta_blocker_bpm: Positive
    hr_max_fall_tenths_per_year: NonNegative
    rest_least_minutes: Positive
    rest_percentile: Annotated[int, Field(gt=0, le=100)]
    light_from_pct: NonNegative
    moderate_from_pct: NonNegative
    vigorous_from_pct: NonNegative
    near_max_from_pct: NonNegative
    longest_interruption_s: NonNegative
    least_bout_effort_s: Positive
    bout_window_s: Positive
    bout_window_effort_s: Positive
    sparse_below_pct: NonNegative
    complete_from_pct: NonNegative
    valid_day_min: NonNegative
    valid_week_days: NonNegative
    adherent_from_pct: NonNegative
    vigorous_weight: NonNegative
    moderate_cadence_spm: NonNegative
    vigorous_cadence_spm: NonNegative
    heart_rate_present_s: NonNegative
    walking_cadence_spm: NonNegative
    still_minutes: Positive
    lock_within_bpm: NonNegative
    lock_cadence_spm: NonNegative
    shake_cadence_spm: NonNegative
    shake_below_pct: NonNegative
    fast_above_spm: NonNegative

    @field_validator("longest_hold_s")
    @classmethod
    def _hold_within_a_minute(cls, seconds: int) -> int:
        if seconds > 60:  # noqa: PLR2004 - a minute; the cut at clock minutes rests on it
            raise ValueError("a hold may touch two clock minutes at most")
        return seconds


@cache
def load_conventions(path: Path = CONVENTIONS_FILE) -> Conventions:
    """Read the conventions; raise Misconfigured with every fault at once."""
    try:
        entries: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        values = {
            name: entry["value"] if isinstance(entry, dict) else entry
            for name, entry in entries.items()
        }
        sources = {name: entry for name, entry in entries.items() if isinstance(entry, dict)}
        return Conventions.model_validate(values | {"sources": sources})
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be read (%(why)s): install the program again")
            % {"path": path, "why": error.strerror}
        ) from error
    except (tomllib.TOMLDecodeError, KeyError, ValidationError) as error:
        raise Misconfigured(
            _("%(path)s does not hold the conventions of the method: %(faults)s")
            % {"path": path, "faults": error}
        ) from error

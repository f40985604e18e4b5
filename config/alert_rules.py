"""The rules of alerts, read from TOML: each value with its unit, its source and its sign-off.

No threshold of an alert stands in code. What a rule is called and what it asks of a person are
texts for people and stand here, so that they are translated like every other text.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from config.errors import Misconfigured
from config.language import _, later

ALERT_RULES_FILE = Path(__file__).with_name("alert_rules.toml")

Tier = Literal["red", "yellow", "blue", "grey"]
Positive = Annotated[int, Field(gt=0)]
Percent = Annotated[int, Field(gt=0, le=100)]


class ValueSource(BaseModel):
    """Where a value comes from, and whether a physician has yet to confirm it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    value: int | list[int]
    unit: str = Field(min_length=1)
    source: str = Field(min_length=1)
    sign_off: bool


class Rule(BaseModel):
    """What every rule has; `sources` by the name of the value."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: str
    version: Positive
    tier: Tier
    owner: Literal["family_doctor", "instructor", "operator"]
    direction: Literal["high", "low"]
    sources: dict[str, ValueSource]


class CeilingRule(Rule):
    """Heart rate sustained at or above the ceiling of the prescription; names carry the unit."""

    kind: Literal["ceiling"]
    min_samples: Annotated[int, Field(ge=2)]
    max_gap_s: Positive
    min_span_s: Positive
    slow_samples: Annotated[int, Field(ge=2)]
    slow_max_gap_s: Positive
    freshness_s: Positive
    again_after_quiet_s: Positive
    escalate_after_min: tuple[Positive, ...] = Field(strict=False)
    default_ceiling_hrr_pct: Percent

    @property
    def persistence(self) -> dict[str, int]:
        """The terms of `alerts.conditions.Sustained`, in its units."""
        return {
            "min_samples": self.min_samples,
            "max_gap_ms": self.max_gap_s * 1000,
            "min_span_ms": self.min_span_s * 1000,
            "slow_samples": self.slow_samples,
            "slow_max_gap_ms": self.slow_max_gap_s * 1000,
        }

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max_gap_s > self.slow_max_gap_s:
            raise ValueError("max_gap_s must not be above slow_max_gap_s")
        if list(self.escalate_after_min) != sorted(set(self.escalate_after_min)):
            raise ValueError("escalate_after_min must rise")
        if self.again_after_quiet_s <= self.slow_max_gap_s:
            raise ValueError("again_after_quiet_s must be above slow_max_gap_s")
        return self


class WeekRule(Rule):
    """A finished week that was not met, below a share of the prescription."""

    kind: Literal["week"]
    below_pct: Percent
    look_back_days: Positive


class AlertRules(BaseModel):
    """The rules in force."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    hr_ceiling: CeilingRule
    week_low: WeekRule


TITLES: Mapping[str, str] = {
    "hr_ceiling": later("Heart rate at or above the ceiling"),
    "week_low": later("Week far below the prescription"),
}
"""What a rule is called on a page and in the work list."""
ADVICE: Mapping[str, str] = {
    "hr_ceiling": later("Ask how the patient is; have them slow down or stop."),
    "week_low": later("Ask what kept the patient from exercising; help, or adjust."),
}
"""What it asks of a person."""
TIER_NAMES: Mapping[str, str] = {
    "red": later("Red"),
    "yellow": later("Yellow"),
    "blue": later("Blue"),
    "grey": later("Grey"),
}


@cache
def load_alert_rules(path: Path = ALERT_RULES_FILE) -> AlertRules:
    """Read the rules; raise Misconfigured with every fault at once."""
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        return AlertRules.model_validate({name: _rule(name, tables[name]) for name in tables})
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be read (%(why)s): install the program again")
            % {"path": path, "why": error.strerror}
        ) from error
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValidationError) as error:
        raise Misconfigured(
            _("%(path)s does not hold the rules of alerts: %(faults)s")
            % {"path": path, "faults": error}
        ) from error


def _rule(name: str, entries: dict[str, Any]) -> dict[str, Any]:
    """Part a rule's table into its plain values and their sources."""
    values = {
        key: entry["value"] if isinstance(entry, dict) else entry for key, entry in entries.items()
    }
    sources = {key: entry for key, entry in entries.items() if isinstance(entry, dict)}
    return values | {"id": name, "sources": sources}

"""The numbers of the side figures, read from TOML with the source of each.

They stand apart from the conventions: nothing that is judged or paid rests on them.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from config.errors import Misconfigured
from config.language import _

SIDE_FIGURES_FILE = Path(__file__).with_name("side_figures.toml")

Factor = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0)]


class NamedSource(BaseModel):
    """Where a number comes from, and whether a clinician has yet to confirm it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    value: int | float
    unit: str = Field(min_length=1)
    source: str = Field(min_length=1)
    confirm: bool


class SideFigures(BaseModel):
    """The numbers of one version of the side figures; `x` is the fraction of heart-rate reserve."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: str
    sources: dict[str, NamedSource]

    trimp_factor_men: Factor
    trimp_rate_men: Factor
    trimp_factor_women: Factor
    trimp_rate_women: Factor
    baseline_weeks: Count
    baseline_least_days: Count


@cache
def load_side_figures(path: Path = SIDE_FIGURES_FILE) -> SideFigures:
    """Read the numbers; raise Misconfigured with every fault at once."""
    try:
        entries: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        values = {
            name: entry["value"] if isinstance(entry, dict) else entry
            for name, entry in entries.items()
        }
        sources = {name: entry for name, entry in entries.items() if isinstance(entry, dict)}
        return SideFigures.model_validate(values | {"sources": sources})
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be read (%(why)s): install the program again")
            % {"path": path, "why": error.strerror}
        ) from error
    except (tomllib.TOMLDecodeError, KeyError, ValidationError) as error:
        raise Misconfigured(
            _("%(path)s does not hold the numbers of the side figures: %(faults)s")
            % {"path": path, "faults": error}
        ) from error

"""The numbers of the method's section 13, read from TOML with the source of each.

They stand apart from the conventions C1-C16, whose hash stands beside every stored figure.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from config.errors import Misconfigured
from config.language import _
from config.sourced import SourcedNumber

COMPONENTS_FILE = Path(__file__).with_name("components_c1.toml")

Positive = Annotated[int, Field(gt=0)]


class Components(BaseModel):
    """The numbers of components that are logged or counted; names carry the unit."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: str
    sources: dict[str, SourcedNumber]

    logged_from_pct: Annotated[int, Field(ge=0, le=100)]
    steps_days_per_week: Annotated[int, Field(ge=1, le=7)]
    rpe_lowest: Positive
    rpe_highest: Positive


@cache
def load_components(path: Path = COMPONENTS_FILE) -> Components:
    """Read the numbers; raise Misconfigured with every fault at once."""
    try:
        entries: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        values = {
            name: entry["value"] if isinstance(entry, dict) else entry
            for name, entry in entries.items()
        }
        sources = {name: entry for name, entry in entries.items() if isinstance(entry, dict)}
        return Components.model_validate(values | {"sources": sources})
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be read (%(why)s): install the program again")
            % {"path": path, "why": error.strerror}
        ) from error
    except (tomllib.TOMLDecodeError, KeyError, ValidationError) as error:
        raise Misconfigured(
            _("%(path)s does not hold the numbers of the components: %(faults)s")
            % {"path": path, "faults": error}
        ) from error

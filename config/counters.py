"""The numbers by which running totals of steps become increments, read from TOML with sources."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from config.errors import Misconfigured
from config.language import _
from config.sourced import SourcedNumber

COUNTERS_FILE = Path(__file__).with_name("counters_c1.toml")

Positive = Annotated[int, Field(gt=0)]


class Counters(BaseModel):
    """The numbers of step counters; names carry the unit."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: str
    sources: dict[str, SourcedNumber]
    bits: dict[str, Annotated[int, Field(ge=8, le=64)]]
    """Family of bands -> how wide its running total is."""

    fastest_cadence_spm: Positive
    told_late_s: Positive
    clock_tolerance_s: Positive
    longest_wrap_min: Positive
    wrapping_bits: Annotated[int, Field(ge=8, le=32)]
    """Only a counter this narrow is ever walked to its top within a day."""


@cache
def load_counters(path: Path = COUNTERS_FILE) -> Counters:
    """Read the numbers; raise Misconfigured with every fault at once."""
    try:
        entries: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        sources = {
            name: entry
            for name, entry in entries.items()
            if isinstance(entry, dict) and name != "bits"
        }
        values = {name: entry["value"] for name, entry in sources.items()}
        return Counters.model_validate(entries | values | {"sources": sources})
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be read (%(why)s): install the program again")
            % {"path": path, "why": error.strerror}
        ) from error
    except (tomllib.TOMLDecodeError, KeyError, ValidationError) as error:
        raise Misconfigured(
            _("%(path)s does not hold the numbers of step counters: %(faults)s")
            % {"path": path, "faults": error}
        ) from error

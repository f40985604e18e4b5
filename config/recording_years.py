"""The years that a time of a recording may lie in, read from TOML with the reason of each."""

import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from config.errors import Misconfigured
from config.language import _
from config.sourced import SourcedNumber

RECORDING_YEARS_FILE = Path(__file__).with_name("recording_years.toml")


class RecordingYears(BaseModel):
    """The first and the last year, both included."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    first: SourcedNumber
    last: SourcedNumber


@cache
def load_recording_years(path: Path = RECORDING_YEARS_FILE) -> RecordingYears:
    """Read the years; raise Misconfigured with every fault at once."""
    try:
        return RecordingYears.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be read (%(why)s): install the program again")
            % {"path": path, "why": error.strerror}
        ) from error
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise Misconfigured(
            _("%(path)s does not hold the years of a recording: %(faults)s")
            % {"path": path, "faults": error}
        ) from error

"""Legal floors of how long data is kept, and how soon nobody's readings go: TOML with sources."""

import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from config.errors import Misconfigured
from config.language import _
from config.sourced import SourcedNumber

RETENTION_FILE = Path(__file__).with_name("retention.toml")


class Retention(BaseModel):
    """Numbers of days, each with its source."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    readings_floor: SourcedNumber
    """Readings, and the signed bytes they came in."""
    audit_floor: SourcedNumber
    """The audit trail: nothing of ours deletes it."""
    logs_floor: SourcedNumber
    """Logs of the services, wherever the district keeps them."""
    dead_letter_bytes: SourcedNumber
    """No floor but a limit: the bytes of a dead letter go so many days after they first came."""
    unowned_readings: SourcedNumber
    """No floor but a limit: what belongs to nobody is deleted so many days after it came."""


@cache
def load_retention(path: Path = RETENTION_FILE) -> Retention:
    """Read the numbers; raise Misconfigured with every fault at once."""
    try:
        return Retention.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be read (%(why)s): install the program again")
            % {"path": path, "why": error.strerror}
        ) from error
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise Misconfigured(
            _("%(path)s does not hold the limits of retention: %(faults)s")
            % {"path": path, "faults": error}
        ) from error

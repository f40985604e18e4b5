"""What a gateway can say of itself: to `adhere gateway status`, and on its `state` topic."""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from config.errors import Misconfigured
from config.language import _

STATUS_FILE = "status.json"


@dataclass(frozen=True, slots=True)
class Status:
    """Counts of readings, unless a name says batches; over the spool's life, unless it is said."""

    centre: str
    gateway: str
    at_utc_ms: int
    connected: bool
    stored: int
    sealed: int
    receipted: int
    refused: int
    damaged: int
    """Lost in damaged rows; the bytes are kept aside."""
    unsealed: int
    waiting_batches: int
    refused_batches: int
    bad_input: int
    """Things heard that were no readings; the bytes are kept aside."""
    spool_rebuilt: int
    spool_full: int
    """How often the spool was too full to store, since the start."""
    sent_batches: int
    """Since the start, as the rest."""
    resent_batches: int
    receipts_rejected: int
    hub_clock_ahead_ms: int | None
    spool_s: Mapping[str, float]
    """Processor seconds on the spool since the start: `store`, `seal`, `settle` for the rest."""
    on_disk_after_s: Mapping[str, float] = field(default_factory=dict)
    """How old live readings were when they were on disk, since the start: `p50`, `p99`, `most`."""
    edge: Mapping[str, object] = field(default_factory=dict)
    """Roster, alarms and events of the edge; counts alone, nothing of a person."""
    radio: Mapping[str, object] = field(default_factory=dict)
    """What became of everything on the air; counts alone."""

    def as_dict(self) -> dict[str, object]:
        """Return the status as what JSON writes."""
        return asdict(self)


def write(folder: Path, status: Status) -> None:
    """Write the status file, whole at any moment; a crash may lose it, for it is only a view."""
    part = folder / f".{STATUS_FILE}.{secrets.token_hex(4)}"
    try:
        part.write_text(json.dumps(status.as_dict(), indent=1) + "\n", "utf-8")
        part.replace(folder / STATUS_FILE)
    finally:
        part.unlink(missing_ok=True)


def read(folder: Path) -> Mapping[str, object]:
    """Return what the gateway last said of itself; raise Misconfigured where it never did."""
    try:
        status = json.loads((folder / STATUS_FILE).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(
            _("No gateway has run with the data folder %(path)s yet.") % {"path": folder}
        ) from error
    if not isinstance(status, dict):
        raise Misconfigured(_("%(path)s is no status file.") % {"path": folder / STATUS_FILE})
    return status


def age_s(status: Mapping[str, object]) -> float:
    """Return how long ago the status was written, by this machine's clock, in seconds."""
    at = status.get("at_utc_ms")
    return time.time() - (at if isinstance(at, int) else 0) / 1000

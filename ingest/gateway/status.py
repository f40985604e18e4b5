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
    boot: str
    """The spool file that the counts are of, as its batches name it: hexadecimal digits."""
    stored: int
    sealed: int
    receipted: int
    refused: int
    released: int
    """Of batches that the hub had refused, given up by an operator or for their age."""
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
    storing: bool
    """Whether what is heard reaches the disk; else it is held in memory while there is room."""
    disk_faults: int
    """How often the disk failed under the spool, which was opened again, since the start."""
    sent: int
    """Since the start, as the rest; each once, however often it was sent."""
    sent_batches: int
    resent_batches: int
    receipts_rejected: int
    hub_clock_ahead_ms: int | None
    clock_known: bool
    """Whether the wall clock is known to be right: by the hub, or by the kernel's time service."""
    clock_contradicted: bool
    """Whether the kernel's time service and the hub say times that cannot both be right."""
    clock_jumps: int
    """How often the wall clock was set, since the start."""
    clock_corrected: int
    """Readings whose time was put right at sealing, over the spool's life."""
    clock_suspect: int
    """And those sealed of which nobody can say when they were heard."""
    mqtt: str | None
    """The version spoken with the broker; None before the first connection."""
    hub_listens: bool | None
    """Whether anybody subscribes to what is sent; None where the broker does not say (3.1.1)."""
    broker_refusals: Mapping[str, int]
    """What the broker has against our messages on this connection (MQTT 5 alone says it)."""
    spool_used: float
    """Share of the quota that is in use."""
    has_ballast: bool
    """Whether room is held back for emptying the spool on a full disk."""
    spool_s: Mapping[str, float]
    """Processor seconds on the spool since the start: `store`, `seal`, `settle` for the rest."""
    on_disk_after_s: Mapping[str, float] = field(default_factory=dict)
    """How old live readings were when they were on disk, since the start: `p50`, `p99`, `most`."""
    edge: Mapping[str, object] = field(default_factory=dict)
    """Roster, alarms and events of the edge; counts alone, nothing of a person."""
    radio: Mapping[str, object] = field(default_factory=dict)
    """What became of everything on the air; counts alone."""
    files: Mapping[str, object] = field(default_factory=dict)
    """Files: `waiting`, and since the start `taken`, `refused` and their new `readings`."""
    scanners: Mapping[str, object] = field(default_factory=dict)
    """What came from scanners and phones; counts alone."""

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


def last_alive_utc_ms(folder: Path) -> int | None:
    """Return when the gateway last wrote its status; None where no clock known to be right says."""
    try:
        said = read(folder)
    except Misconfigured:
        return None
    at = said.get("at_utc_ms")
    return at if isinstance(at, int) and said.get("clock_known") is True else None

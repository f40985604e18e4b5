"""What the scanners' intake counts: the `scanners` part of the gateway's status."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(slots=True)
class ScannerCounters:
    """Counts of messages since the start, unless a name says otherwise."""

    connected: bool = False
    messages: int = 0
    unregistered: int = 0
    """Of bands that are registered to nobody: looked at no further."""
    retained: int = 0
    """Kept by the broker from some time ago: passed over."""
    repeated: int = 0
    """Values that another scanner, or the same within a second, has said already."""
    stamps_off: int = 0
    """Messages whose sender's clock disagrees with the box's by more than two minutes."""
    delayed: int = 0
    """Values of a while ago: they came more than five seconds late, or waited to be placed."""
    unplaced: int = 0
    """Values that may be of now or of some time ago: the sender's clock was not learnt in time."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Messages of registered bands that could not be read, by reason; the bytes are kept aside."""
    unreadable: int = 0
    """Messages that could not be read, of whom nobody knows: not kept."""
    dropped: int = 0
    """Messages that came faster than they could be read."""
    lost_in_scanner: Mapping[str, int] = field(default_factory=dict)
    """By scanner: what it says its own queue has lost."""
    offline: Mapping[str, int] = field(default_factory=dict)
    """By scanner that is away: since when, ms UTC by this box's clock."""

    def as_dict(self) -> dict[str, object]:
        """Return the counts as what JSON writes."""
        return asdict(self)

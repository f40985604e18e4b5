"""What the radio counts, and how it stands now: the `radio` part of the gateway's status.

Every advert of a registered band ends in exactly one of `adverts_*`, so that nothing is lost in
silence: adverts = taken + repeated + stale + elsewhere + linked + rejected + empty.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields

from ingest.gateway.neighbour import Neighbour
from ingest.gateway.outages import ADAPTERS
from ingest.gateway.radio.board import Board, nothing


@dataclass(slots=True)
class RadioCounters:
    """Counts since the start; the last ones are how things stand at the moment."""

    adverts: int = 0
    """Adverts with data of registered bands, however often the same."""
    adverts_taken: int = 0
    """... that gave at least one reading."""
    adverts_repeated: int = 0
    """... that said the same as just before: beyond one a second, or the same frame again."""
    adverts_stale: int = 0
    """... whose frame has not changed for seconds though the band goes on sending it."""
    adverts_elsewhere: int = 0
    """... that another adapter of this box hears already."""
    adverts_linked: int = 0
    """... of a band whose link says it already."""
    adverts_rejected: int = 0
    """... that could not be read; the bytes are kept aside."""
    adverts_empty: int = 0
    """... that said "no value", or nothing we know."""
    notifications: int = 0
    """Frames from connected bands, and characteristics read."""
    notifications_rejected: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    """Frames and adverts that could not be read, by reason."""
    readings_live: int = 0
    """Readings of now handed to the spool's queue, or dropped before it."""
    readings_history: int = 0
    readings_suspect: int = 0
    """... that carry the mark of doubt: a pulse that has not changed for minutes."""
    readings_clock_suspect: int = 0
    """... out of memories, stamped by a clock that was more than two minutes wrong."""
    readings_unplaced: int = 0
    """Values out of memories whose time nobody knows: stamped before all the band remembers."""
    clocks_wrong: int = 0
    """Links that found their band's clock more than two minutes wrong; it was set right."""
    vibrations_asked: int = 0
    """How often an alarm asked that a band vibrate: = done + limited + failed + one on its way."""
    vibrations_done: int = 0
    vibrations_limited: int = 0
    """Asked again within a minute."""
    vibrations_failed: Counter[str] = field(default_factory=Counter)
    """By reason: `unknown` band, `unable`, `late` (no link within half a minute), a fault."""
    dropped_live: int = 0
    """Readings dropped because the disk was behind for long; at the edge they were heard."""
    dropped_history: int = 0
    """Will be read from the band again."""
    dropped_rejected: int = 0
    """Bytes of frames that were not kept aside, because too many were."""
    connects_tried: int = 0
    connects_failed: Counter[str] = field(default_factory=Counter)
    """Connections that did not come about, by reason."""
    links_opened: int = 0
    links_ended: Counter[str] = field(default_factory=Counter)
    """By reason: `lost`, `silent`, `done`, `gave_way`, `unregistered`, `adapter_gone`, a fault."""
    reads_refused: int = 0
    disconnects_hung: int = 0
    bands_lost: int = 0
    """How often a band fell silent or went out of reach."""
    bands_back: int = 0
    unregistered_adverts: int = 0
    """Of people passing by; nothing of them is kept but the addresses of bands, in memory."""
    scans_started: int = 0
    scans_failed: Counter[str] = field(default_factory=Counter)
    """Scans that did not start, or were started anew because an adapter heard nothing."""
    adapter_outages: int = 0
    bus_outages: int = 0
    last_outage_s: float = 0.0
    """Of an adapter, from its last to its next scan."""
    adapters: Mapping[str, str] = field(default_factory=dict)
    """`scanning`, `missing`, `off` or the fault, by address."""
    bands_registered: int = 0
    bands_heard: int = 0
    """Heard within the time after which a band counts as silent."""
    bands_linked: int = 0
    bands_waiting: int = 0
    """In reach, and waiting for a link."""
    models: Mapping[str, int] = field(default_factory=dict)
    """How many bands call themselves so: maker, model and firmware, by their own word."""
    bands_offered: int = 0
    """Unregistered ones in reach now."""
    offered: Mapping[str, Neighbour] = field(default_factory=dict)
    """By address what may be shown of them: in memory, for who registers or claims a band."""
    board: Callable[[], Board] = nothing
    """Each band and adapter at this moment, for who asks."""

    def away(self) -> Sequence[str]:
        """Return `adapters` while none of them can hear; a room in which nobody is counts not."""
        can_hear = {"scanning", "quiet"} & set(self.adapters.values())
        return [ADAPTERS] if self.adapters and not can_hear else []

    def as_dict(self) -> dict[str, object]:
        """Return the counters as what JSON writes."""
        names = [part.name for part in fields(self) if part.name not in {"offered", "board"}]
        return {name: _plain(getattr(self, name)) for name in names}


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else value

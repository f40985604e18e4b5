"""What a measurement of ingest has found."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from scripts.bench.ingest.made import Load

REFERENCE_BATCH = 600
"""The size of batch that the aim is said for; others get their messages of this size."""


@dataclass(frozen=True)
class Timed:
    """One run of one way."""

    seconds: float
    cpu_s: dict[str, float | None]
    """By part: `server`, and `broker`, `hub`, `publisher`, where they took part."""
    counters: dict[str, int] = field(default_factory=dict)
    """What the hubs counted, all together."""
    hub_parts_s: dict[str, float] = field(default_factory=dict)
    """Processor seconds of the parts of the hubs' work, from their start to their end."""


@dataclass(frozen=True)
class SizeFigures:
    """All runs of one size of batch."""

    load: Load
    wire_bytes: int
    limit: list[Timed]
    """COPY over one connection."""
    limit_of: dict[int, list[Timed]]
    """COPY over as many connections as there are workers."""
    ledger: list[Timed]
    chain: dict[int, list[Timed]]
    """By number of workers."""

    def rows_per_s(self, runs: Sequence[Timed]) -> float:
        """Return the median speed."""
        return statistics.median(self.load.readings / run.seconds for run in runs)

    def ratio(self, runs: Sequence[Timed], to: Sequence[Timed] | None = None) -> float:
        """Return the median, over the rounds, of the speed as a share of the limit's."""
        limit = self.limit if to is None else to
        return statistics.median(
            one.seconds / run.seconds for one, run in zip(limit, runs, strict=True)
        )


@dataclass(frozen=True)
class PeerFigures:
    """One way of others."""

    way: str
    readings: int
    timed: Timed

    @property
    def rows_per_s(self) -> float:
        """Committed."""
        return self.readings / self.timed.seconds


@dataclass(frozen=True)
class IngestFigures:
    """One whole run."""

    server: str
    broker: str
    sizes: list[SizeFigures]
    peers: list[PeerFigures]


def reference(sizes: Iterable[int]) -> int:
    """Return the size that is 600 readings a batch, or nearest to it."""
    return min(sizes, key=lambda size: abs(size - REFERENCE_BATCH))

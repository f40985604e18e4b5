"""Where a replay's time goes. Hub and gateways work at the same time: their parts overlap."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Shares:
    """Seconds by part, in the order in which the parts first ran."""

    seconds: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Measure the block as (more of) the part `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Count seconds measured elsewhere."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def move(self, whole: str, part: str, seconds: float) -> None:
        """Count `seconds` of the part `whole` as the part `part` instead."""
        self.add(part, seconds)
        self.add(whole, -seconds)

    def add_hub(self, counters: Mapping[str, Any]) -> None:
        """Take over the hub's own account of its parts."""
        for part, times in counters.get("parts", {}).items():
            self.add(f"hub_{part}", times["wall_s"])

    def add_gateways(self, spools: Iterable[Mapping[str, float]]) -> None:
        """Take over the processor seconds of the gateways' work on their spools."""
        for spool in spools:
            for part, seconds in spool.items():
                self.add(f"spool_{part}", seconds)

    def elapsed_s(self) -> float:
        """Return the seconds since the beginning."""
        return time.perf_counter() - self.started

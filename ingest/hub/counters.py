"""What the hub has done since it started, and where its time went."""

import time
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field


class Stopwatch:
    """Wall and processor time of one part of the work, in seconds, in one thread."""

    def __init__(self) -> None:
        """Start at zero."""
        self.wall_s = self.cpu_s = 0.0
        self._wall = self._cpu = 0.0

    def __enter__(self) -> None:
        """Begin a span."""
        self._wall, self._cpu = time.perf_counter(), time.thread_time()

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.wall_s += time.perf_counter() - self._wall
        self.cpu_s += time.thread_time() - self._cpu


@dataclass
class Arrivals:
    """What came by one connection, written by its network thread alone."""

    received: int = 0
    """Messages that came, also those that were dropped or ignored."""
    ignored: int = 0
    """Retained messages that are no state: nothing else a gateway sends is retained."""
    dropped: int = 0
    """Found no room; the gateway sends them again."""
    not_taken: int = 0
    """Messages of ours that the broker refused to pass on, where it says so (MQTT 5)."""


@dataclass
class Counters:
    """Messages, batches, readings, events. Each number but the last has one writing thread."""

    live: Arrivals = field(default_factory=Arrivals)
    history: Arrivals = field(default_factory=Arrivals)

    # Written by the thread that opens messages.
    repeated: int = 0
    """Came twice while one of them was still waiting."""

    # Written by the storer.
    stored: int = 0
    duplicate: int = 0
    forked: int = 0
    dead_lettered: int = 0
    dead_letters: dict[str, int] = field(default_factory=dict)
    """By reason."""
    not_kept: int = 0
    """Of them, those of which no letter was kept: too many at once, signed by nobody."""
    readings: int = 0
    """In the batches stored."""
    events: int = 0
    """Edge events stored."""
    duplicate_events: int = 0
    forked_events: int = 0
    states: int = 0
    """Gateways' words on how they stand."""
    bytes: int = 0
    """Sealed bytes of the batches stored."""
    transactions: int = 0
    receipts: int = 0
    database_failures: int = 0
    """Met by any thread but the network's."""

    @property
    def received(self) -> int:
        """Messages that came, by whatever connection."""
        return self.live.received + self.history.received

    @property
    def ignored(self) -> int:
        """Retained messages that are no state."""
        return self.live.ignored + self.history.ignored

    @property
    def dropped(self) -> int:
        """Messages that found no room."""
        return self.live.dropped + self.history.dropped


class Delays:
    """How long messages waited here, from coming in to their COMMIT; written by one thread."""

    BOUNDS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

    def __init__(self) -> None:
        """Count nothing yet."""
        self.counts = [0] * (len(self.BOUNDS_S) + 1)
        """By the least bound that is not below; the last: longer than all."""
        self.sum_s = 0.0

    def add(self, waited_s: Iterable[float]) -> None:
        """Count messages that waited so long."""
        for one in waited_s:
            self.counts[bisect_left(self.BOUNDS_S, one)] += 1
            self.sum_s += one


class Times:
    """Where the time goes. `verify` and `unpack` run beside `database` and `receipts`."""

    def __init__(self) -> None:
        """Start the clock."""
        self._started, self._started_cpu = time.perf_counter(), time.process_time()
        self.verify, self.unpack = Stopwatch(), Stopwatch()
        self.database, self.receipts = Stopwatch(), Stopwatch()

    def parts(self) -> dict[str, Stopwatch]:
        """Return the watches by the name of what they measure."""
        return {
            "verify": self.verify,
            "unpack": self.unpack,
            "database": self.database,
            "receipts": self.receipts,
        }

    def report(self) -> dict[str, object]:
        """Return seconds since the start: of the whole process, and of each part."""
        return {
            "wall_s": round(time.perf_counter() - self._started, 3),
            "cpu_s": round(time.process_time() - self._started_cpu, 3),
            "parts": {
                name: {"wall_s": round(watch.wall_s, 3), "cpu_s": round(watch.cpu_s, 3)}
                for name, watch in self.parts().items()
            },
        }


def report(counters: Counters, times: Times) -> dict[str, object]:
    """Return both as one flat mapping for the log and for `--json`."""
    sums = {name: getattr(counters, name) for name in ("received", "ignored", "dropped")}
    return sums | asdict(counters) | times.report()

"""What the hub has done since it started, and where its time went."""

import time
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
class Counters:
    """Messages, batches, readings, events. Each number but the last has one writing thread."""

    # Written by the network thread.
    received: int = 0
    """Messages that came, also those that were dropped or ignored."""
    ignored: int = 0
    """Retained messages that are no state: nothing else a gateway sends is retained."""
    dropped: int = 0
    """Found no room; the gateway sends them again."""

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


class Times:
    """Where the time goes. `verify` and `unpack` run beside `database` and `receipts`."""

    def __init__(self) -> None:
        """Start the clock."""
        self._started, self._started_cpu = time.perf_counter(), time.process_time()
        self.verify, self.unpack = Stopwatch(), Stopwatch()
        self.database, self.receipts = Stopwatch(), Stopwatch()

    def report(self) -> dict[str, object]:
        """Return seconds since the start: of the whole process, and of each part."""
        parts = {
            "verify": self.verify,
            "unpack": self.unpack,
            "database": self.database,
            "receipts": self.receipts,
        }
        return {
            "wall_s": round(time.perf_counter() - self._started, 3),
            "cpu_s": round(time.process_time() - self._started_cpu, 3),
            "parts": {
                name: {"wall_s": round(watch.wall_s, 3), "cpu_s": round(watch.cpu_s, 3)}
                for name, watch in parts.items()
            },
        }


def report(counters: Counters, times: Times) -> dict[str, object]:
    """Return both as one flat mapping for the log and for `--json`."""
    return asdict(counters) | times.report()

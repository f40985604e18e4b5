"""How old readings are when they are on disk: counted, so that the whole run can be told."""

import time
from collections import Counter
from collections.abc import Sequence

from ingest.batch.reading import Reading

STEP_MS = 10
MOST_STEPS = 6_000
"""A minute and more counts as a minute: a clock that jumped, or a file of old readings."""


class Ages:
    """Counts ages in steps of 10 ms, rounded up."""

    def __init__(self) -> None:
        self._count: Counter[int] = Counter()

    def stored(self, readings: Sequence[Reading], now_utc_ms: int | None = None) -> None:
        """Count readings that reached the disk now (or at `now_utc_ms`)."""
        now = time.time_ns() // 10**6 if now_utc_ms is None else now_utc_ms
        self._count.update(
            [min(max(0, -((at - now) // STEP_MS)), MOST_STEPS) for _, _, _, at, *_ in readings]
        )

    def summary(self) -> dict[str, float]:
        """Return `p50`, `p99` and `most`, in seconds; empty before anything was stored."""
        total, passed, told = self._count.total(), 0, {}
        for steps in sorted(self._count):
            passed += self._count[steps]
            for name, share in (("p50", 0.5), ("p99", 0.99), ("most", 1.0)):
                if name not in told and passed >= share * total:
                    told[name] = steps * STEP_MS / 1000
        return told

"""How much each band has said in the last minute, and its battery: counts, and no pulse."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ingest.batch.reading import Quantity, Reading

MINUTE_S = 60


@dataclass(slots=True)
class _Said:
    seconds: deque[tuple[int, int]] = field(default_factory=deque)
    """Second of the steady clock, and readings in it: at most one minute of them."""
    battery_pct: int | None = None


class Tally:
    """Counts what is heard, by band. Its methods belong to the event loop's thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing heard."""
        self._clock = clock
        self._said: dict[str, _Said] = {}

    def heard(self, readings: Sequence[Reading]) -> None:
        """Count readings of now."""
        second = int(self._clock())
        for reading in readings:
            said = self._said.setdefault(reading.device_key, _Said())
            if reading.quantity is Quantity.BATTERY_PCT:
                said.battery_pct = round(reading.value)
            last, count = said.seconds.pop() if said.seconds else (second, 0)
            if last == second:
                said.seconds.append((second, count + 1))
            else:
                said.seconds.extend(((last, count), (second, 1)))
            while said.seconds[0][0] <= second - MINUTE_S:
                said.seconds.popleft()

    def of(self, device_key: str) -> Mapping[str, int | None]:
        """Return `readings_per_min` and `battery_pct` (None: not said) of a band."""
        said = self._said.get(device_key)
        if said is None:
            return {"readings_per_min": 0, "battery_pct": None}
        since = int(self._clock()) - MINUTE_S
        count = sum(count for second, count in said.seconds if second > since)
        return {"readings_per_min": count, "battery_pct": said.battery_pct}

    def keep(self, device_keys: Sequence[str]) -> None:
        """Forget bands that are registered no more."""
        for gone in self._said.keys() - set(device_keys):
            del self._said[gone]

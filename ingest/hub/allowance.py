"""How many messages that nobody has signed for are kept as dead letters: some, not a flood.

Whoever may publish at the broker can send rubbish as fast as the wire carries it. A letter each
would keep the database from what gateways say, and fill it. Some show what is going on; of the rest
the count is enough. What an enrolled gateway has signed is no matter of this.
"""

import time
from collections.abc import Callable

PERIOD_S = 10.0
PER_TOPIC, IN_ALL = 20, 200
"""In one period."""
SAID_EVERY_S = 1.0


class Allowance:
    """Of one hub. Used by the thread that stores alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin a period. `clock` is monotonic, in seconds."""
        self._clock = clock
        self._began_s = clock()
        self._kept: dict[str, int] = {}
        self._in_all = 0
        self._unsaid, self._said_s = 0, -SAID_EVERY_S

    def has_room(self, topic: str) -> bool:
        """Say whether one more from this topic is kept; if so it counts."""
        now_s = self._clock()
        if now_s - self._began_s >= PERIOD_S:
            self._began_s, self._in_all = now_s, 0
            self._kept.clear()
        of_topic = self._kept.get(topic, 0)
        if of_topic >= PER_TOPIC or self._in_all >= IN_ALL:
            self._unsaid += 1
            return False
        self._kept[topic] = of_topic + 1
        self._in_all += 1
        return True

    def due(self) -> int:
        """Return how many were not kept since this was last said, once a second; else 0."""
        now_s = self._clock()
        if not self._unsaid or now_s - self._said_s < SAID_EVERY_S:
            return 0
        count, self._unsaid, self._said_s = self._unsaid, 0, now_s
        return count

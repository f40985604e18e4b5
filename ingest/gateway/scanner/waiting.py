"""Messages wait until it is known how late they are: then they have the time they are of.

What a queue hands over when its network is back, and the first minute of a scanner with a wrong
clock, is worth keeping. It waits in memory, for some minutes at most, and is handed on without a
time if nobody learns it.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from devices.value import Value
from ingest.gateway.radio.bands import Band
from ingest.gateway.scanner.counters import ScannerCounters
from ingest.gateway.scanner.stamps import PROMPT_MS, Stamps

WAITS_MS = 180_000
"""Longer than a clock takes to be known, after a queue that was handed over."""
MOST_WAITING = 5_000
CLOCK_OFF_MS = 120_000


class Message(NamedTuple):
    """What a message says of a registered band."""

    band: Band
    sender: str
    values: tuple[Value, ...]
    families: tuple[str, ...] = ()
    manufacturer_data: Mapping[int, bytes] = {}
    service_data: Mapping[str, bytes] = {}


class _Waiting(NamedTuple):
    message: Message
    stamp_utc_ms: int
    came_ms: int


class Waiting:
    """What waits, by its sender; times are in milliseconds, of the steady clock if not UTC."""

    def __init__(
        self, counters: ScannerCounters, hand_on: Callable[[Message, int | None], None]
    ) -> None:
        """`hand_on` takes a message and how long ago it was true; None: nobody can say."""
        self._counters, self._hand_on = counters, hand_on
        self._stamps = Stamps()
        self._of: defaultdict[str, deque[_Waiting]] = defaultdict(deque)

    def came(
        self, message: Message, stamp_utc_ms: int | None, *, mono_ms: int, wall_ms: int
    ) -> None:
        """Take a message: hand it on, and what waited for it, or let it wait."""
        if stamp_utc_ms is None:
            self._hand_on(message, 0)
            return
        sender, stamps = message.sender, self._stamps
        late_ms = stamps.delay_ms(sender, stamp_utc_ms, mono_ms=mono_ms, wall_ms=wall_ms)
        if stamps.is_off(sender, CLOCK_OFF_MS, mono_ms=mono_ms, wall_ms=wall_ms):
            self._counters.stamps_off += 1
        if late_ms is not None:
            for one in self._of.pop(sender, ()):
                waited_ms = mono_ms - one.came_ms
                came_late_ms = stamps.known_delay_ms(sender, one.came_ms - one.stamp_utc_ms)
                age_ms = None if came_late_ms is None else waited_ms + _delay_ms(came_late_ms)
                self._hand_on(one.message, age_ms)
            self._hand_on(message, _delay_ms(late_ms))
        elif sum(map(len, self._of.values())) < MOST_WAITING:
            self._of[sender].append(_Waiting(message, stamp_utc_ms, mono_ms))
        else:
            self._hand_on(message, None)

    def give_up(self, mono_ms: int | None = None) -> None:
        """Hand on without a time what has waited for too long by then; None: all that waits."""
        for sender, waiting in list(self._of.items()):
            while waiting and (mono_ms is None or mono_ms - waiting[0].came_ms > WAITS_MS):
                self._hand_on(waiting.popleft().message, None)
            if not waiting:
                del self._of[sender]


def _delay_ms(late_ms: int) -> int:
    return late_ms if late_ms > PROMPT_MS else 0

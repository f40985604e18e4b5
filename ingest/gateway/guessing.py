"""Whoever types wrong claim codes waits: longer for the same person, and for all of them together.

Four digits can be guessed; a hundred guesses a day find one in a hundred. Kept in memory: who can
start the gateway anew needs no code.
"""

from collections import deque
from dataclasses import dataclass

FREE = 3
"""Wrong codes for one person before the first wait: a slip, and another."""
FIRST_WAIT_MS = 60_000
LONGEST_WAIT_MS = 900_000
HALL_FREE = 10
"""Wrong codes for anybody within HALL_MS before the whole page waits."""
HALL_MS = 600_000


@dataclass(slots=True)
class _Wrong:
    count: int = 0
    not_before_ms: int = 0


class Guessing:
    """Counts wrong codes; times are of the clock that nobody sets."""

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self.wrong = 0
        """Wrong codes since the start."""
        self._of: dict[str, _Wrong] = {}
        self._lately: deque[int] = deque(maxlen=HALL_FREE)

    def wait_ms(self, subject: str, mono_ms: int) -> int:
        """Return how long this person's code is not looked at; 0: now."""
        known = self._of.get(subject)
        own_ms = 0 if known is None else known.not_before_ms - mono_ms
        hall_ms = 0
        if len(self._lately) == HALL_FREE:
            hall_ms = self._lately[0] + HALL_MS - mono_ms
        return max(0, own_ms, hall_ms)

    def was_wrong(self, subject: str, mono_ms: int) -> None:
        """Count a wrong code."""
        self.wrong += 1
        self._lately.append(mono_ms)
        known = self._of.setdefault(subject, _Wrong())
        known.count += 1
        if known.count >= FREE:
            doubled = FIRST_WAIT_MS * 2 ** min(known.count - FREE, 20)
            known.not_before_ms = mono_ms + min(doubled, LONGEST_WAIT_MS)

    def was_right(self, subject: str) -> None:
        """Forget this person's slips."""
        self._of.pop(subject, None)

"""Questions to a band, one at a time: bands answer in many packets, and packets are lost."""

from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

Question = TypeVar("Question")

PATIENCE_MS = 5_000
TRIES = 3


class Asking(Generic[Question]):
    """A queue of questions; the one that is open is asked again when the band falls silent."""

    def __init__(self) -> None:
        self.open: Question | None = None
        self.gave_up = False
        """A question of this round was left without a whole answer."""
        self._waiting: deque[Question] = deque()
        self._tries = 0
        self._was_heard = False
        self._quiet_since_ms = 0

    def plan(self, questions: Iterable[Question]) -> None:
        """Begin a round of questions."""
        self._waiting.extend(questions)
        self.gave_up = False

    @property
    def is_idle(self) -> bool:
        """There is nothing (more) to ask."""
        return self.open is None and not self._waiting

    @property
    def due_utc_ms(self) -> int | None:
        """When `ask` wants to be called: at once, when patience ends, or never."""
        if self.open is not None:
            return self._quiet_since_ms + PATIENCE_MS
        return 0 if self._waiting else None

    def ask(self, now_utc_ms: int) -> Question | None:
        """Return the question to be put now, for the first time or again, or None.

        After three tries it is left. A band that gave no sound to it will not answer the others.
        """
        # A clock that was set back must not make the patience long.
        if self.open is not None and 0 <= now_utc_ms - self._quiet_since_ms < PATIENCE_MS:
            return None
        if self.open is not None and self._tries >= TRIES:
            self.open, self.gave_up = None, True
            if not self._was_heard:
                self._waiting.clear()
        if self.open is None:
            if not self._waiting:
                return None
            self.open, self._tries, self._was_heard = self._waiting.popleft(), 0, False
        self._tries += 1
        self._quiet_since_ms = now_utc_ms
        return self.open

    def progress(self, now_utc_ms: int) -> None:
        """Note that a part of the answer came."""
        self._quiet_since_ms, self._was_heard = now_utc_ms, True

    def answered(self) -> None:
        """Note that the answer is whole."""
        self.open = None

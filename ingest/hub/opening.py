"""What one transaction gets: messages are opened while the database commits the last ones.

Live and history have a set each, of which the storer takes one at a time: live first, and history
after every live one, so neither waits for more than one transaction of the other, and neither
starves. With nothing to do a message is handed over at once, alone; under load a set grows while
the storer is busy, up to what its lane's pace allows, and while more of its lane waits: a
transaction of two batches costs the server nearly as much as one of fifty.
"""

import time
from collections.abc import Callable

from config.errors import Unavailable
from ingest.batch.to_hub import HubSecrets
from ingest.hub.buffer import Buffer, Lane, Message
from ingest.hub.counters import Counters, Times
from ingest.hub.keyring import Keyring
from ingest.hub.pace import Pace
from ingest.hub.prepared import Prepared
from ingest.hub.storer import Storer

IDLE_S = 0.2
GATHER_S = 0.002
"""While the storer is busy: how often to look whether it is done."""
WORTH_ROWS = 10_000
"""A set of so many readings is handed over though more of its lane waits."""
GROWS_S = 0.1
"""And so is one that has grown for so long."""
LIVE_AT_ONCE, HISTORY_AT_ONCE = 64, 1
"""Messages opened before anybody looks again whether the storer is free, or live ones have come."""


class Opener:
    """Takes from the buffer, hands over to the storer; one thread calls it."""

    def __init__(
        self,
        buffer: Buffer,
        storer: Storer,
        keyring: Keyring,
        secrets: HubSecrets,
        paces: dict[Lane, Pace],
        counters: Counters,
        times: Times,
    ) -> None:
        """`secrets` are the keys that encrypted batches are read with."""
        self._buffer, self._storer, self._keyring = buffer, storer, keyring
        self._secrets, self._paces, self._counters, self._times = secrets, paces, counters, times
        self._in_hand: list[Message] = []
        """Taken and not opened, because a key could not be looked up."""
        self._sets = {lane: Prepared(secrets) for lane in Lane}
        self._begun_s = dict.fromkeys(Lane, 0.0)
        """When the first message of each set was opened."""
        self._last = Lane.HISTORY

    @property
    def is_empty(self) -> bool:
        """Say whether nothing is left to hand over."""
        return not (self._in_hand or any(one.messages for one in self._sets.values()))

    def turn(self, is_away: Callable[[Unavailable], None]) -> None:
        """Wait a little for messages, open some, hand over a set when the storer is free.

        `is_away` is called where keys cannot be looked up.
        """
        has_some = not self.is_empty
        if not self._in_hand:
            self._in_hand = self._buffer.take(
                LIVE_AT_ONCE if self._has_room(Lane.LIVE) else 0,
                0 if has_some or not self._has_room(Lane.LIVE) else IDLE_S,
                max_history=HISTORY_AT_ONCE if self._has_room(Lane.HISTORY) else 0,
            )
        took = bool(self._in_hand)
        try:
            self._open()
        except Unavailable as error:
            is_away(error)
        lane = self._next()
        if lane is not None and self._storer.take_over(self._sets[lane], 0 if took else GATHER_S):
            self._last, self._sets[lane] = lane, Prepared(self._secrets)

    def _has_room(self, lane: Lane) -> bool:
        return self._sets[lane].rows < self._paces[lane].rows

    def _open(self) -> None:
        while self._in_hand:
            message = self._in_hand[0]
            growing = self._sets[message.lane]
            if not growing.messages:
                self._begun_s[message.lane] = time.monotonic()
            growing.add(message, self._keyring, self._counters, self._times)
            del self._in_hand[0]

    def _is_ready(self, lane: Lane) -> bool:
        """Say whether a set is to wait for no more: there is none, it is large, or it is old."""
        return (
            self._sets[lane].rows >= min(WORTH_ROWS, self._paces[lane].rows)
            or time.monotonic() - self._begun_s[lane] >= GROWS_S
            or not self._buffer.waiting(lane)
        )

    def _next(self) -> Lane | None:
        """Return whose set is next: live, but history where live was last."""
        has = [lane for lane in Lane if self._sets[lane].messages and self._is_ready(lane)]
        return next((lane for lane in has if lane is not self._last), has[0] if has else None)

"""What one transaction gets: messages are opened while the database commits the last ones.

Live and history have a set each, of which the storer takes one at a time: live first, and history
after every live one, so neither waits for more than one transaction of the other, and neither
starves. With nothing to do a message is handed over at once, alone; under load a set grows while
the storer is busy, up to what its lane's pace allows.
"""

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
            self._sets[message.lane].add(message, self._keyring, self._counters, self._times)
            del self._in_hand[0]

    def _next(self) -> Lane | None:
        """Return whose set is next: live, but history where live was last."""
        has = [lane for lane in Lane if self._sets[lane].messages]
        return next((lane for lane in has if lane is not self._last), has[0] if has else None)

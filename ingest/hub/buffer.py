"""Messages between the network threads and the one that opens them, live and history apart.

Each lane is bounded in number and in bytes, so history never takes the room of what is heard now.
When a lane is full its network thread waits a little, so that the broker feels the pressure; a
message that still finds no room is refused, and the caller drops it. Nothing is lost by that: the
gateway keeps every batch until its receipt and sends it again.
"""

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from enum import IntEnum
from itertools import groupby
from typing import NamedTuple


class Lane(IntEnum):
    """Which connection a message came by; the lower one goes first."""

    LIVE = 0
    """What is heard now, events of the edge, states."""
    HISTORY = 1
    """The backlog."""


class Message(NamedTuple):
    """One MQTT message, not yet acknowledged."""

    topic: str
    payload: bytes
    mid: int = 0
    connection: int = 0
    """The count of connections when it came: an id of an earlier connection means nothing now."""
    is_retained: bool = False
    """The broker had it before we came: only a gateway's state may be."""
    came_mono_s: float | None = None
    """When it came; what it says of its own age is as of then."""
    lane: Lane = Lane.LIVE


class _Queue:
    """One lane: first in first out, and the room that is left."""

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self.waiting: deque[Message] = deque()
        self.room_messages, self.room_bytes, self.max_bytes = max_messages, max_bytes, max_bytes
        self.held = 0
        """Waiting or in hand."""
        self.moved_mono_s = 0.0
        """When something was settled or done last, or came while nothing was held."""

    def size(self, message: Message) -> int:
        """Return what it takes; one longer than all of the lane is let in alone."""
        return min(len(message.payload), self.max_bytes)

    def has_room(self, size: int) -> bool:
        return self.room_messages >= 1 and self.room_bytes >= size


class Buffer:
    """Two bounded queues; every method may be called from any thread."""

    def __init__(
        self, max_messages: int, max_bytes: int, *, max_history: int | None = None
    ) -> None:
        """Hold at most so many messages of each lane, and so many bytes of payload of each."""
        history = max_messages if max_history is None else max_history
        self._queues = (_Queue(max_messages, max_bytes), _Queue(history, max_bytes))
        self._changed = threading.Condition()
        self._closed = False

    def put(self, message: Message, hold_s: float) -> bool:
        """Wait at most `hold_s` for room; False when there was none, or taking has stopped."""
        queue = self._queues[message.lane]
        size = queue.size(message)
        with self._changed:
            fits = self._changed.wait_for(lambda: self._closed or queue.has_room(size), hold_s)
            if not fits or self._closed:
                return False
            queue.room_messages -= 1
            queue.room_bytes -= size
            queue.waiting.append(message)
            if not queue.held:
                queue.moved_mono_s = time.monotonic()
            queue.held += 1
            self._changed.notify_all()
            return True

    def take(
        self, max_messages: int, timeout_s: float, *, max_history: int | None = None
    ) -> list[Message]:
        """Return what is there, live before history, oldest first; none after the timeout.

        At most `max_messages` of one lane, and of history at most `max_history`. Room is given back
        by `settle` only: what is in hand still counts.
        """
        most = (max_messages, max_messages if max_history is None else max_history)
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._next(most), timeout_s)
            if self._closed or (found := self._next(most)) is None:
                return []
            queue, wanted = found
            taken = min(wanted, len(queue.waiting))
            return [queue.waiting.popleft() for _ in range(taken)]

    def _next(self, most: Sequence[int]) -> tuple[_Queue, int] | None:
        lanes = zip(self._queues, most, strict=True)
        return next(((queue, up_to) for queue, up_to in lanes if up_to and queue.waiting), None)

    def settle(self, messages: Iterable[Message]) -> None:
        """Give back the room of messages that are stored or set aside."""
        with self._changed:
            for lane, of_lane in groupby(messages, lambda message: message.lane):
                queue = self._queues[lane]
                queue.moved_mono_s = time.monotonic()
                for message in of_lane:
                    queue.room_messages += 1
                    queue.room_bytes += queue.size(message)
                    queue.held -= 1
            self._changed.notify_all()

    def goes_on(self) -> None:
        """Note that something was done for what is held, though nothing is settled yet."""
        with self._changed:
            for queue in self._queues:
                queue.moved_mono_s = time.monotonic()

    def stuck_s(self) -> float:
        """Return for how long nothing was settled though something is held; 0 when all moves."""
        with self._changed:
            if not any(queue.held for queue in self._queues):
                return 0.0
            return time.monotonic() - max(queue.moved_mono_s for queue in self._queues)

    def close(self) -> None:
        """Let nobody wait any longer; what is left stays unacknowledged."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def waiting(self, lane: Lane) -> int:
        """Return how many messages of a lane wait, without those in hand."""
        with self._changed:
            return len(self._queues[lane].waiting)

    def held(self) -> int:
        """Return how many messages wait or are in hand."""
        with self._changed:
            return sum(queue.held for queue in self._queues)

    def __len__(self) -> int:
        """Messages waiting, without those in hand."""
        with self._changed:
            return sum(len(queue.waiting) for queue in self._queues)

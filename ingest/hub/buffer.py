"""Messages between the network thread and the worker: bounded in number and in bytes.

When it is full the network thread waits a little, so that the broker feels the pressure; a message
that still finds no room is refused, and the caller drops it. Nothing is lost by that: the gateway
keeps every batch until its receipt and sends it again.
"""

import threading
from collections import deque
from typing import NamedTuple


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


class Buffer:
    """A bounded queue, first in first out; every method may be called from any thread."""

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        """Hold at most so many messages, and so many bytes of payload."""
        self._room_messages, self._room_bytes = max_messages, max_bytes
        self._max_bytes = max_bytes
        self._waiting: deque[Message] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, message: Message, hold_s: float) -> bool:
        """Wait at most `hold_s` for room; False when there was none, or taking has stopped.

        A message longer than all of the buffer is let in alone: the worker must see it to set it
        aside.
        """
        size = min(len(message.payload), self._max_bytes)
        with self._changed:
            fits = self._changed.wait_for(
                lambda: self._closed or (self._room_messages >= 1 and self._room_bytes >= size),
                hold_s,
            )
            if not fits or self._closed:
                return False
            self._room_messages -= 1
            self._room_bytes -= size
            self._waiting.append(message)
            self._changed.notify_all()
            return True

    def take(self, max_messages: int, timeout_s: float) -> list[Message]:
        """Return what is there, oldest first; empty after the timeout or when closed.

        Room is given back by `settle` only: what the worker has in hand still counts.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting, timeout_s)
            if self._closed:
                return []
            taken = min(max_messages, len(self._waiting))
            return [self._waiting.popleft() for _ in range(taken)]

    def settle(self, messages: list[Message]) -> None:
        """Give back the room of messages that are stored or set aside."""
        with self._changed:
            self._room_messages += len(messages)
            self._room_bytes += sum(min(len(m.payload), self._max_bytes) for m in messages)
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any longer; what is left stays unacknowledged."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        """Messages waiting, without those in the worker's hand."""
        with self._changed:
            return len(self._waiting)

"""What became of handing a message to a channel: the words that every channel answers with."""

import enum
from typing import NamedTuple, Protocol

from alerts.message import Message


class Fate(enum.Enum):
    """How one attempt ended."""

    SENT = "sent"
    """The channel has taken it: what happens behind it nobody tells us."""
    REFUSED = "refused"
    """It will not take it, now or later."""
    UNKNOWN = "unknown"
    """It was handed over whole, and no answer came."""
    LATER = "later"
    """It was not taken; it may be tried again without sending it twice."""


class Answer(NamedTuple):
    """How one attempt ended, and why: a word and perhaps a code, never an address."""

    fate: Fate
    detail: str = ""


class Channel(Protocol):
    """A way to people. `name` stands in the outbox."""

    name: str

    def send(self, delivery_id: int, message: Message) -> Answer:
        """Hand one message over; never raises for a fault of the channel."""

    def recall(self, delivery_id: int) -> Fate:
        """Say what became of a message that an earlier life was handing over when it ended."""

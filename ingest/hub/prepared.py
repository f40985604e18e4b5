"""What one transaction will hold: messages opened, the sound ones apart from those to set aside."""

from collections.abc import Sequence
from typing import NamedTuple

from config.errors import Rejected
from ingest.batch.to_hub import HubSecrets
from ingest.hub.buffer import Message
from ingest.hub.counters import Counters, Times
from ingest.hub.edge import EventIdentity, OpenedEvent, StateSaid, opened_event, state_said
from ingest.hub.keyring import Keyring
from ingest.hub.reader import Identity, Opened, opened
from ingest.hub.unforeseen import alone

BEFORE_PROOF = frozenset(
    {
        "unknown_topic",
        "oversize",
        "not_cose",
        "unknown_gateway",
        "unknown_key",
        "revoked_key",
        "bad_signature",
        "unforeseen",
    }
)
"""Reasons for which a message is set aside before its signature has shown whose it is."""


class SetAside(NamedTuple):
    """A message that cannot be stored, and why; `identity` where its gateway is to be told."""

    message: Message
    reason: str
    detail: str
    identity: Identity | None = None
    event: EventIdentity | None = None
    """As `identity`, of an event."""
    is_proven: bool = True
    """An enrolled gateway has signed it; what anybody at the broker could send is kept in part."""


class Prepared:
    """Grows message by message; then it is handed over and changes no more."""

    def __init__(self, secrets: HubSecrets) -> None:
        """Hold nothing yet. `secrets` are the keys that encrypted batches are read with."""
        self._secrets = secrets
        self.messages: list[Message] = []
        """All of them, to be acknowledged together."""
        self.sound: list[Opened] = []
        self.events: list[OpenedEvent] = []
        self.states: list[StateSaid] = []
        self.aside: list[SetAside] = []
        self.rows = 0
        """What the database will have to write, about: one for a message that is no batch."""
        self._seen: set[tuple[str, bytes]] = set()

    def without(self, left: Sequence[Opened]) -> "Prepared":
        """Return what is done with, its messages and rows alone, when these batches are left."""
        done, kept_back = Prepared(self._secrets), {one.message for one in left}
        done.messages = [message for message in self.messages if message not in kept_back]
        done.rows = self.rows - sum(one.reading_count for one in left)
        return done

    def only(self, one: Opened) -> "Prepared":
        """Return a batch of this set as a set of its own."""
        again = Prepared(self._secrets)
        again.sound, again.messages, again.rows = [one], [one.message], one.reading_count
        return again

    def add(self, message: Message, keyring: Keyring, counters: Counters, times: Times) -> None:
        """Open a message. Raises Unavailable where its key cannot be looked up: add it again."""
        seen = (message.topic, message.payload)
        if seen in self._seen:
            # Twice in one transaction would pass the ledger's eyes as one; it shares the fate.
            counters.repeated += 1
        else:
            try:
                with alone():
                    self._open(message, keyring, times)
            except Rejected as error:
                is_proven = error.reason not in BEFORE_PROOF and _kind(message) != "state"
                self.aside.append(
                    SetAside(message, error.reason, error.detail, is_proven=is_proven)
                )
                self.rows += 1
            self._seen.add(seen)
        self.messages.append(message)

    def _open(self, message: Message, keyring: Keyring, times: Times) -> None:
        """Sort by what the topic says it is; what it may be, opening decides."""
        match _kind(message):
            case "event":
                with times.verify:
                    self.events.append(opened_event(message, keyring))
                self.rows += 1
            case "state":
                self.states.append(state_said(message))
                self.rows += 1
            case _:
                one = opened(message, keyring, self._secrets, times)
                self.sound.append(one)
                self.rows += one.reading_count


def _kind(message: Message) -> str:
    """Return the last level of the topic."""
    return message.topic.rpartition("/")[2]

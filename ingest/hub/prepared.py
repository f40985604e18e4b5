"""What one transaction will hold: messages opened, the sound ones apart from those to set aside."""

from typing import NamedTuple

from config.errors import Rejected
from ingest.batch.to_hub import HubSecrets
from ingest.hub.buffer import Message
from ingest.hub.counters import Counters, Times
from ingest.hub.edge import EventIdentity, OpenedEvent, StateSaid, opened_event, state_said
from ingest.hub.keyring import Keyring
from ingest.hub.reader import Identity, Opened, opened


class SetAside(NamedTuple):
    """A message that cannot be stored, and why; `identity` where its gateway is to be told."""

    message: Message
    reason: str
    detail: str
    identity: Identity | None = None
    event: EventIdentity | None = None
    """As `identity`, of an event."""


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
        self._seen: set[tuple[str, bytes]] = set()

    def add(self, message: Message, keyring: Keyring, counters: Counters, times: Times) -> None:
        """Open a message. Raises Unavailable where its key cannot be looked up: add it again."""
        seen = (message.topic, message.payload)
        if seen in self._seen:
            # Twice in one transaction would pass the ledger's eyes as one; it shares the fate.
            counters.repeated += 1
        else:
            try:
                self._open(message, keyring, times)
            except Rejected as error:
                self.aside.append(SetAside(message, error.reason, error.detail))
            self._seen.add(seen)
        self.messages.append(message)

    def _open(self, message: Message, keyring: Keyring, times: Times) -> None:
        """Sort by the last level of the topic; what it may be, opening decides."""
        match message.topic.rpartition("/")[2]:
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

"""How slow, how small and how unwilling the virtual radio is."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from enum import Enum

BLUEZ_ERROR = "org.bluez.Error"


@dataclass(frozen=True)
class Delays:
    """Seconds from one step to the next, and how fast a link carries frames.

    A client reads BlueZ's state from one socket and the reply to Connect from another. A reply
    that overtakes the state looks to bleak like a lost link ("failed to discover services, device
    disconnected"). `announce_s` greater than `reply_s` shows that race for certain.
    """

    connect_s: float = 0.1
    """From the call of Connect until the link is up."""
    announce_s: float = 0.0
    """From the link's start until "Connected" is said on the bus."""
    resolve_s: float = 0.1
    """From the link's start until the services are known."""
    reply_s: float = 0.15
    """From the link's start until Connect is answered."""
    disconnect_s: float = 0.02
    supervision_s: float = 2.0
    """From the last packet until both sides hold the link for lost."""
    no_answer_s: float = 20.0
    """How long Connect to a band out of reach tries."""
    forget_s: float = 30.0
    """How long a device that nobody hears and nobody is linked to stays on the bus."""
    connection_interval_s: float = 0.015
    frames_per_interval: int = 6
    """How fast a band's memory comes over: 400 frames a second."""


PROMPT = Delays(
    connect_s=0.005,
    resolve_s=0.005,
    reply_s=0.03,
    disconnect_s=0.002,
    supervision_s=0.02,
    no_answer_s=0.3,
    connection_interval_s=0.001,
)
"""For tests: quick, and still in the order of a real radio."""


class Refusal(Enum):
    """Why a Connect is refused: the D-Bus error and its text, as BlueZ says them."""

    ABORT_BY_LOCAL = (f"{BLUEZ_ERROR}.Failed", "le-connection-abort-by-local")
    """The link came up and broke at once; bleak waits for its end and tries again by itself."""
    ABORT_BY_REMOTE = (f"{BLUEZ_ERROR}.Failed", "le-connection-abort-by-remote")
    IN_PROGRESS = (f"{BLUEZ_ERROR}.InProgress", "Operation already in progress")
    TOO_MANY_LINKS = (f"{BLUEZ_ERROR}.Failed", "le-connection-concurrent-connection-limit")
    NOT_READY = (f"{BLUEZ_ERROR}.NotReady", "Resource Not Ready")


@dataclass
class Faults:
    """The faults in force."""

    link_limit: int | None = None
    """How many links one adapter holds; None: any number."""
    refusals: deque[Refusal] = field(default_factory=deque)
    """One for each of the next Connects."""
    may_disconnect: asyncio.Event = field(default_factory=asyncio.Event)
    """Not set: Disconnect hangs."""

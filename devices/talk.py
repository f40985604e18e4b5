"""A conversation with a connected band: what to write and when, and what is heard. No I/O.

Whoever holds the link subscribes `notify`, reads `reads` once, and then for ever: writes what
`writes_at` gives, hands over what is heard, and asks again at `due_utc_ms`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from devices.value import Value


class Write(NamedTuple):
    """One write to a characteristic."""

    characteristic: str
    data: bytes
    response: bool
    """Whether the write is to be confirmed by the band."""


class Read(NamedTuple):
    """One read of a characteristic that is not subscribed; what it says goes to `heard`.

    For what a band notifies only when it changes: a read shows that nobody moved, and that the
    link lives. Of a subscribed characteristic BlueZ tells each read twice.
    """

    characteristic: str


class TalkTerms(NamedTuple):
    """What a talk has to know of the place and of what was read before."""

    utc_offset_min: int
    """Bands keep local wall clocks: minutes east of UTC."""
    since_utc_ms: int | None = None
    """Band memory is read from here on; None: as far back as the band keeps it."""
    live: bool = True
    """Keep the pulse coming; otherwise the talk is done once the memory is read."""
    newest_stamp_ms: int | None = None
    """The newest of the band's stamps that was told before; see `devices.band_clock`."""


class Talk(Protocol):
    """One connection to one band. Ask `due_utc_ms` and `done` again after each call."""

    @property
    def notify(self) -> tuple[str, ...]:
        """Characteristics to subscribe; the first must be there, the others if the band has any."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Characteristics to read once after connecting, if the band has them; give to `heard`."""

    @property
    def due_utc_ms(self) -> int | None:
        """When `writes_at` wants to be called; None: not before something is heard."""

    @property
    def done(self) -> bool:
        """The band said all that was asked and may be left."""

    @property
    def read_through_utc_ms(self) -> int | None:
        """The band's memory is read, without a gap, up to here; None: not (yet), or it has none.

        The next talk's `since_utc_ms`.
        """

    @property
    def clock_ahead_ms(self) -> int | None:
        """How far the band's clock was ahead of the right local time when this talk began.

        None: it has none, or nothing showed it.
        """

    @property
    def newest_stamp_ms(self) -> int | None:
        """The newest of the band's stamps told so far; None: none. The next talk's term."""

    def writes_at(self, now_utc_ms: int) -> Sequence[Write | Read]:
        """Return what is to be written or read now, in order; often nothing."""

    def heard(self, characteristic: str, data: bytes, now_utc_ms: int) -> list[Value]:
        """Return the values of one notification or read; those without a time were true now.

        Raise Rejected for a malformed frame; the talk goes on.
        """

    def farewell(self) -> list[Write]:
        """Return what to write before leaving a band that is still in reach."""

    def held_back(self, now_utc_ms: int) -> list[Value]:
        """Return the values that waited for the band's clock to be known; when the link ends."""


Hear = Callable[[bytes, int], list[Value]]
"""Given a frame and the moment of hearing (UTC ms), give its values."""


class NoMemory:
    """What a talk says of a memory, where the band has none that is read."""

    read_through_utc_ms: int | None = None
    newest_stamp_ms: int | None = None

    @property
    def clock_ahead_ms(self) -> int | None:
        """None: it has no clock, or does not tell it."""
        return None

    def held_back(self, now_utc_ms: int) -> list[Value]:
        """Nothing: what is true now waits for no clock."""
        del now_utc_ms
        return []


class Listening(NoMemory):
    """A talk that only listens: subscribe, read once, and hear."""

    due_utc_ms = None
    done = False

    def __init__(self, hear: Mapping[str, Hear], reads: tuple[str, ...] = ()) -> None:
        self.hear = hear
        self.notify, self.reads = tuple(hear), reads

    def writes_at(self, now_utc_ms: int) -> list[Write]:
        """Nothing: these bands speak by themselves."""
        del now_utc_ms
        return []

    def heard(self, characteristic: str, data: bytes, now_utc_ms: int) -> list[Value]:
        """Return the values of one notification or read."""
        return self.hear[characteristic.lower()](data, now_utc_ms)

    def farewell(self) -> list[Write]:
        """Nothing: unsubscribing is all."""
        return []

"""What befalls bands and boxes in the cast's five weeks: each once, on days that a test can name.

Days are counted from 0, the first Monday; an instant is (day, local hour).
"""

from dataclasses import dataclass

WEEKS = 5

Instant = tuple[int, float]


@dataclass(frozen=True)
class Lent:
    """A band that another patient wears for a stretch, while its own has none."""

    owner: str
    """The patient whose band it is, who has none meanwhile."""
    wearer: str
    """The patient who wears it, whose own band is away."""
    start: Instant
    end: Instant
    days: frozenset[int]
    """The whole days in it."""


@dataclass(frozen=True)
class Flat:
    """A battery that runs empty, and is charged days later."""

    patient: str
    start: Instant
    end: Instant


@dataclass(frozen=True)
class Shaken:
    """A band shaken by hand on some evenings: steps without a pulse."""

    patient: str
    days: frozenset[int]


@dataclass(frozen=True)
class Outage:
    """A box that hears nothing: what only it would have heard is lost."""

    centre: str
    start: Instant
    end: Instant


@dataclass(frozen=True)
class ReadTwice:
    """Memory that is read again, by a box whose clock stands otherwise."""

    patient: str
    day: int
    """Of the reading that gives the day before once more."""
    off_ms: int
    """By how much the corrected times differ then."""


LENT = Lent("p19", "p20", start=(20, 20.0), end=(28, 8.0), days=frozenset(range(21, 28)))
FLAT = Flat("p14", start=(9, 11.0), end=(13, 7.0))
SHAKEN = Shaken("p16", days=frozenset({22, 24, 29}))
OUTAGE = Outage("beiyuan", start=(16, 7.0), end=(18, 21.0))
READ_TWICE = ReadTwice("p07", day=10, off_ms=1_400)

"""What a source of readings hands to the gateway."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ingest.batch.columns import Chunk
from ingest.batch.reading import Reading
from ingest.batch.topics import Lane


@dataclass(frozen=True, slots=True)
class BadInput:
    """Something heard that is no reading: kept aside with its bytes, and counted."""

    data: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Heard:
    """Readings heard together, at most a second's or about 2,000: they reach the disk as one."""

    readings: Sequence[Reading] | Chunk
    lane: Lane
    cursor: Mapping[str, str] = field(default_factory=dict)
    """Where the source stands after these: stored with them, so that it goes on exactly there."""
    bad: tuple[BadInput, ...] = ()
    by_box_clock: bool = False
    """Their times were made with this box's wall clock: they are put right where it was wrong."""


Source = Callable[[Mapping[str, str]], AsyncGenerator[Heard]]
"""Given where it stood (the stored cursor, {} at first), gives what is heard from there on."""

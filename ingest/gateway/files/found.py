"""What a reader of files finds: readings, and records that are none."""

from typing import NamedTuple

from ingest.batch.reading import Quantity, Reading


class Asked(NamedTuple):
    """What whoever hands over a file says of it; the file itself says the rest."""

    device_key: str
    """The registered band that all its readings are of."""
    time_zone: str | None = None
    """IANA name: where local times without a zone were written. None: such times are refused."""
    source: str | None = None
    """Which of the sources or devices inside the file; None: the format's own rule."""
    band_zone: str | None = None
    """IANA name: what the bands' own clocks are set to. A reading that the radio may have read out
    of a band's memory too gets the stamp it has there, so that the district knows it as one."""


class BadRecord(NamedTuple):
    """A record that cannot be read: it goes into quarantine, the rest of the file is taken."""

    reason: str
    place: int
    """Its line, or its number among the records of its kind, from 1."""
    data: bytes
    """As it stands in the file."""


class Left(NamedTuple):
    """Records left out on purpose, which an operator should know of."""

    why: str
    records: int
    name: str = ""
    """Of another source. Shown to whoever hands the file over; never logged."""


Found = Reading | BadRecord | Left


def reading(
    asked: Asked, quantity: Quantity, value: float, at_utc_ms: int, span_ms: int = 0
) -> Reading:
    """Return a reading of a file: its stamp is the time that the file says, as UTC.

    So the same reading out of two files, of whatever formats, is one in the district too.
    """
    return Reading(asked.device_key, quantity, value, at_utc_ms, span_ms, 0, at_utc_ms)

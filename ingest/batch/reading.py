"""A reading: one value of one quantity of one band at one time.

Zero and missing are different things: where a band says "no value", no reading exists.
"""

from enum import IntFlag, StrEnum
from typing import NamedTuple


class Quantity(StrEnum):
    """What is measured; the name carries the unit."""

    HEART_RATE_BPM = "heart_rate_bpm"
    STEPS_COUNTER = "steps_counter"
    """A running total as the band gives it; the district makes increments of it."""
    STEPS_INCREMENT = "steps_increment"
    """Steps over `span_ms`, which starts at `at_utc_ms`."""
    RR_INTERVAL_MS = "rr_interval_ms"
    BATTERY_PCT = "battery_pct"


class Flag(IntFlag):
    """What is known of a reading beside its value; one byte on the wire and in the database."""

    CONTACT_KNOWN = 1
    """The band reports skin contact at all."""
    CONTACT = 2
    """Skin contact was reported; meaningful with CONTACT_KNOWN only."""
    SUSPECT = 4
    """The source has a reason to doubt the value (frozen, cached)."""
    CLOCK_RECEIPT = 8
    """`at_utc_ms` is the time of hearing, not the band's own stamp."""
    CLOCK_SUSPECT = 16
    """The clock that gave the time was not known to be right: the gateway's own where CLOCK_RECEIPT
    stands beside it, else the band's, which was more than two minutes wrong."""


class Reading(NamedTuple):
    """One value of one quantity at one time."""

    device_key: str
    """The band's address or serial alone: one band may speak through several protocols."""
    quantity: Quantity
    value: float
    at_utc_ms: int
    """When it was true: integer milliseconds since 1970-01-01T00:00Z."""
    span_ms: int = 0
    """The time it stands for; 0 for an instant."""
    flags: int = 0
    device_ts_ms: int | None = None
    """The band's own stamp, untouched. `at_utc_ms - device_ts_ms` is the offset applied to it."""

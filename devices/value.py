"""What a band says: one value of one quantity, as the frame gives it."""

from collections.abc import Mapping
from typing import NamedTuple

HEART_RATE_BPM = "heart_rate_bpm"
STEPS_COUNTER = "steps_counter"
"""A running total as the band gives it; it starts again at the band's midnight."""
STEPS_INCREMENT = "steps_increment"
"""Steps over `span_ms`, which starts at the value's time."""
RR_INTERVAL_MS = "rr_interval_ms"
BATTERY_PCT = "battery_pct"

QUANTITIES = (HEART_RATE_BPM, STEPS_COUNTER, STEPS_INCREMENT, RR_INTERVAL_MS, BATTERY_PCT)


class Value(NamedTuple):
    """One value of one quantity. Where a band says "no value", there is none: 0 is not missing."""

    quantity: str
    """One of QUANTITIES; the name carries the unit."""
    value: float
    at_utc_ms: int | None = None
    """When it was true, or began to be; None: at the moment of hearing, or, where there is a
    stamp, not placed (yet): a stamp of long ago, written under another clock, never is."""
    span_ms: int = 0
    """The time it stands for; 0 for an instant."""
    device_ts_ms: int | None = None
    """The band's own stamp, untouched: its wall clock in ms since 1970, as if that were UTC."""
    contact: bool | None = None
    """Skin contact; None where the band does not report it."""
    suspect: bool = False
    """The band itself gives a reason to doubt the value."""
    clock_suspect: bool = False
    """The band's clock was wrong by more than two minutes: see `devices.band_clock`."""


Info = Mapping[str, object]


class Decoded(NamedTuple):
    """What one or more frames say."""

    values: tuple[Value, ...]
    info: Info
    """What else stands in them, for people and checks: flags, counters, error codes."""

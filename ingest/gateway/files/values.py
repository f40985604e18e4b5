"""What the numbers of files mean: a value, no value, or a fault.

Zero and missing differ: no steps are steps, but a pulse of 0 is none. 255 and -1 stand for "none"
wherever a file holds what a band wrote into one byte.
"""

from math import isfinite

from config.errors import Rejected

MISSING = (-1.0, 255.0)
MOST_BPM = 254
MOST_RR_MS = 65_534
MOST_STEPS = 2**32 - 2
MOST_PCT = 100


def number(text: str) -> float | None:
    """Return the number a text is, None where it is empty; raise Rejected("value") otherwise."""
    text = text.strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise Rejected("value", "no number") from error
    if not isfinite(value) or "_" in text:
        raise Rejected("value", "no number")
    return value


def heart_rate_bpm(value: float | None) -> float | None:
    """Return a pulse; None for "none". Whether a heart can have it is decided by the method."""
    if value is None or value == 0 or value in MISSING:
        return None
    return _within(value, MOST_BPM)


def rr_interval_ms(value: float | None) -> float | None:
    """Return the time between two beats; 65,535 stands for "none" too."""
    if value is None or value in (0, -1, MOST_RR_MS + 1):
        return None
    return _within(value, MOST_RR_MS)


def steps(value: float | None) -> float | None:
    """Return a count of steps: 0 is a value, -1 is none."""
    if value is None or value == -1:
        return None
    if not float(value).is_integer():
        raise Rejected("value", "half a step")
    return _within(value, MOST_STEPS)


def battery_pct(value: float | None) -> float | None:
    """Return a battery's level; 0 is a value."""
    return None if value is None or value in MISSING else _within(value, MOST_PCT)


def _within(value: float, most: float) -> float:
    if not 0 <= value <= most:
        raise Rejected("value", "out of range")
    return float(value)

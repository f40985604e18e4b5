"""Times of FIT: seconds since 31 December 1989, UTC; small numbers are seconds since power-on."""

from config.errors import Rejected

FIT_EPOCH_S = 631_065_600
FIRST_ABSOLUTE_S = 0x1000_0000


def stamp_ms(stamp: object) -> int:
    """Return ms UTC; raise Rejected: `time` (none), `relative_time` (no clock was set)."""
    if not isinstance(stamp, int):
        raise Rejected("time", "a record without a time")
    if stamp < FIRST_ABSOLUTE_S:
        raise Rejected("relative_time", "seconds since the device was switched on")
    return (FIT_EPOCH_S + stamp) * 1000

"""Current Time (0x2A2B): how bands that follow the SIG profile are told, and tell, their clock.

Layout: Bluetooth SIG, Current Time Service 1.1. Year in 16 bits little endian, month, day, hour,
minute, second, day of the week from Monday as 1, 1/256 of a second, the reason of the last change.
"""

import struct
from datetime import datetime

from devices.family import SIG_UUID
from devices.table import Field

CURRENT_TIME = SIG_UUID.format(0x2A2B)

TABLE = (
    Field("year", "<H"),
    Field("month", "B"),
    Field("day", "B"),
    Field("hour", "B"),
    Field("minute", "B"),
    Field("second", "B"),
    Field("weekday", "B"),
    Field("fraction", "B"),
    Field("reason", "B"),
)
SET_BY_HAND = 1


def frame(wall: datetime) -> bytes:
    """Return what sets a band's wall clock."""
    time = (wall.year, wall.month, wall.day, wall.hour, wall.minute, wall.second)
    return struct.pack("<H8B", *time, wall.isoweekday(), 0, SET_BY_HAND)

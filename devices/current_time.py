"""Current Time (0x2A2B): how bands that follow the SIG profile are told, and tell, their clock.

Layout: Bluetooth SIG, Current Time Service 1.1. Year in 16 bits little endian, month, day, hour,
minute, second, day of the week from Monday as 1, 1/256 of a second, the reason of the last change.
"""

import struct
from datetime import datetime

from config.errors import Rejected
from devices.family import SIG_UUID
from devices.table import Field, unpack
from devices.wall_clock import stamp

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
SHOWN, SHOWN_BYTES = TABLE[:6], 7
LAST_HOUR, LAST_MINUTE = 23, 59
SET_BY_HAND = 1


def shown_ms(frame: bytes) -> int:
    """Return what a band's clock shows, in ms as if it were UTC; raise Rejected for no such time.

    What follows the second (weekday, fraction, reason) is not needed, and some leave it out.
    """
    fields = unpack(SHOWN, frame[:SHOWN_BYTES])
    (hour,), (minute,), (second,) = fields["hour"], fields["minute"], fields["second"]
    if hour > LAST_HOUR or minute > LAST_MINUTE or second > LAST_MINUTE:
        raise Rejected("out_of_range", "no such time")
    midnight_ms = stamp(fields["year"][0], fields["month"][0], fields["day"][0])
    return midnight_ms + ((hour * 60 + minute) * 60 + second) * 1000


def frame(wall: datetime) -> bytes:
    """Return what sets a band's wall clock."""
    time = (wall.year, wall.month, wall.day, wall.hour, wall.minute, wall.second)
    return struct.pack("<H8B", *time, wall.isoweekday(), 0, SET_BY_HAND)

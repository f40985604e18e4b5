"""The clock of Huami bands (Xiaomi Mi Band, Amazfit): Current Time (0x2A2B) with one byte more.

Layout: the Bluetooth SIG's ten bytes, and the zone in quarters of an hour east of UTC, as
Gadgetbridge's tests have it. No reading: a family of its own so that a recorded clock can be named.
"""

from datetime import UTC, datetime

from config.errors import Rejected
from devices.current_time import TABLE
from devices.family import Family, each
from devices.table import Field, unpack
from devices.value import Decoded

QUARTER_MIN = 15

ZONED = (*TABLE, Field("quarters", "b"))
SHORTEST_BYTES = 11


def decode(frame: bytes) -> Decoded:
    """Return what the band's clock shows, and its zone; raise Rejected where there is no such time.

    A clock is no reading: both stand in `info`.
    """
    fields = unpack(ZONED, frame)
    (year,), (month,), (day,) = fields["year"], fields["month"], fields["day"]
    (hour,), (minute,), (second,) = fields["hour"], fields["minute"], fields["second"]
    try:
        shown = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise Rejected("out_of_range", "no such time") from error
    offset_min = fields["quarters"][0] * QUARTER_MIN
    return Decoded((), {"time": f"{shown:%Y-%m-%dT%H:%M:%S}", "utc_offset_min": offset_min})


FAMILY = Family(
    key="huami_time",
    title="Huami bands: the clock",
    decode=each(decode),
    payable_interval_s=None,
    authentication="the band takes a new time only from a holder of its key",
    history="none",
    links="not read by the gateway",
    evidence="a public client's test",
    limits="A clock, no reading: for looking at recorded frames.",
    shortest_frame=SHORTEST_BYTES,
)

"""XOSS X2 straps: pulse and battery in the advert, without a connection.

Layout: read in theengs/decoder (XOSSX2_json.h). Manufacturer data of company 0xFF04: a byte that is
not understood, the charge in seven bits, another such byte, the pulse.
"""

from devices import battery
from devices.family import AdvertMatch, Family, each
from devices.table import Field, unpack
from devices.value import HEART_RATE_BPM, Decoded, Value

COMPANY_ID = 0xFF04
COMPANY_BYTES = COMPANY_ID.to_bytes(2, "little")

TABLE = (
    Field("unknown", "B"),
    Field("charge", "B"),
    Field("unknown_too", "B"),
    Field("bpm", "B"),
)
FRAME_BYTES = 4
CHARGE_BITS = 0x7F
NO_BPM = (0, 255)


def decode(frame: bytes) -> Decoded:
    """Decode manufacturer data, with or without the company id before it."""
    if len(frame) > FRAME_BYTES and frame.startswith(COMPANY_BYTES):
        frame = frame[len(COMPANY_BYTES) :]
    fields = unpack(TABLE, frame)
    (charge,), (bpm,) = fields["charge"], fields["bpm"]
    values = [] if bpm in NO_BPM else [Value(HEART_RATE_BPM, bpm)]
    values.append(battery.level(charge & CHARGE_BITS))
    unknown = bytes((*fields["unknown"], charge & ~CHARGE_BITS, *fields["unknown_too"]))
    return Decoded(tuple(values), {"unknown": unknown.hex()})


FAMILY = Family(
    key="xoss_advert",
    title="XOSS X2 straps (adverts)",
    decode=each(decode),
    payable_interval_s=1,
    authentication="none",
    history="none",
    links="none: a whole room is heard at once",
    evidence="a public decoder and its recorded advert",
    limits=(
        "No public source knows a bit for skin contact: a strap taken off is told by the pulse "
        "that stands still for ten minutes. It can be read as `hrs` as well."
    ),
    advert=AdvertMatch(company_id=COMPANY_ID),
    shortest_frame=FRAME_BYTES,
)

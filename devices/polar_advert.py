"""Polar straps and watches (H10, Vantage): the pulse in the advert, without a connection.

Layout: read in polarofficial/polar-ble-sdk and theengs/decoder. Manufacturer data of company
0x006B: flags, sensor rate, quick average, slow average; the slow one is what a display shows. The
short form has one average only.
"""

from devices.family import AdvertMatch, Family, each
from devices.table import Field, unpack
from devices.value import HEART_RATE_BPM, Decoded, Value

COMPANY_ID = 0x006B
COMPANY_BYTES = COMPANY_ID.to_bytes(2, "little")

SHORT_BYTES, LONG_BYTES = 3, 4
SHORT = (Field("bits", "B"), Field("khz", "B"), Field("quick_bpm", "B"))
LONG = (*SHORT, Field("slow_bpm", "B"))

BATTERY_LOW, CONTACT, BROADCAST = 1 << 0, 1 << 1, 1 << 5
COUNTER_SHIFT, COUNTER_MASK = 2, 0b111
NO_BPM = (0, 254)
"""0 is "none" as everywhere. Of frames with 254 the maker's tests assert no pulse, of 255 they do;
what a display would show stays in `info`, so nothing is lost by either reading."""


def decode(frame: bytes) -> Decoded:
    """Decode manufacturer data, with or without the company id before it."""
    if len(frame) > LONG_BYTES and frame.startswith(COMPANY_BYTES):
        frame = frame[len(COMPANY_BYTES) :]
    fields = unpack(SHORT if len(frame) <= SHORT_BYTES else LONG, frame)
    (bits,), (quick_bpm,) = fields["bits"], fields["quick_bpm"]
    (shown_bpm,) = fields.get("slow_bpm", (quick_bpm,))
    contact = bool(bits & CONTACT)
    values = () if shown_bpm in NO_BPM else (Value(HEART_RATE_BPM, shown_bpm, contact=contact),)
    info = {
        "battery_low": bool(bits & BATTERY_LOW),
        "broadcast": bool(bits & BROADCAST),
        "contact": contact,
        "frame_counter": bits >> COUNTER_SHIFT & COUNTER_MASK,
        "quick_bpm": quick_bpm,
        "shown_bpm": shown_bpm,
    }
    return Decoded(values, info)


FAMILY = Family(
    key="polar_advert",
    title="Polar H10 and watches (adverts)",
    decode=each(decode),
    payable_interval_s=1,
    authentication="none",
    history="none in adverts",
    links="none: a whole room is heard at once",
    evidence="the maker's public library and its tests; recorded adverts",
    limits="A frame whose counter has not changed is an old one sent again.",
    advert=AdvertMatch(company_id=COMPANY_ID),
    frame_counter="frame_counter",
    shortest_frame=SHORT_BYTES,
)

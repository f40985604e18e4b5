"""Polar straps and watches (H10, OH1, Vantage): the pulse in the advert, without a connection.

Layout: read in polarofficial/polar-ble-sdk and theengs/decoder. Manufacturer data of company
0x006B: flags, sensor rate, quick average, slow average; the slow one is what a display shows. The
short form has one average only. Newer ones send other blocks (kind, length, bytes) before it.
"""

from config.errors import Rejected
from devices.family import AdvertMatch, Family, each
from devices.table import Field, unpack
from devices.value import HEART_RATE_BPM, Decoded, Value

COMPANY_ID = 0x006B
COMPANY_BYTES = COMPANY_ID.to_bytes(2, "little")

SHORT_BYTES, LONG_BYTES = 3, 4
SHORT = (Field("bits", "B"), Field("khz", "B"), Field("quick_bpm", "B"))
LONG = (*SHORT, Field("slow_bpm", "B"))
BLOCK_HEAD_BYTES = 2

BATTERY_LOW, CONTACT, BROADCAST, OTHER_BLOCK = 1 << 0, 1 << 1, 1 << 5, 1 << 6
COUNTER_SHIFT, COUNTER_MASK = 2, 0b111
NO_BPM = (0, 254)
"""0 is "none" as everywhere. Of frames with 254 the maker's tests assert no pulse, of 255 they do;
what a display would show stays in `info`, so nothing is lost by either reading."""


def decode(frame: bytes) -> Decoded:
    """Decode manufacturer data, with or without the company id before it."""
    if len(frame) > LONG_BYTES and frame.startswith(COMPANY_BYTES):
        frame = frame[len(COMPANY_BYTES) :]
    block = _pulse_block(frame)
    if frame and not block:
        return Decoded((), {"no_data": True})
    fields = unpack(SHORT if len(block) <= SHORT_BYTES else LONG, block)
    (bits,), (quick_bpm,) = fields["bits"], fields["quick_bpm"]
    (shown_bpm,) = fields.get("slow_bpm", (quick_bpm,))
    contact = bool(bits & CONTACT)
    counter = bits >> COUNTER_SHIFT & COUNTER_MASK
    values = () if shown_bpm in NO_BPM else (Value(HEART_RATE_BPM, shown_bpm, contact=contact),)
    info = {
        "battery_low": bool(bits & BATTERY_LOW),
        "broadcast": bool(bits & BROADCAST),
        "contact": contact,
        "frame_counter": counter,
        # Old sensors of the short form do not count: there a new pulse is a new frame as well.
        "freshness": (counter,) if len(block) == LONG_BYTES else (counter, shown_bpm),
        "quick_bpm": quick_bpm,
        "shown_bpm": shown_bpm,
    }
    return Decoded(values, info)


def _pulse_block(frame: bytes) -> bytes:
    """Return the block with the pulse, which comes last; empty where others are all there is."""
    if len(frame) <= LONG_BYTES:
        return frame
    offset = 0
    while offset < len(frame) and frame[offset] & OTHER_BLOCK:
        if offset + BLOCK_HEAD_BYTES > len(frame):
            raise Rejected("too_short", "the length of a block is missing")
        offset += BLOCK_HEAD_BYTES + frame[offset + 1]
    if offset > len(frame):
        raise Rejected("too_short", "a block is not whole")
    return frame[offset:]


FAMILY = Family(
    key="polar_advert",
    title="Polar H10, OH1 and watches (adverts)",
    decode=each(decode),
    payable_interval_s=1,
    authentication="none",
    history="none in adverts",
    links="none: a whole room is heard at once",
    evidence="the maker's public library and its tests; recorded adverts",
    limits=(
        "A frame whose counter has not changed is an old one sent again. "
        "Of old sensors that do not count, a pulse that stays the same looks so too."
    ),
    advert=AdvertMatch(company_id=COMPANY_ID),
    frame_counter="freshness",
    shortest_frame=SHORT_BYTES,
)

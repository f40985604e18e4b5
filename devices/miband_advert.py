"""Xiaomi Mi Band 2 to 6 and some Amazfit: pulse and steps in the advert, without a connection.

Layout: read in theengs/decoder (Miband_json.h) and custom-components/ble_monitor.
Manufacturer data of company 0x0157: form (2), two bytes not understood, pulse, 14 more, and the
band's address. Service data of 0xFEE0: the day's steps in 32 bits, of which the band counts 16.
"""

from collections.abc import Sequence

from config.errors import Rejected
from devices.family import SIG_UUID, AdvertMatch, Family
from devices.table import Field, unpack
from devices.value import HEART_RATE_BPM, STEPS_COUNTER, Decoded, Value
from devices.vibration import IMMEDIATE_ALERT

COMPANY_ID = 0x0157
COMPANY_BYTES = COMPANY_ID.to_bytes(2, "little")
STEPS_UUID = SIG_UUID.format(0xFEE0)

MANUFACTURER_DATA = (
    Field("form", "B"),
    Field("unknown", "2x"),
    Field("bpm", "B"),
    Field("unknown", "14x"),
    Field("address", "6B"),
)
SERVICE_DATA = (Field("steps", "<I"),)

FORM = 2
PAYLOAD_BYTES = 24
NO_BPM_FROM = 0xF0
"""A pulse of 0xF0 and above is "none"; so is 0."""
NO_STEPS = 0xFFFFFFFF


def decode(frames: Sequence[bytes], service_data: bytes | None = None) -> Decoded:
    """Decode manufacturer data (with or without the company id before it), steps, or both."""
    if not frames and service_data is None:
        raise Rejected("too_short", "neither manufacturer data nor service data")
    values: list[Value] = []
    info: dict[str, object] = {}
    for frame in frames:
        bpm, address = _pulse(frame)
        info["address"] = address
        if 0 < bpm < NO_BPM_FROM:
            values.append(Value(HEART_RATE_BPM, bpm))
    if service_data:  # empty service data is "none", as absent
        (steps,) = unpack(SERVICE_DATA, service_data)["steps"]
        if steps != NO_STEPS:
            values.append(Value(STEPS_COUNTER, steps))
    return Decoded(tuple(values), info)


def _pulse(frame: bytes) -> tuple[int, str]:
    # The form, 02, tells a frame without the company id from one with it.
    fields = unpack(MANUFACTURER_DATA, frame.removeprefix(COMPANY_BYTES))
    if fields["form"] != (FORM,):
        raise Rejected("unknown_form", "the first byte is not 02")
    return fields["bpm"][0], ":".join(f"{byte:02X}" for byte in fields["address"])


FAMILY = Family(
    key="miband_advert",
    title="Xiaomi Mi Band 2 to 6 and some Amazfit (adverts)",
    decode=decode,
    payable_interval_s=1,
    authentication="none; the wearer switches on the sharing of the pulse during activity",
    history="none in adverts",
    links="none: a whole room is heard at once",
    evidence="public decoders and their recorded adverts",
    limits=(
        "No steps from Mi Band 7 on. "
        "The step counter keeps 16 bits: it starts again at 65,536 and at midnight."
    ),
    advert=AdvertMatch(company_id=COMPANY_ID, service_data_uuid=STEPS_UUID),
    vibration=IMMEDIATE_ALERT,
    shortest_frame=PAYLOAD_BYTES,
)

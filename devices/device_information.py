"""Device Information (0x180A): what a band says it is, of whatever band offers it.

Layout: Bluetooth SIG, Device Information Service 1.1: a text in UTF-8 in each characteristic.
For people who look after bands. Nothing is decided by it: anybody can send any name.
"""

from config.errors import Rejected
from devices.family import SIG_UUID, Family, each
from devices.value import Decoded

MAKER, MODEL, FIRMWARE = (SIG_UUID.format(number) for number in (0x2A29, 0x2A24, 0x2A26))
PARTS = (MAKER, MODEL, FIRMWARE)

LONGEST_BYTES = 64


def text(frame: bytes) -> str:
    """Return the text of one characteristic; raise Rejected for what is no short line of text."""
    data = frame.rstrip(b"\0 ")  # some makers fill it
    if not data:
        raise Rejected("too_short", "no text")
    if len(data) > LONGEST_BYTES:
        raise Rejected("too_long", f"more than {LONGEST_BYTES} bytes")
    try:
        said = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Rejected("unknown_form", "not UTF-8") from error
    if not said.isprintable():
        raise Rejected("unknown_form", "not one line of text")
    return said


def decode(frame: bytes) -> Decoded:
    """Return the text as `info`: it is no reading."""
    return Decoded((), {"text": text(frame)})


FAMILY = Family(
    key="device_information",
    title="Device Information Service (beside any other family)",
    decode=each(decode),
    payable_interval_s=None,
    authentication="none",
    history="none",
    links="maker, model and firmware are read once over the link of the band's own family",
    evidence="Bluetooth SIG Device Information Service",
    limits="A band may say of itself what it likes: shown to people, and never believed.",
    shortest_frame=1,
)

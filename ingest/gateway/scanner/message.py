"""What one message of a scanner says: pure, from topic and bytes to values.

Scanners are OpenMQTTGateway on an ESP32 and Theengs Gateway: `PREFIX/SCANNER/BTtoMQTT/MAC` carries
one advert as JSON, decoded by the scanner where it knows the band, or as raw bytes where it does
not. hr_push is a phone that passes on the pulse of a band in broadcast mode; it names no address,
so the settings say which band its topic is.

Sources: the payloads are those that the two projects' documentation and users show; fields are
named as there. Other fields are passed over and not stored: what they say no consent covers. They
make no message unreadable.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, NoReturn

from config.errors import Rejected
from devices.family import SIG_UUID
from devices.registry import families_of_advert
from devices.value import BATTERY_PCT, HEART_RATE_BPM, STEPS_COUNTER, Value

MAX_MESSAGE_BYTES = 16_384
MAC_DIGITS = 12
SHORT_UUID_DIGITS = 4
MOST_BPM = 300
"""A pulse above is no number of this field; what a heart can do is judged later (C2)."""
COUNTER_TOP = 2**32
FAMILY_OF_MODEL = {"MB/SW": "miband_advert", "H10": "polar_advert", "XOSSX2": "xoss_advert"}
"""By `model_id`, where the scanner has decoded the advert itself."""


class Advert(NamedTuple):
    """One advert, as a scanner passes it on."""

    address: str
    """In capitals, with colons."""
    values: tuple[Value, ...]
    """What the scanner has read in it; nothing where the band says no value."""
    manufacturer_data: Mapping[int, bytes]
    """What it has not read, as bleak gives it."""
    service_data: Mapping[str, bytes]
    families: tuple[str, ...]
    """Which ones of ours it may be of."""
    name: str
    rssi_dbm: int | None
    stamp_utc_ms: int | None
    """When the scanner says it was, in whole seconds; None: it does not say."""


class Pulse(NamedTuple):
    """One message of a phone."""

    values: tuple[Value, ...]
    stamp_utc_ms: int | None


def address_of_topic(last_level: str) -> str | None:
    """Return the address that a topic ends with, AABBCCDDEEFF; None where it is none."""
    digits = last_level.upper()
    if len(digits) != MAC_DIGITS or not all(digit in "0123456789ABCDEF" for digit in digits):
        return None
    return ":".join(digits[at : at + 2] for at in range(0, MAC_DIGITS, 2))


def read_advert(topic_address: str | None, payload: bytes) -> Advert:
    """Return the advert in a message of a scanner.

    Raises Rejected: `oversize`, `malformed` (no JSON object, no address, a field that is no number
    of its kind).
    """
    said = _object(payload)
    is_decoded, is_absent = said.get("type") == "BODY", said.get("presence") == "absent"
    manufacturer, service = ({}, {}) if is_decoded or is_absent else _raw(said)
    model = FAMILY_OF_MODEL.get(_text(said.get("model_id")))
    offered = [uuid] if (uuid := _uuid(said.get("service_uuid"))) else []
    families = families_of_advert(manufacturer, service, offered)
    return Advert(
        _address(said, topic_address),
        _decoded(said) if is_decoded and not is_absent else (),
        manufacturer,
        service,
        (model,) if model else tuple(family.key for family in families),
        _text(said.get("name")),
        _whole(said, "rssi", -200, 200),
        _stamp(said.get("unixtime"), said.get("UTCtime")),
    )


def read_pulse(payload: bytes) -> Pulse:
    """Return the pulse in a message of hr_push; raise Rejected: `oversize`, `malformed`."""
    said = _object(payload)
    bpm = _whole(said, "heartRate", 0, MOST_BPM)
    is_pulse = said.get("event") == "heartRate" and said.get("connected") is not False
    values = (Value(HEART_RATE_BPM, bpm),) if is_pulse and bpm else ()
    return Pulse(values, _stamp(None, said.get("timestamp")))


def _decoded(said: Mapping[str, object]) -> tuple[Value, ...]:
    """Return what the scanner has read in an advert; a pulse of 0 is none."""
    pulses = (_whole(said, name, 0, MOST_BPM) for name in ("act_bpm", "bpm"))
    found = [Value(HEART_RATE_BPM, bpm) for bpm in pulses if bpm][:1]
    steps, battery = _whole(said, "steps", 0, COUNTER_TOP - 1), _whole(said, "batt", 0, 100)
    if steps is not None:
        found.append(Value(STEPS_COUNTER, steps))
    if battery is not None:
        found.append(Value(BATTERY_PCT, battery))
    return tuple(found)


def _raw(said: Mapping[str, object]) -> tuple[dict[int, bytes], dict[str, bytes]]:
    """Return manufacturer data and service data that the scanner did not decode."""
    data, uuid = _bytes(said, "manufacturerdata"), _uuid(said.get("servicedatauuid"))
    # The company's number stands first, low byte before high.
    manufacturer = {int.from_bytes(data[:2], "little"): data[2:]} if len(data) > 1 else {}
    return manufacturer, {uuid: _bytes(said, "servicedata")} if uuid else {}


def _object(payload: bytes) -> Mapping[str, object]:
    if len(payload) > MAX_MESSAGE_BYTES:
        raise Rejected("oversize", f"more than {MAX_MESSAGE_BYTES} bytes")
    try:
        said = json.loads(payload, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:  # text that is not UTF-8 is a ValueError too
        raise Rejected("malformed", "no JSON") from error
    if not isinstance(said, dict):
        raise Rejected("malformed", "no JSON object")
    return said


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


def _address(said: Mapping[str, object], of_topic: str | None) -> str:
    """Return the band's own word on its address, if there is one, before the scanner's."""
    for name in ("mac", "id"):
        text = said.get(name)
        if isinstance(text, str) and (address := address_of_topic(text.replace(":", ""))):
            return address
    if of_topic is None:
        raise Rejected("malformed", "no address")
    return of_topic


def _whole(said: Mapping[str, object], name: str, least: int, most: int) -> int | None:
    """Return a whole number; None where it is missing or null."""
    number = said.get(name)
    if number is None:
        return None
    if (
        not isinstance(number, int | float)
        or isinstance(number, bool)
        or not least <= number <= most
        or number != int(number)
    ):
        raise Rejected("malformed", f"{name} is no whole number from {least} to {most}")
    return int(number)


def _bytes(said: Mapping[str, object], name: str) -> bytes:
    text = said.get(name, "")
    try:
        return bytes.fromhex(text if isinstance(text, str) else "?")
    except ValueError as error:
        raise Rejected("malformed", f"{name} is not written in hexadecimal digits") from error


def _uuid(text: object) -> str | None:
    """Return a UUID as bleak writes it; scanners write `0x180d` for one of 16 bits."""
    if not isinstance(text, str):
        return None
    digits = text.lower().removeprefix("0x")
    try:
        return SIG_UUID.format(int(digits, 16)) if len(digits) == SHORT_UUID_DIGITS else digits
    except ValueError:
        return None


def _text(text: object) -> str:
    return text if isinstance(text, str) else ""


def _stamp(seconds: object, written: object) -> int | None:
    """Return a time in ms since 1970; None where there is none, or none with a zone."""
    if isinstance(seconds, int) and not isinstance(seconds, bool) and seconds > 0:
        return seconds * 1000
    try:
        at = datetime.fromisoformat(written) if isinstance(written, str) else None
    except ValueError:
        return None
    return None if at is None or at.tzinfo is None else round(at.timestamp() * 1000)

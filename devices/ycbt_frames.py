"""The frames of YCBT rings and bands (the SmartHealth app; TK5, R99, E66 and others).

Layout: read in the protocol notes and tests of PulseLoop (CC-BY-4.0), which hold frames recorded
from a TK5. A group, a key, the length of the whole frame, the payload, and a CRC-16/CCITT-FALSE of
all before it. Numbers are little endian; times are seconds since 2000 on the band's local clock.
Both characteristics indicate, and both carry any frame.
"""

from binascii import crc_hqx
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from config.errors import Rejected
from devices.reassembly import Reassembly

SERVICE = "be940000-7333-be46-b7ae-689e71722bd5"
COMMAND = "be940001-7333-be46-b7ae-689e71722bd5"
"""Written to; answers come back on it."""
STREAM = "be940003-7333-be46-b7ae-689e71722bd5"
"""Live values and the memory."""

HEAD_BYTES, CRC_BYTES = 4, 2
SHORTEST_FRAME = HEAD_BYTES + CRC_BYTES
LONGEST_FRAME = 1024
"""Bands send what fits into one packet of the link, 500 bytes at most."""

SETTING, GET, CONTROL, PUSH, HEALTH, REAL = 1, 2, 3, 4, 5, 6
"""The groups. PUSH and REAL come from the band alone."""
CLOCK, DEVICE_INFO, TOTALS_STREAM, MEASURE, LOG_END = 0x00, 0x00, 0x09, 0x2F, 0x80
FIND_DEVICE = 0x00
REAL_TOTALS, REAL_PULSE, REAL_VITALS, REAL_BATTERY = 0x00, 0x01, 0x03, 0x15

FIRST_REFUSAL = 0xFB
UNSUPPORTED = frozenset((0xFB, 0xFC))
"""The band knows no such group, or no such key: it need not be asked again."""
LOG_HEAD_BYTES, LOG_END_BYTES, DEVICE_INFO_BYTES = 10, 6, 6
KEPT, DAMAGED = 0x00, 0x04
"""What the end of a log is acknowledged with: its CRC fits, or does not."""


class Frame(NamedTuple):
    """A frame that is whole and sound."""

    group: int
    key: int
    payload: bytes


class Refusal(NamedTuple):
    """The band's answer instead of what was asked for."""

    group: int
    key: int
    reason: int

    @property
    def is_final(self) -> bool:
        """Asking again is of no use."""
        return self.reason in UNSUPPORTED


class Battery(NamedTuple):
    """The charge; whether it is being charged only where the band says so by itself."""

    charge_pct: int
    is_charging: bool | None


class Pulse(NamedTuple):
    """The pulse now; 0 while the sensor looks for it."""

    bpm: int


class Totals(NamedTuple):
    """Running totals of the day."""

    steps: int
    distance_m: int


class Started(NamedTuple):
    """The answer to the start, or the stop, of a measurement."""

    is_accepted: bool


class Push(NamedTuple):
    """Something the band says again and again until it is acknowledged."""

    key: int


class LogHead(NamedTuple):
    """What a log has: None if it is empty, and then nothing follows."""

    key: int
    records: int | None


class LogPart(NamedTuple):
    """A piece of a log: records run on from one piece into the next."""

    key: int
    piece: bytes


class LogEnd(NamedTuple):
    """The end of a log; it wants an acknowledgement, or the band falls silent."""

    size_bytes: int
    """The low 16 bits of it."""
    crc: int


class Other(NamedTuple):
    """A sound frame with nothing of ours in it."""

    group: int
    key: int


Message = Refusal | Battery | Pulse | Totals | Started | Push | LogHead | LogPart | LogEnd | Other


def crc16(data: bytes) -> int:
    """Return the CRC-16/CCITT-FALSE; of the digits 1 to 9 it is 0x29B1."""
    return crc_hqx(data, 0xFFFF)


def frame(group: int, key: int, payload: bytes = b"") -> bytes:
    """Return a whole frame."""
    length = SHORTEST_FRAME + len(payload)
    body = bytes((group, key)) + length.to_bytes(2, "little") + payload
    return body + crc16(body).to_bytes(2, "little")


def length_of(data: bytes) -> int | None:
    """Return the length that a frame's head says; raise Rejected for one that cannot be."""
    if len(data) < HEAD_BYTES:
        return None
    length = int.from_bytes(data[2:4], "little")
    if not SHORTEST_FRAME <= length <= LONGEST_FRAME:
        raise Rejected("out_of_range", "no frame is so long, or so short")
    return length


def check(data: bytes) -> None:
    """Raise Rejected where the CRC does not fit."""
    if crc16(data[:-CRC_BYTES]).to_bytes(2, "little") != data[-CRC_BYTES:]:
        raise Rejected("bad_checksum")


def reassembly() -> Reassembly:
    """Return what makes frames of the pieces that come over one characteristic."""
    return Reassembly(length_of, check)


def read(data: bytes) -> Message:
    """Return what a frame says that is whole and sound; raise Rejected for a short payload."""
    group, key, payload = data[0], data[1], data[HEAD_BYTES:-CRC_BYTES]
    if len(payload) == 1 and payload[0] >= FIRST_REFUSAL:
        return Refusal(group, key, payload[0])
    if group == PUSH:
        return Push(key)
    if group == HEALTH:
        return _health(key, payload)
    reader = READERS.get((group, key))
    return Other(group, key) if reader is None else reader(payload)


def _need(payload: bytes, least_bytes: int) -> None:
    if len(payload) < least_bytes:
        raise Rejected("too_short", f"a payload of {least_bytes} bytes at least")


def _u16(payload: bytes, start: int) -> int:
    return int.from_bytes(payload[start : start + 2], "little")


def _health(key: int, payload: bytes) -> LogHead | LogPart | LogEnd | Other:
    if key in QUESTIONS:
        is_empty = len(payload) < LOG_HEAD_BYTES
        return LogHead(key, None if is_empty else _u16(payload, 0))
    if key in PIECES:
        return LogPart(PIECES[key], payload)
    if key == LOG_END:
        _need(payload, LOG_END_BYTES)
        return LogEnd(_u16(payload, 2), _u16(payload, 4))
    return Other(HEALTH, key)


def _pulse(payload: bytes) -> Pulse:
    _need(payload, 1)
    return Pulse(payload[0])


def _vitals(payload: bytes) -> Pulse:
    """Read the pulse beside pressure and oxygen, which are no measurements."""
    _need(payload, 3)
    return Pulse(payload[2])


def _totals(payload: bytes) -> Totals:
    _need(payload, 6)
    return Totals(_u16(payload, 0), _u16(payload, 2))


def _battery(payload: bytes) -> Battery:
    _need(payload, 2)
    return Battery(payload[1], payload[0] != 0)


def _device_info(payload: bytes) -> Battery:
    _need(payload, DEVICE_INFO_BYTES)
    return Battery(payload[5], None)


def _started(payload: bytes) -> Started:
    _need(payload, 1)
    return Started(payload[0] == 0)


READERS: Mapping[tuple[int, int], Callable[[bytes], Message]] = {
    (GET, DEVICE_INFO): _device_info,
    (CONTROL, MEASURE): _started,
    (REAL, REAL_TOTALS): _totals,
    (REAL, REAL_PULSE): _pulse,
    (REAL, REAL_VITALS): _vitals,
    (REAL, REAL_BATTERY): _battery,
}
# Whether the band is worn (06 13) is not read: no public source knows which value says so.

SPORT_LOG, PULSE_LOG, ALL_LOG = 0x02, 0x06, 0x09
PIECES: Mapping[int, int] = {0x11: SPORT_LOG, 0x15: PULSE_LOG, 0x18: ALL_LOG}
"""A log's pieces come under another key than it is asked for with."""
QUESTIONS = frozenset(PIECES.values())
# 0x40 to 0x4E in the group HEALTH delete a log: nothing of that kind is ever written.


def set_clock(wall: datetime) -> bytes:
    """Return the frame that sets the clock; Monday is 0."""
    time = (wall.month, wall.day, wall.hour, wall.minute, wall.second, wall.weekday())
    return frame(SETTING, CLOCK, wall.year.to_bytes(2, "little") + bytes(time))


def ask_log(key: int) -> bytes:
    """Return the question for all that the band keeps in a log."""
    return frame(HEALTH, key)


def acknowledge_log(status: int) -> bytes:
    """Return the answer to the end of a log, KEPT or DAMAGED."""
    return frame(HEALTH, LOG_END, bytes((status,)))


def acknowledge(push: Push) -> bytes:
    """Return the answer that ends the repetitions of a push."""
    return frame(PUSH, push.key, b"\0")


ASK_DEVICE_INFO = frame(GET, DEVICE_INFO, b"GC")
START, STOP = frame(CONTROL, MEASURE, b"\1\0"), frame(CONTROL, MEASURE, b"\0\0")
"""Of the pulse."""
START_TOTALS = frame(CONTROL, TOTALS_STREAM, b"\1\0\2")
STOP_TOTALS = frame(CONTROL, TOTALS_STREAM, b"\0\0\2")
FIND = frame(CONTROL, FIND_DEVICE, b"\1\5\2")
"""As the maker's app sends it; no public source says what the three numbers are."""

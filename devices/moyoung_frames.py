"""The frames of Moyoung bands (Da Fit, FireBoltt): totals in one characteristic, frames in two.

Layout: read in Gadgetbridge (AGPL-3.0), its fork for the MT863 and open notes on captures: facts
only. Totals (FEE1): steps, metres, kcal, 24 bits little endian each. One source's comment has the
metres first; its code, all others and every capture have the steps first. Frames (to FEE2, from
FEE3): FE EA, a form, the length of all, command, payload; cut into notifications where they are
long. Form 10 is that of older bands; 20 and above carries the high byte of the length.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from config.errors import Rejected
from devices.family import SIG_UUID
from devices.table import Field, unpack
from devices.wall_clock import EPOCH

SERVICE = SIG_UUID.format(0xFEEA)
TOTALS, WRITE, NOTIFY = (SIG_UUID.format(number) for number in (0xFEE1, 0xFEE2, 0xFEE3))

START = b"\xfe\xea"
HEAD_BYTES = 5
OLD, WIDE = 0x10, 0x20
"""The forms."""

VERSION, CLOCK, FIND, PULSE = 0x2E, 0x31, 0x61, 0x6D
START_PULSE, STOP_PULSE = b"\x00", b"\xff"
NO_BPM = frozenset((0, 255))

TOTALS_TABLE = (Field("steps", "3B"), Field("distance_m", "3B"), Field("kcal", "3B"))
PULSE_TABLE = (Field("bpm", "B"),)

CLOCK_AHEAD = timedelta(hours=8)
"""The band shows every time as that of a zone eight hours ahead of UTC, wherever it is."""


class Totals(NamedTuple):
    """Running totals of the day."""

    steps: int
    distance_m: int
    kcal: int


class Message(NamedTuple):
    """A whole frame."""

    form: int
    command: int
    payload: bytes

    @property
    def bpm(self) -> int | None:
        """Return the pulse it tells, None for no pulse; raise Rejected for half of one."""
        if self.command != PULSE:
            return None
        (bpm,) = unpack(PULSE_TABLE, self.payload)["bpm"]
        return None if bpm in NO_BPM else bpm


def read_totals(data: bytes) -> Totals:
    """Return the totals; raise Rejected for another length."""
    fields = unpack(TOTALS_TABLE, data)
    return Totals(
        *(int.from_bytes(bytes(fields[name]), "little") for name in ("steps", "distance_m", "kcal"))
    )


def is_frame(data: bytes) -> bool:
    """Tell the beginning of a frame from totals, whose third byte is the highest of the steps."""
    return data[:2] == START and (len(data) < HEAD_BYTES or data[2] == OLD or data[2] >= WIDE)


class Assembly:
    """Puts frames together again from notifications. A new beginning forgets an unfinished one."""

    def __init__(self) -> None:
        self._data = b""

    @property
    def is_open(self) -> bool:
        """The rest of a frame is still to come."""
        return bool(self._data)

    def take(self, data: bytes) -> Message | None:
        """Add a notification; return the frame once it is whole, raise Rejected for none."""
        if is_frame(data):
            self._data = b""
        elif not self._data:
            raise Rejected("unknown_form", "no frame begins with FE EA")
        so_far, self._data = self._data + data, b""
        if len(so_far) < HEAD_BYTES:
            raise Rejected("too_short", "not even a command")
        wide = 0 if so_far[2] == OLD else so_far[2] - WIDE
        wanted = wide << 8 | so_far[3]
        if wanted < HEAD_BYTES:
            raise Rejected("out_of_range", "a length without a command")
        if len(so_far) > wanted:
            raise Rejected("too_long", f"{wanted} bytes by its own length")
        if len(so_far) < wanted:
            self._data = so_far
            return None
        return Message(OLD if so_far[2] == OLD else WIDE, so_far[4], so_far[HEAD_BYTES:])


def frame(form: int, command: int, payload: bytes = b"") -> bytes:
    """Return a frame in a form; all of ours fit into one write."""
    return START + bytes((form, HEAD_BYTES + len(payload), command)) + payload


def set_clock(form: int, wall: datetime) -> bytes:
    """Return what makes the band show a time."""
    seconds = (wall - CLOCK_AHEAD - EPOCH) // timedelta(seconds=1)
    return frame(form, CLOCK, seconds.to_bytes(4, "big") + b"\x08")

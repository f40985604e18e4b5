"""PineTime watches with InfiniTime: pulse, and the day's steps.

Layout: InfiniTime's documentation and source (doc/ble.md, doc/MotionService.md, GPL-3.0: facts
only). Heart Rate Measurement (0x2A37) of the SIG, always in two bytes. Steps: 32 bits little endian
in characteristic 0001 of the motion service 00030000, since InfiniTime 1.7.
"""

from collections.abc import Sequence

from config.errors import Rejected
from devices import battery, current_time, hrs
from devices.band_clock import BandClock
from devices.current_time import CURRENT_TIME
from devices.family import Family, each
from devices.table import Field, unpack
from devices.talk import NoMemory, Read, TalkTerms, Write
from devices.value import HEART_RATE_BPM, STEPS_COUNTER, Decoded, Value
from devices.vibration import IMMEDIATE_ALERT
from devices.wall_clock import shown, wall_ms

SERVICE = "00030000-78fc-48fe-8e23-433b3a1942d0"
STEPS = "00030001-78fc-48fe-8e23-433b3a1942d0"

TABLE = (Field("steps", "<I"),)
STEPS_BYTES, PULSE_BYTES = 4, 2

NO_BPM = frozenset((254, 255))
"""Its own -2 and -1, for "not enough data" and "begins anew", cut to a byte."""

STEPS_EVERY_MS = 10_000


def decode(frame: bytes) -> Decoded:
    """Decode a pulse (two bytes) or the day's steps (four)."""
    if len(frame) == STEPS_BYTES:
        return Decoded((Value(STEPS_COUNTER, unpack(TABLE, frame)["steps"][0]),), {})
    if len(frame) != PULSE_BYTES:
        raise Rejected("too_short" if len(frame) < STEPS_BYTES else "too_long", "2 or 4 bytes")
    if frame[0] != 0:
        raise Rejected("unknown_form", "the flags of the pulse are not 0")
    pulse = hrs.decode(frame)
    values = tuple(
        value
        for value in pulse.values
        if value.quantity != HEART_RATE_BPM or value.value not in NO_BPM
    )
    return Decoded(values, {})


class PineTimeTalk(NoMemory):
    """See `devices.talk`. Sets the clock, listens to the pulse, and reads the steps in between.

    The pulse is never read: the watch keeps the last one after it is taken off, and only notifies
    it when it changes. The steps are read, and not subscribed: see `devices.talk.Read`.
    """

    notify: tuple[str, ...] = (hrs.MEASUREMENT, battery.LEVEL)
    reads: tuple[str, ...] = (battery.LEVEL, CURRENT_TIME, STEPS)

    def __init__(self, terms: TalkTerms) -> None:
        self._terms = terms
        self._clock = BandClock(terms.utc_offset_min)
        self._has_set_clock = False
        self._steps_at_ms = 0
        self.done = False

    @property
    def clock_ahead_ms(self) -> int | None:
        """How far the watch's clock was ahead before it was set; no value rests on it."""
        return self._clock.ahead_ms

    @property
    def due_utc_ms(self) -> int | None:
        """When `writes_at` wants to be called."""
        return None if self.done else self._steps_at_ms

    def writes_at(self, now_utc_ms: int) -> Sequence[Write | Read]:
        """Return the clock at first, and then again and again the question for the steps."""
        # Further off than one interval: the box's clock was set back.
        if self.done or 0 < self._steps_at_ms - now_utc_ms <= STEPS_EVERY_MS:
            return []
        self._steps_at_ms = now_utc_ms + STEPS_EVERY_MS
        if self._has_set_clock:
            return [Read(STEPS)]
        self._has_set_clock = True
        self.done = not self._terms.live
        wall = shown(wall_ms(now_utc_ms, self._terms.utc_offset_min))
        # The steps were read just before; at its midnight the watch begins to count anew.
        return [Write(CURRENT_TIME, current_time.frame(wall), response=True)]

    def heard(self, characteristic: str, data: bytes, now_utc_ms: int) -> list[Value]:
        """Return the values of one notification or read; raise Rejected for a malformed frame."""
        if characteristic.lower() == battery.LEVEL:
            return battery.hear(data, now_utc_ms)
        if characteristic.lower() == CURRENT_TIME:
            self._clock.told(current_time.shown_ms(data), now_utc_ms)
            return []
        return list(decode(data).values)

    def farewell(self) -> list[Write]:
        """Nothing: unsubscribing is all."""
        return []


FAMILY = Family(
    key="pinetime",
    title="PineTime with InfiniTime 1.7 or newer",
    decode=each(decode),
    payable_interval_s=1,
    authentication="none; the watch takes one connection, so the phone's app must be closed",
    history="none",
    links="one link for each watch, all the time",
    evidence="the documentation and the source of the open firmware; vectors built by hand",
    limits=(
        "The pulse is measured while the screen is on, unless the watch is set to measure "
        "continuously in the background. "
        "It is told only when it changes: an even one is a hole, which builds no bout. "
        "Its adverts look like any strap's (`hrs`); over a link it is known by its service."
    ),
    service_uuid=SERVICE,
    talk=PineTimeTalk,
    vibration=IMMEDIATE_ALERT,
    has_stored_pulse=True,
    shortest_frame=PULSE_BYTES,
)

"""The conversation with a Moyoung band: find its form, set its clock, ask for totals and pulse.

The band's Heart Rate Service is not used: the MT863 offers one that never says anything.
"""

from collections.abc import Sequence

from devices import battery, moyoung_frames
from devices.moyoung_frames import (
    NOTIFY,
    OLD,
    PULSE,
    START_PULSE,
    STOP_PULSE,
    TOTALS,
    VERSION,
    WIDE,
    WRITE,
    Assembly,
    Message,
)
from devices.talk import NoMemory, Read, TalkTerms, Write
from devices.value import HEART_RATE_BPM, STEPS_COUNTER, Value
from devices.wall_clock import shown, wall_ms

TOTALS_EVERY_MS = 10_000
PULSE_EVERY_MS = 120_000
"""From one pulse, or one that did not come, to the next question: each costs the band half a minute
of its light."""
FORM_AGAIN_MS = 2_500
FORM_TRIES = 6
FORM_SELDOM_MS = 60_000
"""A band that answers in neither form is asked again so seldom: its totals come all the same."""


class MoyoungTalk(NoMemory):
    """See `devices.talk`."""

    notify: tuple[str, ...] = (NOTIFY, battery.LEVEL)
    reads: tuple[str, ...] = (battery.LEVEL, TOTALS)

    def __init__(self, terms: TalkTerms) -> None:
        self._terms = terms
        self._assembly = Assembly()
        self._form: int | None = None
        self._form_tries = 0
        self._has_set_clock = self._is_measuring = False
        self._form_at_ms = self._totals_at_ms = self._pulse_at_ms = 0
        self.done = False

    @property
    def due_utc_ms(self) -> int | None:
        """When `writes_at` wants to be called."""
        if self.done:
            return None
        asked_at_ms = self._form_at_ms if self._form is None else self._pulse_at_ms
        return min(self._totals_at_ms, asked_at_ms)

    def writes_at(self, now_utc_ms: int) -> Sequence[Write | Read]:
        """Return what is to be written and read now."""
        if self.done:
            return []
        asked: list[Write | Read] = []
        # Further off than one interval: the box's clock was set back.
        if not 0 < self._totals_at_ms - now_utc_ms <= TOTALS_EVERY_MS:
            if self._totals_at_ms:  # at first they were read with the charge
                asked.append(Read(TOTALS))
            self._totals_at_ms = now_utc_ms + TOTALS_EVERY_MS
        if self._form is None:
            asked += self._ask_form(now_utc_ms)
        else:
            asked += self._ask_pulse(self._form, now_utc_ms)
        return asked

    def _ask_form(self, now_utc_ms: int) -> list[Write]:
        """Ask for the version in either form by turns: the band answers in its own."""
        if 0 < self._form_at_ms - now_utc_ms <= FORM_SELDOM_MS:
            return []
        if not self._terms.live and self._form_tries >= FORM_TRIES:
            self.done = True
            return []
        form = OLD if self._form_tries % 2 else WIDE
        self._form_tries += 1
        is_seldom = self._form_tries > FORM_TRIES
        self._form_at_ms = now_utc_ms + (FORM_SELDOM_MS if is_seldom else FORM_AGAIN_MS)
        return [_write(moyoung_frames.frame(form, VERSION))]

    def _ask_pulse(self, form: int, now_utc_ms: int) -> list[Write]:
        writes = []
        if not self._has_set_clock:
            self._has_set_clock = True
            wall = shown(wall_ms(now_utc_ms, self._terms.utc_offset_min))
            writes.append(_write(moyoung_frames.set_clock(form, wall)))
            self.done = not self._terms.live
        if self._terms.live and not 0 < self._pulse_at_ms - now_utc_ms <= PULSE_EVERY_MS:
            self._is_measuring = True
            self._pulse_at_ms = now_utc_ms + PULSE_EVERY_MS
            writes.append(_write(moyoung_frames.frame(form, PULSE, START_PULSE)))
        return writes

    def heard(self, characteristic: str, data: bytes, now_utc_ms: int) -> list[Value]:
        """Return the values of one notification or read; raise Rejected for a malformed frame."""
        match characteristic.lower():
            case battery.LEVEL:
                return battery.hear(data, now_utc_ms)
            case moyoung_frames.TOTALS:
                return [Value(STEPS_COUNTER, moyoung_frames.read_totals(data).steps)]
        message = self._assembly.take(data)
        return [] if message is None else self._hear(message, now_utc_ms)

    def _hear(self, message: Message, now_utc_ms: int) -> list[Value]:
        self._form = message.form
        values = pulses(message)
        if message.command == PULSE:
            self._is_measuring = False
            self._pulse_at_ms = now_utc_ms + PULSE_EVERY_MS
        return values

    def farewell(self) -> list[Write]:
        """Stop a measurement that is running, for the band's battery."""
        if self._form is None or not self._is_measuring:
            return []
        return [_write(moyoung_frames.frame(self._form, PULSE, STOP_PULSE))]


def pulses(message: Message) -> list[Value]:
    """Return the pulse that a frame tells, if it does."""
    return [] if message.bpm is None else [Value(HEART_RATE_BPM, message.bpm)]


def _write(frame: bytes) -> Write:
    return Write(WRITE, frame, response=False)

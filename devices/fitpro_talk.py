"""The conversation with a FitPro band: set its clock, let it tell its memory, and leave it.

The band itself keeps account of what it has told: it is asked for the rest, sends frame after
frame, each of which it wants acknowledged, and says nowhere that this was the last. So the talk
ends when the band has fallen silent, and never claims to have read without a gap.
"""

from collections import deque

from devices import battery, fitpro_frames
from devices.fitpro_frames import (
    ACKNOWLEDGED,
    BAND_INFO,
    NOTIFY,
    PULSES,
    REQUEST,
    SLOT_MS,
    SPORT,
    STEPS,
    WRITE,
    Frame,
)
from devices.memory import Memory, WithMemory
from devices.talk import TalkTerms, Write
from devices.value import HEART_RATE_BPM, STEPS_INCREMENT, Value
from devices.wall_clock import MINUTE_MS, shown, wall_ms

KEEPS_DAYS = 30
"""What is stamped earlier was written under another clock."""
WRITTEN_WITHIN_MS = MINUTE_MS
"""A pulse of the last minute may be told again with the next one."""
APART_MS = 200
"""A band that is given its next command sooner loses it."""
SILENCE_MS = 5_000
TRIES = 3
"""So often is a band asked that does not answer; then it is left until its next turn."""


class FitproTalk(WithMemory):
    """See `devices.talk`. It ends by itself also where a live pulse is wanted: there is none."""

    notify: tuple[str, ...] = (NOTIFY,)
    reads: tuple[str, ...] = (battery.LEVEL,)

    def __init__(self, terms: TalkTerms) -> None:
        self._terms = terms
        self._memory = Memory(terms, keeps_days=KEEPS_DAYS)
        self._pieces = fitpro_frames.reassembly()
        self._pending: list[bytes] = []
        self._commands: deque[bytes] = deque()
        self._tries = 0
        self._has_told = False
        """The band sent something of its memory."""
        self._next_ms = 0
        """When the next command may go, or when it has been silent for long enough."""
        self.done = False

    @property
    def due_utc_ms(self) -> int | None:
        """When `writes_at` wants to be called."""
        if self._pending:
            return 0
        return None if self.done else self._next_ms

    def writes_at(self, now_utc_ms: int) -> list[Write]:
        """Return what is to be written now: acknowledgements at once, commands one at a time."""
        frames, self._pending = self._pending, []
        # Further off than the longest wait: the box's clock was set back.
        if not self.done and not 0 < self._next_ms - now_utc_ms <= SILENCE_MS:
            frames += self._next(now_utc_ms)
        return [Write(WRITE, frame, response=True) for frame in frames]

    def _next(self, now_utc_ms: int) -> list[bytes]:
        if self._tries == 0:
            self._begin(now_utc_ms)
        if not self._commands:
            if self._has_told or self._tries >= TRIES:
                self.done = True
                return []
            self._commands.append(fitpro_frames.ASK_MEMORY)
        command = self._commands.popleft()
        is_question = command == fitpro_frames.ASK_MEMORY
        self._tries += is_question
        self._next_ms = now_utc_ms + (SILENCE_MS if is_question else APART_MS)
        return [command]

    def _begin(self, now_utc_ms: int) -> None:
        """Plan the beginning as the maker's app has it: in another order the band gives nothing."""
        if self._commands:
            return
        self._memory.begin(now_utc_ms)
        wall = shown(wall_ms(now_utc_ms, self._terms.utc_offset_min))
        self._commands.extend(
            (
                fitpro_frames.PAIR,
                fitpro_frames.set_clock(wall),
                *fitpro_frames.ASKED_FIRST,
                *fitpro_frames.SET_UP,
                fitpro_frames.ASK_HARDWARE,
                fitpro_frames.ASK_BAND,
                fitpro_frames.ASK_MEMORY,
            )
        )

    def heard(self, characteristic: str, data: bytes, now_utc_ms: int) -> list[Value]:
        """Return the values of one notification or read; raise Rejected for a malformed frame.

        A frame is acknowledged only where all of it could be read.
        """
        if characteristic.lower() == battery.LEVEL:
            return battery.hear(data, now_utc_ms)
        if characteristic.lower() != NOTIFY:
            return []
        values: list[Value] = []
        for whole in self._pieces.take(data):
            message = fitpro_frames.read(whole)
            if isinstance(message, Frame):
                values += values_of(message)
                self._hear(message, now_utc_ms)
        # At once, for what is acknowledged the band forgets: nothing may be held back.
        return self._memory.new(values, now_utc_ms, WRITTEN_WITHIN_MS)

    def _hear(self, message: Frame, now_utc_ms: int) -> None:
        if message.group == SPORT and message.command in ACKNOWLEDGED:
            self._has_told = True
            if not self._commands:
                self._next_ms = now_utc_ms + SILENCE_MS
        elif message.group not in (REQUEST, BAND_INFO):
            return
        self._pending.append(fitpro_frames.acknowledge(message))

    def farewell(self) -> list[Write]:
        """Nothing: nothing was started."""
        return []


def values_of(message: Frame) -> list[Value]:
    """Return what stands in a frame of the memory, with the band's stamps."""
    if (message.group, message.command) == (SPORT, STEPS):
        return [
            Value(STEPS_INCREMENT, slot.steps, span_ms=SLOT_MS, device_ts_ms=slot.start_ms)
            for slot in fitpro_frames.steps_of(message)
        ]
    if (message.group, message.command) == (SPORT, PULSES):
        return [
            Value(HEART_RATE_BPM, pulse.bpm, device_ts_ms=pulse.at_ms)
            for pulse in fitpro_frames.pulses_of(message)
            if pulse.bpm
        ]
    return []

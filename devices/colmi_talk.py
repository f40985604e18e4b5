"""The conversation with a Colmi ring: set its clock, read its memory, keep the pulse coming."""

from typing import NamedTuple

from config.errors import Rejected
from devices import colmi_frames
from devices.asking import Asking
from devices.colmi_frames import (
    NOTIFY,
    WRITE,
    Command,
    Live,
    LogHead,
    LogPart,
    Quarter,
    StepsHead,
)
from devices.colmi_values import PulseDay, StepsDay, single
from devices.memory import Memory, WithMemory
from devices.talk import TalkTerms, Write
from devices.value import Value
from devices.wall_clock import DAY_MS, MINUTE_MS, day_of, shown, wall_ms

KEEPS_DAYS = 7
READ_EVERY_MS = 15 * MINUTE_MS
SILENCE_MS = 10_000
"""The ring ends a live measurement by itself: one without a word for so long is started again."""
NOT_WORN_MS = 30_000
TRY_AGAIN_MS = 5_000


class _Day(NamedTuple):
    """A question: one day of the log of the pulse, or of the steps."""

    command: Command
    midnight_ms: int


class ColmiTalk(WithMemory):
    """See `devices.talk`. The memory is read first: the live pulse never ends.

    Of a day the steps come first: they show a clock that is ahead. The log does not, for the ring
    leaves yesterday's pulses in the slots to come.
    """

    notify: tuple[str, ...] = (NOTIFY,)
    reads: tuple[str, ...] = ()

    def __init__(self, terms: TalkTerms) -> None:
        self._terms = terms
        self._memory = Memory(terms, keeps_days=KEEPS_DAYS, holds_back=True)
        self._asking = Asking[_Day]()
        self._pulse, self._steps = PulseDay(), StepsDay()
        self._reading = False
        self._read_at_ms = 0
        self._live_at_ms = 0
        self.done = False

    @property
    def due_utc_ms(self) -> int | None:
        """When `writes_at` wants to be called."""
        if self.done:
            return None
        if self._reading:
            return self._asking.due_utc_ms
        return min(self._read_at_ms, self._live_at_ms) if self._terms.live else self._read_at_ms

    def writes_at(self, now_utc_ms: int) -> list[Write]:
        """Return what is to be written now."""
        if self.done:
            return []
        frames = self._begin(now_utc_ms) if self._is_read_due(now_utc_ms) else []
        question = self._asking.ask(now_utc_ms)
        if question is not None:
            frames.append(self._question(question, now_utc_ms))
        self._settle(now_utc_ms)
        if self._terms.live and not self._reading and self._is_live_due(now_utc_ms):
            frames.append(colmi_frames.START)
            self._live_at_ms = now_utc_ms + SILENCE_MS
        return [Write(WRITE, frame, response=False) for frame in frames]

    def _is_read_due(self, now_utc_ms: int) -> bool:
        # Further off than one interval: the box's clock was set back.
        return not self._reading and not 0 < self._read_at_ms - now_utc_ms <= READ_EVERY_MS

    def _is_live_due(self, now_utc_ms: int) -> bool:
        return not 0 < self._live_at_ms - now_utc_ms <= NOT_WORN_MS

    def _begin(self, now_utc_ms: int) -> list[bytes]:
        self._reading = True
        self._asking.plan(
            _Day(command, midnight_ms)
            for midnight_ms in self._memory.begin(now_utc_ms)
            for command in (Command.STEPS, Command.LOG)
        )
        wall = shown(wall_ms(now_utc_ms, self._terms.utc_offset_min))
        return [colmi_frames.set_time(wall), colmi_frames.ASK_BATTERY]

    def _question(self, day: _Day, now_utc_ms: int) -> bytes:
        self._pulse, self._steps = PulseDay(), StepsDay()
        if day.command is Command.LOG:
            self._memory.settle_clock()  # today's steps are told, or the ring has none to tell
            return colmi_frames.ask_log(day.midnight_ms)
        today_ms = day_of(wall_ms(now_utc_ms, self._terms.utc_offset_min))
        return colmi_frames.ask_steps((today_ms - day.midnight_ms) // DAY_MS)

    def _settle(self, now_utc_ms: int) -> None:
        """End the read once nothing is open any more."""
        if not self._reading or not self._asking.is_idle:
            return
        self._reading = False
        if not self._asking.gave_up:
            self._memory.end()
        self._read_at_ms, self._live_at_ms = now_utc_ms + READ_EVERY_MS, now_utc_ms
        self.done = not self._terms.live

    def heard(self, characteristic: str, data: bytes, now_utc_ms: int) -> list[Value]:
        """Return the values of one notification; raise Rejected for a malformed frame."""
        if characteristic.lower() != NOTIFY:
            return []
        message = colmi_frames.read(data)
        values = single(message)
        match message:
            case Live():
                self._live_at_ms = now_utc_ms + _pause_ms(message)
            case LogHead() | LogPart():
                values = self._hear_log(message, now_utc_ms)
            case StepsHead() | Quarter():
                self._hear_steps(message, now_utc_ms)
                values = self._memory.new(values, now_utc_ms, colmi_frames.QUARTER_MS)
            case colmi_frames.NoData(command) | colmi_frames.Other(command, is_refusal=True):
                if self._open == command:
                    self._asking.answered()
                # A ring without a single pulse has no log that would bring on what waits.
                values = self._memory.new((), now_utc_ms, colmi_frames.QUARTER_MS)
        self._settle(now_utc_ms)
        return values

    @property
    def _open(self) -> Command | None:
        return None if self._asking.open is None else self._asking.open.command

    def _hear_log(self, packet: LogHead | LogPart, now_utc_ms: int) -> list[Value]:
        question = self._asking.open
        if question is None or question.command is not Command.LOG:
            return []  # an answer that came too late: its packets do not say of which day they are
        if isinstance(packet, LogHead):
            self._pulse = PulseDay()
        self._pulse.take(packet)
        midnight_ms = self._pulse.midnight_ms
        if midnight_ms is None:
            self._asking.progress(now_utc_ms)
            return []
        if midnight_ms != question.midnight_ms:
            raise Rejected("unexpected_day", "the log of another day than was asked for")
        self._asking.progress(now_utc_ms)
        if not self._pulse.missing:
            self._asking.answered()
        return self._memory.new(
            self._pulse.values(), now_utc_ms, self._pulse.slot_ms, shows_clock=False
        )

    def _hear_steps(self, packet: StepsHead | Quarter, now_utc_ms: int) -> None:
        """Note how much of the day has come; each quarter carries its own date."""
        if self._open is not Command.STEPS:
            return
        self._asking.progress(now_utc_ms)
        if isinstance(packet, StepsHead):
            self._steps = StepsDay(packet.quarters)
        else:
            self._steps.take(packet)
        if self._steps.is_whole:
            self._asking.answered()

    def farewell(self) -> list[Write]:
        """Stop the live measurement, for the ring's battery."""
        return [Write(WRITE, colmi_frames.STOP, response=False)] if self._terms.live else []


def _pause_ms(message: Live) -> int:
    """Return how long after this message a new start is due, if none comes before."""
    pauses_ms = {
        colmi_frames.NOT_WORN: NOT_WORN_MS,
        colmi_frames.TRY_AGAIN: TRY_AGAIN_MS,
    }
    return pauses_ms.get(message.error, SILENCE_MS)

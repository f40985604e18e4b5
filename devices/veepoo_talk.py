"""The conversation with a Veepoo band: hello, read its memory, keep pulse and totals coming."""

from typing import NamedTuple

from devices import battery, veepoo_frames
from devices.asking import Asking
from devices.memory import Memory, WithMemory
from devices.talk import TalkTerms, Write
from devices.value import HEART_RATE_BPM, STEPS_COUNTER, Value
from devices.veepoo_frames import NOTIFY, WRITE, Battery, DayEnd, Hello, Live, Message, Part, Totals
from devices.veepoo_records import RECORD_MS, Parts, Record, start_ms, values_of
from devices.wall_clock import DAY_MS, MINUTE_MS, day_of, shown, wall_ms

KEEPS_DAYS = 7
READ_EVERY_MS = 60 * MINUTE_MS
"""Seldom, for the band does not measure while its memory is read."""
NO_HELLO_MS = 30_000
SILENCE_MS = 5_000
"""A band ends a live measurement by itself, after some 20 s on one ring: it is started again."""
TOTALS_EVERY_MS = MINUTE_MS


class _Hello(NamedTuple):
    """A question: whether the band will talk at all."""


class _Day(NamedTuple):
    """A question: the records of a day."""

    midnight_ms: int


class VeepooTalk(WithMemory):
    """See `devices.talk`. The memory is read first: bands refuse to measure before."""

    notify: tuple[str, ...] = (NOTIFY,)
    reads: tuple[str, ...] = ()

    def __init__(self, terms: TalkTerms) -> None:
        self._terms = terms
        self._memory = Memory(terms, keeps_days=KEEPS_DAYS, holds_back=True)
        self._asking = Asking[_Hello | _Day]()
        self._parts = Parts()
        self._pending: list[bytes] = []
        self._reading = False
        self._said_hello = False
        self._read_at_ms = self._live_at_ms = self._totals_at_ms = 0
        self.done = False

    @property
    def due_utc_ms(self) -> int | None:
        """When `writes_at` wants to be called."""
        if self.done:
            return None
        if self._pending:
            return 0
        if self._reading:
            return self._asking.due_utc_ms
        if not self._is_live:
            return self._read_at_ms
        return min(self._read_at_ms, self._live_at_ms, self._totals_at_ms)

    @property
    def _is_live(self) -> bool:
        return self._terms.live and self._said_hello

    def writes_at(self, now_utc_ms: int) -> list[Write]:
        """Return what is to be written now."""
        if self.done:
            return []
        frames, self._pending = self._pending, []
        # Further off than one interval: the box's clock was set back.
        if not self._reading and not 0 < self._read_at_ms - now_utc_ms <= READ_EVERY_MS:
            frames += self._begin(now_utc_ms)
        question = self._asking.ask(now_utc_ms)
        if question is not None:
            frames.append(self._question(question, now_utc_ms))
        self._settle(now_utc_ms)
        if self._is_live and not self._reading:
            frames += self._keep_coming(now_utc_ms)
        return [Write(WRITE, frame, response=False) for frame in frames]

    def _begin(self, now_utc_ms: int) -> list[bytes]:
        self._reading = True
        days = [_Day(midnight_ms) for midnight_ms in self._memory.begin(now_utc_ms)]
        self._asking.plan([_Hello(), *days])
        return [veepoo_frames.STOP] if self._is_live else []

    def _question(self, question: _Hello | _Day, now_utc_ms: int) -> bytes:
        wall_now_ms = wall_ms(now_utc_ms, self._terms.utc_offset_min)
        if isinstance(question, _Hello):
            return veepoo_frames.hello(shown(wall_now_ms))
        self._parts = Parts()
        days_ago = (day_of(wall_now_ms) - question.midnight_ms) // DAY_MS
        if days_ago:
            self._memory.settle_clock()  # today is told, or was given up
        return veepoo_frames.ask_day(days_ago)

    def _settle(self, now_utc_ms: int) -> None:
        """End the read once nothing is open any more."""
        if not self._reading or not self._asking.is_idle:
            return
        self._reading = False
        if not self._asking.gave_up:
            self._memory.end()
        self._read_at_ms = now_utc_ms + (READ_EVERY_MS if self._said_hello else NO_HELLO_MS)
        self._live_at_ms = self._totals_at_ms = now_utc_ms
        self.done = not self._terms.live

    def _keep_coming(self, now_utc_ms: int) -> list[bytes]:
        frames = []
        if not 0 < self._live_at_ms - now_utc_ms <= SILENCE_MS:
            frames.append(veepoo_frames.START)
            self._live_at_ms = now_utc_ms + SILENCE_MS
        if not 0 < self._totals_at_ms - now_utc_ms <= TOTALS_EVERY_MS:
            frames.append(veepoo_frames.ASK_TOTALS)
            self._totals_at_ms = now_utc_ms + TOTALS_EVERY_MS
        return frames

    def heard(self, characteristic: str, data: bytes, now_utc_ms: int) -> list[Value]:
        """Return the values of one notification; raise Rejected for a malformed frame."""
        if characteristic.lower() != NOTIFY:
            return []
        message = veepoo_frames.read(data)
        values = single(message)
        match message:
            case Hello():
                self._hear_hello()
            case Live():
                self._live_at_ms = now_utc_ms + SILENCE_MS
            case Part():
                values = self._hear_part(message, now_utc_ms)
            case DayEnd():
                values = self._hear_end(now_utc_ms)
        self._settle(now_utc_ms)
        return values

    def _hear_hello(self) -> None:
        if not isinstance(self._asking.open, _Hello):
            return
        self._said_hello = True
        self._asking.answered()
        self._pending += [veepoo_frames.ASK_BATTERY, veepoo_frames.ASK_TOTALS]

    def _hear_part(self, part: Part, now_utc_ms: int) -> list[Value]:
        if not isinstance(self._asking.open, _Day):
            return []  # too late: it will be asked for again
        self._asking.progress(now_utc_ms)
        record = self._parts.take(part)
        return [] if record is None else self._placed(record, now_utc_ms)

    def _hear_end(self, now_utc_ms: int) -> list[Value]:
        if not isinstance(self._asking.open, _Day):
            return []
        self._asking.progress(now_utc_ms)
        records, all_whole = self._parts.rest()
        if all_whole:
            self._asking.answered()
            self._memory.settle_clock()
        # Otherwise the day stays open: it is asked for again when patience ends.
        placed = [value for record in records for value in self._placed(record, now_utc_ms)]
        return placed + self._memory.new((), now_utc_ms, MINUTE_MS)

    def _placed(self, record: Record, now_utc_ms: int) -> list[Value]:
        """Return a record's new values; of the five minutes that are not over nothing is told."""
        wall_now_ms = wall_ms(now_utc_ms, self._terms.utc_offset_min)
        start = start_ms(record, wall_now_ms)
        if start <= wall_now_ms < start + RECORD_MS:
            return []
        return self._memory.new(values_of(record, start), now_utc_ms, MINUTE_MS)

    def farewell(self) -> list[Write]:
        """Stop the live measurement, for the band's battery."""
        return [Write(WRITE, veepoo_frames.STOP, response=False)] if self._is_live else []


def single(message: Message) -> list[Value]:
    """Return the values of a message that is whole by itself."""
    match message:
        case Battery():
            return [battery.level(message.charge_pct)]
        case Live() if message.bpm not in veepoo_frames.NO_BPM:
            return [Value(HEART_RATE_BPM, message.bpm)]
        case Totals() if message.steps != veepoo_frames.NO_STEPS:
            return [Value(STEPS_COUNTER, message.steps)]
        case _:
            return []

"""The conversation with a YCBT band: set its clock, read its logs, keep pulse and totals coming."""

from config.errors import Rejected
from devices import battery, ycbt_frames
from devices.asking import Asking
from devices.memory import Memory, WithMemory
from devices.talk import TalkTerms, Write
from devices.value import HEART_RATE_BPM, STEPS_COUNTER, Value
from devices.wall_clock import MINUTE_MS, shown, wall_ms
from devices.ycbt_frames import (
    ALL_LOG,
    COMMAND,
    CONTROL,
    DAMAGED,
    HEALTH,
    KEPT,
    MEASURE,
    PULSE_LOG,
    SPORT_LOG,
    STREAM,
    Battery,
    LogEnd,
    LogHead,
    LogPart,
    Message,
    Pulse,
    Push,
    Refusal,
    Started,
    Totals,
)
from devices.ycbt_records import Log, records_of, values_of

KEEPS_DAYS = 8
"""What is stamped earlier was written under another clock: a band's own log is shorter."""
READ_EVERY_MS = 30 * MINUTE_MS
WRITTEN_WITHIN_MS = MINUTE_MS
"""A pulse is stamped when the measurement begins, and in the log when that has ended."""
SILENCE_MS = 30_000
"""A first pulse took 19 s on one ring; a measurement without a word for longer is begun again."""
REFUSED_MS, REFUSED_MOST_MS = 60_000, 16 * MINUTE_MS
"""After a refusal to measure the next try comes so much later, and twice as late each time."""


class YcbtTalk(WithMemory):
    """See `devices.talk`. The memory is read first: the live pulse never ends."""

    notify: tuple[str, ...] = (STREAM, COMMAND)
    # Not the Heart Rate Service that these bands offer too: see the limits of the family.
    reads: tuple[str, ...] = ()

    def __init__(self, terms: TalkTerms) -> None:
        self._terms = terms
        self._memory = Memory(terms, keeps_days=KEEPS_DAYS)
        self._asking = Asking[int]()
        self._pieces = {uuid: ycbt_frames.reassembly() for uuid in self.notify}
        self._log = Log(PULSE_LOG)
        self._unsupported: set[int] = set()
        self._pending: list[bytes] = []
        self._reading = False
        self._read_at_ms = self._live_at_ms = 0
        self._refused_ms = REFUSED_MS
        self.done = False

    @property
    def due_utc_ms(self) -> int | None:
        """When `writes_at` wants to be called."""
        if self._pending:
            return 0
        if self.done:
            return None
        if self._reading:
            return self._asking.due_utc_ms
        return min(self._read_at_ms, self._live_at_ms) if self._terms.live else self._read_at_ms

    def writes_at(self, now_utc_ms: int) -> list[Write]:
        """Return what is to be written now; what is to be acknowledged comes first."""
        frames, self._pending = self._pending, []
        if not self.done:
            # Further off than one interval: the box's clock was set back.
            if not self._reading and not 0 < self._read_at_ms - now_utc_ms <= READ_EVERY_MS:
                frames += self._begin(now_utc_ms)
            log = self._asking.ask(now_utc_ms)
            if log is not None:
                self._log = Log(log)
                frames.append(ycbt_frames.ask_log(log))
            self._settle(now_utc_ms)
            if self._terms.live and not self._reading:
                frames += self._keep_coming(now_utc_ms)
        return [Write(COMMAND, frame, response=True) for frame in frames]

    def _begin(self, now_utc_ms: int) -> list[bytes]:
        self._reading = True
        self._memory.begin(now_utc_ms)
        logs = (PULSE_LOG, SPORT_LOG, ALL_LOG)
        self._asking.plan(log for log in logs if log not in self._unsupported)
        wall = shown(wall_ms(now_utc_ms, self._terms.utc_offset_min))
        return [ycbt_frames.set_clock(wall), ycbt_frames.ASK_DEVICE_INFO]

    def _settle(self, now_utc_ms: int) -> None:
        """End the read once nothing is open any more."""
        if not self._reading or not self._asking.is_idle:
            return
        self._reading = False
        if not self._asking.gave_up:
            self._memory.end()
        self._read_at_ms, self._live_at_ms = now_utc_ms + READ_EVERY_MS, now_utc_ms
        self.done = not self._terms.live

    def _keep_coming(self, now_utc_ms: int) -> list[bytes]:
        if 0 < self._live_at_ms - now_utc_ms <= REFUSED_MOST_MS:
            return []
        self._live_at_ms = now_utc_ms + SILENCE_MS
        return [ycbt_frames.START_TOTALS, ycbt_frames.START]

    def heard(self, characteristic: str, data: bytes, now_utc_ms: int) -> list[Value]:
        """Return the values of one notification; raise Rejected for a malformed frame."""
        pieces = self._pieces.get(characteristic.lower())
        if pieces is None:
            return []
        messages = [ycbt_frames.read(frame) for frame in pieces.take(data)]
        values = []
        for message in messages:
            values += self._hear(message, now_utc_ms)
        self._settle(now_utc_ms)
        return values

    def _hear(self, message: Message, now_utc_ms: int) -> list[Value]:
        match message:
            case Push():
                self._pending.append(ycbt_frames.acknowledge(message))
            case Pulse():
                self._live_at_ms = now_utc_ms + SILENCE_MS
                self._refused_ms = REFUSED_MS
            case Started(is_accepted=False):
                self._hear_refused_measurement(now_utc_ms)
            case Refusal():
                self._hear_refusal(message, now_utc_ms)
            case LogHead() if message.key == self._asking.open:
                self._hear_head(message, now_utc_ms)
            case LogPart() if message.key == self._asking.open:
                self._asking.progress(now_utc_ms)
                self._log.take(message.piece)
            case LogEnd() if self._asking.open is not None and self._log.has_begun:
                return self._hear_end(message, now_utc_ms)
        return single(message)

    def _hear_refused_measurement(self, now_utc_ms: int) -> None:
        self._live_at_ms = now_utc_ms + self._refused_ms
        self._refused_ms = min(2 * self._refused_ms, REFUSED_MOST_MS)

    def _hear_refusal(self, refusal: Refusal, now_utc_ms: int) -> None:
        if (refusal.group, refusal.key) == (CONTROL, MEASURE):
            self._hear_refused_measurement(now_utc_ms)
        elif refusal.group == HEALTH and refusal.key == self._asking.open and refusal.is_final:
            self._unsupported.add(refusal.key)
            self._asking.answered()
        # Any other refusal leaves the question open: it is put again when patience ends.

    def _hear_head(self, head: LogHead, now_utc_ms: int) -> None:
        self._asking.progress(now_utc_ms)
        self._log = Log(head.key)
        if head.records is None:
            self._asking.answered()
        else:
            self._log.has_begun = True

    def _hear_end(self, end: LogEnd, now_utc_ms: int) -> list[Value]:
        """Acknowledge a log and take what is new of it.

        One that is damaged stays open: it is asked for again when patience ends.
        """
        log, self._log = self._log, Log(self._log.key)
        self._asking.progress(now_utc_ms)
        data = log.whole(end)
        self._pending.append(ycbt_frames.acknowledge_log(DAMAGED if data is None else KEPT))
        if data is None:
            return []
        records = records_of(log.key, data)
        self._asking.answered()
        values = [value for record in records for value in _sound(log.key, record)]
        return self._memory.new(values, now_utc_ms, WRITTEN_WITHIN_MS)

    def farewell(self) -> list[Write]:
        """Stop measuring and telling, for the band's battery."""
        if not self._terms.live:
            return []
        frames = (ycbt_frames.STOP, ycbt_frames.STOP_TOTALS)
        return [Write(COMMAND, frame, response=True) for frame in frames]


def _sound(log: int, record: bytes) -> list[Value]:
    """Return a record's values; none of one that cannot be.

    The log's CRC fits: the band wrote it so, and it will be no better the next time.
    """
    try:
        return values_of(log, record)
    except Rejected:
        return []


def single(message: Message) -> list[Value]:
    """Return the values of a message that is whole by itself."""
    match message:
        case Battery():
            return [battery.level(message.charge_pct)]
        case Pulse() if message.bpm:
            return [Value(HEART_RATE_BPM, message.bpm)]
        case Totals():
            return [Value(STEPS_COUNTER, message.steps)]
        case _:
            return []

"""The conversation with a Jring ring: set its clock, keep it awake, keep its values coming."""

from devices import battery, jring_frames
from devices.asking import Asking
from devices.jring_frames import (
    NOTIFY,
    WRITE,
    Battery,
    Clock,
    Command,
    Message,
    Pulse,
    PulseEnded,
    Totals,
)
from devices.talk import NoMemory, TalkTerms, Write
from devices.value import HEART_RATE_BPM, STEPS_COUNTER, Value
from devices.wall_clock import MINUTE_MS, shown, wall_ms

KEEP_AWAKE_MS = 8_000
"""The ring leaves after 20 s without a word: two of these may be lost."""
TOTALS_EVERY_MS = MINUTE_MS
CLOCK_EVERY_MS = 60 * MINUTE_MS
SILENCE_MS = 30_000
AGAIN_MS = 2_000
"""A measurement that the ring ended is begun again after this."""
NO_ANSWER_MS, NO_ANSWER_MOST_MS = 30_000, 16 * MINUTE_MS
"""A ring that answers nothing is asked again so much later, and twice as late each time."""
STALE_MS = 2 * MINUTE_MS
"""A pulse whose stamp is older, by the ring's own clock, is one that it had stored."""


class JringTalk(NoMemory):
    """See `devices.talk`. There is no memory to read."""

    notify: tuple[str, ...] = (NOTIFY,)
    reads: tuple[str, ...] = (battery.LEVEL,)

    def __init__(self, terms: TalkTerms) -> None:
        self._terms = terms
        self._asking = Asking[Command]()
        self._is_known = False
        """The ring has said what its clock shows."""
        self._clock_ahead_ms = 0
        """How far the ring's clock is ahead of the local time, by what it said last."""
        self._wait_ms = NO_ANSWER_MS
        self._clock_at_ms = self._totals_at_ms = 0
        self._live_at_ms = self._awake_at_ms = 0
        self.done = False

    @property
    def clock_ahead_ms(self) -> int | None:
        """How far the ring's clock is ahead, by what it answered when it was set last."""
        return self._clock_ahead_ms if self._is_known else None

    @property
    def due_utc_ms(self) -> int | None:
        """When `writes_at` wants to be called."""
        if self.done:
            return None
        due = [self._clock_at_ms, self._awake_at_ms]
        if self._asking.due_utc_ms is not None:
            due = [self._asking.due_utc_ms, self._awake_at_ms]
        elif self._is_known:
            due.append(self._totals_at_ms)
            due += [self._live_at_ms] if self._terms.live else []
        return min(due)

    def writes_at(self, now_utc_ms: int) -> list[Write]:
        """Return what is to be written now."""
        if self.done:
            return []
        frames = []
        if self._asking.is_idle:
            self._plan(now_utc_ms)
        question = self._asking.ask(now_utc_ms)
        if question is not None:
            frames += self._question(question, now_utc_ms)
        self._settle(now_utc_ms)
        if self._is_known and self._terms.live and _is_due(self._live_at_ms, now_utc_ms):
            frames.append(jring_frames.START)
            self._live_at_ms = now_utc_ms + SILENCE_MS
        if frames:
            self._awake_at_ms = now_utc_ms + KEEP_AWAKE_MS
        elif _is_due(self._awake_at_ms, now_utc_ms):
            frames.append(jring_frames.KEEP_ALIVE)
            self._awake_at_ms = now_utc_ms + KEEP_AWAKE_MS
        return [Write(WRITE, frame, response=True) for frame in frames]

    def _plan(self, now_utc_ms: int) -> None:
        if _is_due(self._clock_at_ms, now_utc_ms):
            self._clock_at_ms = now_utc_ms + CLOCK_EVERY_MS
            self._totals_at_ms = now_utc_ms + TOTALS_EVERY_MS
            self._asking.plan((Command.CLOCK, Command.TOTALS))
        elif self._is_known and _is_due(self._totals_at_ms, now_utc_ms):
            self._totals_at_ms = now_utc_ms + TOTALS_EVERY_MS
            self._asking.plan((Command.TOTALS,))

    def _question(self, question: Command, now_utc_ms: int) -> list[bytes]:
        if question is Command.TOTALS:
            return [jring_frames.ASK_TOTALS]
        wall = shown(wall_ms(now_utc_ms, self._terms.utc_offset_min))
        claim = [] if self._is_known else [jring_frames.CLAIM]
        return [*claim, jring_frames.set_clock(wall, self._terms.utc_offset_min)]

    def _settle(self, now_utc_ms: int) -> None:
        """Where nothing is open any more: leave, or try later a ring that does not answer."""
        if not self._asking.is_idle:
            return
        if not self._is_known:
            if self._asking.gave_up:
                self._clock_at_ms = now_utc_ms + self._wait_ms
                self._wait_ms = min(2 * self._wait_ms, NO_ANSWER_MOST_MS)
                self._asking.gave_up = False
                self.done = not self._terms.live
            return
        self.done = not self._terms.live

    def heard(self, characteristic: str, data: bytes, now_utc_ms: int) -> list[Value]:
        """Return the values of one notification or read; raise Rejected for a malformed frame."""
        if characteristic.lower() == battery.LEVEL:
            return battery.hear(data, now_utc_ms)
        if characteristic.lower() != NOTIFY:
            return []
        message = jring_frames.read(data)
        match message:
            case Clock():
                self._hear_clock(message, now_utc_ms)
            case Totals():
                self._answered(Command.TOTALS)
            case Pulse():
                self._live_at_ms = now_utc_ms + SILENCE_MS
                if self._is_stale(message, now_utc_ms):
                    return []
            case PulseEnded():
                self._live_at_ms = now_utc_ms + AGAIN_MS
        self._settle(now_utc_ms)
        return single(message)

    def _hear_clock(self, clock: Clock, now_utc_ms: int) -> None:
        self._is_known = True
        self._wait_ms = NO_ANSWER_MS
        self._clock_ahead_ms = clock.shown_ms - wall_ms(now_utc_ms, self._terms.utc_offset_min)
        self._answered(Command.CLOCK)

    def _answered(self, command: Command) -> None:
        if self._asking.open is command:
            self._asking.answered()

    def _is_stale(self, pulse: Pulse, now_utc_ms: int) -> bool:
        """Say whether a pulse was stored: measured long ago by the clock of the ring itself."""
        if pulse.shown_ms is None or not self._is_known:
            return False
        shows_ms = wall_ms(now_utc_ms, self._terms.utc_offset_min) + self._clock_ahead_ms
        return shows_ms - pulse.shown_ms > STALE_MS

    def farewell(self) -> list[Write]:
        """Stop the live measurement, for the ring's battery."""
        if not self._terms.live or not self._is_known:
            return []
        return [Write(WRITE, jring_frames.STOP, response=True)]


def _is_due(at_ms: int, now_utc_ms: int) -> bool:
    """Say whether a time has come; further off than any wait here, the box's clock was set back."""
    return not 0 < at_ms - now_utc_ms <= CLOCK_EVERY_MS


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

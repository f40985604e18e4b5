"""WearFit 2.0 watches (DT78, DT92, C1 Plus): live pulse, and totals of the day.

Layout: `wearfit_frames`.
"""

from devices import battery, wearfit_frames
from devices.family import Family, Vibration, each
from devices.talk import NoMemory, TalkTerms, Write
from devices.value import HEART_RATE_BPM, STEPS_COUNTER, Decoded, Value
from devices.wall_clock import MINUTE_MS, shown, wall_ms
from devices.wearfit_frames import NO_BPM, NOTIFY, WRITE, Battery, Message, Other, Pulse, Totals

SILENCE_MS = 15_000
"""A live measurement without a word for so long is started again."""
TOTALS_EVERY_MS = 20_000
BATTERY_EVERY_MS = 60 * MINUTE_MS
BATTERY_AGAIN_MS = 30_000
"""A question for the charge that nobody answered is asked again."""
PATIENCE_MS = 10_000
"""Who comes for the totals alone leaves after this, answered or not."""


def decode(frame: bytes) -> Decoded:
    """Decode one frame."""
    message = wearfit_frames.read(frame)
    return Decoded(tuple(_values(message)), _told(message))


def _values(message: Message) -> list[Value]:
    match message:
        case Pulse() if message.bpm not in NO_BPM:
            return [Value(HEART_RATE_BPM, message.bpm)]
        case Battery():
            return [battery.level(message.charge_pct)]
        case Totals():
            return [Value(STEPS_COUNTER, message.steps)]
        case _:
            return []


def _told(message: Message) -> dict[str, object]:
    """Return what a message says beside its values."""
    match message:
        case Battery():
            return {"charging": message.is_charging}
        case Totals():
            return {"kcal": message.kcal}
        case Other():
            return {"command": f"{message.command:04x}"}
        case _:
            return {}


class WearFitTalk(NoMemory):
    """See `devices.talk`. Sets the clock, then keeps pulse and totals coming."""

    notify: tuple[str, ...] = (NOTIFY,)
    reads: tuple[str, ...] = ()

    def __init__(self, terms: TalkTerms) -> None:
        self._terms = terms
        self._begun_ms: int | None = None
        self._live_at_ms = self._totals_at_ms = self._battery_at_ms = 0
        self.done = False

    @property
    def due_utc_ms(self) -> int | None:
        """When `writes_at` wants to be called."""
        if self.done:
            return None
        if not self._terms.live and self._begun_ms is not None:
            return self._begun_ms + PATIENCE_MS
        return min(self._live_at_ms, self._totals_at_ms, self._battery_at_ms)

    def writes_at(self, now_utc_ms: int) -> list[Write]:
        """Return what is to be written now."""
        if self._begun_ms is not None and not self._terms.live:
            self.done = self.done or not 0 <= now_utc_ms - self._begun_ms < PATIENCE_MS
        if self.done:
            return []
        wall = shown(wall_ms(now_utc_ms, self._terms.utc_offset_min))
        frames = []
        if self._begun_ms is None:
            self._begun_ms = now_utc_ms
            frames.append(wearfit_frames.set_clock(wall))
        # Further off than one interval: the box's clock was set back.
        if not 0 < self._battery_at_ms - now_utc_ms <= BATTERY_EVERY_MS:
            frames.append(wearfit_frames.ASK_BATTERY)
            self._battery_at_ms = now_utc_ms + BATTERY_AGAIN_MS
        if not 0 < self._totals_at_ms - now_utc_ms <= TOTALS_EVERY_MS:
            frames.append(wearfit_frames.ask_totals(wall))
            self._totals_at_ms = now_utc_ms + TOTALS_EVERY_MS
        if self._terms.live and not 0 < self._live_at_ms - now_utc_ms <= SILENCE_MS:
            frames.append(wearfit_frames.START_LIVE)
            self._live_at_ms = now_utc_ms + SILENCE_MS
        return [Write(WRITE, frame, response=False) for frame in frames]

    def heard(self, characteristic: str, data: bytes, now_utc_ms: int) -> list[Value]:
        """Return the values of one notification; raise Rejected for a malformed frame."""
        if characteristic.lower() != NOTIFY:
            return []
        message = wearfit_frames.read(data)
        values = _values(message)
        match message:
            case Pulse():
                self._live_at_ms = now_utc_ms + SILENCE_MS
            case Battery():
                self._battery_at_ms = now_utc_ms + BATTERY_EVERY_MS
            case Totals():
                self.done = not self._terms.live
        return values

    def farewell(self) -> list[Write]:
        """Stop the live measurement, for the watch's battery."""
        stop = Write(WRITE, wearfit_frames.STOP_LIVE, response=False)
        return [stop] if self._terms.live else []


FAMILY = Family(
    key="wearfit",
    title="WearFit 2.0 watches (DT78, DT92, C1 Plus)",
    decode=each(decode),
    payable_interval_s=SILENCE_MS / 1000,
    authentication="none; the watch takes one connection, so the phone's app must be closed",
    history="steps and pulse by the hour: not read, for they build no bout",
    links="one link for each watch while its pulse is live",
    evidence="public notes with captures of the pulse and the charge; a public client (MIT)",
    limits=(
        "How often it tells its live pulse stands nowhere: it is started again after 15 s of "
        "silence, so measure it before it is bought. "
        "No captured frame of the totals is public; their counter has 16 bits. "
        "Its frames have no checksum and know no skin contact. "
        "Its service is Nordic's serial port, which other makers' devices offer as well."
    ),
    service_uuid=wearfit_frames.SERVICE,
    talk=WearFitTalk,
    vibration=Vibration(
        (Write(WRITE, wearfit_frames.FIND, response=False),),
        "the command to find it (public notes with captures)",
    ),
    shortest_frame=wearfit_frames.COMMAND_BYTES,
)

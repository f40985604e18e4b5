"""YCBT ring (SmartHealth): live pulse and totals by indications, logs in blocks, a stored pulse.

Facts of the frames: the public protocol notes of the PulseLoop project, from the maker's own
library and a TK5's recorded traffic. They say as well that the ring goes on only after the end of a
log was acknowledged, that it repeats a push until it is, that its service shows only over a link,
and that its Heart Rate Service gives a stored resting pulse with nobody wearing it.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count

from devices.virtual.bands.band import (
    BATTERY,
    HEART_RATE,
    STEPS_COUNTER,
    STEPS_INCREMENT,
    Advert,
    Characteristic,
    Frame,
    Pulse,
    Service,
    Steps,
    VirtualBand,
    nobody_walks,
    utc_now_ms,
)
from devices.virtual.bands.common import Motor
from devices.virtual.bands.day import DAY_MS, MINUTE_MS
from devices.virtual.bands.memory import Memory, ahead_ms
from devices.virtual.bands.uuids import (
    HEART_RATE_MEASUREMENT,
    HEART_RATE_SERVICE,
    assigned,
)

YCBT_SERVICE = "be940000-7333-be46-b7ae-689e71722bd5"
YCBT_COMMAND = "be940001-7333-be46-b7ae-689e71722bd5"
YCBT_STREAM = "be940003-7333-be46-b7ae-689e71722bd5"
YCBT_ADVERTISED = (HEART_RATE_SERVICE, assigned(0xFEE7))

POLYNOMIAL, TOP_BIT, WORD = 0x1021, 0x8000, 0xFFFF
PIECE_BYTES, NOTIFICATION_BYTES = 90, 60
"""Of a log in one frame, and of a frame in one indication: both cut records and frames apart."""
SPORT, PULSE, ALL = 0x02, 0x06, 0x09
PIECES = {SPORT: 0x11, PULSE: 0x15, ALL: 0x18}
LOG_END, UNSUPPORTED = 0x80, 0xFC
FIRST_DELETION = 0x40
STEP_SLOT_MIN = 15
DAYS_KEPT = 7
STORED_BPM = 87
MOST_BPM = 250
YEAR_2000_MS = round(datetime(2000, 1, 1, tzinfo=UTC).timestamp() * 1000)


def checksum(data: bytes) -> int:
    """Return the CRC-16 with polynomial 0x1021, from 0xFFFF on, bit by bit."""
    crc = WORD
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ POLYNOMIAL if crc & TOP_BIT else crc << 1) & WORD
    return crc


def framed(group: int, key: int, payload: bytes = b"") -> bytes:
    """Return a whole frame."""
    frame = bytes([group, key]) + (len(payload) + 6).to_bytes(2, "little") + payload
    return frame + checksum(frame).to_bytes(2, "little")


class YcbtRing:
    """The firmware. `log_every_min` is how often it takes the pulse by itself."""

    services = (
        Service(
            YCBT_SERVICE,
            (
                Characteristic(YCBT_COMMAND, ("write", "indicate")),
                Characteristic(YCBT_STREAM, ("indicate",)),
            ),
        ),
        Service(HEART_RATE_SERVICE, (Characteristic(HEART_RATE_MEASUREMENT, ("notify",)),)),
    )

    def __init__(
        self, memory: Memory, battery_pct: int, log_every_min: int, lacks: frozenset[int]
    ) -> None:
        self.battery_pct = battery_pct
        self.motor = Motor()
        self.refuses_to_measure = False
        self.deleted = False
        """Somebody wrote what erases a log."""
        self._memory, self._log_every_min, self._lacks = memory, log_every_min, lacks
        self._is_live = self._tells_totals = self._waits = False
        self._push: bytes | None = None
        self._beats = count()

    def push(self, key: int, payload: bytes) -> None:
        """Say something again and again until it is acknowledged."""
        self._push = framed(0x04, key, payload)

    def beat(self, now_utc_ms: int) -> Sequence[Frame]:
        """Return what is repeated, the stored pulse, and what was asked to keep coming."""
        frames = [Frame(HEART_RATE_MEASUREMENT, bytes([0, STORED_BPM]))]
        if self._push is not None:
            frames.append(Frame(YCBT_STREAM, self._push))
        if self._is_live:
            bpm = self._memory.pulse(now_utc_ms)
            values = () if bpm is None else (HEART_RATE,)
            frames += _sent(framed(0x06, 0x01, bytes([min(bpm or 0, MOST_BPM)])), values)
        if self._tells_totals and next(self._beats) % 5 == 0:
            steps = self._memory.steps_today(now_utc_ms) & WORD
            totals = b"".join(n.to_bytes(2, "little") for n in (steps, steps * 2 // 3, steps // 25))
            frames += _sent(framed(0x06, 0x00, totals), (STEPS_COUNTER,))
        return tuple(frames)

    def written(  # noqa: PLR0911 - one return a command
        self, characteristic: str, data: bytes, now_utc_ms: int
    ) -> Sequence[Frame]:
        """Answer a command. The ring itself does not look at its checksum."""
        if characteristic != YCBT_COMMAND or len(data) < len(framed(0, 0)):
            return ()
        group, key, payload = data[0], data[1], data[4:-2]
        match group, key:
            case 0x01, 0x00:
                return self._set_clock(payload, now_utc_ms)
            case 0x02, 0x00:
                told = bytes([0x78, 0x10, 5, 1, 0, self.battery_pct])
                return _answer(framed(group, key, told), (BATTERY,))
            case 0x03, 0x00:
                self.motor.shake()
                return _answer(framed(group, key, b"\0"))
            case 0x03, 0x09:
                self._tells_totals = payload[:1] == b"\x01"
                return _answer(framed(group, key, b"\0"))
            case 0x03, 0x2F:
                starts = payload[:1] == b"\x01"
                self._is_live = starts and not self.refuses_to_measure
                return _answer(framed(group, key, bytes([starts and self.refuses_to_measure])))
            case 0x04, _ if self._push is not None and key == self._push[1]:
                self._push = None
            case 0x05, 0x80:
                self._waits = False  # kept or damaged: it goes on
            case 0x05, _:
                return self._history(key, now_utc_ms)
        return ()

    def read(self, characteristic: str) -> bytes | None:  # noqa: ARG002 - a link's signature
        """Let nothing be read: everything is asked by a command."""
        return None

    def link_lost(self) -> None:
        """Measure no longer; clock and memory stay."""
        self._is_live = self._tells_totals = self._waits = False

    def _set_clock(self, payload: bytes, now_utc_ms: int) -> Sequence[Frame]:
        year = int.from_bytes(payload[:2], "little")
        try:
            shown = datetime(year, *payload[2:7], tzinfo=UTC)  # type: ignore[misc]
        except ValueError:
            return _answer(framed(0x01, 0x00, b"\xfe"))
        self._memory.set_clock(round(shown.timestamp()) * 1000, now_utc_ms)
        return _answer(framed(0x01, 0x00, b"\0"))

    def _history(self, key: int, now_utc_ms: int) -> Sequence[Frame]:
        if FIRST_DELETION <= key < LOG_END:
            self.deleted = True
            return ()
        if self._waits:
            return ()
        if key in self._lacks or key not in PIECES:
            return _answer(framed(0x05, key, bytes([UNSUPPORTED])))
        records = self._records(key, now_utc_ms)
        if not records:
            return _answer(framed(0x05, key, bytes(2)))
        log = b"".join(record for record, _ in records)
        pieces = [log[at : at + PIECE_BYTES] for at in range(0, len(log), PIECE_BYTES)]
        sizes = ((len(records), 2), (len(pieces), 4), (len(log), 4))
        head = b"".join(number.to_bytes(size, "little") for number, size in sizes)
        frames = _sent(framed(0x05, key, head))
        for piece in pieces:
            frames += _sent(framed(0x05, PIECES[key], piece))
        end = (len(pieces), len(log) & WORD, checksum(log))
        self._waits = True
        values = tuple(value for _, told in records for value in told)
        payload = b"".join(number.to_bytes(2, "little") for number in end)
        return (*frames, *_sent(framed(0x05, LOG_END, payload), values))

    def _records(self, key: int, now_utc_ms: int) -> list[tuple[bytes, tuple[str, ...]]]:
        every_ms = (STEP_SLOT_MIN if key == SPORT else self._log_every_min) * MINUTE_MS
        wall_now_ms = now_utc_ms + self._memory.ahead_ms
        first_ms = wall_now_ms // DAY_MS * DAY_MS - (DAYS_KEPT - 1) * DAY_MS
        record_of = {SPORT: self._sport, PULSE: self._pulse, ALL: self._all}[key]
        records = []
        for at_ms in range(first_ms, wall_now_ms + 1, every_ms):
            record = record_of(at_ms, now_utc_ms)
            if record is not None:
                records.append(record)
        return records

    def _pulse(self, at_ms: int, now_utc_ms: int) -> tuple[bytes, tuple[str, ...]] | None:
        if at_ms - self._memory.ahead_ms < self._memory.worn_since_utc_ms:
            return None
        bpm = self._memory.bpm_at(at_ms, now_utc_ms)
        record = _stamp(at_ms) + bytes([0, min(bpm or 0, MOST_BPM)])
        return record, () if bpm is None else (HEART_RATE,)

    def _sport(self, at_ms: int, now_utc_ms: int) -> tuple[bytes, tuple[str, ...]] | None:
        end_ms = at_ms + STEP_SLOT_MIN * MINUTE_MS
        steps = self._memory.steps_between(at_ms, end_ms, now_utc_ms)
        numbers = (steps, steps * 2 // 3, steps // 25)
        counted = b"".join(number.to_bytes(2, "little") for number in numbers)
        record = _stamp(at_ms) + _stamp(end_ms) + counted
        return (record, (STEPS_INCREMENT,)) if steps else None

    def _all(self, at_ms: int, now_utc_ms: int) -> tuple[bytes, tuple[str, ...]] | None:
        pulse = self._pulse(at_ms, now_utc_ms)
        if pulse is None:
            return None
        midnight_ms = at_ms // DAY_MS * DAY_MS
        steps = self._memory.steps_between(midnight_ms, at_ms, now_utc_ms) & WORD
        vitals = bytes([115, 76, 98, 14, 52, 0, 0, 15, 0, 0, 0, 0, 0])
        record = pulse[0][:4] + steps.to_bytes(2, "little") + pulse[0][5:6] + vitals
        return record, (STEPS_COUNTER,)


def ycbt_ring(  # noqa: PLR0913 - what a test may want to differ; all but two have a default
    address: str,
    pulse: Pulse,
    *,
    steps: Steps = nobody_walks,
    utc_offset_min: int = 480,
    worn_since_utc_ms: int = 0,
    battery_pct: int = 61,
    log_every_min: int = 30,
    lacks: frozenset[int] = frozenset(),
    clock: Callable[[], int] = utc_now_ms,
) -> VirtualBand:
    """Return a ring whose clock starts in that zone and follows whoever sets it.

    `lacks` are the logs that its firmware does not know.
    """
    memory = Memory(pulse, steps, DAYS_KEPT, worn_since_utc_ms, ahead_ms(utc_offset_min))
    ring = YcbtRing(memory, battery_pct, log_every_min, lacks)
    advert = Advert(service_uuids=YCBT_ADVERTISED)
    name = f"TK5 {address.replace(':', '')[-4:]}"
    return VirtualBand(address, name, lambda _now_utc_ms: advert, ring, clock)


def _stamp(wall_ms: int) -> bytes:
    return ((wall_ms - YEAR_2000_MS) // 1000).to_bytes(4, "little")


def _answer(data: bytes, values: tuple[str, ...] = ()) -> Sequence[Frame]:
    return (Frame(YCBT_COMMAND, data, values),)


def _sent(data: bytes, values: tuple[str, ...] = ()) -> list[Frame]:
    """Return a frame in as many indications as it needs; its values come with the last."""
    cuts = range(0, len(data), NOTIFICATION_BYTES)
    pieces = [Frame(YCBT_STREAM, data[at : at + NOTIFICATION_BYTES]) for at in cuts]
    pieces[-1] = Frame(YCBT_STREAM, pieces[-1].data, values)
    return pieces

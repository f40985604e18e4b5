"""What the messages of a Colmi ring say: alone, or a day of its memory gathered from packets."""

from collections.abc import Iterator

from config.errors import Rejected
from devices import battery, colmi_frames
from devices.colmi_frames import QUARTER_MS, Battery, Live, LogHead, LogPart, Message, Quarter
from devices.value import HEART_RATE_BPM, STEPS_INCREMENT, Value
from devices.wall_clock import DAY_MS, MINUTE_MS, day_of

PACKETS = 24
INTERVAL_MIN = 5
FIRST_SLOTS, SLOTS = 9, 13
"""Slots in packet 1, which also carries the day, and in each one after it."""


class PulseDay:
    """One day's log: 288 slots of five minutes in 24 packets. Order and repeats do not matter."""

    def __init__(self) -> None:
        self.head = LogHead(PACKETS, INTERVAL_MIN)
        self.has_head = False
        self.parts: dict[int, LogPart] = {}

    def take(self, packet: LogHead | LogPart) -> None:
        """Add a packet; one that comes again counts once."""
        if isinstance(packet, LogHead):
            self.head, self.has_head = packet, True
        else:
            self.parts[packet.number] = packet

    @property
    def missing(self) -> list[int]:
        """The packets that have not come."""
        wanted = range(1, self.head.packets)
        return [*([] if self.has_head else [0]), *(i for i in wanted if i not in self.parts)]

    @property
    def slot_ms(self) -> int:
        """How long a slot is."""
        return (self.head.interval_min or INTERVAL_MIN) * MINUTE_MS

    @property
    def midnight_ms(self) -> int | None:
        """The midnight of the log's day, once the packet with it has come.

        A ring gives back the time it was asked for, which need not be a midnight.
        """
        first = self.parts.get(1)
        return None if first is None or first.day_ms is None else day_of(first.day_ms)

    def values(self) -> list[Value]:
        """Return the pulses in order, each stamped with its slot's start.

        Raise Rejected where the packet with the day is missing.
        """
        if not self.parts:
            return []
        midnight_ms = self.midnight_ms
        if midnight_ms is None:
            raise Rejected("incomplete", "the packet with the day of the log is missing")
        return [
            Value(HEART_RATE_BPM, bpm, device_ts_ms=midnight_ms + slot * self.slot_ms)
            for slot, bpm in self._slots()
            if bpm and (slot + 1) * self.slot_ms <= DAY_MS
        ]

    def _slots(self) -> Iterator[tuple[int, int]]:
        for index in sorted(self.parts):
            first = 0 if index == 1 else FIRST_SLOTS + (index - 2) * SLOTS
            yield from enumerate(self.parts[index].bpm, first)


class StepsDay:
    """One day's steps by quarters of an hour; the ring sends only quarters with steps."""

    def __init__(self, count: int | None = None) -> None:
        self.quarters: dict[int, Quarter] = {}
        self.count = count

    def take(self, quarter: Quarter) -> None:
        """Add a quarter; one that comes again counts once."""
        self.quarters[quarter.number] = quarter
        self.count = quarter.quarters

    @property
    def is_whole(self) -> bool:
        """Every quarter that the ring announced has come."""
        return self.count is not None and len(self.quarters) >= self.count


def single(message: Message) -> list[Value]:
    """Return the values of a message that is whole by itself."""
    match message:
        case Battery():
            return [battery.level(message.charge_pct)]
        case Live(kind=colmi_frames.HEART_RATE, error=0) if message.bpm:
            return [Value(HEART_RATE_BPM, message.bpm)]
        case Quarter():
            return [
                Value(
                    STEPS_INCREMENT,
                    message.steps,
                    span_ms=QUARTER_MS,
                    device_ts_ms=message.start_ms,
                )
            ]
        case _:
            return []

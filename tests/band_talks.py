"""A talk and a virtual band brought together without any radio, second by second."""

from contextlib import suppress
from datetime import UTC, datetime

from config.errors import Rejected
from devices.talk import Read

HOUR_MS, MINUTE_MS = 3_600_000, 60_000
SHANGHAI_MIN = 480
NOON = round(datetime(2026, 3, 5, 4, 2, 30, tzinfo=UTC).timestamp() * 1000)
"""12:02:30 in Shanghai: five minutes and a quarter of an hour of a band's memory are running."""


class Clock:
    """A band's own idea of now, for what it is asked to read."""

    now_utc_ms = NOON

    def __call__(self):
        return self.now_utc_ms


def converse(talk, link, now_utc_ms, *, seconds, lost=lambda data: False, clock=None):
    """Let them talk; return (moment, value) of all that was heard, and all that was written.

    `lost` says of a notification that it does not arrive; what nobody subscribed is not told. What
    the talk wants to read at first is read where the band has a `clock`, set to each moment.
    """
    first_reads = talk.reads if clock else ()
    clock = clock or Clock()
    conversation = Conversation(talk, link, lost, clock)
    clock.now_utc_ms = now_utc_ms
    for uuid in first_reads:
        conversation.do(Read(uuid))
    for second in range(seconds):
        now = clock.now_utc_ms = now_utc_ms + 1000 * second
        while talk.due_utc_ms is not None and talk.due_utc_ms <= now:
            for asked in talk.writes_at(now):
                conversation.do(asked)
        conversation.tell(link.beat(now))
    now = clock.now_utc_ms
    conversation.heard += [(now, value) for value in talk.held_back(now)]
    return conversation.heard, conversation.written


class Conversation:
    """What passes between them."""

    def __init__(self, talk, link, lost, clock):
        self.talk, self.link, self.lost, self.clock = talk, link, lost, clock
        self.heard, self.written = [], []

    def do(self, asked):
        now = self.clock.now_utc_ms
        if isinstance(asked, Read):
            data = self.link.read(asked.characteristic)
            if data is not None:  # a band offers what it lets be read
                self.hear(asked.characteristic, data)
        else:
            self.written.append((now, asked.data))
            self.tell(self.link.written(asked.characteristic, asked.data, now))

    def tell(self, frames):
        for frame in frames:
            if frame.characteristic in self.talk.notify and not self.lost(frame.data):
                self.hear(frame.characteristic, frame.data)

    def hear(self, characteristic, data):
        now = self.clock.now_utc_ms
        with suppress(Rejected):  # whoever holds a link counts it, and goes on
            self.heard += [(now, value) for value in self.talk.heard(characteristic, data, now)]


def walking(at_utc_ms):
    """Steps of a wearer who never rests."""
    return at_utc_ms // 600


def commands(written):
    """The first byte of each write."""
    return [data[0] for _, data in written]


def history(heard):
    """What came out of the memory, which has the band's own times."""
    return [value for _, value in heard if value.device_ts_ms is not None]

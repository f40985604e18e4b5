"""A talk and a virtual band brought together without any radio, second by second."""

from contextlib import suppress
from datetime import UTC, datetime

from config.errors import Rejected

HOUR_MS, MINUTE_MS = 3_600_000, 60_000
SHANGHAI_MIN = 480
NOON = round(datetime(2026, 3, 5, 4, 2, 30, tzinfo=UTC).timestamp() * 1000)
"""12:02:30 in Shanghai: five minutes and a quarter of an hour of a band's memory are running."""


def converse(talk, link, now_utc_ms, *, seconds, lost=lambda data: False):
    """Let them talk; return (moment, value) of all that was heard, and all that was written.

    `lost` says of a notification that it does not arrive.
    """
    heard, written = [], []

    def tell(frames, now):
        for frame in frames:
            if not lost(frame.data):
                with suppress(Rejected):  # whoever holds a link counts it, and goes on
                    values = talk.heard(frame.characteristic, frame.data, now)
                    heard.extend((now, value) for value in values)

    for second in range(seconds):
        now = now_utc_ms + 1000 * second
        while talk.due_utc_ms is not None and talk.due_utc_ms <= now:
            writes = talk.writes_at(now)
            written += [(now, write.data) for write in writes]
            for write in writes:
                tell(link.written(write.characteristic, write.data, now), now)
        tell(link.beat(now), now)
    return heard, written


def walking(at_utc_ms):
    """Steps of a wearer who never rests."""
    return at_utc_ms // 600


def commands(written):
    """The first byte of each write."""
    return [data[0] for _, data in written]


def history(heard):
    """What came out of the memory, which has the band's own times."""
    return [value for _, value in heard if value.device_ts_ms is not None]

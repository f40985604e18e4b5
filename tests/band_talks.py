"""A talk and a virtual band brought together without any radio, second by second."""


def converse(talk, link, now_utc_ms, *, seconds, lost=lambda data: False):
    """Let them talk; return (moment, value) of all that was heard, and all that was written.

    `lost` says of a notification that it does not arrive.
    """
    heard, written = [], []

    def tell(frames, now):
        for frame in frames:
            if not lost(frame.data):
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

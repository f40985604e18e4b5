"""What was heard and waits for the spool: bounded, and emptied every half second.

While the disk is behind it fills. When it is full what is heard live is dropped and counted (who
must be warned at once was warned before it came here), and what comes out of a band's memory is
dropped without moving the mark up to where that memory is stored, so that it is read again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from ingest.batch.reading import Reading
from ingest.gateway.heard import BadInput, Heard
from ingest.gateway.radio.counters import RadioCounters

LIVE_HELD = 30_000
"""200 bands for two and a half minutes, about 10 MB."""
HISTORY_HELD = 50_000
REJECTED_HELD = 1_000
TOGETHER = 2_000
"""Readings that reach the disk as one."""


class Basket:
    """Readings on their way to the spool; used from the event loop alone."""

    def __init__(self, counters: RadioCounters) -> None:
        """Count in `counters` what does not fit."""
        self._counters = counters
        self._live: list[Reading] = []
        self._history: list[Reading] = []
        self._cursor: dict[str, str] = {}
        self._bad: list[BadInput] = []

    def put_live(self, readings: Sequence[Reading]) -> None:
        """Take in what was heard now."""
        self._counters.readings_live += len(readings)
        room = LIVE_HELD - len(self._live)
        self._live += readings[:room]
        self._counters.dropped_live += max(0, len(readings) - room)

    def put_history(self, readings: Sequence[Reading]) -> bool:
        """Take in what a band remembered; say whether all of it found room."""
        self._counters.readings_history += len(readings)
        room = HISTORY_HELD - len(self._history)
        self._history += readings[:room]
        self._counters.dropped_history += max(0, len(readings) - room)
        return len(readings) <= room

    def mark(self, cursor: Mapping[str, str]) -> None:
        """Store with what is in the basket now how far it reaches."""
        self._cursor |= cursor

    def put_rejected(self, data: bytes, reason: str) -> None:
        """Take in a frame that could not be read."""
        if len(self._bad) < REJECTED_HELD:
            self._bad.append(BadInput(data, reason))
        else:
            self._counters.dropped_rejected += 1

    def empty(self) -> Iterator[Heard]:
        """Give all that is there, in pieces; a mark comes with the last of what it speaks of."""
        live, self._live = self._live, []
        history, self._history = self._history, []
        cursor, self._cursor = self._cursor, {}
        bad, self._bad = tuple(self._bad), []
        pieces = [Heard(piece, "live", by_box_clock=True) for piece in _pieces(live)]
        pieces += [Heard(piece, "backlog", by_box_clock=True) for piece in _pieces(history)]
        if cursor or bad:
            last = pieces.pop() if pieces else Heard([], "backlog", by_box_clock=True)
            pieces.append(replace(last, cursor=cursor, bad=bad))
        return iter(pieces)


def _pieces(readings: list[Reading]) -> Iterator[list[Reading]]:
    rest = iter(readings)
    while piece := list(islice(rest, TOGETHER)):
        yield piece

"""The observer's ledger: every reading it hands to the gateway, written down before it does.

Nothing of the program's own store is used for it: a list in the observer's memory, and the same as
lines of JSON in a file for who wants to look afterwards. A reading's value is its number, once in
the whole run: so a row of the database is known again though its time was put right.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ingest.batch.reading import Flag, Quantity
from ingest.batch.topics import Lane

BANDS = 50
LIVE = (
    *[Quantity.HEART_RATE_BPM] * 7,
    Quantity.STEPS_COUNTER,
    Quantity.RR_INTERVAL_MS,
    Quantity.BATTERY_PCT,
)
"""What the bands say now, in turn."""
HISTORY_EVERY = 10
"""Of so many pieces one comes out of the bands' memories, as steps of a minute."""
HISTORY_AGO_MS, MINUTE_MS = 3_600_000, 60_000


class Handed(NamedTuple):
    """One reading as it was handed over."""

    number: int
    """Its value too."""
    device_key: str
    quantity: str
    at_utc_ms: int
    """By the box's wall clock, right or wrong."""
    span_ms: int
    flags: int
    device_ts_ms: int | None


@dataclass(frozen=True)
class Piece:
    """What is handed over at once: it reaches the gateway's disk whole or not at all."""

    number: int
    """From 1 on."""
    lane: Lane
    box_ahead_ms: int
    """The box's wall clock minus the observer's when it was handed over."""
    readings: tuple[Handed, ...]

    @property
    def is_by_box_clock(self) -> bool:
        """Whether the times are those of hearing."""
        return self.lane == "live"


class Ledger:
    """All pieces of a run."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        self.pieces: list[Piece] = []

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def make(self, now_utc_ms: int, box_ahead_ms: int) -> Piece:
        """Make the next piece, and write it down."""
        number = len(self.pieces) + 1
        if number % HISTORY_EVERY:
            readings = self._said_now(now_utc_ms + box_ahead_ms)
            piece = Piece(number, "live", box_ahead_ms, readings)
        else:
            piece = Piece(number, "backlog", box_ahead_ms, self._remembered(now_utc_ms))
        self.pieces.append(piece)
        self._file.write(
            json.dumps([number, piece.lane, box_ahead_ms, [list(r) for r in piece.readings]]) + "\n"
        )
        self._file.flush()
        return piece

    def readings(self) -> Iterator[tuple[Piece, Handed]]:
        """Give every reading with its piece."""
        for piece in self.pieces:
            for reading in piece.readings:
                yield piece, reading

    @property
    def count(self) -> int:
        """All readings handed over so far."""
        return BANDS * len(self.pieces)

    def _said_now(self, at_utc_ms: int) -> tuple[Handed, ...]:
        return tuple(
            Handed(
                self.count + band,
                _band(band),
                str(LIVE[band % len(LIVE)]),
                at_utc_ms,
                0,
                int(Flag.CLOCK_RECEIPT),
                None,
            )
            for band in range(BANDS)
        )

    def _remembered(self, now_utc_ms: int) -> tuple[Handed, ...]:
        stamp_ms = now_utc_ms - HISTORY_AGO_MS
        return tuple(
            Handed(
                self.count + band,
                _band(band),
                str(Quantity.STEPS_INCREMENT),
                stamp_ms,
                MINUTE_MS,
                0,
                stamp_ms - band,
            )
            for band in range(BANDS)
        )


def _band(number: int) -> str:
    return f"c0:ff:ee:0c:a0:{number:02x}"

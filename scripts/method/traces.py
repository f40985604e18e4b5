"""Pictures of a heart rate over time: samples, how long each stands, and what becomes of it."""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from adherence.whole import Whole
from scripts.method.drawing import (
    ABOVE,
    BAND,
    BELOW,
    FAINT,
    IN_ZONE,
    NOTHING,
    WIDTH,
    Axis,
    Canvas,
)
from scripts.method.recording import clock
from scripts.method.words import Words

LEFT, RIGHT, TOP = 64, 20, 34
ZONE_LO, ZONE_HI = 100, 120
"""bpm of the examples' person: 40 and 60 % of heart-rate reserve."""
COLOURS = {
    "in_zone": IN_ZONE,
    "effort_in_zone": IN_ZONE,
    "above": ABOVE,
    "below": BELOW,
    "nothing": NOTHING,
}


class Held(NamedTuple):
    """A stretch of time and what it is."""

    start_ms: int
    end_ms: int
    bpm: float
    kind: str


def held_of(found: Whole) -> list[Held]:
    """Return held time, each part with its kind: a key of COLOURS."""
    bpm = pl.col("bpm_sum") / pl.col("bpm_n")
    return [
        Held(start, end, value, kind_of(value))
        for start, end, value in found.held.select("start_ms", "end_ms", bpm.alias("bpm")).rows()
    ]


def kind_of(bpm: float) -> str:
    """Name what a heart rate of the examples' person is."""
    if bpm >= ZONE_HI:
        return "above"
    return "in_zone" if bpm >= ZONE_LO else "below"


class Trace:
    """One canvas with a clock below and heart rate at the left."""

    def __init__(
        self,
        words: Words,
        title: str,
        *,
        from_ms: int,
        to_ms: int,
        bpm: tuple[float, float],
        height: int = 250,
        below: int = 60,
    ) -> None:
        self.words = words
        self.canvas = Canvas(height, words(title))
        self.bottom = height - below
        self.x = Axis(from_ms, to_ms, LEFT, WIDTH - RIGHT)
        self.y = Axis(*bpm, self.bottom, TOP)
        self.canvas.line(LEFT, self.bottom, WIDTH - RIGHT, self.bottom, FAINT)

    def levels(self, *bpms: float) -> None:
        """Mark heart rates at the left."""
        self.canvas.text(8, 22, self.words("bpm"), fill=FAINT, size=14)
        for bpm in bpms:
            self.canvas.text(
                LEFT - 10, self.y(bpm) + 5, f"{bpm:g}", anchor="end", fill=FAINT, size=14
            )
            self.canvas.line(LEFT - 5, self.y(bpm), LEFT, self.y(bpm), FAINT)

    def times(self, *at_ms: int, seconds: bool = True) -> None:
        """Mark times below."""
        for at in at_ms:
            self.canvas.line(self.x(at), self.bottom, self.x(at), self.bottom + 6, FAINT)
            shown = clock(at) if seconds else clock(at)[:5]
            self.canvas.text(
                self.x(at), self.bottom + 22, shown, anchor="middle", fill=FAINT, size=13
            )

    def zone(self) -> None:
        """Shade the prescribed zone."""
        top, bottom = self.y(ZONE_HI), self.y(ZONE_LO)
        self.canvas.rect(LEFT, top, WIDTH - RIGHT - LEFT, bottom - top, BAND)
        self.canvas.text(LEFT + 6, top + 17, self.words("zone"), fill=IN_ZONE, size=13)

    def held(self, spans: Sequence[Held], width: float = 5) -> None:
        """Draw how long each sample stands, in the colour of what it is."""
        for start, end, bpm, kind in _level(spans):
            y = self.y(bpm)
            self.canvas.line(self.x(start), y, self.x(end), y, COLOURS[kind], width)

    def strip(self, spans: Sequence[Held], y: float, height: float = 18) -> None:
        """Draw a band of time under the trace; what nothing covers is no data."""
        low, high = round(self.x.low), round(self.x.high)
        self.canvas.rect(self.x(low), y, self.x(high) - self.x(low), height, NOTHING, FAINT)
        for start, end, _bpm, kind in joined(spans):
            x = self.x(start)
            self.canvas.rect(x, y, self.x(end) - x, height, COLOURS[kind])

    def legend(self, y: float, *kinds: str) -> None:
        """Name the colours."""
        x = float(LEFT)
        for kind in kinds:
            self.canvas.rect(x, y - 12, 16, 14, COLOURS[kind], FAINT)
            said = self.words(kind)
            self.canvas.text(x + 22, y, said, size=14)
            x += 46 + wide(said, 14)


def wide(text: str, size: int) -> float:
    """Guess how wide a text is: a Chinese sign is as wide as it is high, a letter about half."""
    return sum(size if ord(sign) > 0x2E7F else 0.54 * size for sign in text)  # noqa: PLR2004 - CJK


def _level(spans: Sequence[Held]) -> list[Held]:
    """Return the spans with touching ones of one heart rate made one."""
    named = [span._replace(kind=f"{span.kind}/{span.bpm}") for span in spans]
    return [span._replace(kind=span.kind.partition("/")[0]) for span in joined(named)]


def joined(spans: Sequence[Held]) -> list[Held]:
    """Return the spans with touching ones of one kind made one."""
    found: list[Held] = []
    for span in spans:
        if found and found[-1].end_ms == span.start_ms and found[-1].kind == span.kind:
            found[-1] = found[-1]._replace(end_ms=span.end_ms)
        else:
            found.append(span)
    return found

"""A heart-rate trace over its intensity zones, as SVG made here: it prints and needs no script.

The picture keeps every minimum and maximum: of all readings that fall into one column of pixels the
first, lowest, highest and last are drawn. Where nothing was heard for longer than a reading is held
(method, C5) the line is broken: a gap is a gap, and never a zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

WIDTH, HEIGHT = 900, 300
LEFT, RIGHT, TOP, BOTTOM = 40, 14, 22, 26
LONGEST_GAP_MS = 150_000
"""A band that speaks once a minute may lose one reading without a break."""
LEAST_BAND_FOR_WORDS = 14
HOURS_BETWEEN_TICKS = ((2, 10), (4, 20), (8, 60), (15, 120), (30, 180))
"""(up to this many hours shown, minutes between two ticks)."""


class Samples(NamedTuple):
    """Readings in order of time: ms since 1970 UTC, and bpm."""

    at_ms: NDArray[np.int64]
    bpm: NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """From when to when, between which rates, and how large it is drawn."""

    from_ms: int
    to_ms: int
    low_bpm: float
    high_bpm: float
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = RIGHT
    top: int = TOP
    bottom: int = BOTTOM

    def x(self, at_ms: float) -> float:
        """Return where a time stands."""
        share = (at_ms - self.from_ms) / (self.to_ms - self.from_ms)
        return self.left + share * (self.width - self.left - self.right)

    def y(self, bpm: float) -> float:
        """Return where a rate stands."""
        share = (bpm - self.low_bpm) / (self.high_bpm - self.low_bpm)
        return self.height - self.bottom - share * (self.height - self.top - self.bottom)


@dataclass(frozen=True)
class Mark:
    """A stretch of time with a meaning: a session, an alert."""

    from_ms: int
    to_ms: int
    words: str


@dataclass(frozen=True)
class Band:
    """An intensity zone: where it begins, and its name."""

    from_bpm: float
    words: str


@dataclass(frozen=True)
class Words:
    """What stands in the picture, in the reader's language."""

    title: str
    described: str
    zone: str
    ceiling: str
    unit: str
    """Of the rates on the axis."""


def pieces(samples: Samples, frame: Frame) -> list[Samples]:
    """Return the drawn points, cut where nothing was heard; at most four to a column of pixels."""
    inside = (samples.at_ms >= frame.from_ms) & (samples.at_ms < frame.to_ms)
    at_ms, bpm = samples.at_ms[inside], samples.bpm[inside]
    if not len(at_ms):
        return []
    cuts = np.flatnonzero(np.diff(at_ms) > LONGEST_GAP_MS) + 1
    return [
        _thinned(part_ms, part_bpm, frame)
        for part_ms, part_bpm in zip(np.split(at_ms, cuts), np.split(bpm, cuts), strict=True)
    ]


def _thinned(at_ms: NDArray[np.int64], bpm: NDArray[np.float64], frame: Frame) -> Samples:
    column = ((at_ms - frame.from_ms) * frame.width) // (frame.to_ms - frame.from_ms)
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    ends = np.append(starts[1:], len(at_ms))
    if len(at_ms) <= 4 * len(starts):
        return Samples(at_ms, bpm)
    by_rate = np.lexsort((bpm, column))  # within a column the lowest comes first, the highest last
    kept = np.unique(np.concatenate([starts, ends - 1, by_rate[starts], by_rate[ends - 1]]))
    return Samples(at_ms[kept], bpm[kept])


def rates(samples: Samples, *lines: float | None) -> tuple[float, float]:
    """Return the lowest and highest rate of the picture, in whole tens around what it shows."""
    shown = [line for line in lines if line is not None]
    if len(samples.bpm):
        shown += [float(samples.bpm.min()), float(samples.bpm.max())]
    low, high = min([60.0, *shown]), max([120.0, *shown])
    return float(np.floor((low - 3) / 10) * 10), float(np.ceil((high + 3) / 10) * 10)


def picture(  # noqa: PLR0913 - what is drawn, each by its name
    samples: Samples,
    frame: Frame,
    words: Words,
    *,
    utc_offset: timedelta,
    bands: Sequence[Band] = (),
    zone_bpm: tuple[float, float] | None = None,
    ceiling_bpm: float | None = None,
    bouts: Sequence[Mark] = (),
    alerts: Sequence[Mark] = (),
) -> Markup:
    """Return the trace; `utc_offset` is of the local clock on its axis."""
    inner_right, inner_bottom = frame.width - frame.right, frame.height - frame.bottom
    drawn = [
        f'<svg class="trace" viewBox="0 0 {frame.width} {frame.height}" role="img"',
        ' aria-labelledby="trace-title trace-desc" font-size="12">',
        f'<title id="trace-title">{escape(words.title)}</title>',
        f'<desc id="trace-desc">{escape(words.described)}</desc>',
    ]
    drawn += _banded(frame, bands)
    if zone_bpm is not None:
        low, high = zone_bpm
        drawn.append(
            f'<rect class="zone" x="{frame.left}" y="{frame.y(high):.1f}" '
            f'width="{inner_right - frame.left}" height="{frame.y(low) - frame.y(high):.1f}"/>'
        )
    drawn += _grid(frame, utc_offset)
    drawn.append(f'<text x="2" y="{frame.top - 12}">{escape(words.unit)}</text>')
    if zone_bpm is not None:
        for edge in zone_bpm:
            y = f"{frame.y(edge):.1f}"
            drawn.append(
                f'<line class="zone-edge" x1="{frame.left}" x2="{inner_right}" y1="{y}" y2="{y}"/>'
            )
        drawn.append(
            f'<text class="zone-word" x="{inner_right - 5}" y="{frame.y(zone_bpm[1]) + 14:.1f}" '
            f'text-anchor="end">{escape(words.zone)}</text>'
        )
    if ceiling_bpm is not None:
        y_ceiling = frame.y(ceiling_bpm)
        drawn.append(
            f'<line class="ceiling" x1="{frame.left}" x2="{inner_right}" '
            f'y1="{y_ceiling:.1f}" y2="{y_ceiling:.1f}"/>'
            f'<text class="ceiling-word" x="{inner_right - 5}" y="{y_ceiling - 5:.1f}" '
            f'text-anchor="end">{escape(words.ceiling)}</text>'
        )
    for mark in bouts:
        x, wide = _stretch(mark, frame, least=2)
        drawn.append(
            f'<rect class="bout" x="{x:.1f}" y="{inner_bottom - 4}" width="{wide:.1f}" height="4">'
            f"<title>{escape(mark.words)}</title></rect>"
        )
    for mark in alerts:
        x, wide = _stretch(mark, frame, least=1)
        drawn.append(
            f'<g><title>{escape(mark.words)}</title><rect class="over" x="{x:.1f}" y="{frame.top}" '
            f'width="{wide:.1f}" height="{inner_bottom - frame.top}"/>'
            f'<line class="event" x1="{x:.1f}" x2="{x:.1f}" y1="{frame.top}" y2="{inner_bottom}"/>'
            f'<path class="event-mark" d="M{x:.1f} {frame.top + 2}l-6-10h12z"/></g>'
        )
    drawn += line(samples, frame)
    drawn.append("</svg>")
    return Markup("".join(drawn))  # noqa: S704 - numbers and escaped words


def _banded(frame: Frame, bands: Sequence[Band]) -> list[str]:
    """Shade the intensity zones, from the lightest on, each named where it is high enough."""
    drawn = []
    tops = [*(band.from_bpm for band in bands[1:]), frame.high_bpm]
    for number, (band, top) in enumerate(zip(bands, tops, strict=False)):
        low, high = max(band.from_bpm, frame.low_bpm), min(top, frame.high_bpm)
        if low >= high:
            continue
        y, tall = frame.y(high), frame.y(low) - frame.y(high)
        drawn.append(
            f'<rect class="band b{number}" x="{frame.left}" y="{y:.1f}" '
            f'width="{frame.width - frame.right - frame.left}" height="{tall:.1f}"/>'
        )
        if tall >= LEAST_BAND_FOR_WORDS:
            drawn.append(
                f'<text class="band-word" x="{frame.left + 5}" y="{y + 12:.1f}">'
                f"{escape(band.words)}</text>"
            )
    return drawn


def _stretch(mark: Mark, frame: Frame, *, least: float) -> tuple[float, float]:
    start = frame.x(max(mark.from_ms, frame.from_ms))
    end = frame.x(min(max(mark.to_ms, mark.from_ms), frame.to_ms))
    return start, max(least, end - start)


def line(samples: Samples, frame: Frame) -> list[str]:
    """Return the curve's paths, one for each stretch without a gap."""
    drawn = []
    for piece in pieces(samples, frame):
        points = [
            f"{frame.x(at):.1f} {frame.y(bpm):.1f}"
            for at, bpm in zip(piece.at_ms.tolist(), piece.bpm.tolist(), strict=True)
        ]
        if len(points) == 1:
            x, y = points[0].split()
            drawn.append(f'<circle class="lone" cx="{x}" cy="{y}" r="1.4"/>')
        else:
            drawn.append(f'<path class="pulse" d="M{"L".join(points)}"/>')
    return drawn


def _grid(frame: Frame, utc_offset: timedelta) -> list[str]:
    inner_right, inner_bottom = frame.width - frame.right, frame.height - frame.bottom
    drawn = []
    step = 20 if frame.high_bpm - frame.low_bpm > 60 else 10  # noqa: PLR2004 - lines stay apart
    first = int(-(-frame.low_bpm // step) * step)
    for bpm in range(first, int(frame.high_bpm) + 1, step):
        y = frame.y(bpm)
        drawn.append(
            f'<line class="grid" x1="{frame.left}" x2="{inner_right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{frame.left - 6}" y="{y + 4:.1f}" text-anchor="end">{bpm}</text>'
        )
    hours = (frame.to_ms - frame.from_ms) / 3_600_000
    minutes = next((every for most, every in HOURS_BETWEEN_TICKS if hours <= most), 360)
    every_ms, offset_ms = minutes * 60_000, round(utc_offset / timedelta(milliseconds=1))
    at_ms = -(-(frame.from_ms + offset_ms) // every_ms) * every_ms - offset_ms
    while at_ms <= frame.to_ms:
        x = frame.x(at_ms)
        hour, minute = divmod((at_ms + offset_ms) // 60_000 % 1440, 60)
        label = f"{hour:02d}:{minute:02d}"
        if at_ms == frame.to_ms and label == "00:00":
            label = "24:00"
        anchor = "end" if x > inner_right - 14 else "middle"
        drawn.append(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{frame.top}" y2="{inner_bottom}"/>'
            f'<text x="{x:.1f}" y="{inner_bottom + 16}" text-anchor="{anchor}">{label}</text>'
        )
        at_ms += every_ms
    drawn.append(
        f'<line class="axis" x1="{frame.left}" x2="{inner_right}" '
        f'y1="{inner_bottom}" y2="{inner_bottom}"/>'
    )
    return drawn

"""Drawing on a canvas of SVG: axes of time and heart rate, bars, words. No library, no script."""

from html import escape
from typing import NamedTuple

WIDTH = 760
FONT = "sans-serif"
"""The generic family: a page may be opened where no font of ours is."""

INK, FAINT, PAPER = "#1f2933", "#7b8794", "#ffffff"
IN_ZONE, ABOVE, BELOW, NOTHING = "#2b8a3e", "#c92a2a", "#a9b4bf", "#eef1f4"
BLUE = "#1864ab"
BAND = "#d3f0d9"


class Axis(NamedTuple):
    """Maps a value to a place on the canvas."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


class Canvas:
    """Collects shapes; `svg` is the picture."""

    def __init__(self, height: int, title: str) -> None:
        self.height = height
        self.title = title
        self.shapes: list[str] = []

    def rect(
        self, x: float, y: float, width: float, height: float, fill: str, stroke: str = "none"
    ) -> None:
        """Draw a rectangle."""
        self.shapes.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{height:.1f}" '
            f'fill="{fill}" stroke="{stroke}"/>'
        )

    def line(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        stroke: str = INK,
        width: float = 1,
        *,
        dashed: bool = False,
    ) -> None:
        """Draw a line."""
        dashes = ' stroke-dasharray="5 4"' if dashed else ""
        self.shapes.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{stroke}" stroke-width="{width:g}"{dashes}/>'
        )

    def dot(self, x: float, y: float, fill: str = INK, radius: float = 5) -> None:
        """Draw a sample."""
        self.shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{fill}"/>')

    def ring(self, x: float, y: float, stroke: str = INK, radius: float = 7) -> None:
        """Draw a sample that does not count."""
        self.shapes.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="none" '
            f'stroke="{stroke}" stroke-width="2"/>'
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        anchor: str = "start",
        fill: str = INK,
        size: int = 15,
    ) -> None:
        """Write a line of text."""
        self.shapes.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" '
            f'font-size="{size}">{escape(words)}</text>'
        )

    def span(self, x1: float, x2: float, y: float, words: str, stroke: str = INK) -> None:
        """Measure a length: a line with two ends and its words above."""
        self.line(x1, y, x2, y, stroke)
        self.line(x1, y - 5, x1, y + 5, stroke)
        self.line(x2, y - 5, x2, y + 5, stroke)
        self.text((x1 + x2) / 2, y - 8, words, anchor="middle", fill=stroke, size=14)

    def svg(self) -> str:
        """Return the picture."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" '
            f'width="{WIDTH}" height="{self.height}" role="img" font-family="{FONT}">\n'
            f"<title>{escape(self.title)}</title>\n"
            f'<rect width="{WIDTH}" height="{self.height}" fill="{PAPER}"/>\n'
            + "\n".join(self.shapes)
            + "\n</svg>\n"
        )

"""Curves of the size of a table's cell: minutes around an alert, weeks in a row."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from portal.trace import Frame, Samples, line, rates


def spark(
    samples: Samples, from_ms: int, to_ms: int, ceiling_bpm: float | None, words: str
) -> Markup:
    """Return a small curve for a table's cell."""
    low, high = rates(samples, ceiling_bpm)
    frame = Frame(from_ms, to_ms, low, high, 150, 34, 1, 1, 2, 2)
    drawn = [
        f'<svg viewBox="0 0 {frame.width} {frame.height}" width="{frame.width}"',
        f' height="{frame.height}" role="img"><title>{escape(words)}</title>',
    ]
    if ceiling_bpm is not None:
        y = f"{frame.y(ceiling_bpm):.1f}"
        drawn.append(f'<line class="ceiling" x1="0" x2="{frame.width}" y1="{y}" y2="{y}"/>')
    drawn += line(samples, frame)
    drawn.append("</svg>")
    return Markup("".join(drawn))  # noqa: S704 - numbers and escaped words


def bars(values: Sequence[tuple[float, str]], words: str) -> Markup:
    """Return small bars, one for each week: (percent of the prescription, state)."""
    width, height, each = 150, 34, 15
    top_y = 3
    drawn = [
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        f"<title>{escape(words)}</title>",
        f'<line class="axis" x1="0" x2="{width}" y1="{height - 1}" y2="{height - 1}"/>',
    ]
    for place, (pct, state) in enumerate(values):
        tall = max(1.5, (height - top_y - 1) * min(pct, 100) / 100)
        drawn.append(
            f'<rect class="bar {escape(state)}" x="{2 + place * each}" '
            f'y="{height - 1 - tall:.1f}" width="{each - 4}" height="{tall:.1f}"/>'
        )
    drawn.append("</svg>")
    return Markup("".join(drawn))  # noqa: S704 - numbers and escaped words

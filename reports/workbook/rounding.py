"""Figures that are held against a mark, as a page or a workbook shows them: rounded down."""

from math import floor

FUZZ_PLACES = 9
"""What floating point adds lies behind these; a single reading of a week lies before."""


def rounded_down(value: float, places: int) -> float:
    """Return a figure with so many places: none is shown at a mark that it does not reach."""
    scale = 10.0**places
    return floor(round(value * scale, FUZZ_PLACES)) / scale

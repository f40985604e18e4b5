"""A prescribed zone in beats per minute, whatever it is written in: for limits that are shown.

Figures never rest on it: the core compares the samples themselves (C8; method, section 13).
"""

from typing import Literal

IntensityKind = Literal["hrr", "hr_max", "bpm", "rpe"]
"""What a zone is written in: percent of heart-rate reserve, percent of the maximum heart rate,
beats per minute, or a rating of perceived exertion (Borg 6-20): then heart rate credits nothing."""


def zone_in_bpm(
    kind: str | None,
    zone: tuple[float | None, float | None],
    *,
    hr_max_bpm: float | None,
    rest_hr_bpm: float | None,
) -> tuple[float, float] | None:
    """Return the lower and the upper end; None where heart rate sets none, or a figure is missing.

    A zone in beats per minute stands as it is written; the others rest on frozen figures, and a
    reserve needs a maximum above rest (C8).
    """
    low, high = zone
    if low is None or high is None:
        return None
    if kind == "bpm":
        return low, high
    if kind == "hr_max" and hr_max_bpm is not None:
        return hr_max_bpm * low / 100, hr_max_bpm * high / 100
    if kind == "hrr" and hr_max_bpm is not None and rest_hr_bpm is not None:
        reserve = hr_max_bpm - rest_hr_bpm
        if reserve > 0:
            return rest_hr_bpm + reserve * low / 100, rest_hr_bpm + reserve * high / 100
    return None

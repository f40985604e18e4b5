"""The ceiling of a prescription whose doctor sets none: a share of the heart-rate reserve.

It is frozen into the prescription like HRmax and rest (C6, C7), with the source `default`, so that
a change of the rule changes no prescription that is in force.
"""


def default_ceiling_bpm(
    rest_bpm: float | None, hr_max_bpm: float | None, hrr_pct: float
) -> float | None:
    """Return rest + share of (HRmax - rest) in bpm; None where one of them is not known.

    `hrr_pct` is percent of heart-rate reserve, from the rule `hr_ceiling`. Karvonen's reserve (C8).
    """
    if rest_bpm is None or hr_max_bpm is None or hr_max_bpm <= rest_bpm:
        return None
    return rest_bpm + (hr_max_bpm - rest_bpm) * hrr_pct / 100

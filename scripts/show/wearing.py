"""What the cast's bands feel in the live minute: everybody at ease in the zone, one beyond it."""

import math
from collections.abc import Callable

from devices.virtual.bands import (
    VirtualBand,
    colmi_ring,
    heart_rate_strap,
    mi_advert,
    polar_advert,
    veepoo_band,
)
from devices.virtual.cast import Family, Patient
from storage.people import Prescription

PASSER_BY = "D8:80:3C:0A:11:47"
"""A band that nobody has registered."""
EFFORT_PCT = 47.0
SWAY_PCT = 5.0
SWAY_PERIOD_S = 37.0
STEPS_A_MINUTE = 108
BEYOND_BPM = 7
"""How far above the ceiling the pulse stays that passes it."""


class Peak:
    """When the one pulse rises above its ceiling, and when it comes down again; unset: never."""

    def __init__(self) -> None:
        self.from_ms: int | None = None
        self.until_ms: int | None = None

    def holds(self, utc_ms: int) -> bool:
        """Say whether the pulse is above the ceiling at this time."""
        return (
            self.from_ms is not None
            and self.until_ms is not None
            and self.from_ms <= utc_ms < self.until_ms
        )


def pulse_of(plan: Prescription, number: int, peak: Peak | None) -> Callable[[int], int | None]:
    """Return the pulse of somebody who exercises in the zone, below any ceiling.

    With `peak`, it lies above the ceiling while that holds.
    """
    rest, top = plan.rest_hr_bpm or 65.0, plan.hr_max_bpm or 160.0
    ceiling = plan.ceiling_bpm

    def pulse(utc_ms: int) -> int:
        if peak is not None and ceiling is not None and peak.holds(utc_ms):
            return round(ceiling) + BEYOND_BPM
        turn = 2 * math.pi * (utc_ms / 1000 / SWAY_PERIOD_S + number / 7)
        share = EFFORT_PCT + SWAY_PCT * math.sin(turn)
        bpm = round(rest + (top - rest) * share / 100)
        return bpm if ceiling is None else min(bpm, math.ceil(ceiling) - 3)

    return pulse


def steps_since(start_utc_ms: int) -> Callable[[int], int]:
    """Return the steps walked until a time, at an even cadence since the start."""

    def steps(utc_ms: int) -> int:
        return max(0, utc_ms - start_utc_ms) * STEPS_A_MINUTE // 60_000

    return steps


def band_of(
    patient: Patient,
    pulse: Callable[[int], int | None],
    *,
    utc_offset_min: int,
    worn_since_utc_ms: int,
) -> VirtualBand:
    """Return the patient's band as it stands in the room, put on at `worn_since_utc_ms`."""
    address, steps = patient.band.address, steps_since(worn_since_utc_ms)
    match patient.band.family:
        case Family.STRAP:
            return heart_rate_strap(address, pulse)
        case Family.MI:
            return mi_advert(address, pulse, steps=steps, utc_offset_min=utc_offset_min)
        case Family.POLAR:
            return polar_advert(address, pulse)
        case Family.RING:
            make = colmi_ring
        case Family.BAND:
            make = veepoo_band
    return make(
        address,
        pulse,
        steps=steps,
        utc_offset_min=utc_offset_min,
        worn_since_utc_ms=worn_since_utc_ms,
    )


def passer_by() -> VirtualBand:
    """Return the band of somebody who consented to nothing."""
    return mi_advert(PASSER_BY, lambda _utc_ms: 91)

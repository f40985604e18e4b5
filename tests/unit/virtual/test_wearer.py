"""The virtual wearer: seeded, plausible, and honest about a band that is off."""

from dataclasses import replace

import numpy as np
import pytest

from devices.virtual.cast import CENTRES, DOCTORS, cast
from devices.virtual.living import DAY_MS, live
from devices.virtual.mishaps import WEEKS
from devices.virtual.wearer import Keeping, Wearer

WEARER = Wearer(
    rest_bpm=65,
    hr_max_bpm=165,
    session_min=30,
    session_weekdays=(0, 2, 4),
    session_hour=18,
    zone_mid_pct=50,
    keeping=((Keeping.KEPT,),),
)


def in_zone_min(wearer: Wearer) -> float:
    """Minutes of the first Monday between 40 and 60 per cent of reserve."""
    lived = live(wearer, weeks=1, seed=3)
    monday = lived.hr_at_ms < DAY_MS
    at, bpm = lived.hr_at_ms[monday], lived.hr_bpm[monday]
    held = np.minimum(np.diff(at, append=at[-1] + 60_000), 60_000)
    pct = 100 * (bpm - wearer.rest_bpm) / (wearer.hr_max_bpm - wearer.rest_bpm)
    return float(held[(pct >= 40) & (pct < 60)].sum() / 60_000)


def test_the_same_seed_lives_the_same_weeks():
    first, again = live(WEARER, weeks=2, seed=7), live(WEARER, weeks=2, seed=7)
    other = live(WEARER, weeks=2, seed=8)

    assert np.array_equal(first.hr_bpm, again.hr_bpm)
    assert np.array_equal(first.steps, again.steps)
    assert first.hr_bpm.tobytes() != other.hr_bpm.tobytes()


def test_times_rise_strictly_and_values_stay_human():
    for patient in cast():
        if patient.wearer is None:
            continue
        lived = live(patient.wearer, weeks=WEEKS, seed=1)

        assert (np.diff(lived.hr_at_ms) > 0).all(), patient.code
        assert (np.diff(lived.steps_at_ms) > 0).all(), patient.code
        assert lived.hr_bpm.min() >= 35, patient.code
        assert lived.hr_bpm.max() <= 200, patient.code
        assert lived.steps.min() >= 0, patient.code


def test_a_day_off_has_no_readings_at_all_not_zeros():
    lived = live(replace(WEARER, off_days=frozenset({1})), weeks=1, seed=1)

    assert not ((lived.hr_at_ms >= DAY_MS) & (lived.hr_at_ms < 2 * DAY_MS)).any()
    assert not ((lived.steps_at_ms >= DAY_MS) & (lived.steps_at_ms < 2 * DAY_MS)).any()
    assert (lived.hr_at_ms >= 2 * DAY_MS).any()


def test_a_session_may_run_past_midnight():
    lived = live(replace(WEARER, session_hour=23.7), weeks=1, seed=5)

    after = (lived.hr_at_ms >= DAY_MS) & (lived.hr_at_ms < DAY_MS + 600_000)
    assert (np.diff(lived.hr_at_ms) > 0).all()
    assert after.sum() > 20


@pytest.mark.parametrize(
    ("keeping", "least", "most"),
    [
        (Keeping.KEPT, 30, 60),
        (Keeping.CUT_SHORT, 5, 24),
        (Keeping.MISSED, 0, 6),
        (Keeping.TOO_EASY, 0, 10),
        (Keeping.TOO_HARD, 0, 12),
    ],
)
def test_only_a_kept_session_fills_its_minutes_in_the_zone(keeping, least, most):
    minutes = in_zone_min(replace(WEARER, keeping=((keeping,),)))

    assert least <= minutes <= most


def test_the_cast_is_24_patients_of_two_centres_and_four_doctors():
    patients = cast()

    assert len({patient.code for patient in patients}) == 24
    assert {patient.doctor for patient in patients} == {doctor.code for doctor in DOCTORS}
    assert {doctor.place for doctor in DOCTORS} == {centre.code for centre in CENTRES}
    assert any("𠮷" in patient.name for patient in patients)
    assert sum(patient.wearer is None for patient in patients) == 1

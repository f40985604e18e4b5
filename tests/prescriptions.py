"""A prescription for tests that want one, whatever it says."""

from datetime import date

from storage.people import Prescription

AEROBIC = Prescription(
    effective_from=date(2026, 1, 5),
    age_years=60,
    sex="F",
    beta_blocker=False,
    hr_max_bpm=165,
    hr_max_source="gellish",
    rest_hr_bpm=62.5,
    rest_hr_source="measured",
    frozen_on=date(2026, 1, 5),
    zone_lo=40,
    zone_hi=60,
    session_min=30,
    sessions_per_week=3,
    weekly_min=90,
)
"""Walks three times a week, judged from a Monday on."""

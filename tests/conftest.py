"""Files run side by side: those that take longest begin first, and no example has a time limit."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "beside others", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("beside others")

HERE = Path(__file__).parent
LONGEST = (
    "integration/show/test_demo.py",
    "integration/adherence/test_recorded_people.py",
    "integration/replay/test_main_job.py",
    "property/reports/test_recompute.py",
    "property/reports/test_payment_months.py",
    "integration/show/test_ends.py",
)
"""Begun late, one of them would be left to end by itself."""


@pytest.hookimpl(trylast=True)  # chance has ordered all of them by then
def pytest_collection_modifyitems(items):
    place = {HERE / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))

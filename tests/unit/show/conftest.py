"""The demo's five weeks, lived once for all tests here, and what the core makes of them."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from config.conventions import load_conventions
from scripts.score.stages import score
from scripts.show.weeks import live_weeks

MONDAY = datetime(2026, 10, 12, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.fixture(scope="session")
def weeks():
    return live_weeks(MONDAY, seed=1)


@pytest.fixture(scope="session")
def scored(weeks):
    recording = weeks.recording
    return score(
        recording.samples().collect(),
        recording.step_rows().collect(),
        recording.cases,
        load_conventions(),
    )

"""A box's times: by its clock where that can be believed, else by the age of its news."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import Rejected
from storage.box_times import LONGEST_AGE_MS, at, clock_error, known_age_ms, put_right

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)
NEWEST_MS = 253_402_300_799_999


def error(said_at, age_ms, *, is_sure=False):
    return clock_error(NOW, said_at, age_ms, is_sure=is_sure)


def test_a_clock_that_is_right_or_sure_or_of_no_known_age_is_believed():
    for said_at, age_ms, is_sure in (
        (NOW - timedelta(minutes=1), 0, False),
        (at(0), 0, True),
        (at(0), None, False),
        (at(0), LONGEST_AGE_MS + 1, False),
    ):
        assert error(said_at, age_ms, is_sure=is_sure) == timedelta(0)


def test_a_clock_of_some_other_year_is_put_right_by_the_age():
    assert at(0) + error(at(0), 60_000) == NOW - timedelta(minutes=1)


@given(
    st.integers(0, NEWEST_MS),
    st.none() | st.integers(0, 2**63 - 1),
    st.integers(0, NEWEST_MS),
    st.booleans(),
)
def test_no_time_and_no_age_is_beyond_reckoning(said_ms, age_ms, told_ms, is_sure):
    found = error(at(said_ms), age_ms, is_sure=is_sure)

    with suppress(Rejected):
        put_right(at(told_ms), found)
    assert known_age_ms(age_ms) in {None, age_ms}


def test_what_no_calendar_has_is_malformed():
    with pytest.raises(Rejected, match="malformed"):
        put_right(at(NEWEST_MS), timedelta(days=400))

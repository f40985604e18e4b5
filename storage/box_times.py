"""Times as a box tells them: by its own clock, or by how long ago it says something was.

A box without a clock of its own wakes in some other year. How old its news is it knows all the
same, by a clock that nobody sets, so where both disagree the age is believed.
"""

from datetime import UTC, datetime, timedelta

from config.errors import Rejected

CLOCK_OFF = timedelta(minutes=2)
"""By more than this a box's clock counts as wrong, as with its readings."""
LONGEST_AGE_MS = 366 * 24 * 3_600_000
"""Of a greater age nothing is reckoned: no box keeps its news so long."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at(utc_ms: int) -> datetime:
    """Return milliseconds since 1970 as a time."""
    return EPOCH + timedelta(milliseconds=utc_ms)


def known_age_ms(age_ms: int | None) -> int | None:
    """Return an age that something may be reckoned by; None: not known, or beyond belief."""
    return None if age_ms is None or age_ms > LONGEST_AGE_MS else age_ms


def clock_error(
    now: datetime, said_at: datetime, age_ms: int | None, *, is_sure: bool
) -> timedelta:
    """Return what is to be added to a box's times: nothing where its clock can be believed.

    `said_at` is when it said so by its own clock, `age_ms` how long ago that was; `is_sure`: the
    box had the time from the hub.
    """
    age_ms = known_age_ms(age_ms)
    if is_sure or age_ms is None:
        return timedelta(0)
    off = now - timedelta(milliseconds=age_ms) - said_at
    return off if abs(off) > CLOCK_OFF else timedelta(0)


def put_right(told_at: datetime, error: timedelta) -> datetime:
    """Return a box's time by the right clock. Raises Rejected: `malformed`, beyond the calendar."""
    try:
        return told_at + error
    except OverflowError:
        raise Rejected("malformed", "a time that no calendar has") from None

"""What a late row makes the night read: its own day, the minutes around it, and no more than that
unless a bout runs on."""

from datetime import date

import pytest

from config.conventions import load_conventions
from reports.nightly import edges, rounds, stepped
from reports.nightly.reach import reach_of
from reports.nightly.recompute import recompute
from storage.database import connect
from tests.district import District, every, from_scratch, local_ms, results

MINUTE, DAY = 60_000, 86_400_000
FIRST = local_ms("2026-11-14 00:00:00")
"""A Saturday: the second midnight from here is the one between a Sunday and a Monday."""
DAYS = 5
THROUGH = date(2026, 11, 22)
REACH = reach_of(load_conventions())


@pytest.fixture
def conn(database):
    with connect(database) as conn:
        yield conn


@pytest.fixture
def read(monkeypatch):
    """Every row that a recomputation takes out of the reading tables: its time."""
    times = []

    def recorded(ask):
        def asked(*given, **named):
            frame = ask(*given, **named)
            times.extend(frame["ts"].to_list())
            return frame

        return asked

    for module, names in (
        (rounds, ("heart_rate_of",)),
        (stepped, ("step_spans_of", "counters_of")),
        (edges, ("heart_rate_of", "steps_of", "counters_of")),
    ):
        for name in names:
            monkeypatch.setattr(module, name, recorded(getattr(module, name)))
    return times


@pytest.fixture
def district(conn):
    """Somebody whose band gave one heart rate and one step count a minute, for five days."""
    district = District(conn)
    district.wear("p1", starts_on=date(2026, 11, 9))
    for number in range(DAYS):
        start = FIRST + number * DAY
        minutes = range(start, start + DAY, MINUTE)
        district.hear(
            "p1",
            heart_rate=every(start + 7_000, start + DAY, 70, step_ms=MINUTE),
            steps=[(ms, 3) for ms in minutes],
        )
    recompute(conn, through=THROUGH)
    return district


def assert_as_from_scratch(conn):
    stored = results(conn)
    from_scratch(conn)
    recompute(conn, through=THROUGH)
    assert results(conn) == stored


def test_a_late_row_at_noon_reads_its_day_and_what_an_edge_needs(conn, district, read):
    start = FIRST + 2 * DAY
    district.hear("p1", heart_rate=[(start + DAY // 2 + 30_000, 71)])
    read.clear()

    done = recompute(conn, through=THROUGH)

    around = 2 * (REACH.beyond_ms // MINUTE + 1)
    assert (done.patient_days, done.days) == (1, 1)
    assert done.samples + done.step_rows == len(read)
    assert 2 * DAY // MINUTE < len(read) <= 2 * (DAY // MINUTE + around) + 1
    assert min(read) >= start - REACH.beyond_ms
    assert max(read) < start + DAY + REACH.beyond_ms
    assert_as_from_scratch(conn)


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("late_ms", [20_000, DAY - 70_000])
def test_a_late_row_that_changes_nothing_over_midnight_leaves_the_neighbour_unread(
    conn, district, read, number, late_ms
):
    """Saturday to Sunday, Sunday to Monday and Monday to Tuesday are among these midnights."""
    start = FIRST + number * DAY
    district.hear("p1", heart_rate=[(start + late_ms, 70)])
    read.clear()

    done = recompute(conn, through=THROUGH)

    near_ms = REACH.beyond_ms + max(REACH.before_ms, REACH.after_ms)
    assert (done.patient_days, done.days) == (1, 1)
    assert min(read) >= start - near_ms
    assert max(read) < start + DAY + near_ms
    assert_as_from_scratch(conn)


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(
    ("there_ms", "late_ms"),
    [
        (0, -3_000),  # it is held on over midnight, in place of the one before it
        (-25_000, 3_000),  # the third near that one, which is a spike by it
    ],
)
def test_a_late_row_that_changes_the_day_beyond_midnight_has_both_computed(
    conn, district, read, number, there_ms, late_ms
):
    midnight = FIRST + number * DAY
    if there_ms:
        district.hear("p1", heart_rate=[(midnight + there_ms, 110)])
        recompute(conn, through=THROUGH)
    district.hear("p1", heart_rate=[(midnight + late_ms, 75)])
    read.clear()

    done = recompute(conn, through=THROUGH)

    assert (done.patient_days, done.days) == (2, 2)
    assert min(read) >= midnight - DAY - REACH.beyond_ms
    assert max(read) < midnight + DAY + REACH.beyond_ms
    assert_as_from_scratch(conn)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_late_bout_over_midnight_reads_the_day_it_began_in_and_no_third(
    conn, district, read, number
):
    start = FIRST + number * DAY
    district.hear("p1", heart_rate=every(start - 20 * MINUTE, start - 3 * MINUTE, 120))
    recompute(conn, through=THROUGH)
    district.hear("p1", heart_rate=every(start + MINUTE, start + 20 * MINUTE, 120))
    read.clear()

    done = recompute(conn, through=THROUGH)

    assert done.bouts >= 1
    assert min(read) >= start - DAY - REACH.beyond_ms
    assert max(read) < start + DAY + REACH.beyond_ms
    assert_as_from_scratch(conn)

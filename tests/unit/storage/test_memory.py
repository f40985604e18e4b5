"""What repeats a record and what only looks like one, where a band's clock was another once."""

import numpy as np
import polars as pl
import pytest

from storage.memory import STAMPED, repeats_in

SLOT, DAY = 300_000, 86_400_000
T0 = 1_700_006_400_000
AT_RESET = 946_684_800_000
"""What many bands show after their battery was flat: the first second of 2000."""


def frame(rows):
    """Rows of (table, stamp, placed at, value, sealed) of one band."""
    return pl.DataFrame(
        [(table, 1, stamp, ts, value, 0, sealed) for table, stamp, ts, value, sealed in rows],
        schema=STAMPED,
        orient="row",
    )


def counted(rows):
    stamped = frame(rows)
    return stamped.join(repeats_in(stamped), on=stamped.columns, how="anti")


def test_a_memory_read_again_after_its_clock_was_set_right_counts_where_it_was_told_first():
    pulse = [("heart_rate", T0 + n * SLOT, 60.0 + n % 20) for n in range(40)]
    read = [(table, at - 3_600_000, at, bpm, T0 + DAY) for table, at, bpm in pulse]
    again = [(table, at - 3_600_000, at - 3_600_000, bpm, T0 + 2 * DAY) for table, at, bpm in pulse]

    left = counted([*again, *read])

    assert sorted(left["ts"]) == [at for _, at, _ in pulse]


@pytest.mark.parametrize("seed", range(5))
def test_a_band_that_begins_at_2000_again_and_again_loses_next_to_nothing(seed):
    chance = np.random.default_rng(seed)
    rows = []
    for time in range(6):
        begun = T0 + time * 7 * DAY
        for n in range(288):
            stamp = AT_RESET + n * SLOT
            bpm = float(chance.integers(60, 76))
            rows.append(("heart_rate", stamp, begun + n * SLOT, bpm, begun + DAY))

    lost = len(rows) - counted(rows).height

    assert lost <= 0.015 * len(rows)


def test_a_day_told_again_as_the_next_is_not_counted_though_some_of_it_was_written_anew():
    """A wearer sets the clock back by a day: what was not worn over yesterday's stays as it was."""
    exercise = [(T0 + n * 60_000, 110.0 + n % 17) for n in range(45)]
    morning = [(T0 - 3_600_000 + n * 60_000, 70.0 + n) for n in range(10)]
    yesterday = [("heart_rate", at, at, bpm, T0 + DAY // 2) for at, bpm in [*morning, *exercise]]
    worn_today = [("heart_rate", at, at + DAY, bpm + 3, T0 + 2 * DAY) for at, bpm in morning]
    left_over = [("heart_rate", at, at + DAY, bpm, T0 + 2 * DAY) for at, bpm in exercise]

    left = counted([*yesterday, *worn_today, *left_over])

    assert left.height == len(yesterday) + len(worn_today)
    assert left.filter(pl.col("ts") >= T0 + DAY).is_empty()


def test_one_quantity_shows_that_another_was_written_anew():
    """Quarters without a step look alike; the pulse beside them says that time went by twice."""
    rows = []
    for time, bpm in ((0, 60.0), (1, 80.0)):
        at = T0 + time * 30 * DAY
        rows.append(("heart_rate", T0, at, bpm, at + DAY))
        rows += [("steps", T0 + n * 900_000, at + n * 900_000, 0.0, at + DAY) for n in range(2)]

    assert counted(rows).height == len(rows)


def test_a_record_under_one_clock_that_wanders_is_one():
    rows = [("steps", T0, T0 + off, 40.0, T0 + DAY + off) for off in (0, 250_000, 500_000)]

    assert counted(rows)["ts"].to_list() == [T0, T0 + 250_000]

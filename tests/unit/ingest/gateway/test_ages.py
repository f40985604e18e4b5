import random
from math import ceil

from ingest.batch.reading import Quantity, Reading
from ingest.gateway.ages import Ages

NOW_UTC_MS = 1_767_268_800_000


def heard(*ages_ms):
    return [
        Reading("band", Quantity.HEART_RATE_BPM, 80.0, NOW_UTC_MS - age_ms) for age_ms in ages_ms
    ]


def test_the_middle_the_last_hundredth_and_the_oldest_are_told_in_steps_of_ten_ms():
    chance = random.Random(1)
    ages_ms = [chance.randrange(0, 5_000) for _ in range(999)]
    ages = Ages()

    for start in range(0, 999, 100):
        ages.stored(heard(*ages_ms[start : start + 100]), NOW_UTC_MS)

    told, in_order = ages.summary(), sorted(ages_ms)
    ranks = {"p50": ceil(0.5 * 999), "p99": ceil(0.99 * 999), "most": 999}
    assert told == {name: ceil(in_order[rank - 1] / 10) / 100 for name, rank in ranks.items()}


def test_a_clock_that_jumped_makes_no_age_below_nothing_or_above_a_minute():
    ages = Ages()

    ages.stored(heard(-86_400_000, 86_400_000), NOW_UTC_MS)

    assert ages.summary() == {"p50": 0.0, "p99": 60.0, "most": 60.0}


def test_before_anything_was_stored_nothing_is_told():
    assert Ages().summary() == {}

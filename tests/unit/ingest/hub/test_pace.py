"""How large a transaction may be: by the time it takes."""

from ingest.hub.pace import FIRST_ROWS, LEAST_ROWS, Pace


def settled(pace, rows_per_s, fixed_s=0.0, turns=20):
    for _ in range(turns):
        pace.stored(pace.rows, fixed_s + pace.rows / rows_per_s)
    return pace.rows


def test_a_quick_database_is_given_as_much_as_fits_into_the_time():
    assert settled(Pace(0.25, 1_000_000), rows_per_s=400_000) == 100_000


def test_it_grows_step_by_step():
    pace = Pace(0.25, 1_000_000)

    pace.stored(pace.rows, 0.001)

    assert pace.rows == 2 * FIRST_ROWS


def test_a_slow_one_is_given_less_at_once():
    pace = Pace(0.25, 1_000_000)
    settled(pace, rows_per_s=400_000)

    pace.stored(100_000, 5.0)

    assert pace.rows == 5_000


def test_a_very_slow_one_still_gets_some():
    assert settled(Pace(0.25, 1_000_000), rows_per_s=100) == LEAST_ROWS


def test_the_settings_bound_holds():
    assert settled(Pace(0.25, 50_000), rows_per_s=10**7) == 50_000
    assert Pace(0.25, 10).rows == 10


def test_a_small_quick_transaction_says_nothing():
    pace = Pace(0.25, 1_000_000)

    pace.stored(3, 0.02)  # mostly the wait for the disk

    assert pace.rows == FIRST_ROWS

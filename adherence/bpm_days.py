"""How long each local day held each heart rate: a day in a hundred rows, however it was sampled.

Zones, credit and wear depend on a sample's heart rate and its day alone, so all prescriptions and
versions are judged from these rows instead of from the samples, and nothing is lost: whole
milliseconds are added. Whole heart rates are counted into one cell per day and beat. A heart rate
that is a fraction (a mean of twins, or given so) stands as a row of its own.
"""

import numpy as np
import polars as pl

from adherence.clock import DAY_MS
from adherence.compiled import compiled
from adherence.rows import Held, Ints, Reals, Runs, dates, held_columns


def held_bpm(held: pl.DataFrame, *, utc_offset_ms: int) -> pl.DataFrame:
    """Return person, date, bpm_sum, bpm_n and held_ms (C10), in no order.

    `held` is HELD, sorted by person and time. A heart rate may have several rows in a day.
    """
    runs = Runs.of(held["person"])
    run, day, bpm_sum, bpm_n, held_ms = _by_day(runs.bounds, held_columns(held), utc_offset_ms)
    return pl.DataFrame(
        {
            "person": runs.heads.gather(run),
            "date": dates(day),
            "bpm_sum": bpm_sum,
            "bpm_n": bpm_n,
            "held_ms": held_ms,
        }
    )


@compiled
def _by_day(bounds: Ints, held: Held, utc_offset_ms: int) -> tuple[Ints, Ints, Reals, Ints, Ints]:
    """Return run, day, bpm_sum, bpm_n and held ms of each day's heart rates."""
    start_ms, end_ms, bpm_sum, bpm_n = held
    most = 2 * len(start_ms)  # each row, and what it holds past midnight
    found = (
        np.empty(most, np.int64),
        np.empty(most, np.int64),
        np.empty(most, np.float64),
        np.empty(most, np.int64),
        np.empty(most, np.int64),
    )
    cells = np.zeros(int(bpm_sum.max()) + 1 if most else 0, np.int64)
    end = 0
    for run in range(len(bounds) - 1):
        row, stop, over_ms, day = bounds[run], bounds[run + 1], 0, 0
        while row < stop or over_ms:
            day = day + 1 if over_ms else (start_ms[row] + utc_offset_ms) // DAY_MS
            midnight_ms = (day + 1) * DAY_MS - utc_offset_ms
            if over_ms and not _counts(cells, bpm_sum[row - 1], bpm_n[row - 1], over_ms):
                _write(found, end, run, day, bpm_sum[row - 1], bpm_n[row - 1], over_ms)
                end += 1
            over_ms = 0
            while row < stop and start_ms[row] < midnight_ms:
                over_ms = max(end_ms[row] - midnight_ms, 0)
                held_ms = end_ms[row] - over_ms - start_ms[row]
                if not _counts(cells, bpm_sum[row], bpm_n[row], held_ms):
                    _write(found, end, run, day, bpm_sum[row], bpm_n[row], held_ms)
                    end += 1
                row += 1
            for bpm in range(len(cells)):
                if cells[bpm]:
                    _write(found, end, run, day, float(bpm), 1, cells[bpm])
                    cells[bpm] = 0
                    end += 1
    run_of, day_of, sums, numbers, spans_ms = found
    return run_of[:end], day_of[:end], sums[:end], numbers[:end], spans_ms[:end]


@compiled
def _counts(cells: Ints, bpm_sum: float, bpm_n: int, held_ms: int) -> bool:
    """Add the time to its beat's cell; say False where the heart rate is a fraction."""
    bpm = int(bpm_sum)
    if bpm_n != 1 or bpm != bpm_sum:
        return False
    cells[bpm] += held_ms
    return True


@compiled
def _write(
    found: tuple[Ints, Ints, Reals, Ints, Ints],
    at: int,
    run: int,
    day: int,
    bpm_sum: float,
    bpm_n: int,
    held_ms: int,
) -> None:
    run_of, day_of, sums, numbers, held = found
    run_of[at], day_of[at], sums[at], numbers[at], held[at] = run, day, bpm_sum, bpm_n, held_ms

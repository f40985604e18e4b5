"""Spikes: samples far from the median of their neighbourhood (convention C4).

Almost no sample is one, so the rule is applied in three steps, each to what the one before left:

1. Blocks of some rows. The median of a window lies between its smallest and its largest value. If
   these are no further apart than a spike must be, over all blocks that the windows of a block's
   rows can reach, none of its rows is a spike.
2. Rows. If the median lies more than d above x, so does the larger of the two middle values: at
   least half of the window lies more than d above x. The same holds below.
3. The rule itself, on the windows that are left. The comparison is multiplied out by the numbers of
   twins, so that nothing is divided.
"""

import numpy as np

from adherence.rows import Bools, Ints, Reals

BLOCK_ROWS = 8
ROUNDING_BPM = 1e-9
"""Allowed in steps 1 and 2 for the rounding of a mean of twins: they may only keep too many."""
MOST_CELLS = 2_000_000
"""So many values of windows are looked at in one go."""


def spikes(
    line_ms: Ints,
    bpm_sum: Reals,
    bpm_n: Ints,
    *,
    reach_ms: int,
    deviation_bpm: int,
    least_samples: int,
) -> Ints:
    """Return the rows that are spikes; `line_ms` is strictly rising (`adherence.rows`)."""
    has_twins = bool((bpm_n > 1).any())
    bpm = bpm_sum / bpm_n if has_twins else bpm_sum
    far_bpm = deviation_bpm - ROUNDING_BPM
    rows = _in_wide_blocks(line_ms, bpm, reach_ms=reach_ms, far_bpm=far_bpm)
    rows, first, behind = _half_far(
        rows, line_ms, bpm, reach_ms=reach_ms, far_bpm=far_bpm, least_samples=least_samples
    )
    width = int((behind - first).max(initial=1))
    at_once = max(MOST_CELLS // width, 1)
    found = [
        rows[part][
            _is_far_from_median(
                rows[part], first[part], behind[part], bpm, bpm_sum, bpm_n, deviation_bpm
            )
        ]
        for part in (slice(at, at + at_once) for at in range(0, len(rows), at_once))
    ]
    return np.concatenate(found) if found else rows


def _in_wide_blocks(line_ms: Ints, bpm: Reals, *, reach_ms: int, far_bpm: float) -> Ints:
    """Return the rows of all blocks whose windows hold values far enough apart."""
    blocks = -(-len(bpm) // BLOCK_ROWS)
    if not blocks:
        return np.empty(0, np.int64)
    filled = np.full(blocks * BLOCK_ROWS, bpm[-1])
    filled[: len(bpm)] = bpm
    highest, lowest = _of_blocks(np.maximum, filled), _of_blocks(np.minimum, filled)
    high, low = highest.copy(), lowest.copy()
    first_ms = line_ms[::BLOCK_ROWS]
    last_ms = np.append(line_ms[BLOCK_ROWS - 1 :: BLOCK_ROWS], line_ms[-1])[:blocks]
    for apart in range(1, blocks):
        within = first_ms[apart:] - last_ms[:-apart] <= reach_ms
        if not within.any():
            break
        for extreme, reached, of_block in ((np.maximum, high, highest), (np.minimum, low, lowest)):
            extreme(reached[apart:], of_block[:-apart], out=reached[apart:], where=within)
            extreme(reached[:-apart], of_block[apart:], out=reached[:-apart], where=within)
    wide = np.flatnonzero(high - low > far_bpm)
    rows: Ints = (wide[:, None] * BLOCK_ROWS + np.arange(BLOCK_ROWS)).ravel()
    return rows[rows < len(bpm)]


def _of_blocks(extreme: np.ufunc, values: Reals) -> Reals:
    """Return the extreme of each block, halving it until one value is left."""
    left = BLOCK_ROWS
    while left > 1:
        values = extreme(values[::2], values[1::2])
        left //= 2
    return values


def _half_far(
    rows: Ints, line_ms: Ints, bpm: Reals, *, reach_ms: int, far_bpm: float, least_samples: int
) -> tuple[Ints, Ints, Ints]:
    """Return the rows with at least half of the window far on one side, with the window's rows."""
    at_ms, own = line_ms[rows], bpm[rows]
    above, below = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    first, behind = rows.copy(), rows + 1
    for side, edge in ((-1, first), (1, behind)):
        left = np.arange(len(rows))
        apart = side
        while len(left):
            near = rows[left] + apart
            inside = (near >= 0) & (near < len(bpm))
            left, near = left[inside], near[inside]
            inside = np.abs(line_ms[near] - at_ms[left]) <= reach_ms
            left, near = left[inside], near[inside]
            over = bpm[near] - own[left]
            above[left] += over > far_bpm
            below[left] += over < -far_bpm
            edge[left] += side
            apart += side
    samples = behind - first
    may_be = (samples >= least_samples) & (2 * np.maximum(above, below) >= samples)
    return rows[may_be], first[may_be], behind[may_be]


def _is_far_from_median(
    rows: Ints,
    first: Ints,
    behind: Ints,
    bpm: Reals,
    bpm_sum: Reals,
    bpm_n: Ints,
    deviation_bpm: int,
) -> Bools:
    """Compare |x - (a + b) / 2| > d, a and b the middle values of the window, multiplied out."""
    samples = behind - first
    each = np.arange(int(samples.max(initial=0)))
    window = np.minimum(first[:, None] + each, behind[:, None] - 1)
    values = np.where(each < samples[:, None], bpm[window], np.inf)
    order = np.argsort(values, axis=1)
    middle = np.stack([(samples - 1) // 2, samples // 2], axis=1)
    at = np.take_along_axis(window, np.take_along_axis(order, middle, axis=1), axis=1)
    own_n, (low_n, high_n) = bpm_n[rows], bpm_n[at].T
    low, high = bpm_sum[at].T
    over = 2 * bpm_sum[rows] * low_n * high_n - own_n * (low * high_n + high * low_n)
    is_far: Bools = np.abs(over) > 2 * deviation_bpm * own_n * low_n * high_n
    return is_far

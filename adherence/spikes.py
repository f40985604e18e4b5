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

from adherence.compiled import compiled
from adherence.rows import Bools, Ints, Reals

BLOCK_ROWS = 8
ROUNDING_BPM = 1e-9
"""Allowed for the rounding of decimals and of a mean of twins. In steps 1 and 2 they may only keep
too many; in step 3 a sample that lies so far away as it may is none."""


def without_spikes(
    lengths: Ints,
    ts: Ints,
    bpm_sum: Reals,
    bpm_n: Ints,
    *,
    reach_ms: int,
    deviation_bpm: int,
    least_samples: int,
) -> Ints:
    """Take the spikes out of the columns; return how many rows each person has left.

    `lengths` says how many each person had, one's rows after the other's; `ts` (ms) rises strictly
    within a person. What is left moves up: behind the sum of what is returned nothing is of use.
    """
    return _kept(lengths, ts, bpm_sum, bpm_n, reach_ms, deviation_bpm, least_samples)


@compiled
def _kept(
    lengths: Ints,
    ts: Ints,
    bpm_sum: Reals,
    bpm_n: Ints,
    reach_ms: int,
    deviation_bpm: int,
    least_samples: int,
) -> Ints:
    left = np.zeros_like(lengths)
    begin = end = 0
    for run in range(len(lengths)):
        stop = begin + lengths[run]
        is_spike = _are_spikes(
            ts[begin:stop],
            bpm_sum[begin:stop],
            bpm_n[begin:stop],
            reach_ms,
            deviation_bpm,
            least_samples,
        )
        before = end
        if end == begin and not is_spike.any():
            end = stop
        else:
            for row in range(begin, stop):
                if not (len(is_spike) and is_spike[row - begin]):
                    ts[end], bpm_sum[end], bpm_n[end] = ts[row], bpm_sum[row], bpm_n[row]
                    end += 1
        left[run] = end - before
        begin = stop
    return left


@compiled
def _are_spikes(
    ts: Ints, bpm_sum: Reals, bpm_n: Ints, reach_ms: int, deviation_bpm: int, least_samples: int
) -> Bools:
    """Say of each row of one person whether it is a spike; of none, by no rows, if none can be."""
    is_dense = False
    for row in range(1, len(ts)):
        is_dense |= ts[row] - ts[row - 1] <= reach_ms
    if not is_dense:  # every window holds its own sample alone
        return np.zeros(0, np.bool_)
    bpm = bpm_sum / bpm_n
    far_bpm = deviation_bpm - ROUNDING_BPM
    is_spike = np.zeros(len(ts), np.bool_)
    low, high = _extremes(bpm)
    for block in range(len(low)):
        first = block * BLOCK_ROWS
        behind = min(first + BLOCK_ROWS, len(ts))
        if _reach(block, low, high, ts, reach_ms) <= far_bpm:
            continue
        for row in range(first, behind):
            begin, stop = _half_far(row, ts, bpm, reach_ms, far_bpm, least_samples)
            if begin < stop:
                own = slice(begin, stop)
                is_spike[row] = _is_far_from_median(
                    bpm_sum[row], bpm_n[row], bpm[own], bpm_sum[own], bpm_n[own], deviation_bpm
                )
    return is_spike


@compiled
def _extremes(bpm: Reals) -> tuple[Reals, Reals]:
    """Return the lowest and the highest value of each block."""
    blocks = -(-len(bpm) // BLOCK_ROWS)
    low, high = np.full(blocks, np.inf), np.full(blocks, -np.inf)
    for row in range(len(bpm)):
        block = row // BLOCK_ROWS
        low[block] = min(low[block], bpm[row])
        high[block] = max(high[block], bpm[row])
    return low, high


@compiled
def _reach(block: int, low: Reals, high: Reals, ts: Ints, reach_ms: int) -> float:
    """Return how far apart the values are that the windows of a block's rows can hold."""
    lowest, highest = low[block], high[block]
    first_ms = ts[block * BLOCK_ROWS]
    last_ms = ts[min((block + 1) * BLOCK_ROWS, len(ts)) - 1]
    other = block - 1
    while other >= 0 and first_ms - ts[(other + 1) * BLOCK_ROWS - 1] <= reach_ms:
        lowest, highest = min(lowest, low[other]), max(highest, high[other])
        other -= 1
    other = block + 1
    while other < len(low) and ts[other * BLOCK_ROWS] - last_ms <= reach_ms:
        lowest, highest = min(lowest, low[other]), max(highest, high[other])
        other += 1
    return float(highest - lowest)


@compiled
def _half_far(
    row: int, ts: Ints, bpm: Reals, reach_ms: int, far_bpm: float, least_samples: int
) -> tuple[int, int]:
    """Return the rows of the window if half of it is far on one side, otherwise none."""
    above = below = 0
    begin = row
    while begin > 0 and ts[row] - ts[begin - 1] <= reach_ms:
        begin -= 1
        above += bpm[begin] - bpm[row] > far_bpm
        below += bpm[row] - bpm[begin] > far_bpm
    stop = row + 1
    while stop < len(ts) and ts[stop] - ts[row] <= reach_ms:
        above += bpm[stop] - bpm[row] > far_bpm
        below += bpm[row] - bpm[stop] > far_bpm
        stop += 1
    samples = stop - begin
    if samples >= least_samples and 2 * max(above, below) >= samples:
        return begin, stop
    return row, row


@compiled
def _is_far_from_median(
    own_sum: float, own_n: int, bpm: Reals, bpm_sum: Reals, bpm_n: Ints, deviation_bpm: int
) -> bool:
    """Compare |x - (a + b) / 2| > d, a and b the middle values of the window, multiplied out."""
    order = np.argsort(bpm)
    low, high = order[(len(bpm) - 1) // 2], order[len(bpm) // 2]
    low_n, high_n = bpm_n[low], bpm_n[high]
    middle = bpm_sum[low] * high_n + bpm_sum[high] * low_n
    over = 2 * own_sum * low_n * high_n - own_n * middle
    return bool(abs(over) > 2 * (deviation_bpm + ROUNDING_BPM) * own_n * low_n * high_n)

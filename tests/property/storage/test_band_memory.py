"""Band memory read by several gateways, from the start by new ones, under clocks that jump: every
record is counted once."""

import os
from collections import Counter
from itertools import pairwise

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.memory import SAME_IN_A_ROW, SAME_STAMP_WITHIN_MS, STAMPED, repeats_in

EXAMPLES = int(os.environ.get("ADHERE_EXAMPLES", "100"))
SLOT = 300_000
SLOTS = 288
START = 1_700_006_400_000


class Band:
    """A memory of slots by the band's own clock: a slot that comes again is written anew."""

    def __init__(self, values):
        self.values = values
        self.offset = 0
        self.memory = {}
        """Stamp -> the slot of true time that was written there last."""

    def live(self, slot):
        if self.values[slot] is not None:
            self.memory[START + slot * SLOT - self.offset] = slot

    def told(self, slot, noise_ms):
        """What a gateway reads at the end of a slot: stamp, time it is placed at, value, slot."""
        shows = START + slot * SLOT - self.offset
        return [
            (stamp, stamp + self.offset + noise_ms, self.values[of], of)
            for stamp, of in sorted(self.memory.items())
            if stamp <= shows
        ]


@st.composite
def lives(draw, values):
    """Readings of one band as STAMPED, and beside each row the slot that it really is of."""
    band = Band(draw(st.lists(values, min_size=SLOTS, max_size=SLOTS)))
    jumps = dict(
        draw(
            st.lists(
                st.tuples(
                    st.integers(1, SLOTS - 1), st.integers(-400, 400).filter(lambda n: abs(n) > 2)
                ),
                max_size=3,
            )
        )
    )
    reads = draw(
        st.lists(
            st.tuples(
                st.integers(0, SLOTS - 1),
                st.integers(-60_000, 60_000),
                st.integers(0, 50),  # slots until the batch is sealed
                st.sampled_from([None, 6, 48]),  # how far back: all, or since a mark
            ),
            min_size=1,
            max_size=8,
        )
    )
    rows = []
    for slot in range(SLOTS):
        if slot in jumps:
            band.offset += jumps[slot] * SLOT
        band.live(slot)
        for at, noise_ms, waits, back in reads:
            if at == slot:
                told = band.told(slot, noise_ms)
                rows += [
                    (stamp, ts, value, START + (slot + 1 + waits) * SLOT, of)
                    for stamp, ts, value, of in (told if back is None else told[-back:])
                ]
    return rows


def frame(rows):
    return pl.DataFrame(
        [("heart_rate", 1, stamp, ts, value, 0, sealed) for stamp, ts, value, sealed, _ in rows],
        schema=STAMPED,
        orient="row",
    ).unique(["reading_table", "device_ts_ms", "ts", "value"])


def counted(stamped):
    """How often each (stamp, value) counts: not said again, and placed near one another is one."""
    left = stamped.join(repeats_in(stamped), on=stamped.columns, how="anti")
    found = Counter()
    for (stamp, value), some in left.group_by("device_ts_ms", "value"):
        times = sorted(some["ts"])
        found[stamp, value] = 1 + sum(
            later - earlier > SAME_STAMP_WITHIN_MS for earlier, later in pairwise(times)
        )
    return found


def truth(rows):
    """How often each (stamp, value) was really written, of what was read at all."""
    return Counter({key: len(of) for key, of in slots_of(rows).items()})


def slots_of(rows):
    found = {}
    for stamp, _ts, value, _sealed, of in rows:
        found.setdefault((stamp, value), set()).add(of)
    return found


@settings(max_examples=EXAMPLES, deadline=None)
@given(lives(st.integers(30, 2**40).map(float)))
def test_every_record_that_was_read_counts_once(rows):
    assert counted(frame(rows)) == truth(rows)


@settings(max_examples=EXAMPLES, deadline=None)
@given(lives(st.sampled_from([60.0, 61.0, 62.0, 80.0])))
def test_nothing_is_lost_but_what_an_earlier_record_says_to_the_letter(rows):
    found, true = counted(frame(rows)), truth(rows)

    assert set(found) == set(true)
    assert all(1 <= found[key] <= true[key] for key in true)


@settings(max_examples=EXAMPLES, deadline=None)
@given(lives(st.none() | st.integers(30, 2**40).map(float)))
def test_slots_that_were_not_written_anew_are_doubled_in_no_stretch_worth_a_session(rows):
    found, true = counted(frame(rows)), truth(rows)

    assert set(found) == set(true)
    doubled = sorted(stamp for (stamp, _), times in found.items() if times > 1)
    stamps = sorted({stamp for stamp, *_ in rows})
    places = [stamps.index(stamp) for stamp in doubled]
    longest = run = 0
    for place in range(len(stamps)):
        run = run + 1 if place in places else 0
        longest = max(longest, run)
    assert longest < SAME_IN_A_ROW


@settings(max_examples=EXAMPLES, deadline=None)
@given(lives(st.integers(60, 90).map(float)), st.randoms(use_true_random=False))
def test_the_order_of_arrival_decides_nothing(rows, chance):
    shuffled = list(rows)
    chance.shuffle(shuffled)
    columns = list(STAMPED)

    assert repeats_in(frame(rows)).sort(columns).equals(repeats_in(frame(shuffled)).sort(columns))

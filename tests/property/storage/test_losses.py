"""What the ledger takes for lost, against a plain box: gaps, late batches, losses, retries."""

from typing import NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from storage import ledger
from storage.database import connect
from storage.dead_letters import mark_retried, store_dead_letter
from tests.batches import a_gateway
from tests.ledgers import BOOT, a_spool, store

CLEAR = (
    "TRUNCATE batch, dead_letter, ledger_due, ledger_hour, ledger_spool, ledger_loss,"
    " ledger_declared, expected, ledger_finding CASCADE"
)


class Fate(NamedTuple):
    """What becomes of a batch."""

    kind: str
    """here, late, on_box, damaged, given_up, or retried: given up and stored out of its letter."""
    declared_after: int
    """With which later batch the box says so."""
    count: int


FATES = st.builds(
    Fate,
    st.sampled_from(["here", "here", "late", "on_box", "damaged", "given_up", "retried"]),
    st.integers(1, 4),
    st.integers(1, 9),
)


def sealed_by(fates):
    """The batches of such a box; it says in each what it has lost until then."""
    batches = []
    for one in a_spool([fate.count for fate in fates]):
        lost = dict.fromkeys(("damaged", "given_up"), 0)
        for seq, fate in enumerate(fates):
            if fate.kind in {"damaged", "given_up", "retried"} and (
                seq + fate.declared_after <= one.seq
            ):
                lost["damaged" if fate.kind == "damaged" else "given_up"] += fate.count
        batches.append(one._replace(lost=(0, lost["damaged"], lost["given_up"])))
    return batches


def explained(everything, here, retried):
    """The plain loop: each declared reading is taken for the oldest one missing before that word.

    Of those given up, first for what a retry has stored. Returns how many of each batch.
    """
    missing = {one.seq: one.count for one in everything if one.seq not in here}
    back = {one.seq: one.count for one in everything if one.seq in retried}
    room, damaged_by_now, given_up_by_now = dict(missing), 0, 0
    for one in everything:
        if one.seq not in here:
            continue
        _unsealed, damaged, given_up = one.lost
        left = taken_from(back, one.seq, given_up - given_up_by_now)
        taken_from(room, one.seq, left + damaged - damaged_by_now)
        damaged_by_now, given_up_by_now = damaged, given_up
    return {seq: count - room[seq] for seq, count in missing.items()}


def taken_from(room, before_seq, readings):
    """Fill what is there before a number, the oldest first; return how many readings are left."""
    for seq, count in room.items():
        if seq < before_seq:
            room[seq] = max(0, count - readings)
            readings = max(0, readings - count)
    return readings


def require_as_the_loop_says(conn, everything, here, retried):
    """Every open gap, and the sums."""
    last = max(here)
    taken = explained(everything, here, retried)
    gaps = ledger.gaps(conn, limit=1_000)
    for gap in gaps:
        within = range(gap.first_seq, gap.last_seq + 1)
        assert not here & set(within)
        assert gap.readings == sum(everything[seq].count for seq in within)
        assert gap.lost == sum(taken[seq] for seq in within), gap
    assert sum(gap.batches for gap in gaps) == sum(seq not in here for seq in range(last))
    return sum(gap.lost for gap in gaps)


@pytest.fixture
def conn(database):
    with connect(database) as conn:
        yield conn


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(FATES, min_size=1, max_size=14), st.randoms(use_true_random=False))
def test_what_is_lost_is_what_the_box_has_lost(conn, fates, dice):
    conn.execute(CLEAR)
    gateway_id = a_gateway(conn)
    # The last ones come, and say all that was lost until then.
    fates = [*fates, *[Fate("here", 1, 1)] * 5]
    everything = sealed_by(fates)
    here, retried = set(), set()
    for kind in ("here", "late"):
        come = [one for one in everything if fates[one.seq].kind == kind]
        come = dice.sample(come, len(come))
        while come:
            cut = dice.randint(1, len(come))
            store(conn, gateway_id, come[:cut])
            here |= {one.seq for one in come[:cut]}
            come = come[cut:]
            ledger.catch_up(conn)
            require_as_the_loop_says(conn, everything, here, retried)
    for one in everything:
        if fates[one.seq].kind == "retried":
            said = b"%d" % one.seq
            letter = store_dead_letter(conn, "adhere/v1/east/g1/live", "malformed", "", said)
            store(conn, gateway_id, [one])
            mark_retried(conn, letter, "stored", "", batch=(gateway_id, BOOT, one.seq))
            here, retried = here | {one.seq}, retried | {one.seq}
            ledger.catch_up(conn)
            require_as_the_loop_says(conn, everything, here, retried)

    lost = require_as_the_loop_says(conn, everything, here, retried)

    assert lost == sum(fate.count for fate in fates if fate.kind in {"damaged", "given_up"})
    assert ledger.count_anew(conn, patience_s=5) == len(here)
    assert require_as_the_loop_says(conn, everything, here, retried) == lost

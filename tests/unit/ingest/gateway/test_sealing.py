import random

import pytest

from config.errors import Rejected
from ingest.batch.columns import chunk_of
from ingest.batch.reading import Quantity, Reading
from ingest.gateway.batches import Draft
from ingest.gateway.clock import ContentClock
from ingest.gateway.sealing import (
    LEAST_TAKEN_BYTES,
    MOST_TAKEN_BYTES,
    SealPolicy,
    TakenBytes,
    sealer,
)
from ingest.gateway.uplink import _Quickness
from tests.unit.ingest.gateway.conftest import BOOT, NOON_UTC_MS


@pytest.mark.parametrize(
    ("slow_s", "waits_s"), [(0.0, 4.0), (3.9, 4.0), (20.0, 20.0), (900.0, 300.0)]
)
def test_a_live_batch_waits_as_long_as_the_way_is_slow_within_limits(slow_s, waits_s):
    assert SealPolicy(live_after_s=4.0).after_s("live", slow_s) == waits_s


def test_without_a_connection_batches_are_fewest():
    assert SealPolicy().after_s("live", float("inf")) == SealPolicy().slow_after_s


@pytest.mark.parametrize("slow_s", [0.0, float("inf")])
def test_the_bounds_of_a_replay_know_nothing_of_the_way(slow_s):
    policy = SealPolicy(backlog_chunks=3, backlog_after_s=None)

    assert policy.after_s("backlog", slow_s) is None
    assert (policy.enough("backlog"), policy.most("backlog")) == (3, 3)


def noise(count):
    chance = random.Random(3)
    return chunk_of(
        [
            Reading("band-1", Quantity.RR_INTERVAL_MS, chance.random() * 10**6, NOON_UTC_MS + n)
            for n in range(count)
        ]
    )


def test_what_does_not_fit_makes_the_next_ones_smaller_and_short_ones_larger_again(keys):
    taken = TakenBytes()
    make = sealer(centre="centre", gateway="hall-1", keys=keys, clock=ContentClock(), taken=taken)

    with pytest.raises(Rejected, match="oversize"):
        make(Draft(BOOT, 0, None, noise(20_000)))
    after_too_much = taken.bytes
    for _ in range(20):
        make(Draft(BOOT, 0, None, noise(10)))

    assert after_too_much < MOST_TAKEN_BYTES == taken.bytes


def test_a_batch_never_becomes_too_small():
    taken = TakenBytes()

    for _ in range(100):
        taken.too_much()

    assert taken.bytes == LEAST_TAKEN_BYTES


def test_a_batch_never_answered_while_others_are_says_nothing_of_the_way(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("ingest.gateway.uplink.time.monotonic", lambda: now[0])
    quick = _Quickness()
    quick.first_sent[0] = 100.0  # the hub cannot read this one
    now[0] = 130.0
    assert quick.slow_s() == 30.0

    quick.first_sent[1] = 130.0
    now[0] = 130.1
    quick.settled(1)
    now[0] = 200.0

    assert quick.slow_s() == pytest.approx(0.03)


def test_a_hub_that_falls_silent_is_slow_before_any_receipt_says_so(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("ingest.gateway.uplink.time.monotonic", lambda: now[0])
    quick = _Quickness()
    quick.settled(7)
    now[0] = 110.0
    quick.first_sent[1] = 110.0
    now[0] = 170.0

    assert quick.slow_s() == 60.0

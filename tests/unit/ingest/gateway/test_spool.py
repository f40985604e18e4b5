import secrets
from contextlib import suppress

import pytest

from config.errors import Misconfigured, Rejected
from ingest.batch.keys import make_keys
from ingest.batch.limits import MAX_DEVICES, MAX_READINGS
from ingest.batch.reading import Quantity, Reading
from ingest.gateway.heard import BadInput
from ingest.gateway.spool_ground import SpoolFull
from tests.unit.ingest.gateway.conftest import NOON_UTC_MS, pulses


def test_what_is_appended_comes_out_sealed_in_order(box):
    spool = box.open()

    for first in range(0, 500, 100):
        spool.append(pulses(100, first), lane="backlog")
    box.seal_all(spool, max_chunks=2)

    batches = box.waiting(spool)
    assert [batch.seq for batch in batches] == [0, 1, 2]
    assert [batch.readings for batch in batches] == [200, 200, 100]
    assert [box.readings(batch.message) for batch in batches] == [
        pulses(200), pulses(200, 200), pulses(100, 400),
    ]  # fmt: skip


def test_the_cursor_is_stored_with_the_readings(box):
    spool = box.open()
    spool.append(pulses(10), lane="live", cursor={"file": "10", "other": "a"})
    spool.append(pulses(10, 10), lane="live", cursor={"file": "20"})
    spool.close()

    reopened = box.open()

    assert reopened.cursor == {"file": "20", "other": "a"}
    assert reopened.counters["stored"] == 20


def test_a_spool_keeps_its_boot_over_restarts(box):
    box.open(boot=b"x" * 16).close()

    assert box.open(boot=b"y" * 16).boot == b"x" * 16


def test_a_spool_made_with_another_key_is_refused(box):
    box.open().close()

    with pytest.raises(Misconfigured, match="another box's key"):
        box.open(keys=make_keys())


def test_a_spool_that_is_open_elsewhere_is_refused(box):
    box.open()

    with pytest.raises(Misconfigured, match="one gateway at a time"):
        box.open()


def test_a_reading_that_cannot_be_stores_nothing_of_its_chunk(box):
    spool = box.open()

    with pytest.raises(Rejected, match="value"):
        spool.append(
            [*pulses(3), pulses(1)[0]._replace(value=float("nan"))], lane="live", cursor={"n": "4"}
        )

    assert (spool.counters["stored"], spool.unsealed("live"), spool.cursor) == (0, 0, {})


def test_a_large_chunk_is_cut_so_that_each_part_can_be_sealed_alone(box):
    spool = box.open()
    readings = [
        Reading(
            secrets.token_hex(32), Quantity.RR_INTERVAL_MS, secrets.randbelow(10**9) / 10**5,
            NOON_UTC_MS + secrets.randbelow(10**12), secrets.randbelow(2**32), 0,
            secrets.randbelow(2**50),
        )
        for _ in range(3000)
    ]  # fmt: skip

    spool.append(readings, lane="backlog")
    box.seal_all(spool)

    assert sorted(box.delivered(spool)) == sorted(readings)


def test_bad_input_is_kept_aside_and_counted(box):
    spool = box.open()

    spool.append([], lane="live", cursor={"n": "1"}, bad=[BadInput(b"{", "not_json")])

    assert spool.counters["bad_input"] == 1
    assert spool.cursor == {"n": "1"}


def fill(spool, *, then=lambda: None):
    """Append until the quota says no; return how many readings there are then."""
    stored = 0
    with suppress(SpoolFull):
        while stored < 1_000_000:
            cursor = {"stored": str(stored + 2000)}
            stored += spool.append(pulses(2000, stored), lane="backlog", cursor=cursor)
            then()
    return stored


def test_at_the_quota_append_fails_loudly_while_sealing_and_deleting_go_on(box):
    spool = box.open(quota_pages=60)
    stored = fill(spool)
    assert spool.counters["stored"] == stored < 1_000_000
    assert spool.cursor == {"stored": str(stored)}
    with pytest.raises(SpoolFull):
        spool.append(pulses(2000, stored), lane="backlog")

    box.seal_all(spool)
    assert sorted(box.delivered(spool)) == sorted(pulses(stored))
    spool.batches.settle(box.receipt((batch.seq, batch.sha256) for batch in box.waiting(spool)))

    assert spool.batches.unsettled == 0
    assert spool.append(pulses(2000, stored), lane="backlog") == 2000
    assert box.path.stat().st_size <= (60 + 64) * 4096


def test_a_spool_full_of_batches_still_takes_receipts(box):
    spool = box.open(quota_pages=24)
    fill(spool, then=lambda: box.seal_all(spool))
    before = spool.batches.unsettled

    (first, *_) = box.waiting(spool)
    spool.batches.settle(box.receipt([(first.seq, first.sha256)]))

    assert spool.batches.unsettled == before - 1


def test_the_same_chunks_give_the_same_batches_whenever_they_are_sealed(box):
    at_once = box.open()
    for first in range(0, 900, 100):
        at_once.append(pulses(100, first), lane="backlog")
    box.seal_all(at_once, max_chunks=3)
    expected = [(batch.seq, batch.sha256) for batch in box.waiting(at_once)]
    at_once.close()
    box.path.unlink()

    found, spool = [], box.open()
    for first in range(0, 900, 100):
        spool.append(pulses(100, first), lane="backlog")
        spool.close()
        spool = box.open()
        if spool.unsealed("backlog") == 3:
            box.seal(spool, max_chunks=3)
            found += [(batch.seq, batch.sha256) for batch in box.waiting(spool)]
            spool.batches.settle(box.receipt(found))

    assert found == expected


def test_only_a_receipt_for_that_boot_number_and_hash_deletes_a_batch(box):
    spool = box.open()
    spool.append(pulses(10), lane="backlog")
    box.seal_all(spool)
    (batch,) = box.waiting(spool)

    for receipt in (
        box.receipt([(batch.seq, batch.sha256)], boot=b"z" * 16),
        box.receipt([(batch.seq + 1, batch.sha256)]),
        box.receipt([(batch.seq, b"z" * 32)]),
        box.receipt(refused=[(batch.seq, b"z" * 32, "forked_spool")]),
        box.receipt(refused=[(batch.seq, batch.sha256, "forked_spool")], boot=b"z" * 16),
    ):
        assert spool.batches.settle(receipt).unknown == 1
        assert box.waiting(spool) == [batch]

    assert spool.batches.settle(box.receipt([(batch.seq, batch.sha256)])).committed == (0,)
    assert box.waiting(spool) == []
    assert spool.batches.settle(box.receipt([(batch.seq, batch.sha256)])).unknown == 1
    assert spool.counters["receipted"] == 10


def test_a_refused_batch_is_kept_counted_and_sent_no_more(box):
    spool = box.open()
    spool.append(pulses(10), lane="backlog")
    spool.append(pulses(5, 10), lane="backlog")
    box.seal_all(spool, max_chunks=1)
    first, second = box.waiting(spool)
    refusal = box.receipt(refused=[(first.seq, first.sha256, "forked_spool")])

    spool.batches.settle(refusal)
    spool.batches.settle(refusal)
    spool.close()

    reopened = box.open()
    assert box.waiting(reopened) == [second]
    assert reopened.batches.unsettled == 1
    assert (reopened.counters["refused"], reopened.counters["refused_batches"]) == (10, 1)

    # The hub has looked into it and has the readings after all.
    reopened.batches.settle(box.receipt([(first.seq, first.sha256)]))
    assert (reopened.counters["refused"], reopened.counters["receipted"]) == (0, 10)


def test_what_was_deleted_is_wiped_from_the_file(box):
    spool = box.open()
    spool.append(pulses(10, device="secret-band-key"), lane="backlog")
    box.seal_all(spool)
    (batch,) = box.waiting(spool)
    spool.batches.settle(box.receipt([(batch.seq, batch.sha256)]))
    spool.close()

    left = box.path.read_bytes()
    assert b"secret-band-key" not in left
    assert batch.message[100:160] not in left


def test_a_live_batch_of_a_clock_that_ran_ahead_is_still_sent(box):
    spool = box.open()
    for number in range(100):
        spool.append(pulses(1, number), lane="live")
        box.seal(spool, lane="live")

    found = []
    look = {"since_utc_ms": 0}  # to the clock set right, all of them were sealed just now or later
    while batch := (
        spool.batches.live(but=found, **look) or spool.batches.backlog(but=found, **look)
    ):
        found.append(batch.seq)

    assert sorted(found) == list(range(100))


def test_the_next_in_turn_is_behind_the_last_one(box):
    spool = box.open()
    for number in range(3):
        spool.append(pulses(1, number), lane="backlog")
        box.seal(spool)

    assert spool.batches.backlog(but=(), since_utc_ms=0, after=1).seq == 2
    assert spool.batches.backlog(but=(), since_utc_ms=0, after=2) is None


def test_more_bands_than_a_batch_may_name_are_sealed_in_several(box):
    spool = box.open()
    for part in range(3):
        heard = [pulses(1, device=f"{part}-{band}")[0] for band in range(MAX_DEVICES // 2)]
        spool.append(heard, lane="backlog")

    while spool.unsealed("backlog"):
        box.seal(spool, lane="backlog", max_chunks=64)

    named = {reading.device_key for reading in box.delivered(spool)}
    assert len(named) == 3 * (MAX_DEVICES // 2)


def test_more_readings_than_a_batch_may_hold_are_sealed_in_several(box):
    spool = box.open()
    same = pulses(1)[0]._replace(value=0.0)
    for _ in range(2):
        spool.append([same] * (MAX_READINGS // 2 + 1), lane="backlog")

    while spool.unsealed("backlog"):
        box.seal(spool, lane="backlog", max_chunks=64)

    assert len(box.delivered(spool)) == 2 * (MAX_READINGS // 2 + 1)

"""Batches that the hub has refused: kept, given up by an operator, and declared."""

import contextlib

import apsw
import pytest

from config.errors import Misconfigured
from ingest.batch.content import Declared, unpack
from ingest.batch.envelope import open_sealed
from ingest.gateway.clock import Stamp
from ingest.gateway.spool_rows import APPLICATION, SPOOL_VERSION
from tests.unit.ingest.gateway.conftest import pulses


@pytest.fixture
def said(box, keys):
    """What a sealed batch says."""
    return lambda sealed: unpack(open_sealed(sealed.message, keys.public.signing))


def refuse(spool, box, sealed, seq):
    spool.batches.settle(box.receipt(refused=[(seq, sealed.sha256, "forked_spool")]))


def test_a_released_batch_is_gone_and_every_later_one_declares_it(box, said):
    with box.open() as spool:
        spool.append(pulses(5), lane="backlog")
        refuse(spool, box, box.seal(spool), 0)
        assert [(one.seq, one.readings) for one in spool.batches.refused()] == [(0, 5)]

        assert spool.batches.release([0]) == 5

        assert spool.batches.refused() == []
        spool.append(pulses(3, 5), lane="backlog")
        assert said(box.seal(spool)).declared == Declared(0, 0, 5, 1)
        count = spool.counters
        assert (count["refused"], count["released"], spool.batches.unsettled) == (0, 5, 1)


def test_a_spool_that_lost_nothing_declares_nothing(box, said):
    with box.open() as spool:
        spool.append(pulses(5), lane="backlog")

        assert said(box.seal(spool)).declared is None


def test_what_was_not_refused_cannot_be_released(box):
    with box.open() as spool:
        spool.append(pulses(5), lane="backlog")
        box.seal(spool)

        assert spool.batches.release([0, 1]) == 0
        assert len(box.waiting(spool)) == 1


def test_number_hash_and_reason_of_what_was_released_are_kept(box):
    with box.open() as spool:
        spool.append(pulses(5), lane="backlog")
        sealed = box.seal(spool)
        refuse(spool, box, sealed, 0)
        spool.batches.release([0])

    with contextlib.closing(apsw.Connection(str(box.path))) as db:
        ((origin, reason, readings, data),) = db.execute(
            "SELECT origin, reason, readings, data FROM set_aside"
        ).fetchall()
    assert (origin, reason, readings) == ("released", "forked_spool", 5)
    assert sealed.sha256 in data


def test_a_rebuilt_spool_counts_what_was_released_as_released_and_not_as_lost(box):
    with box.open() as spool:
        spool.append(pulses(5), lane="backlog")
        refuse(spool, box, box.seal(spool), 0)
        spool.batches.release([0])
        spool.append(pulses(4, 5), lane="backlog")
        box.seal(spool)
    bad = bytearray(box.path.read_bytes())
    bad[4096 : 2 * 4096] = bytes(4096)  # a page of the tables
    box.path.write_bytes(bad)

    with box.open() as spool:
        count = spool.counters
        assert count["rebuilt"] == 1
        assert (count["released"], count["lost_sealed"], count["lost_batches"]) == (5, 0, 0)
        assert len(box.waiting(spool)) == 1


def test_a_damaged_batch_beside_a_released_one_costs_its_own_readings(box):
    with box.open() as spool:
        for first in (0, 5):
            spool.append(pulses(5, first), lane="backlog")
            sealed = box.seal(spool)
            if first == 0:
                refuse(spool, box, sealed, 0)
                spool.batches.release([0])
    with contextlib.closing(apsw.Connection(str(box.path))) as db:
        db.execute("UPDATE batch SET readings = 7 WHERE id = 1")

    with box.open() as spool:
        assert box.waiting(spool) == []
        assert spool.counters["lost_sealed"] == 5


def test_times_put_right_and_times_marked_are_counted(box):
    stamp = Stamp("now", 0, 0, known=False)
    with box.open() as spool:
        spool.append(pulses(5), lane="backlog", stamp=stamp)
        seal_with(spool, box, shift=86_400_000)
        spool.append(pulses(3), lane="backlog", stamp=stamp)
        seal_with(spool, box, shift=None)
        spool.append(pulses(2), lane="backlog")  # no clock of the box
        seal_with(spool, box, shift=None)

        delivered = box.delivered(spool)
        count = spool.counters
    assert (count["corrected"], count["clock_suspect"]) == (5, 3)
    times = [reading.at_utc_ms for reading in pulses(5)]
    assert [one.at_utc_ms - 86_400_000 for one in delivered[:5]] == times
    assert {one.flags for one in delivered[5:8]} == {8 | 16}
    assert delivered[8:] == pulses(2)


def seal_with(spool, box, *, shift):
    make = box.make
    assert spool.seal("backlog", max_chunks=8, make=make, shift_ms=lambda _stamp: shift)


def test_a_spool_of_a_newer_program_is_left_alone(box):
    box.open().close()
    newer = SPOOL_VERSION + 1
    with contextlib.closing(apsw.Connection(str(box.path))) as db:
        db.execute(f"PRAGMA user_version = {newer}")
        db.execute(f"PRAGMA application_id = {APPLICATION | newer}")
    before = box.path.read_bytes()

    with pytest.raises(Misconfigured, match="newer version"):
        box.open()

    assert box.path.read_bytes() == before


def test_a_flipped_byte_in_the_version_is_no_newer_version(box):
    with box.open() as spool:
        spool.append(pulses(5), lane="backlog")
    with contextlib.closing(apsw.Connection(str(box.path))) as db:
        db.execute("PRAGMA user_version = 3")

    with box.open() as spool:
        assert spool.unsealed("backlog") == 1


def test_a_batch_takes_as_many_chunks_as_its_bytes_allow_but_always_one(box):
    with box.open() as spool:
        for first in range(0, 50, 5):
            spool.append(pulses(5, first), lane="backlog")

        spool.seal("backlog", max_chunks=8, max_bytes=1, make=box.make)
        assert spool.unsealed("backlog") == 9
        spool.seal("backlog", max_chunks=8, max_bytes=10**6, make=box.make)
        assert spool.unsealed("backlog") == 1

"""A spool as `kill -9` leaves it, its last minutes in the log alone, and a byte of that flips."""

import contextlib
import errno
import random
import shutil
from pathlib import Path

import pytest

from config.errors import Misconfigured, Unavailable
from ingest.gateway.spool_rows import PAGE_BYTES
from ingest.gateway.wal_frames import FRAME_HEADER_BYTES, HEADER_BYTES
from tests.unit.ingest.gateway.conftest import pulses

EACH, BATCHES, CHUNKS = 300, 6, 10
FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES


@pytest.fixture
def killed(box, tmp_path):
    """A spool file and its log, with batches that wait and chunks that are not sealed."""
    spool, kept = box.open(), tmp_path / "kept"
    kept.mkdir()
    for n in range(BATCHES + CHUNKS):
        spool.append(pulses(EACH, EACH * n), lane="backlog", cursor={"n": str(n)})
        if n < BATCHES:
            box.seal(spool, max_chunks=1)
    for name in ("spool.sqlite", "spool.sqlite-wal"):
        shutil.copyfile(box.path.with_name(name), kept / name)
    spool.close()
    for name in ("spool.sqlite", "spool.sqlite-wal"):
        shutil.copyfile(kept / name, box.path.with_name(name))
    return box


ALL = [reading for n in range(BATCHES + CHUNKS) for reading in pulses(EACH, EACH * n)]


def flip(box, place):
    wal = box.path.with_name("spool.sqlite-wal")
    data = bytearray(wal.read_bytes())
    data[place] ^= 0x10
    wal.write_bytes(data)


def frames_in(box):
    return (box.path.with_name("spool.sqlite-wal").stat().st_size - HEADER_BYTES) // FRAME_BYTES


def accounted(spool, box):
    box.seal_all(spool, max_chunks=1)
    left = box.delivered(spool)
    return left, spool.counters["lost_unsealed"] + spool.counters["lost_sealed"]


def test_without_a_flip_all_of_the_log_counts_and_nothing_is_rebuilt(killed):
    spool = killed.open()

    assert spool.cursor == {"n": str(BATCHES + CHUNKS - 1)}
    assert spool.counters["rebuilt"] == 0
    left, lost = accounted(spool, killed)
    assert (sorted(left), lost) == (sorted(ALL), 0)


@pytest.mark.parametrize("seed", range(12))
def test_a_byte_flipped_anywhere_in_the_log_costs_rows_that_are_counted_and_no_state(killed, seed):
    chance = random.Random(seed)
    frame = chance.randrange(frames_in(killed) - 8)  # the last transaction may be torn
    flip(killed, HEADER_BYTES + frame * FRAME_BYTES + chance.randrange(FRAME_BYTES))

    spool = killed.open()

    assert spool.cursor == {"n": str(BATCHES + CHUNKS - 1)}, "it went back to an older state"
    assert spool.counters["stored"] == len(ALL)
    next_batch = spool.counters["sealed_batches"]
    left, lost = accounted(spool, killed)
    assert len(left) == len(set(left)) == len(ALL) - lost
    assert set(left) <= set(ALL)
    assert lost <= 3 * EACH
    assert next_batch == BATCHES


@pytest.mark.parametrize("step", range(1, 6))
def test_a_kill_at_any_step_of_a_rebuild_loses_nothing(killed, monkeypatch, step):
    flip(killed, 17)
    steps, replace = iter(range(1, 99)), Path.replace

    def may_be_killed(path, target):
        if next(steps) == step:
            raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", may_be_killed)
    with contextlib.suppress(KeyboardInterrupt):
        killed.open().close()
    monkeypatch.undo()

    left, lost = accounted(killed.open(), killed)

    assert (sorted(left), lost) == (sorted(ALL), 0)


def test_a_disk_too_full_to_rebuild_is_said_and_nothing_is_lost(killed, monkeypatch):
    flip(killed, 17)

    def full(*_names):
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(Unavailable, match="cannot be rebuilt now"):
        killed.open()
    monkeypatch.undo()

    left, lost = accounted(killed.open(), killed)

    assert (sorted(left), lost) == (sorted(ALL), 0)


def test_a_flip_in_the_logs_header_costs_nothing(killed):
    flip(killed, 17)

    left, lost = accounted(killed.open(), killed)

    assert (sorted(left), lost) == (sorted(ALL), 0)


def test_the_log_of_a_spool_that_is_open_elsewhere_is_left_alone(killed):
    killed.open()
    before = killed.path.with_name("spool.sqlite-wal").read_bytes()

    with pytest.raises(Misconfigured, match="one gateway at a time"):
        killed.open()

    assert killed.path.with_name("spool.sqlite-wal").read_bytes() == before

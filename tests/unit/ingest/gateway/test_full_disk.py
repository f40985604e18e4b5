"""A disk that is full before the quota is: what the hub has receipted can still be deleted.

The disk is the spool's own folder with a limit on its bytes (an SQLite VFS that says so when a file
would grow beyond it); where a test may mount one, a real small file system too.
"""

import contextlib
import os
import random
import subprocess

import apsw
import pytest

from ingest.batch.columns import chunk_of
from ingest.batch.reading import Quantity, Reading
from ingest.gateway.ballast import BALLAST_FILE, Ballast
from ingest.gateway.spool import Spool
from ingest.gateway.spool_ground import SpoolFull
from tests.unit.ingest.gateway.conftest import BOOT, NOON_UTC_MS

MB = 2**20
BALLAST_BYTES = 6 * MB


class SmallDisk(apsw.VFS):
    """Files in `folder` together have at most `limit` bytes; None: no limit."""

    def __init__(self, folder):
        self.folder, self.limit = folder, None
        self.name = f"small-{random.randbytes(4).hex()}"
        super().__init__(self.name, "unix", makedefault=True)

    def used(self):
        return sum(path.stat().st_size for path in self.folder.iterdir())

    def xOpen(self, name, flags):  # noqa: N802 - SQLite's name
        return SmallFile(self, name, flags)


class SmallFile(apsw.VFSFile):
    def __init__(self, disk, name, flags):
        super().__init__("unix", name, flags)
        self.disk = disk

    def xWrite(self, data, offset):  # noqa: N802 - SQLite's name
        grows = offset + len(data) - self.xFileSize()
        if grows > 0 and self.disk.limit is not None and self.disk.used() + grows > self.disk.limit:
            raise apsw.FullError("no room")
        super().xWrite(data, offset)


class SmallBallast(Ballast):
    def __init__(self, disk):
        super().__init__(disk.folder, BALLAST_BYTES)
        self.disk = disk

    def _free_bytes(self):
        return 2**40 if self.disk.limit is None else self.disk.limit - self.disk.used()


@pytest.fixture
def disk(tmp_path):
    before = apsw.vfs_names()[0]
    disk = SmallDisk(tmp_path)
    yield disk
    disk.unregister()
    assert apsw.vfs_names()[0] == before


@pytest.fixture
def mounted(tmp_path):
    """A real file system of 20 MB."""
    done = subprocess.run(
        ["/usr/bin/mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(tmp_path)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("only root may mount a file system")
    yield tmp_path
    subprocess.run(["/usr/bin/umount", str(tmp_path)], check=True)


def chunk(count=4000):
    """Readings that hardly compress: a big row."""
    chance = random.Random(7)
    return chunk_of(
        [
            Reading("band-1", Quantity.RR_INTERVAL_MS, chance.random() * 10**6, NOON_UTC_MS + n)
            for n in range(count)
        ]
    )


CHUNK = chunk()


def open_spool(path, keys, ballast):
    return Spool(path, keys.spool_tag_key(), quota_pages=100_000, boot=BOOT, ballast=ballast)


def until_full(spool):
    """Store for as long as there is room."""
    with contextlib.suppress(SpoolFull):
        while True:
            spool.append(CHUNK, lane="backlog")


def filled(spool, box):
    """Store and seal until the disk has no more room; return the batches that wait."""
    until_full(spool)
    box.seal_all(spool, max_chunks=1)
    until_full(spool)
    return box.waiting(spool)


def drained(spool, box, batches):
    for start in range(0, len(batches), 40):
        named = [(batch.seq, batch.sha256) for batch in batches[start : start + 40]]
        spool.batches.settle(box.receipt(committed=named))


def test_others_that_fill_the_disk_stop_neither_sealing_nor_deleting(disk, keys, box):
    with open_spool(box.path, keys, SmallBallast(disk)) as spool:
        spool.append(CHUNK, lane="backlog")
        disk.limit = disk.used()

        sealed = box.seal(spool, max_chunks=1)
        spool.batches.settle(box.receipt(committed=[(0, sealed.sha256)]))

        assert not spool.has_ballast
        assert spool.counters["receipted"] == len(CHUNK)


def test_what_is_heard_does_not_eat_the_room_of_the_ballast(disk, keys, box):
    with open_spool(box.path, keys, SmallBallast(disk)) as spool:
        spool.append(CHUNK, lane="backlog")
        disk.limit = disk.used()
        sealed = box.seal(spool, max_chunks=1)  # throws the ballast overboard
        size = box.path.stat().st_size

        until_full(spool)

        assert box.path.stat().st_size <= size + 4 * MB  # what stood in the write-ahead log
        spool.batches.settle(box.receipt(committed=[(0, sealed.sha256)]))
        assert spool.counters["receipted_batches"] == 1


def test_the_ballast_is_taken_on_again_when_there_is_room(disk, keys, box):
    with open_spool(box.path, keys, SmallBallast(disk)) as spool:
        spool.append(CHUNK, lane="backlog")
        disk.limit = disk.used()
        box.seal(spool, max_chunks=1)
        assert not spool.has_ballast

        disk.limit = None
        spool.append(CHUNK, lane="backlog")

        assert spool.has_ballast


def test_a_small_disk_is_used_without_ballast(disk, keys, box):
    disk.limit = 8 * MB
    with open_spool(box.path, keys, SmallBallast(disk)) as spool:
        assert not spool.has_ballast
        assert spool.append(CHUNK, lane="backlog") == len(CHUNK)


def test_without_ballast_a_full_file_system_would_be_stuck(mounted, keys, box):
    """What the ballast is for: this fails where SQLite learns to delete on a full disk."""
    none = Ballast(mounted)
    none.take, none.may_grow = lambda: False, lambda: True
    path = mounted / "spool.sqlite"
    with open_spool(path, keys, none) as spool:
        until_full(spool)
        fill(mounted)

        with pytest.raises(SpoolFull):
            drained(spool, box, filled(spool, box))


def fill(folder):
    """Somebody else takes what is left of a file system."""
    disk = os.statvfs(folder)
    (folder / "others").write_bytes(bytes(disk.f_bavail * disk.f_frsize))


def test_a_real_full_file_system_drains(mounted, keys, box):
    path = mounted / "spool.sqlite"
    with open_spool(path, keys, Ballast(mounted, BALLAST_BYTES)) as spool:
        assert spool.has_ballast
        batches = filled(spool, box)
        fill(mounted)

        drained(spool, box, batches)

        assert spool.counters["receipted"] == sum(batch.readings for batch in batches)
        assert not (mounted / BALLAST_FILE).exists()
        assert spool.append(CHUNK, lane="backlog") == len(CHUNK)


def test_on_a_disk_that_may_be_read_alone_the_ballast_gives_no_room(mounted):
    ballast = Ballast(mounted, BALLAST_BYTES)
    assert ballast.take()
    subprocess.run(["/usr/bin/mount", "-o", "remount,ro", str(mounted)], check=True)

    assert ballast.drop() is False
    assert ballast.stands


def test_a_gateway_starts_on_a_full_file_system_and_drains(mounted, keys, box):
    path = mounted / "spool.sqlite"
    with open_spool(path, keys, Ballast(mounted, BALLAST_BYTES)) as spool:
        for _ in range(100):
            spool.append(CHUNK, lane="backlog")
    fill(mounted)

    with open_spool(path, keys, Ballast(mounted, BALLAST_BYTES)) as spool:
        box.seal_all(spool, max_chunks=1)
        drained(spool, box, box.waiting(spool))

        assert spool.counters["receipted"] == 100 * len(CHUNK)

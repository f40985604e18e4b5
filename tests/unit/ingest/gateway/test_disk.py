"""The disk fails under the spool: nothing is stored twice, nothing is lost, and it is taken up."""

import asyncio
import contextlib

import apsw
import pytest

from config.errors import Misconfigured, Unavailable
from ingest.gateway import disk
from ingest.gateway.disk import SpoolAway, opened
from ingest.gateway.spool_file import SpoolDamaged
from ingest.gateway.spool_rows import transaction
from tests.patience import PATIENCE_S
from tests.unit.ingest.gateway.conftest import pulses


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(disk, "AGAIN_LEAST_S", 0.01)
    monkeypatch.setattr(disk, "AGAIN_MOST_S", 0.02)


@contextlib.asynccontextmanager
async def kept_open(open_spool, wait_s=None):
    """A disk, and the task that opens its spool again; its failure is the body's."""
    async with opened(open_spool, wait_s=wait_s) as spool:
        keeping = asyncio.create_task(spool.keep_open())
        try:
            async with asyncio.timeout(PATIENCE_S):
                yield spool, keeping
        finally:
            keeping.cancel()
            await asyncio.wait({keeping})


async def until_open(spool):
    while not spool.is_open:  # noqa: ASYNC110 - another thread's
        await asyncio.sleep(0.001)


def sick(_spool):
    raise apsw.IOError("disk I/O error")


def store(count, first=0):
    return lambda spool: spool.append(pulses(count, first), lane="backlog")


class SickDisk(apsw.VFS):
    """Files on a disk that fails at one kind of call, as often as `fails` says."""

    def __init__(self, call):
        self.name, self.call, self.fails = f"sick-{call}", call, 0
        super().__init__(self.name, "unix", makedefault=True)

    def xOpen(self, name, flags):  # noqa: N802 - SQLite's name
        return SickFile(self, name, flags)


class SickFile(apsw.VFSFile):
    def __init__(self, disk, name, flags):
        super().__init__("unix", name, flags)
        self.disk = disk

    def xWrite(self, data, offset):  # noqa: N802
        self.maybe_fail("xWrite")
        super().xWrite(data, offset)

    def xSync(self, flags):  # noqa: N802
        self.maybe_fail("xSync")
        super().xSync(flags)

    def maybe_fail(self, call):
        if self.disk.fails and call == self.disk.call:
            self.disk.fails -= 1
            raise apsw.IOError("the disk fails")


@pytest.fixture(params=["xWrite", "xSync"])
def sick_disk(request):
    made = SickDisk(request.param)
    yield made
    made.unregister()


async def stored(spool, what):
    """Store as the gateway does: again and again, until it is done."""
    while True:
        try:
            await spool.once(what, "store")
        except SpoolAway:
            await asyncio.sleep(0.001)
        else:
            return


def test_on_a_disk_that_fails_again_and_again_all_is_there_once(sick_disk, box):
    async def go():
        async with kept_open(box.open) as (spool, _):
            for number in range(30):
                sick_disk.fails = number % 4
                await stored(spool, store(10, 10 * number))
            sick_disk.fails = 0
            await until_open(spool)
            return spool.counters["stored"], spool.faults

    count, faults = asyncio.run(go())
    with box.open() as spool:
        box.seal_all(spool)
        delivered = box.delivered(spool)

    assert faults > 5
    assert count == 300
    assert sorted(delivered) == sorted(pulses(300))


def test_a_spool_under_which_the_disk_failed_is_opened_again(box):
    async def go():
        async with kept_open(box.open) as (spool, _):
            told = []
            spool.on_opened = lambda: told.append(spool.is_open)
            await spool.once(store(10), "store")
            with pytest.raises(SpoolAway):
                await spool.do(sick)
            with pytest.raises(SpoolAway):
                await spool.do(lambda spool: spool.cursor)
            assert (spool.is_open, spool.counters["stored"]) == (False, 10)
            await until_open(spool)
            await spool.once(store(5), "store")
            assert told[-1]
            return spool.counters["stored"], spool.faults

    assert asyncio.run(go()) == (15, 1)


@pytest.mark.parametrize("is_on_disk", [True, False])
def test_what_failed_at_its_end_is_there_once(box, monkeypatch, is_on_disk):
    """The commit failed: what it wrote may be on disk all the same, or not."""
    fails = []

    @contextlib.contextmanager
    def failing(db):
        with transaction(db):
            yield
            if fails and not is_on_disk:
                raise apsw.IOError(fails.pop())
        if fails:
            raise apsw.IOError(fails.pop())

    monkeypatch.setattr("ingest.gateway.spool_ground.transaction", failing)
    ten = store(10)

    async def go():
        async with kept_open(box.open) as (spool, _):
            await spool.once(store(1), "store")
            fails.append("disk I/O error")
            with pytest.raises(SpoolAway):
                await spool.once(ten, "store")
            await until_open(spool)
            await spool.once(store(100), "store")  # somebody else is quicker
            await spool.once(ten, "store")
            assert spool.counters["stored"] == 111
            await spool.once(ten, "store")
            return spool.counters["stored"]

    assert asyncio.run(go()) == 121


def test_a_spool_that_is_damaged_while_it_is_open_is_rebuilt_without_a_start(box):
    def open_spool():
        if box.path.exists():
            data = bytearray(box.path.read_bytes())
            data[3 * 4096 : 4 * 4096] = bytes(4096)  # one of the two copies of its state
            box.path.write_bytes(data)
        return box.open()

    def damaged(_spool):
        raise SpoolDamaged("pages are destroyed")

    async def go():
        async with kept_open(open_spool) as (spool, _):
            await spool.once(store(10), "store")
            with pytest.raises(SpoolAway):
                await spool.do(damaged)
            await until_open(spool)
            return spool.counters["rebuilt"], spool.counters["stored"]

    assert asyncio.run(go()) == (1, 10)


def test_a_start_goes_on_without_the_spool_and_has_it_when_it_can_be_opened(box):
    fails = [True] * 3

    def open_spool():
        if fails:
            fails.pop()
            raise Unavailable("the spool cannot be opened")
        return box.open()

    async def go():
        async with kept_open(open_spool, wait_s=1) as (spool, _):
            nothing = (spool.is_open, spool.boot, spool.unsettled_batches, spool.unsealed("live"))
            assert nothing == (False, b"", 0, 0)
            assert (spool.unsealed_readings, spool.share_used, spool.has_ballast) == (0, 0.0, False)
            await until_open(spool)
            await spool.once(store(3), "store")
            return spool.counters["stored"]

    assert asyncio.run(go()) == 3


def test_without_leave_to_go_on_a_start_fails_as_the_spool_does(box):
    def open_spool():
        raise Unavailable("the spool cannot be opened")

    async def go():
        async with opened(open_spool):
            raise AssertionError("it did not open")

    with pytest.raises(Unavailable, match="cannot be opened"):
        asyncio.run(go())


@pytest.mark.parametrize("wait_s", [None, 1])
def test_a_spool_that_is_anothers_ends_the_start(box, wait_s):
    def open_spool():
        raise Misconfigured("another process has it")

    async def go():
        async with opened(open_spool, wait_s=wait_s):
            raise AssertionError("it did not open")

    with pytest.raises(Misconfigured):
        asyncio.run(go())


def test_a_spool_that_is_found_late_to_be_anothers_ends_the_gateway(box):
    go_on = asyncio.Event()

    async def go():
        loop = asyncio.get_running_loop()

        def open_spool():
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
            raise Misconfigured("another process has it")

        async with kept_open(open_spool, wait_s=0.01) as (spool, keeping):
            assert not spool.is_open
            go_on.set()
            await asyncio.wait({keeping})
            return keeping.exception()

    assert isinstance(asyncio.run(go()), Misconfigured)


def test_somebody_who_looks_into_the_spool_while_it_is_away_ends_nothing(box):
    async def go():
        async with kept_open(box.open) as (spool, _):
            with pytest.raises(SpoolAway):
                await spool.do(sick)
            with box.open():
                for _ in range(20):
                    await asyncio.sleep(0.005)
                was_open = spool.is_open
            await until_open(spool)
            return was_open

    assert asyncio.run(go()) is False


def test_a_bug_is_no_fault_of_the_disk(box):
    def bug(_spool):
        raise ZeroDivisionError

    async def go():
        async with kept_open(box.open) as (spool, _):
            with pytest.raises(ZeroDivisionError):
                await spool.do(bug)
            return spool.is_open, spool.faults

    assert asyncio.run(go()) == (True, 0)

import fcntl
import os
import random
import signal
import subprocess
import sys
import tracemalloc

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config.errors import Misconfigured
from ingest.batch.keys import make_keys
from ingest.batch.reading import Quantity, Reading
from ingest.gateway import damaged_spool
from ingest.gateway.ballast import BALLAST_FILE
from ingest.gateway.spool_file import SpoolDamaged
from tests.unit.ingest.gateway.conftest import NOON_UTC_MS

PAGE = 4096
EACH = 400


def noise(count, first=0):
    """Readings that do not compress, so that batches fill several pages."""
    chance = random.Random(first)
    return [
        Reading("b", Quantity.RR_INTERVAL_MS, chance.uniform(300, 2000), NOON_UTC_MS + n)
        for n in range(first, first + count)
    ]


def filled(box, chunks=20, batches=6):
    """A closed spool with batches that wait and chunks that are not sealed."""
    spool = box.open()
    for n in range(batches + chunks):
        spool.append(noise(EACH, EACH * n), lane="backlog", cursor={"n": str(n)})
        if n < batches:
            box.seal(spool, max_chunks=1)
    spool.close()
    return [reading for n in range(batches + chunks) for reading in noise(EACH, EACH * n)]


def accounted(spool, box):
    """Deliver all that is left; return it and how many readings were counted as lost."""
    box.seal_all(spool, max_chunks=1)
    left = box.delivered(spool)
    return left, spool.counters["lost_unsealed"] + spool.counters["lost_sealed"]


def damage(path, change):
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


def test_a_flipped_byte_costs_its_own_row_alone(box):
    readings = filled(box)

    def flip(data):
        at = len(data) // 2
        data[at] ^= 0x40

    damage(box.path, flip)
    left, lost = accounted(box.open(), box)

    assert set(left) <= set(readings)
    assert lost in (0, EACH)
    assert len(left) + lost == len(readings)


@pytest.mark.parametrize("fill", [b"\x00", b"\xff", b"\x0d"], ids=["zeros", "ones", "leaf-like"])
def test_any_one_destroyed_page_costs_its_own_rows_alone(box, fill):
    readings = filled(box)
    whole = box.path.read_bytes()
    pages = len(whole) // PAGE
    assert pages > 30

    for page in [*range(16), *range(16, pages, 8)]:
        box.path.write_bytes(whole)
        damage(box.path, lambda data, p=page: data.__setitem__(
            slice(p * PAGE, (p + 1) * PAGE), fill * PAGE
        ))  # fmt: skip
        spool = box.open()
        left, lost = accounted(spool, box)
        spool.close()

        # A leaf holds at most a few rows, and each row is EACH readings.
        assert set(left) <= set(readings), page
        assert len(left) + lost == len(readings), page
        assert lost <= 8 * EACH, page
        assert spool.cursor == {"n": "25"}, page
        for aside in box.path.parent.glob("spool.sqlite.damaged*"):
            aside.unlink()


def test_a_damaged_file_is_kept_aside(box):
    filled(box)
    damage(box.path, lambda data: data.__setitem__(slice(0, PAGE), b"\x00" * PAGE))

    spool = box.open()

    assert spool.counters["rebuilt"] == 1
    assert box.path.with_name("spool.sqlite.damaged-1").exists()


def test_rows_of_another_box_are_not_taken_for_ones_own(box):
    filled(box)

    def destroy_all_but_rows(data):
        for page in range(4):
            data[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)

    damage(box.path, destroy_all_but_rows)
    with pytest.raises(Misconfigured, match="another box's key"):
        box.open(keys=make_keys())

    assert box.path.exists()


def test_without_both_copies_of_its_state_a_spool_begins_a_new_boot(box):
    readings = filled(box)

    def destroy_states(data):
        for page in (2, 3):  # pages 3 and 4: the roots of state_a and state_b
            data[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)

    damage(box.path, destroy_states)
    spool = box.open(boot=None)
    box.seal_all(spool)

    assert sorted(box.delivered(spool)) == sorted(readings)
    boots = {batch.boot for batch in box.waiting(spool)}
    assert len(boots) == 2, "the old batches keep their boot, the new ones have another"


def opened_until_whole(box):
    """What a supervisor does: damage found on the way ends the process, the next one mends it."""
    for _ in range(3):
        try:
            spool = box.open()
            return spool, *accounted(spool, box)
        except SpoolDamaged:
            spool.close()
    raise AssertionError("still damaged after being mended twice")


IN_THE_SCHEMA = [(219, 100), (754, 169), (1036, 39), (1133, 207), (3236, 15), (10_000, 171)]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(spots=st.lists(st.tuples(st.integers(0, 60_000), st.integers(1, 255)), max_size=12))
@example(spots=IN_THE_SCHEMA)
@example(spots=[*IN_THE_SCHEMA, (50_861, 9)])
@example(spots=[(18, 1)])
def test_random_damage_never_invents_or_silently_loses_a_reading(box, spots):
    whole = box.path.with_name("whole")
    readings = [reading for n in range(6) for reading in noise(EACH, EACH * n)]
    if not whole.exists():
        filled(box, chunks=4, batches=2)
        whole.write_bytes(box.path.read_bytes())
    data = bytearray(whole.read_bytes())
    for at, mask in spots:
        if at < len(data):
            data[at] ^= mask
    box.path.write_bytes(data)

    try:
        spool, left, lost = opened_until_whole(box)
    except Misconfigured:
        return  # so much is damaged that the file no longer proves whose it is; it stands untouched
    finally:
        for aside in box.path.parent.glob("spool.sqlite.damaged*"):
            aside.unlink()

    spool.close()
    assert set(left) <= set(readings)
    assert len(left) == len(set(left))
    if spool.counters["stored"] == len(readings):  # else both copies of the state were hit
        assert len(left) + lost == len(readings)


def damage_a_page(path):
    damage(path, lambda data: data.__setitem__(slice(3 * PAGE, 4 * PAGE), b"\xff" * PAGE))


DIES = """
import os, sys
from pathlib import Path
import ingest.gateway.salvage
ingest.gateway.salvage.rows_on_leaves = lambda *_: os.kill(os.getpid(), 9)
from ingest.gateway.spool import Spool
Spool(Path(sys.argv[1]), bytes.fromhex(sys.argv[2]), quota_pages=10_000)
"""


def names(folder):
    """Without the ballast, and logs with nothing in them."""
    paths = (path for path in folder.iterdir() if path.name != BALLAST_FILE)
    return sorted(path.name for path in paths if path.stat().st_size)


def test_a_rebuilding_that_was_killed_leaves_no_copies(box, keys):
    readings = filled(box)
    damage_a_page(box.path)
    for _ in range(2):
        words = [sys.executable, "-c", DIES, box.path, keys.spool_tag_key().hex()]
        killed = subprocess.run(words, check=False, capture_output=True)
        assert killed.returncode == -signal.SIGKILL

    left = [name for name in names(box.path.parent) if name.startswith(".salvage-")]
    assert len(left) == 1, "the second has cleared up after the first"
    spool = box.open()
    spool.close()

    assert names(box.path.parent) == ["spool.sqlite", "spool.sqlite.damaged-1"]
    assert accounted(box.open(), box) == (readings, 0)


def test_of_damaged_files_one_is_kept(box):
    filled(box)
    for _ in range(3):
        damage_a_page(box.path)
        box.open().close()

    asides = [name for name in names(box.path.parent) if "damaged" in name]
    assert asides == ["spool.sqlite.damaged-1"]


def test_a_box_that_woke_in_1970_keeps_the_file_once_it_knows_the_time(box, monkeypatch):
    set_times = os.utime
    monkeypatch.setattr(os, "utime", lambda path, times=(0, 0): set_times(path, times))
    filled(box)
    damage_a_page(box.path)
    box.open()
    damaged_spool.forget_old(box.path, NOON_UTC_MS)
    assert box.path.with_name("spool.sqlite.damaged-1").exists()


def test_a_damaged_file_goes_two_weeks_after_it_is_known_what_time_it_is(box):
    filled(box)
    damage_a_page(box.path)
    box.open()
    aside = box.path.with_name("spool.sqlite.damaged-1")
    day_ms = 86_400_000

    damaged_spool.forget_old(box.path, NOON_UTC_MS)  # whatever the clock said when it was put aside
    damaged_spool.forget_old(box.path, NOON_UTC_MS + (damaged_spool.KEPT_DAYS - 1) * day_ms)
    assert aside.exists()
    damaged_spool.forget_old(box.path, NOON_UTC_MS + (damaged_spool.KEPT_DAYS + 1) * day_ms)
    assert not aside.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of others")
def test_what_root_rebuilds_stays_the_gateways(box):
    """As `sudo adhere gateway refused list` does."""
    filled(box)
    for path in (box.path.parent, *box.path.parent.iterdir()):
        os.chown(path, 1234, 1234)
    damage_a_page(box.path)
    box.path.with_name(BALLAST_FILE).unlink()

    spool = box.open()
    spool.append(noise(EACH), lane="live")

    owners = {path.name: path.stat().st_uid for path in box.path.parent.iterdir()}
    assert set(owners.values()) == {1234}, owners


def test_two_who_open_it_at_once_are_one_too_many(box):
    """The one that rebuilds it holds no lock of SQLite's."""
    handle = os.open(box.path.parent, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)

    with pytest.raises(Misconfigured, match="Another process has the spool"):
        box.open()

    os.close(handle)
    box.open()


def test_a_rebuilding_takes_little_memory(box):
    """A full spool is larger than the memory of a box."""
    spool = box.open()
    for n in range(60):
        spool.append(noise(4000, 4000 * n), lane="backlog")
    spool.close()
    size = box.path.stat().st_size
    damage_a_page(box.path)

    tracemalloc.start()
    spool = box.open()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert spool.counters["rebuilt"] == 1
    assert (spool.counters["stored"], spool.counters["lost_unsealed"]) == (240_000, 0)
    assert size > 2_000_000
    assert peak < size / 2

import random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config.errors import Misconfigured
from ingest.batch.keys import make_keys
from ingest.batch.reading import Quantity, Reading
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

"""A box that does not know what time it is, up to the hub; and batches for the hub alone."""

import asyncio
import contextlib
import time

import apsw
import pytest

from ingest.batch.envelope import open_sealed
from ingest.batch.reading import Flag, Quantity, Reading
from ingest.batch.topics import parse_topic
from ingest.gateway.clock import BoxClock
from ingest.gateway.edge_time import EdgeTime, mono_now_ms
from ingest.gateway.heard import Heard
from ingest.gateway.run import SPOOL_FILE
from ingest.gateway.sealing import SealPolicy
from tests.integration.ingest.gateway.conftest import in_chunks, pulses
from tests.integration.ingest.gateway.test_run import until

DAY_MS = 86_400_000
SOON = SealPolicy(live_after_s=0.05)


class Wall:
    """A wall clock that a test sets."""

    def __init__(self, off_ms):
        self.off_ms = off_ms

    def __call__(self):
        return time.time_ns() // 10**6 + self.off_ms


def a_box_that_shows(wall):
    """Parts of a gateway whose wall clock is that one, and no time service keeps it."""
    box_time = EdgeTime(mono_ms=mono_now_ms, wall_ms=wall)
    return {
        "box_time": box_time,
        "clock": BoxClock(box_time, lambda: False),
        "sealing": SOON,
    }


def stamped(wall, number):
    return Reading(
        "band-1", Quantity.HEART_RATE_BPM, 60.0 + number, wall(), 0, int(Flag.CLOCK_RECEIPT)
    )


def live(wall, count, at=None):
    async def source(_cursor):
        for number in range(count):
            if at is not None:
                await at(number)
            yield Heard([stamped(wall, number)], "live", by_box_clock=True)

    return source


def assert_of_now(readings, count):
    now_ms = time.time_ns() // 10**6
    assert sorted(reading.value for reading in readings) == [60.0 + n for n in range(count)]
    assert all(abs(now_ms - reading.at_utc_ms) < 120_000 for reading in readings)
    assert not any(reading.flags & Flag.CLOCK_SUSPECT for reading in readings)


@pytest.mark.parametrize("off_ms", [-DAY_MS, DAY_MS, -56 * 365 * DAY_MS])
def test_readings_of_a_box_with_a_wrong_clock_arrive_with_the_right_time(box, off_ms):
    wall = Wall(off_ms)
    with box.hub:
        status = asyncio.run(box.run(live(wall, 5), **a_box_that_shows(wall)))

    assert_of_now(box.hub.readings, 5)
    assert (status.clock_known, status.clock_corrected, status.clock_suspect) == (False, 5, 0)


def test_what_was_heard_without_a_network_waits_and_is_put_right(box):
    wall = Wall(-DAY_MS)
    box.broker.kill()

    async def scene():
        stop = asyncio.Event()
        running = asyncio.create_task(
            box.run(live(wall, 5), stop=stop, drain=False, **a_box_that_shows(wall))
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):  # ten times as long as a batch would wait
                await running
        stop.set()

    asyncio.run(scene())
    with contextlib.closing(apsw.Connection(str(box.folder / SPOOL_FILE))) as db:
        assert db.execute("SELECT count(*) FROM batch").fetchall() == [(0,)]
    box.broker.start()
    with box.hub:
        asyncio.run(box.run(in_chunks([], 1), **a_box_that_shows(wall)))

    assert_of_now(box.hub.readings, 5)


def test_a_clock_set_by_a_day_while_running_costs_and_doubles_nothing(box):
    wall = Wall(0)
    parts = a_box_that_shows(wall)

    async def at(number):
        if number == 3:
            wall.off_ms += DAY_MS
        elif number == 6:
            await until(lambda: parts["clock"].jumps == 1)
            wall.off_ms -= 2 * DAY_MS

    with box.hub:
        status = asyncio.run(box.run(live(wall, 9, at), **parts))

    assert_of_now(box.hub.readings, 9)
    assert status.clock_jumps == 2


def test_a_hub_that_only_says_the_time_in_receipts_puts_right_all_but_the_first_batch(
    box, monkeypatch
):
    monkeypatch.setattr("ingest.gateway.seal_turns.TIME_AWAITED_S", 0.2)
    wall = Wall(-DAY_MS)
    box.hub.tells_time = False

    async def at(number):
        if number == 1:
            await until(lambda: box.hub.batches)

    with box.hub:
        status = asyncio.run(box.run(live(wall, 5, at), **a_box_that_shows(wall)))

    assert (status.clock_suspect, status.clock_corrected) == (1, 4)
    marked = [r for r in box.hub.readings if r.flags & Flag.CLOCK_SUSPECT]
    assert [reading.value for reading in marked] == [60.0]
    assert_of_now([r for r in box.hub.readings if r not in marked] + [stamped(Wall(0), 0)], 5)


def test_what_another_clock_has_stamped_is_left_as_it_is(box):
    readings = pulses(100)
    with box.hub:
        asyncio.run(box.run(in_chunks(readings, 100), **a_box_that_shows(Wall(-DAY_MS))))

    assert sorted(box.hub.readings) == sorted(readings)


def test_an_old_answer_given_again_tells_no_time(box):
    """What the hub once said to another question, sent by whoever kept it."""
    wall = Wall(-DAY_MS)
    box.hub.tells_time = False
    parts = a_box_that_shows(wall)

    async def scene():
        stop = asyncio.Event()
        source = in_chunks([], 1)
        running = asyncio.create_task(box.run(source, stop=stop, drain=False, **parts))
        await until(lambda: box.hub.states)
        box.hub.now_ms = lambda: time.time_ns() // 10**6 - 400 * DAY_MS
        box.hub.tells_time = True
        old = {"asks_time": bytes(16).hex()}
        box.hub.say_time("centre", "hall-1", old["asks_time"])
        await until(lambda: parts["box_time"].utc_ms() < wall() - 300 * DAY_MS)
        box.hub.now_ms = lambda: time.time_ns() // 10**6
        stop.set()
        await running

    with box.hub:
        asyncio.run(scene())
        asyncio.run(box.run(live(wall, 5), **parts))

    assert_of_now(box.hub.readings, 5)


def test_an_encrypted_batch_is_read_by_the_hub_and_by_nobody_on_the_way(box):
    readings = pulses(300)
    on_the_way = []
    take = box.hub._take  # noqa: SLF001 - what the broker carried
    box.hub._take = lambda topic, sealed: (on_the_way.append(sealed), take(topic, sealed))  # noqa: SLF001
    key = box.hub.keys.public.encryption
    with box.hub:
        status = asyncio.run(box.run(in_chunks(readings, 100), hub_encryption=key))

    assert sorted(box.hub.readings) == sorted(readings)
    assert status.receipted == 300
    for sealed in on_the_way:
        with pytest.raises(Exception, match="bad_signature"):
            open_sealed(sealed, box.keys.public.signing)


def test_an_encrypted_batch_is_sent_again_as_the_same_bytes(box):
    sent = []
    take = box.hub._take  # noqa: SLF001 - as above
    box.hub._take = lambda topic, sealed: (sent.append(sealed), take(topic, sealed))  # noqa: SLF001
    box.hub.answers = lambda content, sha256: (
        box.hub.committed(content, sha256) if len(sent) >= 3 else []
    )
    key = box.hub.keys.public.encryption
    with box.hub:
        asyncio.run(box.run(in_chunks(pulses(100), 100), hub_encryption=key))

    assert len(sent) >= 3
    assert len(set(sent)) == 1
    assert parse_topic("adhere/v1/centre/hall-1/live").lane == "live"

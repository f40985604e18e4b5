"""Bands whose clock was wrong: what it stamped is placed and marked, and the stamp stays beside."""

import time

from devices.virtual.bands import colmi_ring, pinetime_watch
from ingest.batch.reading import Flag, Quantity
from tests.radio_room import collecting, rising, roster

ADDRESS = "C0:FF:EE:00:09:01"
HOUR_MS, MINUTE_MS = 3_600_000, 60_000
SHANGHAI_MIN = 480


def now_ms():
    return time.time_ns() // 10**6


def test_the_memory_of_a_ring_that_is_three_hours_ahead_is_placed_and_marked(on_the_air):
    """It takes no time: so it is ahead at its next connection too, and nothing is told anew."""

    async def scene(radio):
        begun = now_ms()
        ring = colmi_ring(
            ADDRESS,
            lambda utc_ms: 60 + utc_ms // (5 * MINUTE_MS) % 40,
            steps=lambda utc_ms: utc_ms // 600,
            worn_since_utc_ms=begun - 2 * HOUR_MS,
            utc_offset_min=SHANGHAI_MIN + 180,
        )
        vars(ring.link)["_memory"].set_clock = lambda *_asked: None
        radio.add_band(ring)
        registered = roster(ring, family="colmi")
        async with collecting(registered) as collector:
            await collector.until(lambda: collector.has_mark("memory"), 30)
            await collector.until(lambda: collector.of(ring)[-1].device_ts_ms is None)
        remembered = [r for r in collector.of(ring) if r.device_ts_ms is not None]
        ahead_ms = {r.device_ts_ms - r.at_utc_ms - SHANGHAI_MIN * MINUTE_MS for r in remembered}
        assert {r.quantity for r in remembered} >= {Quantity.STEPS_INCREMENT}
        assert len(ahead_ms) == 1, "one offset for all of a read"
        assert abs(ahead_ms.pop() - 3 * HOUR_MS) <= 15 * MINUTE_MS, "known to one slot"
        assert all(r.flags & Flag.CLOCK_SUSPECT for r in remembered)
        assert not any(r.flags & Flag.CLOCK_RECEIPT for r in remembered)
        assert all(r.at_utc_ms + r.span_ms <= now_ms() for r in remembered)
        assert collector.counters.clocks_wrong == 1
        assert collector.counters.readings_clock_suspect == len(remembered)

        cursor = {name: mark for heard in collector.heard for name, mark in heard.cursor.items()}
        async with collecting(registered, cursor=cursor) as again:
            await again.until(lambda: again.of(ring) and again.of(ring)[-1].device_ts_ms is None)
        stamps = {(r.quantity, r.device_ts_ms) for r in remembered}
        told = [r for r in again.of(ring) if r.device_ts_ms is not None]
        assert {(r.quantity, r.device_ts_ms) for r in told} <= stamps, "the district knows them"

    on_the_air(scene, timeout_s=60)


def test_a_watch_whose_clock_was_wrong_is_counted_and_its_values_are_of_now(on_the_air):
    async def scene(radio):
        watch = pinetime_watch(ADDRESS, rising(), utc_offset_min=SHANGHAI_MIN + 7)
        radio.add_band(watch)
        async with collecting(roster(watch, family="pinetime")) as collector:
            await collector.until(lambda: len(collector.of(watch)) > 3)
        assert collector.counters.clocks_wrong == 1
        assert all(not r.flags & Flag.CLOCK_SUSPECT for r in collector.of(watch))
        assert abs(watch.link.memory.ahead_ms - SHANGHAI_MIN * MINUTE_MS) <= 2_000, "set right"

    on_the_air(scene)

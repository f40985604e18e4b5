"""Bands that are asked over a link: what they say reaches the spool once, what they invent none."""

import time

import pytest

from devices.virtual.bands import fitpro_band, jring_ring, ycbt_ring
from devices.virtual.bands.uuids import HEART_RATE_MEASUREMENT
from ingest.batch.reading import Quantity
from tests.radio_room import collecting, rising, roster

ADDRESS = "C0:FF:EE:00:06:01"
HOUR_MS, MINUTE_MS = 3_600_000, 60_000
STEPS_A_SECOND = 2


def now_ms():
    return time.time_ns() // 10**6


def lived(at_utc_ms):
    return 60 + at_utc_ms // MINUTE_MS % 40


def walked(at_utc_ms):
    return at_utc_ms // 600


def as_walked(reading, worn_since_utc_ms):
    """Say whether the steps are those of the slot; a band's clock is set to the whole second."""
    begun = max(worn_since_utc_ms, reading.at_utc_ms)
    steps = walked(reading.at_utc_ms + reading.span_ms) - walked(begun)
    return abs(reading.value - steps) <= STEPS_A_SECOND


def of(readings, quantity, *, live):
    return [r for r in readings if r.quantity is quantity and (r.device_ts_ms is None) is live]


def pulses(collector, band, *, live):
    return of(collector.of(band), Quantity.HEART_RATE_BPM, live=live)


def test_a_ycbt_ring_gives_its_memory_once_and_then_its_pulse(on_the_air):
    async def scene(radio):
        worn = now_ms() - 5 * HOUR_MS
        band = ycbt_ring(ADDRESS, lived, steps=walked, worn_since_utc_ms=worn, utc_offset_min=0)
        radio.add_band(band)
        registered = roster(band, family="ycbt")
        async with collecting(registered) as collector:
            await collector.until(lambda: collector.has_mark("memory"))
            await collector.until(lambda: len(pulses(collector, band, live=True)) > 5)
            await collector.until(lambda: of(collector.of(band), Quantity.STEPS_COUNTER, live=True))
        remembered = pulses(collector, band, live=False)
        assert 8 <= len(remembered) <= 11
        assert all(r.value == lived(r.at_utc_ms) for r in remembered)
        steps = of(collector.of(band), Quantity.STEPS_INCREMENT, live=False)
        assert all(as_walked(r, worn) for r in steps)
        assert len(steps) >= 19
        assert band.sent_values["heart_rate_bpm"] > 0

        cursor = {name: mark for heard in collector.heard for name, mark in heard.cursor.items()}
        async with collecting(registered, cursor=cursor) as again:
            await again.until(lambda: len(pulses(again, band, live=True)) > 3)
        assert len(pulses(again, band, live=False)) <= 1
        assert len(of(again.of(band), Quantity.STEPS_INCREMENT, live=False)) <= 1

    on_the_air(scene)


@pytest.mark.parametrize("family", ["ycbt", "hrs", None])
def test_the_stored_pulse_of_a_ring_in_a_drawer_reaches_nobody(on_the_air, family):
    """However it was registered: on the air it looks like any strap."""

    async def scene(radio):
        band = ycbt_ring(ADDRESS, lambda _utc_ms: None, worn_since_utc_ms=now_ms())
        radio.add_band(band)
        registered = {band.address.lower(): family}
        async with collecting(registered) as collector:
            await collector.until(lambda: collector.counters.notifications > 30)
            await collector.until(lambda: of(collector.of(band), Quantity.BATTERY_PCT, live=True))
        assert pulses(collector, band, live=True) == []
        assert pulses(collector, band, live=False) == []
        assert [r for r in collector.at_the_edge if r.quantity is Quantity.HEART_RATE_BPM] == []
        assert band.sent_notifications[HEART_RATE_MEASUREMENT] == 0, "nobody listened to it"

    on_the_air(scene)


@pytest.mark.parametrize("family", ["jring_56ff", "hrs", None])
def test_a_jring_ring_gives_pulse_steps_and_charge(on_the_air, family):
    async def scene(radio):
        band = jring_ring(ADDRESS, rising(), steps=walked, worn_since_utc_ms=1)
        radio.add_band(band)
        async with collecting({band.address.lower(): family}) as collector:
            await collector.until(lambda: len(pulses(collector, band, live=True)) > 10)
            await collector.until(lambda: of(collector.of(band), Quantity.STEPS_COUNTER, live=True))
            radio.pause()
            sent = band.sent_values["heart_rate_bpm"]
            await collector.until(lambda: len(pulses(collector, band, live=True)) == sent)
        charges = {r.value for r in of(collector.of(band), Quantity.BATTERY_PCT, live=True)}
        assert charges == {55}

    on_the_air(scene)


def test_a_fitpro_band_gives_its_memory_and_its_link_back(on_the_air):
    async def scene(radio):
        worn = now_ms() - 3 * HOUR_MS
        band = fitpro_band(ADDRESS, lived, steps=walked, worn_since_utc_ms=worn, utc_offset_min=0)
        radio.add_band(band)
        async with collecting(roster(band, family="fitpro")) as collector:
            await collector.until(lambda: collector.counters.links_ended["done"] == 1, 40)
        remembered = pulses(collector, band, live=False)
        assert 5 <= len(remembered) <= 7
        assert all(r.value == lived(r.at_utc_ms) for r in remembered)
        steps = of(collector.of(band), Quantity.STEPS_INCREMENT, live=False)
        assert len(steps) >= 11
        assert all(as_walked(r, worn) for r in steps)
        assert [r.value for r in collector.of(band) if r.quantity is Quantity.BATTERY_PCT] == [42]
        assert not collector.has_mark("memory"), "it nowhere says that it has told all"

    on_the_air(scene, timeout_s=60)

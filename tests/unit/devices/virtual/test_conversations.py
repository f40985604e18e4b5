"""Virtual bands and the decoders, written apart, must understand each other. No radio between."""

from itertools import pairwise

import pytest

from devices.registry import families_of_advert, load_families
from devices.talk import TalkTerms
from devices.virtual.bands import (
    colmi_ring,
    heart_rate_strap,
    mi_advert,
    polar_advert,
    veepoo_band,
)

OFFSET_MIN = 480
NOW_MS = 1_763_778_000_000  # 2025-11-22 10:20 in Shanghai
MINUTE_MS, DAY_MS = 60_000, 86_400_000
ADDRESS = "C0:FF:EE:00:02:01"
FAMILIES = load_families()


def pulse(at_utc_ms):
    """Return a pulse that differs from minute to minute; off the wrist a quarter of the time."""
    minute = at_utc_ms // MINUTE_MS
    return None if minute % 60 >= 45 else 60 + minute % 37


def steps(at_utc_ms):
    """Return steps at 12 a minute, day and night."""
    return at_utc_ms // 5_000


def talk_with(band, family, *, seconds, live=True, since=None):
    """Let a family's talk and a band speak for some seconds; return the values told."""
    talk = FAMILIES[family].talk(TalkTerms(OFFSET_MIN, since, live))
    values = []
    now_ms = NOW_MS
    for _ in range(seconds):
        frames = [(frame.characteristic, frame.data) for frame in band.link.beat(now_ms)]
        frames += [(uuid, band.link.read(uuid)) for uuid in talk.reads if now_ms == NOW_MS]
        while True:
            for characteristic, data in frames:
                values += talk.heard(characteristic, data, now_ms)
            writes = talk.writes_at(now_ms)
            frames = [
                (frame.characteristic, frame.data)
                for write in writes
                for frame in band.link.written(write.characteristic, write.data, now_ms)
            ]
            if not writes:
                break
        now_ms += 1000
    return values, talk


def of(values, quantity):
    return [value for value in values if value.quantity == quantity]


def remembered(values, quantity):
    return {v.at_utc_ms: v.value for v in of(values, quantity) if v.device_ts_ms is not None}


def live_pulses(values):
    return [v.value for v in of(values, "heart_rate_bpm") if v.device_ts_ms is None]


def test_a_mi_band_is_understood():
    band = mi_advert(ADDRESS, lambda _: 131, steps=steps, utc_offset_min=OFFSET_MIN)
    advert = band.advert(NOW_MS)
    (family,) = families_of_advert(
        advert.manufacturer_data, advert.service_data, advert.service_uuids
    )
    values = family.hear_advert(advert.manufacturer_data, advert.service_data).values
    midnight_ms = (NOW_MS + OFFSET_MIN * MINUTE_MS) // DAY_MS * DAY_MS - OFFSET_MIN * MINUTE_MS
    assert {value.quantity: value.value for value in values} == {
        "heart_rate_bpm": 131,
        "steps_counter": steps(NOW_MS) - steps(midnight_ms),
    }
    assert sorted(value.quantity for value in values) == sorted(advert.values)


@pytest.mark.parametrize("maker", [mi_advert, polar_advert])
def test_an_advert_off_the_wrist_has_no_pulse(maker):
    advert = maker(ADDRESS, lambda _: None).advert(NOW_MS)
    (family,) = families_of_advert(
        advert.manufacturer_data, advert.service_data, advert.service_uuids
    )
    values = family.hear_advert(advert.manufacturer_data, advert.service_data).values
    assert of(values, "heart_rate_bpm") == []
    assert "heart_rate_bpm" not in advert.values


def test_each_polar_advert_has_another_frame_counter():
    band = polar_advert(ADDRESS, lambda _: 104)
    family = FAMILIES["polar_advert"]
    decoded = [family.hear_advert(band.advert(NOW_MS).manufacturer_data, {}) for _ in range(9)]
    assert [d.values[0].value for d in decoded] == [104] * 9
    counters = [d.info[family.frame_counter] for d in decoded]
    assert all(counter != after for counter, after in pairwise(counters))


@pytest.mark.parametrize(("bpm", "told"), [(72, [72]), (300, [300]), (None, [])])
def test_a_strap_is_understood(bpm, told):
    values, _ = talk_with(heart_rate_strap(ADDRESS, lambda _: bpm), "hrs", seconds=1)
    assert live_pulses(values) == told
    assert [value.value for value in of(values, "battery_pct")] == [80]


def test_a_colmi_ring_tells_its_live_pulse_after_warming_up():
    values, _ = talk_with(colmi_ring(ADDRESS, lambda _: 88, warm_up_beats=3), "colmi", seconds=20)
    assert 10 < len(live_pulses(values)) <= 20
    assert set(live_pulses(values)) == {88}
    assert [value.value for value in of(values, "battery_pct")] == [64]


def test_a_colmi_ring_that_is_not_worn_tells_no_pulse():
    values, _ = talk_with(colmi_ring(ADDRESS, lambda _: None), "colmi", seconds=20)
    assert of(values, "heart_rate_bpm") == []


@pytest.mark.parametrize(("family", "maker"), [("colmi", colmi_ring), ("veepoo", veepoo_band)])
def test_what_is_read_of_a_memory_is_what_the_wearer_lived(family, maker):
    worn_since = NOW_MS - DAY_MS
    band = maker(ADDRESS, pulse, steps=steps, worn_since_utc_ms=worn_since)
    values, talk = talk_with(band, family, seconds=10, live=False)
    pulses = remembered(values, "heart_rate_bpm")
    every_min = {"colmi": 5, "veepoo": 1}[family]
    first, last = min(pulses), max(pulses)
    assert first - worn_since < 20 * MINUTE_MS
    assert NOW_MS - last < 30 * MINUTE_MS
    for at_ms in range(first, last + 1, every_min * MINUTE_MS):
        assert pulses.pop(at_ms, None) == pulse(at_ms)
    assert pulses == {}
    walked = [v for v in of(values, "steps_increment") if v.device_ts_ms is not None]
    for value in walked:
        start, end = value.at_utc_ms, value.at_utc_ms + value.span_ms
        assert value.value == steps(min(end, NOW_MS)) - steps(max(start, worn_since))
    assert sum(value.value for value in walked) > 12 * 60 * 23
    assert talk.done
    assert NOW_MS - talk.read_through_utc_ms < 20 * MINUTE_MS


@pytest.mark.parametrize(("family", "maker"), [("colmi", colmi_ring), ("veepoo", veepoo_band)])
def test_an_empty_memory_is_read_to_its_end(family, maker):
    values, talk = talk_with(maker(ADDRESS, lambda _: None), family, seconds=10, live=False)
    assert remembered(values, "heart_rate_bpm") == {}
    assert talk.done


@pytest.mark.parametrize(("family", "maker"), [("colmi", colmi_ring), ("veepoo", veepoo_band)])
def test_a_band_takes_the_clock_it_is_given(family, maker):
    band = maker(ADDRESS, pulse, worn_since_utc_ms=NOW_MS - DAY_MS, utc_offset_min=0)
    values, _ = talk_with(band, family, seconds=10, live=False)
    pulses = remembered(values, "heart_rate_bpm")
    assert pulses
    assert all(bpm == pulse(at_ms) for at_ms, bpm in pulses.items())


def test_a_veepoo_band_tells_its_live_pulse_and_totals():
    band = veepoo_band(ADDRESS, lambda _: 91, steps=steps, worn_since_utc_ms=NOW_MS - 3_600_000)
    values, _ = talk_with(band, "veepoo", seconds=30)
    assert len(live_pulses(values)) > 10
    assert set(live_pulses(values)) == {91}
    assert of(values, "steps_counter")[0].value == 720


def test_a_veepoo_band_that_stops_by_itself_is_asked_again():
    band = veepoo_band(ADDRESS, lambda _: 91, live_beats=10)
    values, _ = talk_with(band, "veepoo", seconds=120)
    assert len(live_pulses(values)) > 40

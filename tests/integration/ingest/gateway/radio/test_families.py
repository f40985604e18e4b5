"""Each kind of band through the whole collector: what it said is what is stored."""

from collections import Counter

from devices.virtual.bands import (
    huami_band,
    moyoung_band,
    pinetime_watch,
    wearfit_watch,
    xoss_advert,
)
from devices.virtual.bands.band import utc_now_ms
from devices.virtual.bands.day import local_midnight_ms
from devices.virtual.bands.pinetime import MOTION_SERVICE
from devices.virtual.bands.uuids import FIRMWARE, MAKER, MODEL
from tests.radio_room import HCI0, collecting, rising, roster, values_sent


def address(number):
    return f"C0:FF:EE:00:09:{number:02X}"


def of(collector, band, quantity):
    return [r.value for r in collector.of(band) if str(r.quantity) == quantity]


def test_an_xoss_strap_is_heard_on_the_air(on_the_air):
    async def scene(radio):
        band = xoss_advert(address(1), rising(), battery_pct=97)
        radio.add_band(band, adapters=[HCI0])
        async with collecting(roster(band, family="xoss_advert")) as collector:
            await collector.until(lambda: len(collector.of(band)) > 20)
            radio.pause()
            await collector.until(lambda: collector.quantities() == values_sent(band))
        assert set(of(collector, band, "battery_pct")) == {97}
        assert collector.counters.connects_tried == 0

    on_the_air(scene)


def test_a_pinetime_gives_pulse_steps_and_charge(on_the_air):
    async def scene(radio):
        band = pinetime_watch(address(2), rising(), utc_offset_min=0)
        radio.add_band(band, adapters=[HCI0])
        async with collecting(roster(band, family="pinetime")) as collector:
            await collector.until(lambda: len(of(collector, band, "heart_rate_bpm")) > 10)
            await collector.until(lambda: of(collector, band, "steps_counter"))
            radio.pause()
            sent = values_sent(band)["heart_rate_bpm"]
            await collector.until(lambda: len(of(collector, band, "heart_rate_bpm")) == sent)
            assert of(collector, band, "battery_pct") == [66]
            assert collector.counters.models == {"PINE64 PineTime 1.14.0": 1}
        assert band.link.memory.ahead_ms // 60_000 in {479, 480}, "its clock is that of the place"
        assert collector.counters.reads_refused == 0

    on_the_air(scene)


def test_a_pinetime_that_is_taken_for_a_strap_gives_its_steps_too(on_the_air):
    async def scene(radio):
        band = pinetime_watch(address(2), rising())
        radio.add_band(band, adapters=[HCI0])
        async with collecting({band.address: None}) as collector:
            await collector.until(lambda: collector.quantities()["steps_counter"])
            await collector.until(lambda: collector.quantities()["heart_rate_bpm"])

    on_the_air(scene)


def test_an_old_pinetime_without_steps_gives_its_pulse_and_no_faults(on_the_air, monkeypatch):
    monkeypatch.setattr("devices.pinetime.STEPS_EVERY_MS", 50)

    async def scene(radio):
        band = pinetime_watch(address(9), rising())
        band.link.services = tuple(one for one in band.link.services if one.uuid != MOTION_SERVICE)
        radio.add_band(band, adapters=[HCI0])
        async with collecting(roster(band, family="pinetime")) as collector:
            await collector.until(lambda: len(of(collector, band, "heart_rate_bpm")) > 10)
        assert of(collector, band, "steps_counter") == []
        assert collector.counters.reads_refused == 0
        assert collector.counters.links_opened == 1

    on_the_air(scene)


def test_a_moyoung_band_gives_totals_charge_and_a_pulse(on_the_air):
    async def scene(radio):
        band = moyoung_band(address(3), lambda _: 84, form=0x10, measuring_beats=2)
        radio.add_band(band, adapters=[HCI0])
        async with collecting(roster(band, family="moyoung")) as collector:
            await collector.until(lambda: of(collector, band, "heart_rate_bpm"))
            assert of(collector, band, "heart_rate_bpm") == [84]
            assert of(collector, band, "battery_pct") == [72]
            assert of(collector, band, "steps_counter")[0] == 0
            assert collector.counters.models == {"MOYOUNG-V2 MT863 MOY-TES3-1.7.9": 1}

    on_the_air(scene)


def test_a_moyoung_band_that_nobody_named_is_known_by_its_service(on_the_air):
    async def scene(radio):
        band = moyoung_band(address(3), lambda _: 84, measuring_beats=2)
        radio.add_band(band, adapters=[HCI0])
        async with collecting({band.address: None}) as collector:
            await collector.until(lambda: collector.quantities()["heart_rate_bpm"])

    on_the_air(scene)


def test_a_wearfit_watch_gives_pulse_totals_and_charge(on_the_air):
    async def scene(radio):
        band = wearfit_watch(address(4), rising(), steps=lambda at: at // 600)
        radio.add_band(band, adapters=[HCI0])
        async with collecting(roster(band, family="wearfit")) as collector:
            await collector.until(lambda: len(of(collector, band, "heart_rate_bpm")) > 10)
            radio.pause()
            await collector.until(lambda: collector.quantities() == values_sent(band))
        assert of(collector, band, "battery_pct") == [80]
        assert collector.counters.models == {}, "it does not say what it is"

    on_the_air(scene)


def test_a_huami_band_is_read_and_left_once_its_wearer_stands_still(on_the_air, monkeypatch):
    monkeypatch.setattr("devices.huami_steps.STILL_MS", 300)

    async def scene(radio):
        walked = [100]
        midnight_ms = local_midnight_ms(utc_now_ms(), 480)
        band = huami_band(address(5), lambda at: walked[0] if at > midnight_ms else 0)
        radio.add_band(band, adapters=[HCI0])
        async with collecting(roster(band, family="huami_steps")) as collector:
            await collector.until(lambda: of(collector, band, "steps_counter"))
            walked[0] = 105
            await collector.until(lambda: 105 in of(collector, band, "steps_counter"))
            await collector.until(lambda: collector.counters.links_ended["done"] == 1)
        assert of(collector, band, "battery_pct") == [55]

    on_the_air(scene)


def test_a_band_that_will_not_say_what_it_is_is_heard_all_the_same(on_the_air):
    async def scene(radio):
        band = pinetime_watch(address(6), rising())
        band.refused_reads |= {MAKER, FIRMWARE}
        nameless = pinetime_watch(address(7), rising())
        nameless.refused_reads |= {MAKER, MODEL, FIRMWARE}
        for one in (band, nameless):
            radio.add_band(one, adapters=[HCI0])
        async with collecting(roster(band, nameless, family="pinetime")) as collector:
            for one in (band, nameless):
                await collector.until(lambda one=one: len(of(collector, one, "heart_rate_bpm")) > 3)
            await collector.until(lambda: collector.counters.models == {"PineTime": 1})
        assert collector.counters.reads_refused == 0, "a name is no reading"

    on_the_air(scene)


def test_a_band_is_asked_once_what_it_is(on_the_air):
    async def scene(radio):
        band = pinetime_watch(address(8), rising())
        asked = Counter()
        read = band.link.read

        def counted(characteristic):
            asked[characteristic] += 1
            return read(characteristic)

        band.link.read = counted
        radio.add_band(band, adapters=[HCI0])
        async with collecting(roster(band, family="pinetime"), silent_after_s=0.5) as collector:
            await collector.until(lambda: collector.counters.models)
            radio.walk_away(band)
            await collector.until(lambda: collector.counters.links_ended["lost"] == 1)
            radio.come_back(band)
            await collector.until(lambda: collector.counters.links_opened == 2)
            had = len(collector.of(band))
            await collector.until(lambda: len(collector.of(band)) > had + 3)
        assert [asked[uuid] for uuid in (MAKER, MODEL, FIRMWARE)] == [1, 1, 1]

    on_the_air(scene)

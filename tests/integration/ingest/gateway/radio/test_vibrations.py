"""On an alarm the band shakes its wearer's wrist, where it can: at once, seldom, and counted."""

import asyncio
from dataclasses import replace

import pytest

from alerts.conditions import Gate, Sustained
from config.fields import Broker
from config.gateway_settings import GatewaySettings
from devices.virtual.bands import (
    colmi_ring,
    fitpro_band,
    heart_rate_strap,
    mi_advert,
    moyoung_band,
    pinetime_watch,
    wearfit_watch,
    ycbt_ring,
)
from ingest.batch.keys import make_keys
from ingest.gateway.edge import EdgeRule
from ingest.gateway.safety import Edge
from tests.edges import roster as roster_of
from tests.edges import sealed, worn
from tests.radio_room import HCI0, QUICK, Collector, collecting, rising, roster, strap

ADDRESS = "C0:FF:EE:00:07:01"
BRIEF = replace(QUICK, shake_s=0.2, apart_s=0.01)
MAKERS = {
    "colmi": colmi_ring,
    "fitpro": fitpro_band,
    "moyoung": moyoung_band,
    "pinetime": pinetime_watch,
    "wearfit": wearfit_watch,
    "ycbt": ycbt_ring,
}


def vibrate(collector, band):
    collector.listens.vibrate(band.address.lower())


@pytest.mark.parametrize("family", MAKERS)
def test_a_linked_band_shakes_at_once_and_its_link_goes_on(on_the_air, family):
    async def scene(radio):
        band = MAKERS[family](ADDRESS, rising())
        radio.add_band(band)
        pace = replace(BRIEF, apart_s=0.25) if family == "fitpro" else BRIEF
        async with collecting(roster(band, family=family), pace=pace) as collector:
            await collector.until(lambda: collector.counters.notifications > 0)
            vibrate(collector, band)
            await collector.until(lambda: collector.counters.vibrations_done == 1)
            await collector.until(lambda: not band.link.motor.is_on)
            assert band.link.motor.begun == 1
            assert collector.counters.connects_tried == 1

    on_the_air(scene)


def test_a_band_that_is_only_heard_is_linked_for_it_and_heard_again_after(on_the_air):
    async def scene(radio):
        band = mi_advert(ADDRESS, rising(), takes_links=True)
        radio.add_band(band)
        registered = roster(band, family="miband_advert")
        async with collecting(registered, pace=BRIEF) as collector:
            await collector.until(lambda: collector.of(band))
            assert collector.counters.connects_tried == 0
            vibrate(collector, band)
            await collector.until(lambda: band.link.motor.begun == 1)
            await collector.until(lambda: collector.counters.links_ended["done"] == 1)
            had = len(collector.of(band))
            await collector.until(lambda: len(collector.of(band)) > had)
            assert not band.link.motor.is_on
            assert collector.counters.connects_tried == 1

    on_the_air(scene)


def test_within_a_minute_a_band_shakes_once_however_often_it_is_asked(on_the_air):
    async def scene(radio):
        band = pinetime_watch(ADDRESS, rising())
        radio.add_band(band)
        async with collecting(roster(band, family="pinetime"), pace=BRIEF) as collector:
            await collector.until(lambda: collector.of(band))
            for _ in range(5):
                vibrate(collector, band)
            await collector.until(lambda: collector.counters.vibrations_done == 1)
            had = len(collector.of(band))
            await collector.until(lambda: len(collector.of(band)) > had + 3)
        assert band.link.motor.begun == 1
        assert collector.counters.vibrations_asked == 5
        assert collector.counters.vibrations_limited == 4

    on_the_air(scene)


def test_a_band_that_offers_nothing_for_it_is_counted_and_goes_on(on_the_air):
    async def scene(radio):
        band = strap(1)
        radio.add_band(band)
        async with collecting(roster(band), pace=BRIEF) as collector:
            await collector.until(lambda: collector.of(band))
            vibrate(collector, band)
            collector.listens.vibrate("c0:ff:ee:00:00:99")
            await collector.until(lambda: collector.counters.vibrations_failed["unable"] == 1)
            had = len(collector.of(band))
            await collector.until(lambda: len(collector.of(band)) > had + 3)
        assert collector.counters.vibrations_failed == {"unable": 1, "unknown": 1}
        assert collector.counters.links_opened == 1

    on_the_air(scene)


def test_for_an_alarm_another_bands_link_gives_way_before_its_turn_is_over(on_the_air):
    async def scene(radio):
        others = [strap(number) for number in range(2)]
        band = mi_advert(ADDRESS, rising(), takes_links=True)
        for each in (*others, band):
            radio.add_band(each, adapters=[HCI0])
        registered = roster(*others) | roster(band, family="miband_advert")
        pace = replace(BRIEF, turn_s=3600.0)
        async with collecting(registered, pace=pace, links_per_adapter=2) as collector:
            await collector.until(lambda: all(collector.of(other) for other in others))
            assert collector.counters.links_opened == 2
            vibrate(collector, band)
            await collector.until(lambda: band.link.motor.begun == 1)
            assert collector.counters.links_ended["gave_way"] == 1
            await collector.until(lambda: collector.counters.links_opened == 4)
        assert collector.counters.vibrations_failed.total() == 0

    on_the_air(scene)


def test_a_vibration_never_holds_up_what_is_heard(on_the_air):
    """The band's adverts stop while it is linked, as a Mi Band's do; the others' go on."""

    async def scene(radio):
        band, other = (
            mi_advert(ADDRESS, rising(), takes_links=True),
            heart_rate_strap("C0:FF:EE:00:07:02", rising()),
        )
        radio.add_band(band, adapters=[HCI0])
        radio.add_band(other, adapters=[HCI0])
        radio.hang_disconnects = True
        registered = roster(band, family="miband_advert") | roster(other)
        async with collecting(registered, pace=BRIEF) as collector:
            await collector.until(lambda: collector.of(band) and collector.of(other))
            vibrate(collector, band)
            before = len(collector.at_the_edge)
            await asyncio.sleep(0)
            assert len(collector.at_the_edge) >= before
            await collector.until(lambda: band.link.motor.begun == 1)
            had = len(collector.of(other))
            await collector.until(lambda: len(collector.of(other)) > had + 5)
            radio.hang_disconnects = False

    on_the_air(scene)


def test_from_the_pulse_on_the_air_to_the_wrist_with_no_network(on_the_air, tmp_path):
    """The whole way: radio, edge, alarm, and back to the band; nobody in between waits."""
    keys, hub = make_keys(), make_keys()
    settings = GatewaySettings(
        centre="centre",
        gateway="hall-1",
        data_dir=tmp_path,
        broker=Broker(host="127.0.0.1", port=1),
    )
    at_once = Sustained(
        min_samples=2, max_gap_ms=15_000, min_span_ms=1, slow_samples=2, slow_max_gap_ms=90_000
    )
    rule = EdgeRule("hr_ceiling", 1, at_once, Gate(30, 220))
    edge = Edge(settings, keys, hub.signing.public_key(), rule=rule)

    async def scene(radio):
        calm = mi_advert("C0:FF:EE:00:07:02", lambda _utc_ms: 90, takes_links=True)
        band = mi_advert(ADDRESS, lambda utc_ms: 160 + utc_ms // 100 % 40, takes_links=True)
        for each in (band, calm):
            radio.add_band(each)
        wearers = (
            worn(band.address.lower(), family="miband_advert"),
            worn(calm.address.lower(), subject="p-2", family="miband_advert"),
        )
        await edge.take_roster(sealed(roster_of(*wearers), hub, keys))
        collector = Collector(edge.book.registered())
        collector.on_heard = edge.heard
        source = collector.source(pace=BRIEF)
        edge.vibrate = source.vibrate
        collector.reading = asyncio.ensure_future(collector.read(source, {}))
        await collector.until(lambda: edge.guard.alarms)
        await collector.until(lambda: band.link.motor.begun == 1)
        await collector.until(lambda: collector.counters.vibrations_limited > 0)
        await collector.until(lambda: collector.counters.links_ended["done"] == 1)
        assert calm.link.motor.begun == 0
        await collector.end()
        await edge.close()

    on_the_air(scene)

"""What is heard, and what is not: registered bands alone, each advert once, memory to its mark."""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import replace

import pytest

from devices.virtual.bands import VirtualBand, colmi_ring, polar_advert
from devices.virtual.bands.polar import PolarStrap
from devices.virtual.bands.strap import HeartRateStrap
from ingest.batch.reading import Flag, Quantity
from tests.patience import PATIENCE_S
from tests.radio_room import (
    HCI0,
    HCI1,
    QUICK,
    Collector,
    collecting,
    mi,
    rising,
    roster,
    strap,
    values_sent,
)


def test_what_is_stored_is_what_was_sent(on_the_air):
    async def scene(radio):
        near, far, linked = mi(1), mi(2), strap(1)
        radio.add_band(near, adapters=[HCI0])
        radio.add_band(far, adapters=[HCI1])
        radio.add_band(linked)
        async with collecting(roster(near, far, linked)) as collector:
            await collector.until(lambda: all(len(collector.of(b)) > 20 for b in (near, linked)))
            radio.pause()
            sent = values_sent(near, far, linked) + Counter(battery_pct=1)
            await collector.until(lambda: collector.quantities() == sent)
        assert collector.at_the_edge == collector.stored
        assert all(reading.flags & Flag.CLOCK_RECEIPT for reading in collector.stored)

    on_the_air(scene)


def test_an_advert_that_two_adapters_hear_counts_once(on_the_air):
    async def scene(radio):
        band = mi(1)
        radio.add_band(band)
        async with collecting(roster(band)) as collector:
            await collector.until(lambda: len(collector.of(band)) > 20)
            radio.pause()
            counters = collector.counters
            sent = band.sent_adverts
            await collector.until(lambda: counters.adverts == sent.total())
        assert counters.adverts_elsewhere == sent[HCI1]
        assert collector.quantities()["heart_rate_bpm"] == sent[HCI0]

    on_the_air(scene)


def test_a_band_that_speaks_both_on_the_air_and_over_its_link_counts_once(on_the_air):
    async def scene(radio):
        both = VirtualBand(
            "C0:FF:EE:00:05:01", "H10", PolarStrap(rising()).advert, HeartRateStrap(rising(), 80)
        )
        radio.add_band(both, adapters=[HCI0])
        async with collecting(roster(both)) as collector:
            counters = collector.counters
            await collector.until(lambda: len(collector.of(both)) > 20)
            radio.walk_away(both)
            await collector.until(lambda: counters.links_ended["lost"] == 1)
            radio.come_back(both)
            await collector.until(lambda: counters.links_opened == 2)
            radio.pause()
            sent = values_sent(both) + Counter(battery_pct=counters.links_opened)
            await collector.until(lambda: collector.quantities() == sent)
        assert counters.adverts_taken > 0
        assert counters.notifications > 10

    on_the_air(scene)


def test_a_band_that_one_adapter_loses_is_heard_by_the_other(on_the_air):
    async def scene(radio):
        band = mi(1)
        radio.add_band(band)
        async with collecting(roster(band)) as collector:
            await collector.until(lambda: collector.of(band))
            first = collector.counters.adapters
            await collector.until(lambda: len(first) == 2)
            radio.pull_adapter(HCI0)
            had = len(collector.of(band))
            await collector.until(lambda: len(collector.of(band)) > had)

    on_the_air(scene)


def test_a_pulse_that_does_not_change_is_kept_about_once_a_second(on_the_air):
    async def scene(radio):
        band = mi(1, pulse=lambda _utc_ms: 72)
        radio.add_band(band, adapters=[HCI0])
        async with collecting(roster(band)) as collector:
            counters = collector.counters
            await collector.until(lambda: counters.adverts >= 60)
        assert 3 <= counters.adverts_taken <= 8, "3 s of it, and what may come ahead"
        assert counters.adverts_repeated == counters.adverts - counters.adverts_taken

    on_the_air(scene)


def test_connecting_and_losing_a_band_are_no_adverts(on_the_air):
    async def scene(radio):
        band = mi(1)
        radio.add_band(band, adapters=[HCI0])
        pace = replace(QUICK, connect_s=0.2)
        async with collecting(roster(band, family="hrs"), pace=pace) as collector:
            await collector.until(lambda: collector.counters.connects_failed.total() >= 2)
            radio.pause()
            await collector.until(lambda: collector.counters.adverts == band.sent_adverts[HCI0])
            failed = collector.counters.connects_failed.total()
            await collector.until(lambda: collector.counters.connects_failed.total() > failed)
        assert collector.counters.adverts == band.sent_adverts[HCI0]

    on_the_air(scene)


def test_a_frame_whose_counter_stands_still_gives_no_reading(on_the_air):
    async def scene(radio):
        band = polar_advert("C0:FF:EE:00:03:01", rising())
        radio.add_band(band, adapters=[HCI0])
        async with collecting(roster(band, family="polar_advert")) as collector:
            await collector.until(lambda: len(collector.of(band)) > 10)
            frozen = band.advert(0)
            band.advert = lambda _utc_ms: frozen
            counters = collector.counters
            await collector.until(lambda: counters.adverts_repeated > 10)
            had = len(collector.of(band))
            more = counters.adverts_repeated + 10
            await collector.until(lambda: counters.adverts_repeated > more)
            assert len(collector.of(band)) == had
        assert all(
            reading.flags & Flag.CONTACT_KNOWN and reading.flags & Flag.CONTACT
            for reading in collector.of(band)
        )

    on_the_air(scene)


def test_of_a_band_that_is_not_registered_only_its_address_is_offered(on_the_air):
    async def scene(radio):
        ours, passer_by = mi(1), mi(2)
        wanderer = strap(1)
        for band in (ours, passer_by, wanderer):
            radio.add_band(band)
        async with collecting(roster(ours)) as collector:
            await collector.until(lambda: len(collector.of(ours)) > 10)
            counters = collector.counters
            await collector.until(lambda: counters.bands_offered == 2)
        assert {key: one.families for key, one in counters.offered.items()} == {
            passer_by.address: ("miband_advert",),
            wanderer.address: ("hrs",),
        }
        assert "offered" not in counters.as_dict()
        assert {reading.device_key for reading in collector.stored} == {ours.address.lower()}
        assert {r.device_key for r in collector.at_the_edge} == {ours.address.lower()}
        assert counters.connects_tried == 0

    on_the_air(scene)


def test_bands_come_and_go_with_the_roster(on_the_air):
    async def scene(radio):
        band, linked = mi(1), strap(1)
        radio.add_band(band)
        radio.add_band(linked)
        async with collecting({}) as collector:
            counters = collector.counters
            await collector.until(lambda: counters.unregistered_adverts > 10)
            assert (collector.stored, counters.bands_registered) == ([], 0)
            collector.registered = roster(band, linked)
            await collector.until(lambda: collector.of(band) and collector.of(linked))
            assert (counters.bands_registered, counters.bands_linked) == (2, 1)
            collector.registered = {}
            await collector.until(lambda: collector.counters.links_ended["unregistered"] == 1)
            had, passed = len(collector.at_the_edge), collector.counters.unregistered_adverts
            await collector.until(lambda: collector.counters.unregistered_adverts > passed + 10)
            assert len(collector.at_the_edge) == had

    on_the_air(scene)


def test_a_band_of_unknown_family_is_talked_with_by_the_service_it_offers(on_the_air):
    async def scene(radio):
        band = strap(1)
        radio.add_band(band)
        async with collecting({band.address: None}) as collector:
            await collector.until(lambda: collector.stored)
        assert collector.stored[0].device_key == band.address

    on_the_air(scene)


def test_the_memory_of_a_ring_is_read_once_and_from_its_mark_on(on_the_air):
    async def scene(radio):
        band = colmi_ring("C0:FF:EE:00:04:01", lambda _utc_ms: 70)
        radio.add_band(band)
        registered = roster(band, family="colmi")
        async with collecting(registered) as collector:
            await collector.until(lambda: collector.has_mark("memory"), 20)
            await collector.until(lambda: collector.of(band)[-1].device_ts_ms is None)
        remembered = [r for heard in collector.heard if heard.lane == "backlog"
                      for r in heard.readings]  # fmt: skip
        cursor = {}
        for heard in collector.heard:
            cursor |= heard.cursor
        assert len(remembered) > 200
        assert collector.counters.readings_history == len(remembered)
        assert all(reading.device_ts_ms is not None for reading in remembered)
        assert not set(remembered) & set(collector.at_the_edge)
        key = band.address.lower()
        assert set(cursor) == {f"memory:{key}", f"stamps:{key}"}
        assert int(cursor[f"stamps:{key}"]) == max(r.device_ts_ms for r in remembered)

        async with collecting(registered, cursor=cursor) as again:
            await again.until(lambda: again.of(band) and again.of(band)[-1].device_ts_ms is None)
        again_remembered = [r for r in again.stored if r.device_ts_ms is not None]
        assert len(again_remembered) < len(remembered) / 4

    on_the_air(scene)


def test_the_edge_hears_on_while_nothing_can_be_stored(on_the_air):
    async def scene(radio):
        band = mi(1)
        radio.add_band(band)
        collector = Collector(roster(band))
        source = collector.source()({})
        collector.reading = asyncio.ensure_future(anext(source))
        await asyncio.wait({collector.reading}, timeout=PATIENCE_S)
        # Nobody takes what is heard from here on: the disk is full.
        had = len(collector.at_the_edge)
        collector.reading = asyncio.get_running_loop().create_future()
        await collector.until(lambda: len(collector.at_the_edge) > had + 20)
        await source.aclose()

    on_the_air(scene)


def test_what_was_heard_last_is_given_when_the_source_is_stopped(on_the_air):
    async def scene(radio):
        band = mi(1)
        radio.add_band(band, adapters=[HCI0])
        async with collecting(roster(band), pace=replace(QUICK, flush_s=60.0)) as collector:
            await collector.until(lambda: collector.counters.adverts >= 10)
            assert collector.stored == []
            radio.pause()
            await collector.until(lambda: collector.counters.adverts == band.sent_adverts[HCI0])
        assert collector.quantities() == values_sent(band)

    on_the_air(scene)


def test_a_fault_in_what_is_called_on_hearing_ends_the_source_with_it(on_the_air):
    async def scene(radio):
        band = mi(1)
        radio.add_band(band)
        collector = Collector(roster(band))

        def broken(_readings):
            raise ZeroDivisionError

        collector.on_heard = broken
        with pytest.raises(ExceptionGroup) as raised:
            await asyncio.wait_for(collector.read(collector.source(), {}), PATIENCE_S)
        assert raised.group_contains(ZeroDivisionError)

    on_the_air(scene)


def test_such_a_fault_ends_even_who_waits_for_a_full_disk(on_the_air):
    async def scene(radio):
        band = mi(1)
        radio.add_band(band)
        collector = Collector(roster(band))
        heard = asyncio.Event()

        def breaks_later(_readings):
            if heard.is_set():
                raise ZeroDivisionError

        async def read_one_and_wait_for_ever():
            async for _ in collector.source()({}):
                heard.set()
                with suppress(TimeoutError):
                    await asyncio.Event().wait()

        collector.on_heard = breaks_later
        reading = asyncio.ensure_future(read_one_and_wait_for_ever())
        await asyncio.wait({reading}, timeout=PATIENCE_S)
        assert reading.done()

    on_the_air(scene)


def test_a_frame_that_is_none_is_kept_aside_and_the_next_is_heard(on_the_air):
    async def scene(radio):
        band = strap(1)
        good = band.link.beat

        def cut_short(now_utc_ms):
            return [frame.__class__(frame.characteristic, frame.data[:1]) for frame in good(0)]

        radio.add_band(band)
        async with collecting(roster(band)) as collector:
            await collector.until(lambda: collector.of(band))
            band.link.beat = cut_short
            await collector.until(lambda: collector.counters.notifications_rejected > 2)
            band.link.beat = good
            had = len(collector.of(band))
            await collector.until(lambda: len(collector.of(band)) > had)
        bad = [bad for heard in collector.heard for bad in heard.bad]
        assert len(bad) == collector.counters.notifications_rejected
        assert {(len(item.data), item.reason) for item in bad} == {(1, "too_short")}
        assert {r.quantity for r in collector.stored} == {
            Quantity.HEART_RATE_BPM,
            Quantity.BATTERY_PCT,
        }

    on_the_air(scene)

"""The radio goes and comes back: adapters pulled, the bus or BlueZ crashed."""

import time
from dataclasses import replace

from tests.radio_room import HCI0, HCI1, QUICK, collecting, mi, roster, strap


async def both_heard(collector, band, other):
    """Wait until both said something more than they had."""
    had = {who: collector.said(who) for who in (band, other)}
    await collector.until(lambda: all(collector.said(who) > had[who] for who in had))


def test_an_adapter_pulled_and_plugged_under_another_name_goes_on(on_the_air):
    async def scene(radio):
        band, linked = mi(1), strap(1)
        radio.add_band(band, adapters=[HCI0])
        radio.add_band(linked, adapters=[HCI0])
        async with collecting(roster(band, linked)) as collector:
            await both_heard(collector, band, linked)
            radio.pull_adapter(HCI1)
            radio.pull_adapter(HCI0)
            counters = collector.counters
            await collector.until(lambda: counters.adapter_outages == 2)
            await collector.until(lambda: counters.links_ended.total() == 1)

            radio.plug_adapter(HCI1)  # takes the name hci0 now
            radio.plug_adapter(HCI0)

            await both_heard(collector, band, linked)
        assert counters.links_opened == 2
        assert counters.scans_started == 4
        assert 0 < counters.last_outage_s < 5

    on_the_air(scene)


def test_an_adapter_torn_out_leaves_no_link_that_only_seems_to_stand(on_the_air):
    async def scene(radio):
        linked = strap(1)
        radio.add_band(linked, adapters=[HCI0])
        async with collecting(roster(linked)) as collector:
            await collector.until(lambda: collector.of(linked))
            radio.tear_out_adapter(HCI0)  # nobody says that the link is gone
            counters = collector.counters
            await collector.until(lambda: counters.links_ended["adapter_gone"] == 1)
            radio.plug_adapter(HCI0)
            had = collector.said(linked)
            await collector.until(lambda: collector.said(linked) > had)

    on_the_air(scene)


def test_a_crashed_bus_is_survived_by_adverts_and_links(on_the_air):
    async def scene(radio):
        band, linked = mi(1), strap(1)
        radio.add_band(band)
        radio.add_band(linked)
        async with collecting(roster(band, linked)) as collector:
            await both_heard(collector, band, linked)
            for crashes in (1, 2, 3):
                radio.crash()
                await collector.until(lambda n=crashes: collector.counters.bus_outages == n)
                await radio.restart()
                await collector.until(lambda n=crashes: collector.counters.links_opened == n + 1)
                await both_heard(collector, band, linked)
            began_s, taken = time.monotonic(), collector.counters.adverts
            await collector.until(lambda: collector.counters.adverts > taken + 40)
            assert time.monotonic() - began_s > 0.5, "a scanner of before the crash listens too"
        assert collector.counters.adapter_outages == 6

    on_the_air(scene)


def test_bluez_restarted_on_a_bus_that_goes_on_is_survived(on_the_air):
    async def scene(radio):
        band, linked = mi(1), strap(1)
        radio.add_band(band)
        radio.add_band(linked)
        async with collecting(roster(band, linked)) as collector:
            await both_heard(collector, band, linked)
            radio.crash_service()
            await collector.until(lambda: collector.counters.adapter_outages == 2)
            radio.restart_service()
            await both_heard(collector, band, linked)
        assert collector.counters.bus_outages == 0

    on_the_air(scene)


def test_an_adapter_switched_off_is_said_and_taken_up_again(on_the_air):
    async def scene(radio):
        band = mi(1)
        radio.add_band(band, adapters=[HCI0])
        async with collecting(roster(band)) as collector:
            await collector.until(lambda: collector.of(band))
            radio.adapters[HCI0].power(on=False)
            await collector.until(lambda: collector.counters.adapters.get(HCI0) == "off")
            had = collector.said(band)
            radio.adapters[HCI0].power(on=True)
            await collector.until(lambda: collector.said(band) > had)

    on_the_air(scene)


def test_a_collector_started_before_there_is_a_bus_begins_when_it_comes(on_the_air):
    async def scene(radio):
        band = mi(1)
        radio.add_band(band)
        radio.crash()
        async with collecting(roster(band)) as collector:
            await collector.until(lambda: collector.counters.adapters.get(HCI0) == "missing")
            await radio.restart()
            await collector.until(lambda: collector.of(band))
        assert collector.counters.bus_outages == 0, "a bus that was never there is not lost"

    on_the_air(scene)


def test_an_adapter_that_hears_nothing_for_long_scans_anew_until_somebody_comes(on_the_air):
    async def scene(radio):
        band = mi(1)
        pace = replace(QUICK, quiet_s=0.2)
        async with collecting(roster(band), adapters=(HCI0,), pace=pace) as collector:
            await collector.until(lambda: collector.counters.scans_failed["quiet"] >= 2)
            assert collector.counters.scans_started >= 2
            radio.add_band(band)
            await collector.until(lambda: collector.of(band))

    on_the_air(scene)

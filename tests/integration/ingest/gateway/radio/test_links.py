"""Links that are refused, raced, silent, hung, too few: each counted, and mended."""

from dataclasses import replace

from devices.virtual.bluez import PROMPT, Refusal
from tests.radio_room import HCI0, collecting, mi, roster, strap


def test_a_band_that_walks_away_and_back_is_linked_anew(on_the_air):
    async def scene(radio):
        band = strap(1)
        radio.add_band(band)
        async with collecting(roster(band), silent_after_s=0.5) as collector:
            await collector.until(lambda: len(collector.of(band)) > 3)
            radio.walk_away(band)
            await collector.until(lambda: collector.counters.links_ended["lost"] == 1)
            radio.come_back(band)
            had = len(collector.of(band))
            await collector.until(lambda: len(collector.of(band)) > had + 3)
        assert collector.counters.links_opened == 2

    on_the_air(scene)


def test_a_linked_band_that_says_nothing_is_connected_anew(on_the_air):
    async def scene(radio):
        band = strap(1)
        radio.add_band(band)
        async with collecting(roster(band), silent_after_s=0.5) as collector:
            await collector.until(lambda: collector.of(band))
            band.silent()
            await collector.until(lambda: collector.counters.links_ended["silent"] == 1)
            await collector.until(lambda: collector.counters.bands_lost == 1)
            band.speak()
            await collector.until(lambda: collector.counters.bands_back == 1)
        assert collector.counters.links_opened > 1

    on_the_air(scene)


def test_refused_connects_are_counted_and_tried_again(on_the_air):
    async def scene(radio):
        band = strap(1)
        radio.add_band(band)
        radio.refuse_connects(2, Refusal.IN_PROGRESS)
        radio.refuse_connects(2, Refusal.ABORT_BY_REMOTE)
        radio.refuse_connects(2, Refusal.ABORT_BY_LOCAL)  # bleak tries these again by itself
        async with collecting(roster(band)) as collector:
            await collector.until(lambda: collector.of(band))
            failed = collector.counters.connects_failed
            assert failed == {"InProgress": 2, "le-connection-abort-by-remote": 2}

    on_the_air(scene)


def test_a_connect_answered_before_its_link_is_said_fails_and_others_go_on(on_the_air):
    async def scene(radio):
        band, other = strap(1), mi(1)
        radio.add_band(band, adapters=[HCI0])
        radio.add_band(other, adapters=[HCI0])
        async with collecting(roster(band, other)) as collector:
            await collector.until(lambda: collector.counters.connects_failed["bleak"] >= 3)
            had = len(collector.of(other))
            await collector.until(lambda: len(collector.of(other)) > had)
        assert collector.counters.links_opened == 0

    on_the_air(scene, delays=replace(PROMPT, reply_s=0.0, announce_s=0.2))


def test_a_disconnect_that_is_never_answered_holds_nobody_up(on_the_air):
    async def scene(radio):
        first, second = strap(1), strap(2)
        registered = roster(first)
        radio.add_band(first, adapters=[HCI0])
        radio.add_band(second, adapters=[HCI0])
        async with collecting(registered, links_per_adapter=1) as collector:
            await collector.until(lambda: collector.of(first))
            radio.hang_disconnects = True
            collector.registered = roster(second)
            await collector.until(lambda: collector.of(second))
            assert collector.counters.disconnects_hung == 1
            assert collector.counters.links_ended["unregistered"] == 1
            radio.hang_disconnects = False

    on_the_air(scene)


def test_with_few_links_every_band_has_its_turn(on_the_air):
    async def scene(radio):
        bands = [strap(number) for number in range(7)]
        for band in bands:
            radio.add_band(band, adapters=[HCI0])
        most = 0
        async with collecting(roster(*bands), links_per_adapter=3) as collector:

            def all_had_two_turns():
                nonlocal most
                most = max(most, radio.adapters[HCI0].links)
                turns = collector.counters.links_ended["gave_way"]
                return turns >= 14 and all(len(collector.of(band)) > 2 for band in bands)

            await collector.until(all_had_two_turns)
            await collector.until(lambda: collector.counters.bands_waiting >= 4)
        assert most <= 3
        assert set(collector.counters.connects_failed) <= {"stopped"}

    on_the_air(scene)


def test_an_adapter_that_holds_fewer_links_than_the_budget_serves_all_in_time(on_the_air):
    async def scene(radio):
        bands = [strap(number) for number in range(3)]
        for band in bands:
            radio.add_band(band, adapters=[HCI0])
        async with collecting(roster(*bands), links_per_adapter=3) as collector:
            await collector.until(lambda: collector.counters.connects_failed.total() >= 3)
            assert collector.counters.links_opened == 2
            radio.link_limit = None
            await collector.until(lambda: all(collector.of(band) for band in bands))

    on_the_air(scene, link_limit=2)


def test_one_connection_at_a_time_is_made_on_an_adapter(on_the_air):
    async def scene(radio):
        bands = [strap(number) for number in range(5)]
        for band in bands:
            radio.add_band(band)
        async with collecting(roster(*bands)) as collector:
            await collector.until(lambda: all(collector.of(band) for band in bands))
        assert collector.counters.connects_failed.total() == 0
        assert [adapter.most_connecting for adapter in radio.adapters.values()] == [1, 1]

    on_the_air(scene)


def test_a_refused_read_costs_the_charge_alone(on_the_air):
    async def scene(radio):
        band = strap(1)
        band.refused_reads.add("00002a19-0000-1000-8000-00805f9b34fb")
        radio.add_band(band)
        async with collecting(roster(band)) as collector:
            await collector.until(lambda: len(collector.of(band)) > 3)
        assert collector.counters.reads_refused == 1
        assert "battery_pct" not in collector.quantities()

    on_the_air(scene)

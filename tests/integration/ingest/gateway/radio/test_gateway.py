"""A gateway with its radio: from the air to the spool and the hub, counted to the last reading."""

import asyncio
import os
from collections import Counter

from ingest.gateway.radio.pace import Pace
from tests.radio_room import HCI0, HCI1, QUICK, Collector, mi, roster, strap, values_sent

ROOM_S = float(os.environ.get("ADHERE_RADIO_ROOM_S", "10"))
"""The short form; a minute is what is promised."""


async def gateway(box, collector, *, pace=QUICK, **parts):
    """Run a gateway with the collector's source until the event in `parts` is set."""
    return await box.run(
        collector.source(pace=pace), drain=False, radio=collector.counters.as_dict, **parts
    )


def test_a_room_of_fifty_bands_is_stored_as_it_was_sent(on_the_air, box):
    collector = Collector({})

    async def scene(radio):
        adverts = [mi(number) for number in range(40)]
        links = [strap(number) for number in range(10)]
        for number, band in enumerate([*adverts, *links]):
            radio.add_band(band, adapters=[(HCI0, HCI1)[number % 2]])
        collector.registered = roster(*adverts, *links)
        stop = asyncio.Event()
        collector.reading = asyncio.ensure_future(
            gateway(box, collector, stop=stop, pace=Pace(), sealing=None)
        )
        counters = collector.counters
        await collector.until(lambda: counters.links_opened == 10, 20)
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + ROOM_S
        await collector.until(lambda: loop.time() >= ends_s, ROOM_S + 5)
        radio.pause()
        sent = values_sent(*adverts, *links) + Counter(battery_pct=10)
        await collector.until(lambda: counters.readings_live == sent.total())
        stop.set()
        return await collector.reading, sent, sum(b.sent_adverts.total() for b in adverts)

    with box.hub:
        status, sent, adverts_sent = on_the_air(scene, beat_s=1.0, timeout_s=ROOM_S + 40)
        asyncio.run(box.run(empty))

    assert status.stored == sent.total()
    assert (status.radio["adverts"], status.radio["adverts_taken"]) == (adverts_sent, adverts_sent)
    assert status.radio["links_ended"] == {"stopped": 10}
    assert status.radio["notifications"] == sent["heart_rate_bpm"] - adverts_sent + 10
    assert status.radio["dropped_live"] == status.radio["notifications_rejected"] == 0
    assert Counter(str(reading.quantity) for reading in box.hub.readings) == sent


async def empty(_cursor):
    """A source with nothing more to say."""
    for nothing in ():
        yield nothing


def test_nothing_of_a_passer_by_reaches_the_disk(on_the_air, box):
    collector = Collector({})
    passers_by = [mi(0x77), strap(0x78)]

    async def scene(radio):
        ours = [mi(1), strap(1)]
        for band in (*ours, *passers_by):
            radio.add_band(band)
        collector.registered = roster(*ours)
        stop = asyncio.Event()
        collector.reading = asyncio.ensure_future(gateway(box, collector, stop=stop))
        await collector.until(lambda: collector.counters.unregistered_adverts > 100)
        stop.set()
        return await collector.reading

    on_the_air(scene)

    spool = b"".join(path.read_bytes() for path in box.folder.iterdir()).lower()
    assert b"c0:ff:ee:00:01:01" in spool
    assert b"c0:ff:ee:00:02:01" in spool
    for band in passers_by:
        assert band.address.lower().encode() not in spool
        assert bytes.fromhex(band.address.replace(":", "")) not in spool


def test_with_a_full_disk_the_edge_hears_on_and_what_is_dropped_is_counted(
    on_the_air, box, monkeypatch
):
    monkeypatch.setattr("ingest.gateway.radio.basket.LIVE_HELD", 50)
    monkeypatch.setattr("ingest.gateway.run.PAGE_BYTES", 2**27)  # a spool of 8 pages
    collector = Collector({})

    async def scene(radio):
        bands = [mi(number) for number in range(5)]
        for band in bands:
            radio.add_band(band, adapters=[HCI0])
        collector.registered = roster(*bands)
        running = asyncio.ensure_future(gateway(box, collector, stop=asyncio.Event()))
        collector.reading = running
        counters = collector.counters
        await collector.until(lambda: counters.dropped_live > 20)
        assert len(collector.at_the_edge) == counters.readings_live
        had = len(collector.at_the_edge)
        await collector.until(lambda: len(collector.at_the_edge) > had)
        running.cancel()
        await asyncio.wait({running})

    on_the_air(scene)

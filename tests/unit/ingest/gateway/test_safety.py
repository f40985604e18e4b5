"""The parts of edge safety together: what a receipt tells whom, and what is looked after beside."""

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from config.fields import Broker
from config.gateway_settings import GatewaySettings
from ingest.batch.keys import make_keys
from ingest.batch.receipt import Receipt
from ingest.batch.roster import Claimer, seal_roster
from ingest.gateway import safety
from ingest.gateway.neighbour import Neighbour
from ingest.gateway.rosters import RosterBook
from ingest.gateway.safety import Edge
from tests.edges import Clocks, live, roster, sealed
from tests.patience import PATIENCE_S

HUB, BOX = make_keys(), make_keys()


@pytest.fixture
def clocks():
    return Clocks()


@pytest.fixture
def opened(tmp_path, clocks):
    settings = GatewaySettings(
        centre="centre",
        gateway="hall-1",
        data_dir=tmp_path,
        broker=Broker(host="127.0.0.1", port=1),
    )
    return lambda: Edge(settings, BOX, HUB.signing.public_key(), time=clocks.edge_time())


@asynccontextmanager
async def at_work(edge):
    task = asyncio.create_task(edge.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await edge.close()


async def until(condition):
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - the condition is another task's
            await asyncio.sleep(0.005)


async def alarmed(edge, clocks):
    await edge.take_roster(sealed(roster(), HUB, BOX))
    for _ in range(40):
        clocks.pass_ms(1000)
        edge.heard([live(clocks, 160)])


def receipt(edge, **more):
    return Receipt(
        "centre", "hall-1", edge.events.boot, **{"hub_utc_ms": 0, "committed": ()} | more
    )


def test_a_receipt_tells_the_time_and_what_became_of_events(opened, clocks):
    async def told():
        edge = opened()
        await alarmed(edge, clocks)
        clocks.wall_utc_ms += 86_400_000
        now = clocks.wall_utc_ms + 10 * 86_400_000

        edge.take_receipt(receipt(edge, hub_utc_ms=now, refused_events=((0, "forked_event"),)))

        assert edge.time.utc_ms() == now
        assert (edge.events.waiting, edge.events.refused) == (0, 1)
        await edge.close()

    asyncio.run(told())


def test_a_band_that_falls_silent_ends_its_alarm_with_nobody_asking(opened, clocks, monkeypatch):
    monkeypatch.setattr(safety, "LOOK_S", 0.01)

    async def silent():
        edge = opened()
        async with at_work(edge):
            await alarmed(edge, clocks)
            assert edge.guard.alarms
            clocks.pass_ms(100_000)
            await until(lambda: not edge.guard.alarms)

    asyncio.run(silent())


def test_a_roster_that_could_not_be_saved_is_saved_later(opened, monkeypatch):
    monkeypatch.setattr(safety, "LOOK_S", 0.01)
    monkeypatch.setattr(safety, "SAVE_AGAIN_S", 0.02)
    save, is_full = RosterBook.save, [True]

    def full(book):
        if is_full:
            raise OSError(28, "No space left on device")
        save(book)

    monkeypatch.setattr(RosterBook, "save", full)

    async def later():
        edge = opened()
        async with at_work(edge):
            await edge.take_roster(sealed(roster(), HUB, BOX))
            assert not edge.book.is_saved
            is_full.clear()
            await until(lambda: edge.book.is_saved)

    asyncio.run(later())


def test_what_was_raised_last_is_on_disk_after_the_end(opened, clocks):
    async def ended():
        edge = opened()
        await alarmed(edge, clocks)
        assert edge.events.unsaved == 1
        await edge.close()

    async def after():
        edge = opened()
        assert edge.events.waiting == 1
        await edge.close()

    asyncio.run(ended())
    asyncio.run(after())


def test_a_claim_is_on_disk_soon_and_a_sick_disk_is_tried_again(opened, clocks, monkeypatch):
    person = Claimer("p-1", bytes(16), bytes(16), ())
    tries = []

    async def scene():
        edge = opened()
        save = edge.claims.save

        def sick():
            tries.append(len(tries))
            if len(tries) < 3:
                raise OSError(28, "no space")
            save()

        monkeypatch.setattr(edge.claims, "save", sick)
        monkeypatch.setattr(safety, "LOOK_S", 0.01)
        monkeypatch.setattr(safety, "SAVE_AGAIN_S", 0.02)
        message = seal_roster(
            replace(roster(), claimers=(person,)),
            HUB.signing,
            [BOX.encryption.public_key()],
        )
        await edge.take_roster(message)
        async with at_work(edge):
            edge.claims.begin(Neighbour("5A:01", ("hrs",)), person)
            await until(lambda: edge.claims.is_saved and len(tries) >= 3)
        return edge

    edge = asyncio.run(scene())

    assert edge.registered().keys() >= {"5A:01"}
    assert opened().claims.registered() == {"5A:01": "hrs"}

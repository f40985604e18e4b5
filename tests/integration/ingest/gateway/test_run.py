import asyncio
import contextlib
import json
import random
import shutil
import threading
import time
from functools import partial

import apsw
import pytest
from structlog.testing import capture_logs

from config.errors import Misconfigured
from ingest.batch.keys import make_keys
from ingest.batch.receipt import Receipt, seal_receipt
from ingest.gateway.clock import BoxClock
from ingest.gateway.heard import Heard
from ingest.gateway.run import run_gateway
from ingest.gateway.sealing import SealPolicy
from ingest.gateway.spool import Spool
from ingest.gateway.spool_rows import PAGE_BYTES
from ingest.gateway.together import together
from tests.integration.ingest.gateway.conftest import QUICK, in_chunks, pulses
from tests.patience import PATIENCE_S


async def until(condition):
    """Wait for what another thread brings about."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - the condition is another thread's
            await asyncio.sleep(0.01)


def test_every_reading_arrives_once_and_the_spool_is_empty_after(box):
    readings = pulses(1000)

    with box.hub:
        status = asyncio.run(box.run(in_chunks(readings, 100)))

    assert sorted(box.hub.readings) == sorted(readings)
    assert (status.stored, status.receipted, status.waiting_batches) == (1000, 1000, 0)
    assert [len(found) for _, found in box.hub.batches.values()] == [300, 300, 300, 100]


def test_a_replay_from_an_empty_folder_gives_the_same_batches(box):
    boot = b"\x07" * 16
    with box.hub:
        asyncio.run(box.run(in_chunks(pulses(1000), 100), boot=boot))
        first = dict(box.hub.batches)
        shutil.rmtree(box.folder)
        asyncio.run(box.run(in_chunks(pulses(1000), 100), boot=boot))

    assert box.hub.batches == first
    assert box.hub.deliveries == 2 * len(first)


def test_what_was_stored_without_a_broker_arrives_when_it_is_back(box):
    box.broker.kill()
    readings = pulses(600)

    async def outage():
        stop = asyncio.Event()
        running = asyncio.create_task(box.run(in_chunks(readings, 100), stop=stop))
        # All is on disk though nobody has heard of it.
        status = box.folder / "status.json"
        await until(status.exists)
        assert not json.loads(status.read_text())["connected"]
        box.broker.start()
        await asyncio.to_thread(box.hub.start)
        await running

    asyncio.run(outage())

    assert sorted(box.hub.readings) == sorted(readings)


def test_a_broker_killed_again_and_again_loses_nothing(box):
    readings = pulses(3000)

    async def paced(cursor):
        async for heard in in_chunks(readings, 100)(cursor):
            yield heard
            given = int(heard.cursor["given"])
            if given % 1000 == 0:
                enough = box.hub.deliveries + 1
                await asyncio.to_thread(box.hub.wait, partial(delivered, enough))
                await asyncio.to_thread(cut)

    def delivered(count):
        return box.hub.deliveries >= count

    def cut():
        box.broker.kill()
        box.broker.start()
        box.hub.stop()
        box.hub.start()

    with box.hub:
        status = asyncio.run(box.run(paced))

    assert sorted(box.hub.readings) == sorted(readings)
    assert status.receipted == 3000


def test_what_has_no_receipt_is_sent_again_until_it_has(box):
    def every_third_delivery(content, sha256):
        return box.hub.committed(content, sha256) if box.hub.deliveries % 3 == 0 else []

    box.hub.answers = every_third_delivery
    with box.hub:
        status = asyncio.run(box.run(in_chunks(pulses(600), 100)))

    assert status.resent_batches > 0
    assert sorted(box.hub.readings) == sorted(pulses(600))


def test_at_most_two_backlog_batches_wait_for_their_receipts(box):
    box.hub.answers = lambda _content, _sha256: []

    async def unanswered():
        stop = asyncio.Event()
        running = asyncio.create_task(box.run(in_chunks(pulses(3000), 100), stop=stop, drain=False))
        await until(lambda: box.hub.deliveries >= 24)
        stop.set()
        return await running

    with box.hub:
        status = asyncio.run(unanswered())

    came_s = box.hub.came_s
    third_s = [after - before for before, after in zip(came_s, came_s[2:], strict=False)]
    assert min(third_s) > 0.5 * QUICK.resend_after_s  # some of it is the broker's
    assert len(box.hub.batches) == 10, "none has its second turn before all had their first"
    assert (status.receipted, status.waiting_batches) == (0, 10)


def test_batches_that_never_get_a_receipt_hold_up_nobody(box):
    unanswered = set(range(5))

    def all_but_some(content, sha256):
        return [] if content.seq in unanswered else box.hub.committed(content, sha256)

    async def run():
        stop = asyncio.Event()
        running = asyncio.create_task(box.run(in_chunks(pulses(3000), 100), stop=stop, drain=False))
        await until(lambda: len(box.hub.batches) == 10)
        unanswered.clear()  # the hub is of the newest version now
        await until(lambda: box.hub.deliveries >= 15)
        stop.set()
        return await running

    box.hub.answers = all_but_some
    with box.hub:
        asyncio.run(run())
        status = asyncio.run(box.run(in_chunks([], 1)))

    assert (status.receipted, status.waiting_batches) == (3000, 0)
    assert sorted(box.hub.readings) == sorted(pulses(3000))


def flip_a_byte_of_a_lane(path):
    """SQLite's own check finds nothing wrong with that."""
    with contextlib.closing(apsw.Connection(str(path))) as db:
        page = db.execute("SELECT min(pageno) FROM dbstat WHERE name = 'batch' AND ncell > 2").get
    data = bytearray(path.read_bytes())
    data[data.index(b"backlog", (page - 1) * PAGE_BYTES, page * PAGE_BYTES)] = 0xFF
    path.write_bytes(data)


def test_a_flipped_byte_in_a_batchs_lane_costs_that_batch_alone(box):
    box.hub.answers = lambda _content, _sha256: []

    async def unanswered():
        stop = asyncio.Event()
        running = asyncio.create_task(box.run(in_chunks(pulses(3000), 100), stop=stop, drain=False))
        await until(lambda: len(box.hub.batches) == 10)
        stop.set()
        await running

    with box.hub:
        asyncio.run(unanswered())
        flip_a_byte_of_a_lane(box.folder / "spool.sqlite")
        box.hub.answers = box.hub.committed
        status = asyncio.run(box.run(in_chunks([], 1)))

    assert (status.receipted, status.damaged, status.waiting_batches) == (2700, 300, 0)


def test_live_readings_do_not_wait_behind_a_backlog(box):
    box.hub.answers = lambda _content, _sha256: []  # the backlog is stuck

    async def both(cursor):
        async for heard in in_chunks(pulses(3000), 100)(cursor):
            yield heard
        await until(lambda: box.hub.lanes["backlog"] >= 2)
        yield Heard(pulses(5, 3000), "live", {})

    async def run():
        stop = asyncio.Event()
        policy = SealPolicy(live_after_s=0.05, backlog_chunks=3, backlog_after_s=None)
        running = asyncio.create_task(
            box.run(both, stop=stop, drain=False, clock=BoxClock(), sealing=policy)
        )
        await until(lambda: box.hub.lanes["live"] >= 1)
        stop.set()
        await running

    with box.hub:
        asyncio.run(run())

    assert set(pulses(5, 3000)) <= set(box.hub.readings)


def forged(content, sha256, hub):
    """Receipts that must change nothing."""
    named, other = ((content.seq, sha256),), make_keys().signing
    good = Receipt(content.centre, content.gateway, content.boot, 1, named)
    whole = hub.seal(content, committed=named)
    yield seal_receipt(good, other)  # signed by somebody else
    yield whole[:-1] + bytes([whole[-1] ^ 1])  # a signature that does not fit
    yield hub.seal(content, committed=named, boot=bytes(16))
    yield hub.seal(content, committed=named, gateway="hall-2")
    yield hub.seal(content, committed=named, centre="another")
    yield hub.seal(content, committed=((content.seq, bytes(32)),))
    yield hub.seal(content, committed=((content.seq + 1, sha256),))
    yield hub.seal(content, refused=((content.seq, bytes(32), "forked_spool"),))
    yield b""
    yield b"no receipt"
    yield bytes(100_000)


def test_forged_receipts_and_receipts_for_others_change_nothing(box):
    box.hub.answers = lambda content, sha256: list(forged(content, sha256, box.hub))

    async def run():
        stop = asyncio.Event()
        running = asyncio.create_task(box.run(in_chunks(pulses(100), 100), stop=stop))
        await until(lambda: box.hub.deliveries >= 3)
        stop.set()
        return await running

    with box.hub:
        status = asyncio.run(run())
        assert (status.receipted, status.refused, status.waiting_batches) == (0, 0, 1)
        assert status.receipts_rejected >= 8

        box.hub.answers = box.hub.committed
        status = asyncio.run(box.run(in_chunks(pulses(100), 100)))

    assert (status.receipted, status.waiting_batches) == (100, 0)


def test_a_cloned_spool_is_refused_by_the_hub_and_keeps_its_bytes(box):
    """The clone has key and spool: only the hub can tell, by one number with two contents."""
    known = {}

    def as_a_hub_does(content, sha256):
        name = (content.seq, sha256)
        if known.setdefault(content.seq, sha256) == sha256:
            return [box.hub.seal(content, committed=(name,))]
        return [box.hub.seal(content, refused=((*name, "forked_spool"),))]

    box.hub.answers = as_a_hub_does
    with box.hub:
        asyncio.run(box.run(in_chunks(pulses(300), 100)))
        clone = box.folder.with_name("clone")
        shutil.copytree(box.folder, clone)
        asyncio.run(box.run(in_chunks(pulses(600), 100)))

        box.hub.batches.clear()
        cloned = box.settings.model_copy(update={"data_dir": clone})
        other = pulses(300) + [reading._replace(value=200.0) for reading in pulses(300, 300)]

        async def run_clone():
            async with asyncio.timeout(PATIENCE_S):
                return await run_gateway(
                    cloned, box.keys, box.hub.keys.public.signing, in_chunks(other, 100),
                    stop=asyncio.Event(), drain=True, **box.parts,
                )  # fmt: skip

        status = asyncio.run(run_clone())

    assert (status.refused, status.refused_batches, status.receipted) == (300, 1, 300)
    assert status.waiting_batches == 0


def test_a_spool_copied_to_a_box_with_another_key_is_refused(box):
    with box.hub:
        asyncio.run(box.run(in_chunks(pulses(100), 100)))

        async def elsewhere():
            await run_gateway(
                box.settings, make_keys(), box.hub.keys.public.signing, in_chunks(pulses(200), 100),
                stop=asyncio.Event(), drain=True,
            )  # fmt: skip

        with pytest.raises(Misconfigured, match="another box's key"):
            asyncio.run(elsewhere())


def test_on_stop_what_was_heard_is_on_disk_and_arrives_later(box):
    box.broker.kill()
    heard = asyncio.Event()

    async def endless(_cursor):
        yield Heard(pulses(500), "backlog", {"given": "500"})
        heard.set()
        await asyncio.Event().wait()

    async def run():
        stop = asyncio.Event()
        running = asyncio.create_task(box.run(endless, stop=stop))
        await heard.wait()
        stop.set()
        return await running

    status = asyncio.run(run())
    assert (status.stored, status.receipted) == (500, 0)

    box.broker.start()
    with box.hub:
        asyncio.run(box.run(in_chunks(pulses(500), 100)))
    assert sorted(box.hub.readings) == sorted(pulses(500))


def test_the_state_topic_says_online_and_at_the_end_offline(box):
    with box.hub:
        asyncio.run(box.run(in_chunks(pulses(100), 100)))
        box.hub.wait(lambda: json.loads(box.hub.states[-1])["state"] == "offline")

    assert json.loads(box.hub.states[0])["state"] == "online"
    assert json.loads(box.hub.states[0])["gateway"] == "hall-1"


def test_a_full_spool_makes_the_source_wait_and_loses_nothing(box):
    """Noise does not compress, so the spool is full before all is heard."""
    chance = random.Random(1)
    readings = [reading._replace(value=chance.uniform(30, 200)) for reading in pulses(150_000)]
    spool = box.settings.spool.model_copy(update={"quota_mb": 1})
    tight = box.settings.model_copy(update={"spool": spool})

    async def run():
        running = asyncio.create_task(
            run_gateway(
                tight, box.keys, box.hub.keys.public.signing, in_chunks(readings, 3_000),
                stop=asyncio.Event(), drain=True, **box.parts,
            )
        )  # fmt: skip
        await until(lambda: any(log["event"] == "spool_full" for log in logs))
        await asyncio.to_thread(box.hub.start)
        return await running

    with capture_logs() as logs:
        final = asyncio.run(run())

    assert final.spool_full > 0
    assert final.stored == final.receipted == len(readings)
    assert len(box.hub.readings) == len(readings)


@pytest.mark.parametrize("sources", [1, 2])
def test_stopped_while_the_disk_is_behind_all_that_was_heard_is_on_disk(box, monkeypatch, sources):
    """Each source has something to say still when it is stopped, as a radio has."""
    append, heard = Spool.append, []
    is_slow = threading.Event()

    def slowly(spool, *given, **more):
        if is_slow.is_set():
            time.sleep(0.1)
        return append(spool, *given, **more)

    monkeypatch.setattr(Spool, "append", slowly)

    def one():
        heard.extend(pulses(1, len(heard)))
        return Heard(heard[-1:], "live")

    async def saying(_cursor):
        try:
            while True:
                await asyncio.sleep(0.005)
                yield one()
        except asyncio.CancelledError:
            yield one()
            yield one()
            raise

    async def run():
        stop = asyncio.Event()
        source = together([saying] * sources)
        running = asyncio.create_task(box.run(source, stop=stop, drain=False))
        await until(lambda: len(heard) > 20)
        is_slow.set()
        await asyncio.sleep(0.5)  # long enough for each to wait for room
        stop.set()
        return await running

    final = asyncio.run(run())

    assert final.stored == len(heard)

"""A gateway's edge as it runs: the network goes, the disk fills, the power fails."""

import asyncio
import errno
import itertools
import json
import re
import signal
import subprocess
import sys
import threading
from contextlib import asynccontextmanager
from pathlib import Path

import apsw

from config.gateway_settings import OnsiteSettings
from ingest.batch.keys import load_keys, make_keys, save_keys
from ingest.batch.receipt import Receipt, seal_receipt
from ingest.gateway import status
from ingest.gateway.heard import Heard
from ingest.gateway.onsite import ADDRESS
from ingest.gateway.safety import Edge, rule_of_the_edge
from ingest.gateway.spool import Spool
from ingest.gateway.spool_batches import Batches
from ingest.gateway.spool_ground import SpoolFull
from tests.edges import BAND, DAY_MS, NOON_UTC_MS, Clocks, live, roster, sealed, worn
from tests.integration.ingest.gateway.conftest import in_chunks, pulses
from tests.integration.ingest.gateway.test_run import until
from tests.measure_edge_alarm import page_at, trials_with_the_broker_down
from tests.patience import PATIENCE_S
from tests.ports import port_of

SECONDS = 40


class Running:
    """A gateway that runs, and the edge a test lets hear."""

    def __init__(self, edge, clocks, stop):
        self.edge, self.clocks, self.stop = edge, clocks, stop
        self.status = None

    def hear(self, bpm, seconds=SECONDS, device_key=BAND):
        for _ in range(seconds):
            self.clocks.pass_ms(1000)
            self.edge.heard([live(self.clocks, bpm, device_key)])


async def silence(_cursor):
    """A source that gives nothing: what is judged is heard before any queue."""
    await asyncio.Event().wait()
    yield


@asynccontextmanager
async def running(box, source=silence, **settings):
    """Run the gateway of `box` with an edge beside the body; then its last status is known."""
    clocks, stop = Clocks(), asyncio.Event()
    given = box.settings.model_copy(update=settings)
    edge = Edge(given, box.keys, box.hub.keys.public.signing, time=clocks.edge_time())
    gateway = Running(edge, clocks, stop)
    task = asyncio.create_task(box.run(source, stop=stop, drain=False, edge=edge, clock=None))
    try:
        yield gateway
    finally:
        stop.set()
        gateway.status = await task


def with_roster(box, *bands, version=1):
    return sealed(roster(*bands, version=version), box.hub.keys, box.keys)


def once(hub):
    """Every event once: one that is answered late is sent again, and the hub knows it."""
    first = {}
    for event in hub.events:
        first.setdefault((event.boot, event.number), event)
    return list(first.values())


def states(hub):
    return [event.state for event in once(hub)]


def test_the_rule_of_the_edge_is_that_of_the_district():
    rule = rule_of_the_edge()

    assert (rule.name, rule.version) == ("hr_ceiling", 1)
    assert (rule.gate.lowest_bpm, rule.gate.highest_bpm) == (30, 220)


def test_a_roster_comes_from_the_broker_and_is_known_without_it_after(box):
    async def come():
        async with running(box) as gateway:
            await until(lambda: gateway.edge.book.registered() == {BAND: "hrs"})
            await until(lambda: gateway.edge.book.is_saved)
        return gateway.status.edge

    with box.hub:
        box.hub.retain_roster("centre", "hall-1", with_roster(box, version=5))
        status = asyncio.run(come())
    assert (status["roster_version"], status["roster_bands"]) == (5, 1)

    box.broker.kill()

    async def alone():
        async with running(box) as gateway:
            gateway.hear(160)
            assert [alarm.subject for alarm in gateway.edge.guard.alarms] == ["p-1"]

    asyncio.run(alone())


def test_rosters_that_are_not_ours_change_nothing_and_are_counted(box):
    hub, other = box.hub.keys, make_keys()

    async def come():
        async with running(box) as gateway:
            await until(lambda: gateway.edge.book.roster is not None)
            for wrong in (
                with_roster(box, version=4),
                sealed(roster(version=9), other, box.keys),
                sealed(roster(version=9), hub, other),
                sealed(roster(version=9, gateway="hall-2"), hub, box.keys),
                b"rubbish",
                b"",
            ):
                before = gateway.edge.book.refused.total()
                await asyncio.to_thread(box.hub.retain_roster, "centre", "hall-1", wrong)
                await until(lambda b=before: gateway.edge.book.refused.total() > b)
            assert gateway.edge.book.roster.version == 5
        return gateway.status.edge["rosters_refused"]

    with box.hub:
        box.hub.retain_roster("centre", "hall-1", with_roster(box, version=5))
        assert asyncio.run(come()) == {
            "old_version": 1,
            "bad_signature": 1,
            "another_key": 1,
            "wrong_gateway": 1,
            "not_cose": 2,
        }


def test_a_receipt_that_somebody_keeps_at_the_broker_tells_no_time(box):
    """Signed once by the hub, and given to every box that starts: it would put it years back."""

    async def start():
        async with running(box) as gateway:
            await until(lambda: gateway.edge.book.roster)  # it comes behind the receipt
            return gateway.edge.time.utc_ms(), gateway.clocks.wall_utc_ms

    box.hub.tells_time = False
    with box.hub:
        old = Receipt("centre", "hall-1", bytes(16), NOON_UTC_MS - 365 * DAY_MS, ())
        sealed_old = seal_receipt(old, box.hub.keys.signing)
        box.hub.publish_receipt("centre", "hall-1", sealed_old, retain=True)
        issued_ms = NOON_UTC_MS - 366 * DAY_MS
        given = sealed(roster(issued_utc_ms=issued_ms), box.hub.keys, box.keys)
        box.hub.retain_roster("centre", "hall-1", given)

        utc_ms, wall_utc_ms = asyncio.run(start())

    assert utc_ms == wall_utc_ms


def test_an_alarm_raised_without_a_network_is_told_once_when_it_is_back(box):
    box.broker.kill()

    async def outage():
        async with running(box) as gateway:
            await gateway.edge.take_roster(with_roster(box))
            gateway.hear(160)
            await until(lambda: not gateway.edge.events.unsaved)
            gateway.clocks.pass_ms(3_600_000)  # an hour without a network
            gateway.hear(100, 1)
            box.broker.start()
            await asyncio.to_thread(box.hub.start)
            await until(lambda: not gateway.edge.events.waiting)
        return gateway.status.edge

    status = asyncio.run(outage())

    assert states(box.hub) == ["raised", "ended"]
    assert [event.number for event in once(box.hub)] == [0, 1]
    assert box.hub.events[0].age_ms >= 3_600_000
    assert (status["events_receipted"], status["events_waiting"]) == (2, 0)
    told = len(box.hub.events)
    asyncio.run(nothing_is_left(box))
    assert len(box.hub.events) == told


async def nothing_is_left(box):
    async with running(box) as gateway:
        await until(gateway.edge.is_connected)
        assert gateway.edge.events.waiting == 0


def test_an_event_without_a_receipt_is_sent_again_after_a_new_connection(box):
    async def unanswered():
        async with running(box) as gateway:
            await gateway.edge.take_roster(with_roster(box))
            gateway.hear(160)
            await until(lambda: len(once(box.hub)) == 1)
            box.hub.answers_events = True
            await asyncio.to_thread(box.broker.kill)
            await asyncio.to_thread(box.broker.start)
            await asyncio.to_thread(box.hub.stop)
            await asyncio.to_thread(box.hub.start)

            def is_answered():
                gateway.clocks.pass_ms(100)
                return not gateway.edge.events.waiting

            await until(is_answered)

    box.hub.answers_events = False
    with box.hub:
        asyncio.run(unanswered())

    assert {event.number for event in box.hub.events} == {0}


def test_on_a_disk_that_saves_nothing_an_event_is_sent_from_memory(box):
    (box.folder / "events.sqlite").mkdir(parents=True)

    async def sick():
        async with running(box) as gateway:
            await gateway.edge.take_roster(with_roster(box))
            gateway.hear(160)
            await until(lambda: gateway.edge.events.receipted == 1)
            await until(lambda: gateway.edge.events.save_failures)
        return gateway.status.edge

    with box.hub:
        status = asyncio.run(sick())

    assert states(box.hub) == ["raised"]
    assert status["event_save_failures"] > 0


def test_on_a_disk_that_hangs_an_event_is_sent_at_once(box, monkeypatch):
    hangs, go_on = threading.Event(), threading.Event()
    look = Batches.live

    def hanging(batches, **asked):
        hangs.set()
        go_on.wait(PATIENCE_S)
        return look(batches, **asked)

    async def hung():
        async with running(box) as gateway:
            await gateway.edge.take_roster(with_roster(box))
            await until(gateway.edge.is_connected)
            monkeypatch.setattr(Batches, "live", hanging)
            box.hub.publish_receipt("centre", "hall-1", b"to wake it")
            await until(hangs.is_set)
            gateway.hear(160)
            try:
                await until(lambda: box.hub.events)
                return go_on.is_set()
            finally:
                go_on.set()

    with box.hub:
        assert asyncio.run(hung()) is False, "it was sent before the disk went on"


def full(*_given, **_more):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_stops_neither_the_edge_nor_the_gateway(box, monkeypatch):
    """Nothing can be sealed, settled or said on disk; then there is room again."""
    is_full = threading.Event()
    seal, settle, write = Spool.seal, Batches.settle, status.write

    def unless_full(do):
        def doing(*given, **more):
            if is_full.is_set():
                raise SpoolFull("the disk is full")
            return do(*given, **more)

        return doing

    monkeypatch.setattr(Spool, "seal", unless_full(seal))
    monkeypatch.setattr(Batches, "settle", unless_full(settle))
    monkeypatch.setattr("ingest.gateway.telling.STATUS_EVERY_S", 0.02)
    monkeypatch.setattr("ingest.gateway.keeping.FULL_AGAIN_S", 0.02)
    written = []

    def written_unless_full(folder, said):
        written.append(said)
        (full if is_full.is_set() else write)(folder, said)

    monkeypatch.setattr(status, "write", written_unless_full)

    async def source(_cursor):
        for number in itertools.count():
            await asyncio.sleep(0.02)
            yield Heard(pulses(5, 5 * number), "live")

    async def filled():
        async with running(box, source=source) as gateway:
            await gateway.edge.take_roster(with_roster(box))
            await until(lambda: box.hub.batches)
            is_full.set()
            was = len(written)
            gateway.hear(160, 31)
            await until(lambda: gateway.edge.events.receipted)
            await until(lambda: len(written) > was + 3 and written[-1].spool_full > 3)
            is_full.clear()
            received = len(box.hub.batches)
            await until(lambda: len(box.hub.batches) > received)
            await until(lambda: written[-1].receipted > 0)

    with box.hub:
        asyncio.run(filled())

    assert states(box.hub) == ["raised"]


def test_a_gateway_starts_on_a_full_disk(box, monkeypatch):
    with box.hub:
        asyncio.run(box.run(in_chunks(pulses(10), 5)))
        monkeypatch.setattr("ingest.gateway.spool_file.write_state", lambda *_: apsw_full())

        async def started():
            async with running(box) as gateway:
                await gateway.edge.take_roster(with_roster(box))
                gateway.hear(160)
                await until(lambda: gateway.edge.events.receipted)

        asyncio.run(started())

    assert states(box.hub) == ["raised"]


def apsw_full():
    raise apsw.FullError("database or disk is full")


def test_the_page_shows_an_alarm_within_seconds_with_the_broker_down(box):
    box.broker.kill()
    ms = asyncio.run(trials_with_the_broker_down(box.settings.data_dir, trials=5))

    assert len(ms) == 5
    assert max(ms) < 2_000, "and the browser asks every 2 s"


def test_a_port_that_is_taken_costs_the_page_and_not_the_gateway(box):
    async def both():
        holder = await asyncio.start_server(lambda *_: None, ADDRESS, 0)
        port = holder.sockets[0].getsockname()[1]
        async with holder, running(box, onsite=OnsiteSettings(port=port)) as gateway:
            await until(lambda: gateway.edge.page_says == "cannot_listen")
            await until(gateway.edge.is_connected)

    with box.hub:
        asyncio.run(both())


def test_the_page_of_a_running_gateway_says_that_the_district_is_not_reached(box):
    box.broker.kill()
    port = port_of(box.broker)

    async def look():
        async with running(box, onsite=OnsiteSettings(port=port, language="en")) as gateway:
            await until(lambda: gateway.edge.page_says == "on")
            return await page_at(port)

    assert "The district is NOT reached" in asyncio.run(look())


KILLED = """
import asyncio, sys
from pathlib import Path
from config.fields import Broker
from config.gateway_settings import GatewaySettings
from ingest.batch.keys import load_keys
from ingest.gateway.run import run_gateway
from ingest.gateway.safety import Edge
from tests.edges import Clocks, live

folder, hub, roster = Path(sys.argv[1]), load_keys(Path(sys.argv[2])), Path(sys.argv[3])

async def silence(_cursor):
    await asyncio.Event().wait()
    yield

async def main():
    keys = load_keys(folder / "gateway.key")
    settings = GatewaySettings(
        centre="centre", gateway="hall-1", data_dir=folder, broker=Broker(host="127.0.0.1", port=1)
    )
    clocks = Clocks()
    edge = Edge(settings, keys, hub.public.signing, time=clocks.edge_time())
    task = asyncio.create_task(
        run_gateway(settings, keys, hub.public.signing, silence, stop=asyncio.Event(), edge=edge)
    )
    await edge.take_roster(roster.read_bytes())
    for _ in range(40):
        clocks.pass_ms(1000)
        edge.heard([live(clocks, 160)])
    while edge.events.unsaved:
        await asyncio.sleep(0.001)
    print("on disk", flush=True)
    await task

asyncio.run(main())
"""


def test_an_event_that_reached_the_disk_survives_a_kill(box, tmp_path):
    box.folder.mkdir()
    save_keys(box.folder / "gateway.key", box.keys)
    save_keys(tmp_path / "hub.key", box.hub.keys)
    (tmp_path / "roster").write_bytes(with_roster(box))
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", KILLED, str(box.folder)),
            *(str(tmp_path / "hub.key"), str(tmp_path / "roster")),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[4],
    )
    with process:
        assert "on disk" in "".join(iter(process.stdout.readline, "on disk\n")) + "on disk"
        process.send_signal(signal.SIGKILL)

    async def after():
        async with running(box) as gateway:
            await until(lambda: gateway.edge.events.receipted == 1)

    with box.hub:
        asyncio.run(after())

    assert states(box.hub) == ["raised"]
    assert load_keys(box.folder / "gateway.key").kid == box.keys.kid


def test_nothing_of_a_person_stands_in_the_state_or_the_status_file(box):
    async def alarmed():
        async with running(box) as gateway:
            gateway.edge.neighbours = lambda: [("AA:BB:CC:DD:EE:FF", "hrs")]
            await gateway.edge.take_roster(with_roster(box, worn(subject="p-secret")))
            gateway.hear(177)
            await until(lambda: gateway.edge.events.receipted == 1)

    with box.hub:
        asyncio.run(alarmed())
        box.hub.wait(lambda: json.loads(box.hub.states[-1])["state"] == "offline")

    said = [*box.hub.states, (box.folder / "status.json").read_bytes()]
    told = b"".join(said).decode()
    for word in ("p-secret", BAND, "AA:BB"):
        assert word not in told
    assert not re.search(r"(?<![0-9a-f.])177(?![0-9a-f.])", told)  # the pulse, in no longer number


def test_a_gateway_that_drains_waits_for_its_events_too(box):
    async def drained():
        clocks = Clocks()
        edge = Edge(box.settings, box.keys, box.hub.keys.public.signing, time=clocks.edge_time())
        await edge.take_roster(with_roster(box))
        for _ in range(SECONDS):
            clocks.pass_ms(1000)
            edge.heard([live(clocks, 160)])

        async def nothing(_cursor):
            for heard in ():
                yield heard

        return await box.run(nothing, drain=True, edge=edge)

    with box.hub:
        status = asyncio.run(drained())

    assert status.edge["events_receipted"] == 1

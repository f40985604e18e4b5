"""This pulse is mine: from the page in one hall to the database and to the other hall's box."""

import asyncio
import re
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from config.gateway_settings import GatewaySettings, OnsiteSettings
from ingest.batch.claim_code import code_hash
from ingest.batch.reading import Flag, Quantity, Reading
from ingest.gateway.heard import Heard
from ingest.gateway.neighbour import Neighbour
from ingest.gateway.run import run_gateway
from ingest.gateway.safety import Edge
from scripts.show.ports import held_port
from storage.bands import give_code, hand_out, register_band
from storage.dead_letters import latest
from tests.hubs import enrolled_box, hub_at_work, settings_for
from tests.integration.ingest.hub.test_edge import JANUARY, a_wearer
from tests.patience import PATIENCE_S

WATCH = Neighbour("5A:01:02:03:04:05", ("hrs",), "Watch", -50)
IRK = bytes.fromhex("ec0234a357c8ad05341010a60a397d9b")
PRIVATE = "70:81:94:0D:FB:AA"
SALT = bytes(16)


@pytest.fixture
def broker(mosquitto):
    return mosquitto


@pytest.fixture(autouse=True)
def _many_looks(monkeypatch):
    monkeypatch.setattr("ingest.hub.rosters.LEAST_BETWEEN_S", 0.05)


@pytest.fixture
def two(enrolled, db):
    """Two halls of one centre, and two people of whom one has a code."""
    boxes = enrolled("hall-1"), enrolled_box(db, "hall-2")
    for pseudonym in ("p-1", "p-2"):
        a_wearer(db, pseudonym, device_key=None)
    give_code(db, "p-1", SALT, code_hash("1234", SALT))
    return boxes


@dataclass
class Hall:
    """A gateway that runs, with a band in reach that it hears like the radio: once registered."""

    edge: Edge
    port: int
    bpm: float = 90.0
    heard: int = 0

    async def source(self, _cursor):
        while True:
            await asyncio.sleep(0.05)
            if WATCH.address in self.edge.registered():
                now = time.time_ns() // 10**6
                reading = Reading(
                    WATCH.address, Quantity.HEART_RATE_BPM, self.bpm, now, 0, Flag.CLOCK_RECEIPT
                )
                self.edge.heard([reading])
                self.heard += 1
                yield Heard([reading], "live")

    def page(self, path="/", **form):
        """Ask for a page, or send a form with the token that stands in the page before."""
        url = f"http://127.0.0.1:{self.port}"
        data = None
        if form:
            [token, *_] = re.findall(r'name="token" value="([^"]+)"', self.page("/claim"))
            data = urlencode({"token": token, **form}).encode()
        with urlopen(Request(url + path, data), timeout=PATIENCE_S) as answer:  # noqa: S310 - ours
            return answer.read().decode()

    async def asked(self, path="/", **form):
        return await asyncio.to_thread(partial(self.page, path, **form))


@asynccontextmanager
async def open_hall(box, broker, hub_keys, folder):
    with held_port() as port:
        settings = GatewaySettings(
            centre=box.centre,
            gateway=box.gateway,
            data_dir=folder / box.gateway,
            broker=settings_for(broker),
            uplink={"seal_after_s": 0.2, "resend_after_s": 1},
            onsite=OnsiteSettings(port=port, language="en"),
        )
        edge = Edge(settings, box.keys, hub_keys.public.signing)
        hall, stop = Hall(edge, port), asyncio.Event()
        task = asyncio.create_task(
            run_gateway(
                settings, box.keys, hub_keys.public.signing, hall.source, stop=stop, edge=edge
            )
        )
        try:
            await until(lambda: edge.page_says == "on" or task.done())
            yield hall
        finally:
            stop.set()
            await task


async def until(condition):
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - another process's or thread's
            await asyncio.sleep(0.02)


def one(db, statement):
    row = db.execute(statement).fetchone()
    return None if row is None else row if len(row) > 1 else row[0]


def assigned(db):
    return db.execute(
        "SELECT pseudonym, lower(worn), upper(worn) FROM device_assignment"
        " JOIN patient ON patient.id = patient_id ORDER BY lower(worn)"
    ).fetchall()


def test_a_claim_in_one_hall_protects_at_once_and_reaches_database_and_the_other_hall(
    two, database, broker, hub_keys, db, tmp_path
):
    async def scene():
        async with (
            open_hall(two[0], broker, hub_keys, tmp_path) as first,
            open_hall(two[1], broker, hub_keys, tmp_path) as second,
        ):
            first.edge.neighbours = lambda: [WATCH]
            await until(lambda: "p-1" in first.edge.book.claimers)
            assert "p-2" not in first.edge.book.claimers
            assert first.heard == 0

            await first.asked("/claim", band=WATCH.address, who="p-1", typed="123", digit="4")
            await until(lambda: second.heard > 3)

            now = time.time_ns() // 10**6
            assert first.edge.band(WATCH.address, now).ceiling_bpm == 150
            assert second.edge.band(WATCH.address, now)[2:6:3] == ("p-1", 150)
            assert WATCH.address not in first.edge.book.registered()
            page = await first.asked()
            assert "p-1" in page
            assert "I am finished" in page

            [claim] = re.findall(r'name="claim" value="([0-9a-f]{32})"', page)
            await first.asked("/finish", claim=claim, sure="yes")
            assert first.edge.registered() == {}
            await until(lambda: WATCH.address in second.edge.book.registered())
            await until(
                lambda: second.edge.book.band(WATCH.address, time.time_ns() // 10**6) is None
            )
            await until(lambda: not first.edge.events.waiting)

    with hub_at_work(database, broker, hub_keys):
        asyncio.run(scene())

    [(who, since, until_at)] = assigned(db)
    assert (who, until_at > since) == ("p-1", True)
    assert one(db, "SELECT ended_at IS NOT NULL FROM band_claim")
    assert one(db, "SELECT family FROM device") == "hrs"
    counted, before = one(
        db,
        "SELECT count(*), count(*) FILTER (WHERE at < lower(worn) - interval '1 second')"
        " FROM heart_rate JOIN device_assignment USING (device_id)",
    )
    assert counted > 0
    assert before == 0


def test_a_claim_that_the_district_refuses_ends_at_the_box_and_can_be_looked_up(
    two, database, broker, hub_keys, db, tmp_path
):
    async def scene(stage):
        async with open_hall(two[0], broker, hub_keys, tmp_path) as hall:
            hall.edge.neighbours = lambda: [WATCH]
            with hub_at_work(database, broker, hub_keys):
                await until(lambda: "p-1" in hall.edge.book.claimers)
            # The hub is away now: the claim waits, and the staff gives the band to somebody else.
            await hall.asked("/claim", band=WATCH.address, who="p-1", typed="123", digit="4")
            assert WATCH.address in hall.edge.registered()
            hand_out(db, WATCH.address, patient="p-2", since=JANUARY)
            with hub_at_work(database, broker, hub_keys):
                await until(lambda: not hall.edge.claims.standing)
                await until(hall.edge.book.registered)
                await until(lambda: hall.edge.claims.refused)
                stage["page"] = await hall.asked()
                stage["worn"] = hall.edge.band(WATCH.address, time.time_ns() // 10**6).subject

    stage = {}
    asyncio.run(scene(stage))

    assert stage["worn"] == "p-2"
    assert [who for who, _, _ in assigned(db)] == ["p-2"]
    reasons = {letter.reason for letter in latest(db)}
    assert reasons == {"claim_of_registered_band"}
    assert "p-1: the district does not take this band as yours" in stage["page"]


def test_a_bands_identity_key_reaches_its_centre_and_resolves_its_addresses_there(
    two, database, broker, hub_keys, db, tmp_path
):
    register_band(db, "watch-7", family="hrs", irk=IRK)
    hand_out(db, "watch-7", patient="p-2", since=JANUARY)

    async def scene():
        async with open_hall(two[0], broker, hub_keys, tmp_path) as hall:
            await until(lambda: hall.edge.book.identity_keys)
            assert hall.edge.device_key_of(PRIVATE) == "watch-7"
            assert hall.edge.registered() == {"watch-7": "hrs"}

            register_band(db, "watch-7", irk=bytes(16))
            await until(lambda: hall.edge.device_key_of(PRIVATE) is None)

    with hub_at_work(database, broker, hub_keys):
        asyncio.run(scene())

    for path in tmp_path.rglob("*"):
        assert not path.is_file() or IRK not in path.read_bytes(), path


def test_a_band_that_is_offered_at_the_page_stands_before_the_operator(
    two, database, broker, hub_keys, db, tmp_path
):
    async def scene():
        async with open_hall(two[1], broker, hub_keys, tmp_path) as hall:
            hall.edge.neighbours = lambda: [WATCH]
            await until(lambda: hall.edge.book.roster is not None)
            await hall.asked("/near", band=WATCH.address)
            await until(lambda: one(db, "SELECT count(*) FROM band_offer"))
            await until(lambda: not hall.edge.events.waiting)

    with hub_at_work(database, broker, hub_keys):
        asyncio.run(scene())

    offers = "SELECT device_key, families, code FROM band_offer JOIN gateway ON id = gateway_id"
    assert one(db, offers) == (WATCH.address, ["hrs"], "hall-2")
    assert one(db, "SELECT count(*) FROM heart_rate") == 0

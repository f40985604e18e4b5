"""What was written under a box's former keys: it is read on, and then they are thrown away."""

import asyncio
import contextlib
from dataclasses import replace

import apsw
import pytest

from config.fields import Broker
from config.gateway_settings import GatewaySettings
from ingest.batch.event import open_event
from ingest.batch.keys import load_keys, make_keys, raw, save_keys
from ingest.batch.revocation import Revocation, seal_revocation
from ingest.batch.roster import seal_roster
from ingest.gateway.box_keys import load_box_keys, next_keys
from ingest.gateway.events import EventStore
from ingest.gateway.onsite_page import page
from ingest.gateway.safety import Edge
from tests.edges import Clocks, event, roster

HUB = make_keys()


@pytest.fixture
def box(tmp_path):
    """A box whose keys were changed: its folder, the former keys, the keys of now."""
    old = make_keys()
    save_keys(tmp_path / "gateway.key", old)
    new = next_keys(tmp_path)
    (tmp_path / "enrolment.json").write_text(
        f'{{"gateway_signing_key": "{raw(new.public.signing).hex()}"}}'
    )
    return tmp_path, old, load_box_keys(tmp_path)


@contextlib.contextmanager
def a_store(folder, keys):
    store = EventStore(
        folder / "events.sqlite", keys, centre="centre", gateway="hall-1", time=Clocks().edge_time()
    )
    try:
        yield store
    finally:
        store.close()


@contextlib.contextmanager
def an_edge(folder, keys):
    settings = GatewaySettings(
        centre="centre",
        gateway="hall-1",
        data_dir=folder,
        broker=Broker(host="127.0.0.1", port=1),
    )
    edge = Edge(settings, keys, HUB.public.signing)
    try:
        yield edge
    finally:
        asyncio.run(edge.close())


def test_an_event_of_before_the_change_is_sent_under_the_new_key_and_signed_anew(box):
    folder, old, new = box
    with a_store(folder, old) as before:
        before.add(event())
        assert asyncio.run(before.save())

    with a_store(folder, new) as after:
        (held,) = after.due(5.0)
        assert open_event(after.message(held), new.public.signing).device_key
        assert after.lost == 0
    with a_store(folder, replace(new, former=None)) as later:
        assert later.waiting == 1, "on disk it is of the new key now"


def test_an_event_of_a_strangers_key_stays_damaged(box):
    folder, _, new = box
    with a_store(folder, make_keys()) as stranger:
        stranger.add(event())
        assert asyncio.run(stranger.save())

    with a_store(folder, new) as after:
        assert (after.waiting, after.lost) == (0, 1)
    with contextlib.closing(apsw.Connection(str(folder / "events.sqlite"))) as db:
        assert db.execute("SELECT refused FROM event").fetchall() == [("damaged",)]


def test_former_keys_stay_as_long_as_the_roster_needs_them_and_no_longer(box):
    folder, old, new = box
    (folder / "roster.cose").write_bytes(
        seal_roster(roster(), HUB.signing, [old.public.encryption])
    )

    with an_edge(folder, new) as edge:
        assert edge.book.roster is not None, "who is on site is known all the same"
        assert not edge.let_former_keys_go()
        to_both = [new.public.encryption, old.public.encryption]
        newer = replace(roster(), version=roster().version + 1)
        asyncio.run(edge.take_roster(seal_roster(newer, HUB.signing, to_both)))
        assert edge.let_former_keys_go()

    assert not (folder / "gateway.key.former").exists()
    assert load_box_keys(folder).former is None
    assert load_keys(folder / "gateway.key").kid == new.kid


def test_a_revoked_box_says_so_on_its_page_and_does_not_take_the_notice_for_a_roster(box):
    folder, _, new = box
    notice = seal_revocation(Revocation("centre", "hall-1", (new.kid,), 1), HUB.signing)

    with an_edge(folder, new) as edge:
        assert "out of service" not in page(edge.sight(), "en").html
        asyncio.run(edge.take_roster(notice))
        shown = page(edge.sight(), "en").html
        assert edge.status()["revoked"]

    assert "out of service" in shown
    assert "its readings stay here" in shown
    assert not edge.book.refused

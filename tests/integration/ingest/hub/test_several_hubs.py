"""Several hubs on one broker and one database: they share, and each can stand in for the others."""

import re
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ingest.batch.event import seal_event
from ingest.batch.topics import event_topic
from ingest.hub import rosters, tending
from tests import edges
from tests.boxes import listening
from tests.hubs import hub_at_work
from tests.integration.ingest.hub.test_edge import a_wearer, heard_by
from tests.integration.ingest.hub.test_kills import wait_until, whole
from tests.mosquitto import Mosquitto, installed

HOWTO = Path(__file__).parents[4] / "docs/howto/hub.md"


@pytest.fixture
def broker(mosquitto):
    return mosquitto


@contextmanager
def hubs_at_work(count, database, broker, keys, **settings):
    """Start hubs all at once; yield them."""
    with ExitStack() as stack:
        started = [None] * count
        entered = [hub_at_work(database, broker, keys, **settings) for _ in range(count)]

        def enter(number):
            started[number] = entered[number].__enter__()

        threads = [threading.Thread(target=enter, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for one in entered:
            stack.push(one.__exit__)
        assert all(started)
        yield started


def test_hubs_that_start_at_once_share_batches_and_store_each_once(
    database, broker, hub_keys, box, ear, db
):
    batches = [box.batch(seq) for seq in range(60)]

    with hubs_at_work(3, database, broker, hub_keys) as hubs:
        for number, (sealed, _) in enumerate(batches):
            ear.send(sealed, box.topic("backlog" if number % 3 == 0 else "live"))
        ear.wait_for(*(name for _, name in batches))

    whole(db, batches)
    stored = [one.counters.stored for one in hubs]
    assert sum(stored) == 60
    assert min(stored) >= 10, "each has a share"
    assert sum(one.counters.duplicate for one in hubs) == 0, "no batch went to two"
    assert not any(one.counters.dead_letters for one in hubs), "no probe was taken for a batch"


def test_the_access_rules_of_the_how_to_let_a_hub_share_and_no_fewer_do(
    database, tmp_path_factory, hub_keys, box, db
):
    rules = re.search(r"```text\n(user hub\n.*?)```", HOWTO.read_text("utf-8"), re.DOTALL)[1]
    topic = f"topic write adhere/v1/{box.centre}/{box.gateway}/+\n"
    theirs = f"user box\n{topic}{topic.replace('write', 'read')}"

    def is_shared(of_hub):
        folder = tmp_path_factory.mktemp("rules")
        (folder / "rules").write_text(f"{of_hub}\n{theirs}", "utf-8")
        broker = Mosquitto(installed(), folder, f"acl_file {folder}/rules\n")
        broker.start()
        try:
            hub_account, box_account = (
                SimpleNamespace(host=broker.host, port=broker.port, username=name, password=name)
                for name in ("hub", "box")
            )
            sealed, name = box.batch(len(rules) - len(of_hub))
            with (
                listening(box_account, box, hub_keys.public.signing) as ear,
                hub_at_work(database, hub_account, hub_keys) as hub,
            ):
                ear.send(sealed)
                ear.wait_for(name)
                return [link.is_shared for link in hub.hub.links.values()]
        finally:
            broker.stop()

    assert is_shared(rules) == [True, True]
    assert is_shared(rules.replace("topic readwrite adhere/v1/hub/probe/#\n", "")) == [False] * 2
    assert db.execute("SELECT count(*) FROM batch").fetchone()[0] == 2


def test_an_event_goes_to_every_hub_so_that_none_that_is_gone_delays_it(
    database, broker, hub_keys, box, db
):
    event = edges.event(centre=box.centre, gateway=box.gateway, boot=box.boot, number=0)

    with (
        listening(broker, box, hub_keys.public.signing) as ear,
        hubs_at_work(2, database, broker, hub_keys) as hubs,
    ):
        ear.send(seal_event(event, box.keys.signing), event_topic(box.centre, box.gateway))
        wait_until(
            lambda: sum(one.counters.events + one.counters.duplicate_events for one in hubs) == 2
        )

    assert db.execute("SELECT count(*) FROM edge_event").fetchone()[0] == 1
    assert sum(one.counters.events for one in hubs) == 1


def test_a_broker_that_grants_shares_and_delivers_nothing_is_found_out(
    database, amqtt, hub_keys, box, db
):
    batches = [box.batch(seq) for seq in range(20)]

    with (
        listening(amqtt, box, hub_keys.public.signing) as ear,
        hubs_at_work(2, database, amqtt, hub_keys) as hubs,
    ):
        ear.send_until_receipted(batches)
        assert not any(link.is_shared for one in hubs for link in one.hub.links.values())

    whole(db, batches)


def test_a_hub_without_its_database_leaves_its_share_and_takes_it_again(
    database, broker, hub_keys, box, ear, db, tmp_path, monkeypatch
):
    monkeypatch.setattr(tending, "STUCK_S", 0.5)
    way = tmp_path / "way"  # one hub's way to the database, which is not there yet

    with (
        hub_at_work(make_conninfo(database, host=str(way)), broker, hub_keys) as cut_off,
        hub_at_work(database, broker, hub_keys) as well,
    ):
        links = cut_off.hub.links.values()
        first = [box.batch(seq) for seq in range(6)]
        for sealed, _ in first:  # its share of these reaches the one that can store nothing
            ear.send(sealed)
        wait_until(lambda: any(link.is_away for link in links))

        later = [box.batch(seq) for seq in range(6, 30)]
        for sealed, _ in later:
            ear.send(sealed)
        ear.wait_for(*(name for _, name in later))
        assert well.counters.stored >= len(later)

        way.symlink_to(conninfo_to_dict(database)["host"])
        ear.wait_for(*(name for _, name in first))  # it had kept what it could not store
        wait_until(lambda: not any(link.is_away for link in links))

    whole(db, first + later)


def test_one_hub_publishes_rosters_and_another_takes_over(
    database, broker, hub_keys, box, db, monkeypatch
):
    monkeypatch.setattr(rosters, "TRY_S", 0.1)

    def publishing(hubs):
        return [one for one in hubs if one.hub.publishes_rosters]

    with hubs_at_work(3, database, broker, hub_keys) as hubs:
        wait_until(lambda: publishing(hubs))
        (first,) = publishing(hubs)
        others = [one for one in hubs if one is not first]

        first.stop.set()
        wait_until(lambda: publishing(others))

        assert len(publishing(others)) == 1
        with heard_by(broker, box, hub_keys) as said:
            a_wearer(db)
            said.wait(said.wears)


def test_a_publisher_that_loses_the_database_is_followed_by_another(
    database, broker, hub_keys, box, db, monkeypatch
):
    monkeypatch.setattr(rosters, "TRY_S", 0.1)

    theirs = (
        "FROM pg_stat_activity"
        " WHERE application_name = 'adhere-hub-rosters' AND datname = current_database()"
    )

    def failures(hubs):
        return [one.counters.database_failures for one in hubs]

    with hubs_at_work(2, database, broker, hub_keys) as hubs:
        for _ in range(3):
            wait_until(lambda: sum(one.hub.publishes_rosters for one in hubs) == 1)
            wait_until(lambda: db.execute(f"SELECT count(*) {theirs}").fetchone()[0] == 2)
            before = failures(hubs)
            db.execute(f"SELECT pg_terminate_backend(pid) {theirs}")
            wait_until(
                lambda before=before: all(
                    now > then for now, then in zip(failures(hubs), before, strict=True)
                )
            )
        wait_until(lambda: sum(one.hub.publishes_rosters for one in hubs) == 1)

"""What cannot be stored costs the hub little, and never the hub: letters, floods, odd faults."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog

from config.errors import Unavailable
from ingest.batch.event import seal_event
from ingest.batch.topics import event_topic, state_topic
from ingest.hub import letters, prepared, worker
from ingest.hub.allowance import PER_TOPIC, Allowance
from ingest.hub.buffer import Message
from storage.database import connect
from tests import edges
from tests.boxes import listening
from tests.hubs import BareHub, hub_at_work

ODD = [ValueError, OverflowError, KeyError, RecursionError, UnicodeEncodeError]


@pytest.fixture
def bare(db, hub_keys):
    return BareHub(db, hub_keys)


def kept(db):
    return db.execute(
        "SELECT reason, times_seen FROM dead_letter ORDER BY reason, topic"
    ).fetchall()


def raised(kind):
    if kind is UnicodeEncodeError:
        "\ud800".encode()
    raise kind("a secret value")


def an_event(box, number):
    event = edges.event(centre=box.centre, gateway=box.gateway, boot=box.boot, number=number)
    return Message(event_topic(box.centre, box.gateway), seal_event(event, box.keys.signing))


def a_state(box, **said):
    topic = state_topic(box.centre, box.gateway)
    return Message(topic, json.dumps({"state": "online"} | said).encode())


def test_a_state_that_is_no_utf_8_is_malformed_and_a_hub_that_starts_later_lives_too(
    database, mosquitto, hub_keys, box, db
):
    for _ in range(2):
        with (
            hub_at_work(database, mosquitto, hub_keys) as hub,
            listening(mosquitto, box, hub_keys.public.signing) as ear,
        ):
            topic = state_topic(box.centre, box.gateway)
            ear.send('{"state":"online"}'.encode("utf-16"), topic, retain=True)
            sealed, name = box.batch(0)
            ear.send(sealed)
            ear.wait_for(name)
            assert not hub.stop.is_set()

    assert [reason for reason, _ in kept(db)] == ["malformed"]


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("where", ["opened_event", "store_edge_event"])
def test_a_fault_nobody_foresaw_costs_one_event(bare, box, db, monkeypatch, where, kind):
    place = prepared if where == "opened_event" else worker
    real, calls = getattr(place, where), []

    def odd_at_first(*given):
        calls.append(given)
        return raised(kind) if len(calls) == 1 else real(*given)

    monkeypatch.setattr(place, where, odd_at_first)
    with structlog.testing.capture_logs() as logs:
        bare.take(an_event(box, 0), an_event(box, 1))

    assert kept(db) == [("unforeseen", 1)]
    assert bare.counters.dead_letters == {"unforeseen": 1}
    assert bare.counters.events == 1
    detail = db.execute("SELECT detail FROM dead_letter").fetchone()[0]
    assert detail.startswith(f"{kind.__name__} in test_set_aside.py:")
    assert "secret" not in str(logs) + detail
    ((_topic, receipt),) = bare.sent
    assert receipt, "the odd one is not receipted: its gateway sends it again"


def test_a_batch_that_brings_an_odd_fault_about_fails_none_of_its_neighbours(
    bare, box, db, monkeypatch
):
    real = worker.store_batches

    def odd(conn, batches, **options):
        if any(batch.seq == 2 for batch in batches):
            raised(TypeError)
        return real(conn, batches, **options)

    monkeypatch.setattr(worker, "store_batches", odd)
    bare.take(*(Message(box.topic(), box.batch(seq)[0]) for seq in range(4)))

    assert kept(db) == [("unforeseen", 1)]
    assert [row[0] for row in db.execute("SELECT seq FROM batch ORDER BY 1")] == [0, 1, 3]
    assert bare.counters.stored == 3


def test_a_state_that_brings_an_odd_fault_about_is_set_aside(bare, box, db, monkeypatch):
    monkeypatch.setattr(bare.worker, "_has_roster", lambda *_: raised(OverflowError))

    bare.take(a_state(box, edge={"roster_version": 3}), a_state(box))

    assert kept(db) == [("unforeseen", 1)]
    assert bare.counters.states == 1


def test_what_is_no_single_messages_fault_goes_on_its_way(bare, box, monkeypatch):
    monkeypatch.setattr(worker, "store_batches", lambda *_, **__: raised(Unavailable))
    with pytest.raises(Unavailable):
        bare.take(Message(box.topic(), box.batch(0)[0]))

    monkeypatch.setattr(worker, "store_batches", lambda *_, **__: raised(RuntimeError))
    with pytest.raises(RuntimeError):
        bare.take(Message(box.topic(), box.batch(0)[0]))


def test_the_letters_of_a_set_are_one_transaction(bare, box, db, monkeypatch):
    monkeypatch.setattr("ingest.hub.allowance.PER_TOPIC", 1000)
    bare.take(*(Message(box.topic(), b"rubbish %d" % number) for number in range(150)))

    assert len(kept(db)) == 150
    assert db.execute("SELECT count(DISTINCT xmin::text) FROM dead_letter").fetchone() == (1,)


def test_a_letter_that_the_database_refuses_takes_no_other_with_it(bare, box, db):
    db.execute("ALTER TABLE dead_letter ADD CONSTRAINT no_three CHECK (full_length <> 3)")

    with structlog.testing.capture_logs() as logs:
        bare.take(*(Message(box.topic(), b"x" * length) for length in range(1, 6)))

    assert len(kept(db)) == 4
    assert bare.counters.dead_lettered == 5
    assert bare.counters.not_kept == 1
    assert [one["event"] for one in logs].count("dead_letter_refused") == 1


def test_of_a_flood_that_nobody_signed_some_is_kept_and_all_is_counted(db, hub_keys, box):
    now = [0.0]
    hub = BareHub(db, hub_keys, allowance=Allowance(lambda: now[0]))

    with structlog.testing.capture_logs() as logs:
        for turn in range(20):
            now[0] += 0.1
            hub.take(*(Message(box.topic(), b"%d %d" % (turn, n)) for n in range(100)))

    assert len(kept(db)) == PER_TOPIC
    assert hub.counters.dead_lettered == 2000
    assert hub.counters.not_kept == 2000 - PER_TOPIC
    assert hub.counters.dead_letters == {"not_cose": 2000}
    events = [one["event"] for one in logs]
    assert events.count("dead_letter") == PER_TOPIC
    assert 1 <= events.count("dead_letters_not_kept") <= 3


def test_what_a_gateway_has_signed_is_always_kept(db, hub_keys, box):
    db.execute("ALTER TABLE batch ADD CONSTRAINT none_at_all CHECK (seq < 0)")
    hub = BareHub(db, hub_keys, allowance=Allowance(lambda: 0.0))
    rubbish = [Message(box.topic(), b"%d" % number) for number in range(300)]
    other = box.topic("backlog")
    signed = [Message(other, box.batch(seq)[0]) for seq in range(3 * PER_TOPIC)]
    forged = [Message(other, box.batch(900)[0][:-1] + b"!")]

    hub.take(*rubbish, *signed, *forged)

    assert dict(db.execute("SELECT reason, count(*) FROM dead_letter GROUP BY 1")) == {
        "not_cose": PER_TOPIC,
        "database_refused": len(signed),
        "bad_signature": 1,
    }
    assert hub.counters.not_kept == len(rubbish) - PER_TOPIC


def test_letters_given_again_after_a_fault_count_up_and_nothing_is_lost(bare, box, db, monkeypatch):
    real = letters.store_dead_letters

    def away_after(conn, given):
        real(conn, given)
        raise Unavailable("database: away")

    both = bare.prepared([Message(box.topic(), rubbish) for rubbish in (b"one", b"two")])
    monkeypatch.setattr(letters, "store_dead_letters", away_after)
    with pytest.raises(Unavailable):
        bare.worker.settle(both)
    monkeypatch.setattr(letters, "store_dead_letters", real)
    bare.worker.settle(both)

    assert kept(db) == [("not_cose", 2)] * 2
    assert bare.counters.dead_lettered == 2


def test_two_hubs_with_the_same_letters_in_another_order_never_wait_in_a_circle(
    database, db, hub_keys, box, monkeypatch
):
    monkeypatch.setattr("ingest.hub.allowance.PER_TOPIC", 10_000)
    messages = [Message(box.topic(), b"rubbish %d" % number) for number in range(100)]
    with connect(database) as other:
        hubs = [BareHub(db, hub_keys), BareHub(other, hub_keys)]
        with ThreadPoolExecutor() as both:
            turns = [
                both.submit(hubs[0].take, *messages),
                both.submit(hubs[1].take, *messages[::-1]),
            ]
        for turn in turns:
            turn.result()

    assert {times for _, times in kept(db)} == {2}

"""A batch of many days is stored when its days stand; nobody waits for all of them."""

import time

from ingest.batch.reading import Quantity, Reading
from ingest.hub.buffer import Lane, Message
from ingest.hub.worker import MOST_NEW_DAYS
from tests.boxes import NOON_UTC_MS, listening
from tests.hubs import BareHub, hub_at_work
from tests.integration.ingest.hub.test_kills import wait_until

DAY_MS = 86_400_000
KINDS = (Quantity.HEART_RATE_BPM, Quantity.STEPS_COUNTER, Quantity.BATTERY_PCT)


def of_days(box, seq, count):
    readings = [
        Reading("band-1", kind, 80.0, NOON_UTC_MS - number * DAY_MS)
        for number in range(count)
        for kind in KINDS
    ]
    return box.batch(seq, readings)


def test_live_batches_go_on_while_the_days_of_history_are_made(
    database, mosquitto, hub_keys, box, enrolled, db
):
    other = enrolled("box-2")
    long, long_name = of_days(box, 0, 150)
    with (
        hub_at_work(database, mosquitto, hub_keys) as hub,
        listening(mosquitto, box, hub_keys.public.signing) as ear,
        listening(mosquitto, other, hub_keys.public.signing) as live,
    ):
        ear.send(long, box.topic("backlog"))
        seq = 0
        while long_name not in ear.committed:
            sealed, name = other.batch(seq)
            live.send(sealed)
            live.wait_for(name)
            seq += 1
        assert hub.counters.transactions >= 150 * len(KINDS) / MOST_NEW_DAYS
        assert seq > 3, "live ones came through between"
        wait_until(lambda: sum(hub.hub.delays[Lane.HISTORY].counts) == 1)

    assert db.execute("SELECT count(*) FROM heart_rate").fetchone() == (150 + 3 * seq,)


def test_a_hub_that_stops_leaves_what_waits_for_its_days_unacknowledged(
    database, mosquitto, hub_keys, box, db, monkeypatch
):
    monkeypatch.setattr("ingest.hub.run.DRAIN_S", 0.0)
    long, _name = of_days(box, 0, 300)
    with (
        hub_at_work(database, mosquitto, hub_keys) as hub,
        listening(mosquitto, box, hub_keys.public.signing) as ear,
    ):
        ear.send(long)
        while not hub.counters.transactions:
            time.sleep(0.001)

    assert not ear.committed
    assert db.execute("SELECT count(*) FROM batch").fetchone() == (0,)


def test_one_that_the_database_refuses_lets_no_other_make_more_days_in_its_turn(db, hub_keys, box):
    db.execute("ALTER TABLE batch ADD CONSTRAINT no_thirteen CHECK (seq <> 13)")
    hub = BareHub(db, hub_keys)
    messages = [Message(box.topic(), of_days(box, seq, 1)[0], seq) for seq in (13, 14)]
    messages.append(Message(box.topic(), of_days(box, 15, 50)[0], 15))

    left = hub.turn(*messages)

    assert [one.message.mid for one in left] == [15]
    assert hub.counters.dead_letters == {"database_refused": 1}
    made = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '_[0-9]{8}$'"
    assert db.execute(made).fetchone() == (MOST_NEW_DAYS,)

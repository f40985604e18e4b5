"""Gateway batch -> rows -> receipt, on a real broker and a real database."""

import random

import pytest

from ingest.batch.reading import Quantity, Reading
from tests.boxes import NOON_UTC_MS, pulse

pytestmark = pytest.mark.usefixtures("hub")


def count(db, table):
    return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - our own names


def test_a_batch_becomes_rows_and_earns_a_receipt(hub, ear, box, db):
    readings = [
        *pulse(60, bpm=91.5),
        Reading("band-1", Quantity.STEPS_INCREMENT, 12, NOON_UTC_MS, 60_000),
        Reading("band-2", Quantity.BATTERY_PCT, 0, NOON_UTC_MS, 0, 0, 5),
    ]
    sealed, name = box.batch(0, readings)

    ear.send(sealed)
    ear.wait_for(name)

    assert [count(db, table) for table in ("heart_rate", "steps", "battery")] == [60, 1, 1]
    row = db.execute(
        "SELECT lane, seq, boot, content_sha256, reading_count, sealed FROM batch"
        " JOIN batch_payload USING (content_sha256)"
    ).fetchone()
    assert row == ("live", 0, box.boot, name, 62, sealed)
    assert db.execute("SELECT value, device_ts_ms FROM battery").fetchone() == (0.0, 5)
    assert hub.counters.stored == 1
    assert hub.counters.readings == 62


def test_a_batch_sent_three_times_is_stored_once_and_receipted_each_time(hub, ear, box, db):
    sealed, name = box.batch(0)

    for times in (1, 2, 3):
        ear.send(sealed)
        ear.wait(lambda times=times: ear.receipts >= times)

    assert set(ear.committed) == {name}
    assert count(db, "heart_rate") == 3
    assert count(db, "batch") == 1
    assert (hub.counters.stored, hub.counters.duplicate) == (1, 2)


def test_a_batch_that_comes_twice_at_once_is_stored_once(ear, box, db):
    batches = [box.batch(seq) for seq in range(10)]

    for sealed, _ in batches * 4:
        ear.send(sealed)
    ear.wait_for(*(name for _, name in batches))

    assert count(db, "heart_rate") == 30
    assert count(db, "batch") == 10


def test_order_does_not_matter(ear, box, db):
    batches = [box.batch(seq) for seq in range(30)]
    shuffled = random.Random(7).sample(batches, len(batches))

    for sealed, _ in shuffled:
        ear.send(sealed)
    ear.wait_for(*(name for _, name in batches))

    assert count(db, "heart_rate") == 90


def test_live_and_backlog_are_told_apart(ear, box, db):
    (live, live_name), (old, old_name) = box.batch(0), box.batch(1)

    ear.send(live)
    ear.send(old, box.topic("backlog"))
    ear.wait_for(live_name, old_name)

    assert db.execute("SELECT seq, lane FROM batch ORDER BY seq").fetchall() == [
        (0, "live"),
        (1, "backlog"),
    ]


def test_two_gateways_do_not_mix(ear, box, enrolled, db):
    other = enrolled("box-2")
    (mine, my_name), (its, _) = box.batch(0), other.batch(0)

    ear.send(its, other.topic())
    ear.send(mine)
    ear.wait_for(my_name)

    assert set(ear.committed) == {my_name}
    assert count(db, "batch") == 2

"""What the hub tells a box of the time, and what becomes of readings whose time nobody knows."""

import json
import time

from ingest.batch.content import Declared, content_sha256
from ingest.batch.reading import Flag, Quantity, Reading
from ingest.batch.receipt import open_receipt
from ingest.batch.topics import receipt_topic, state_topic
from storage.status import look
from tests.boxes import NOON_UTC_MS, pulse

NUMBER = bytes(range(16))


def asked(ear, box, hub_keys, number, **options):
    """Send a state that asks for the time; return the hub's answers so far, as they come."""
    answers = []

    def on_message(_client, _data, message):
        receipt = open_receipt(message.payload, hub_keys.public.signing)
        with ear.heard:
            answers.append(receipt)
            ear.heard.notify_all()

    ear.client.message_callback_add(receipt_topic(box.centre, box.gateway), on_message)
    state = {"state": "online", "at_utc_ms": 5, "asks_time": number}
    ear.send(json.dumps(state), state_topic(box.centre, box.gateway), **options)
    return answers


def test_a_box_that_asks_is_told_the_time_under_its_number(hub, box, hub_keys, ear):
    before = time.time_ns() // 10**6
    answers = asked(ear, box, hub_keys, NUMBER.hex())

    ear.wait(lambda: answers)

    (answer,) = answers
    assert (answer.boot, answer.committed, answer.refused) == (NUMBER, (), ())
    assert before <= answer.hub_utc_ms <= time.time_ns() // 10**6


def test_a_number_that_is_none_earns_no_answer(hub, box, hub_keys, ear):
    for number in ("", "00" * 15, "zz" * 16, 7, None):
        answers = asked(ear, box, hub_keys, number)
    sealed, name = box.batch(0)
    ear.send(sealed)
    ear.wait(lambda: answers)

    assert [answer.committed for answer in answers] == [((0, name),)]


def test_readings_whose_time_nobody_knows_are_kept_and_counted_for_nobody(db, hub, box, ear):
    marked = Flag.CLOCK_SUSPECT | Flag.CLOCK_RECEIPT
    readings = [
        Reading("band-1", Quantity.HEART_RATE_BPM, 60.0 + n, NOON_UTC_MS + n, 0, int(flags))
        for n, flags in enumerate([0, Flag.CLOCK_RECEIPT, Flag.CLOCK_SUSPECT, marked])
    ]
    packed = box.packed(0, readings)

    ear.send(box.sealed(packed))
    ear.wait_for(content_sha256(packed))

    assert db.execute("SELECT value FROM heart_rate ORDER BY value").fetchall() == [
        (60.0,), (61.0,), (62.0,),
    ]  # fmt: skip
    assert db.execute("SELECT value, reason FROM quarantined_reading").fetchall() == [
        (63.0, "clock_suspect")
    ]


def test_what_a_spool_declares_lost_is_kept_once_for_each_spool(db, hub, box, ear):
    for seq, declared in enumerate([Declared(5, 0, 0, 0), Declared(5, 7, 3, 1)]):
        readings = pulse(3, start_utc_ms=NOON_UTC_MS + 60_000 * seq)
        packed = box.packed(seq, readings, declared=declared)
        for _ in range(2):
            ear.send(box.sealed(packed))
            ear.wait_for(content_sha256(packed))

    lost = db.execute("SELECT unsealed, sealed, released, released_batches FROM spool_loss")
    assert lost.fetchall() == [(5, 7, 3, 1)]
    assert look(db).declared_lost == 15

"""However messages are lost, doubled and put out of order, the same batches end up committed.

The broker is a list here; worker and database are the real ones.
"""

import secrets
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.batch.event import seal_event
from ingest.batch.keys import make_keys
from ingest.batch.receipt import open_receipt
from ingest.batch.topics import event_topic
from ingest.hub.buffer import Message
from storage.database import connect
from tests import edges
from tests.boxes import pulse
from tests.hubs import BareHub, enrolled_box, open_centre

BATCHES = 6

FORK, RUBBISH = BATCHES, BATCHES + 1
"""Beside the good batches: another content for the place of batch 0, and bytes that say nothing."""

deliveries = st.lists(st.integers(0, RUBBISH), max_size=40)
cuts = st.lists(st.integers(1, 7), max_size=40)
"""How many messages make a transaction each time."""


@pytest.fixture
def town(database):
    with connect(database) as db:
        open_centre(db)
        yield db, enrolled_box(db)


def hub_of(db, hub_keys, sent):
    """Return what hands messages over in pieces, as the buffer would."""
    hub = BareHub(db, hub_keys)
    hub.sent = sent

    def deliver(messages, sizes):
        left, sizes = list(messages), list(sizes)
        while left:
            size = sizes.pop() if sizes else len(left)
            hub.take(*left[:size])
            del left[:size]

    return deliver


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example has its own boot
)
@given(order=deliveries, sizes=cuts, last=st.permutations(range(BATCHES)))
def test_any_order_doubling_and_loss_ends_in_the_same_rows(town, order, sizes, last):
    db, enrolled = town
    box, hub_keys = replace(enrolled, boot=secrets.token_bytes(16)), make_keys()
    good = [box.batch(seq) for seq in range(BATCHES)]
    fork, fork_name = box.batch(0, pulse(4))
    payloads = [sealed for sealed, _ in good] + [fork, b"rubbish" + box.boot]
    sent = []
    deliver = hub_of(db, hub_keys, sent)

    # First anything at all, then what a gateway does: send again what it has.
    deliver([Message(box.topic(), payloads[item]) for item in order], sizes)
    deliver([Message(box.topic(), payloads[item]) for item in last], sizes)

    receipts = [open_receipt(payload, hub_keys.public.signing) for _, payload in sent]
    committed = {name for receipt in receipts for _, name in receipt.committed}
    refused = {name for receipt in receipts for _, name, _ in receipt.refused}
    ledger = dict(
        db.execute("SELECT seq, content_sha256 FROM batch WHERE boot = %s", (box.boot,)).fetchall()
    )
    counted = db.execute(
        "SELECT batch.reading_count, count(*) FROM batch JOIN heart_rate ON batch_id = batch.id"
        " WHERE boot = %s GROUP BY batch.id",
        (box.boot,),
    ).fetchall()
    names = {seq: name for seq, (_, name) in enumerate(good)}
    fork_won = ledger[0] == fork_name

    assert ledger == names | ({0: fork_name} if fork_won else {})
    assert len(counted) == BATCHES
    assert all(said == stored for said, stored in counted)
    assert committed == set(ledger.values())
    assert refused <= {fork_name, names[0]} - committed
    assert fork_won == (FORK in order and 0 not in order[: order.index(FORK)])


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example has its own boot
)
@given(order=deliveries, sizes=cuts, last=st.permutations(range(BATCHES)))
def test_any_order_doubling_and_loss_of_events_ends_in_each_of_them_once(town, order, sizes, last):
    db, enrolled = town
    box, hub_keys = replace(enrolled, boot=secrets.token_bytes(16)), make_keys()

    def said(number, age_ms, **more):
        event = edges.event(
            centre=box.centre, gateway=box.gateway, boot=box.boot, number=number, age_ms=age_ms,
            **more,
        )  # fmt: skip
        return seal_event(event, box.keys.signing)

    def message(item, age_ms):
        if item == RUBBISH:
            payload = b"rubbish" + box.boot
        else:
            payload = said(0, age_ms, samples=99) if item == FORK else said(item, age_ms)
        return Message(event_topic(box.centre, box.gateway), payload)

    sent = []
    deliver = hub_of(db, hub_keys, sent)

    deliver([message(item, age_ms) for age_ms, item in enumerate(order)], sizes)
    deliver([message(item, 1_000) for item in last], sizes)

    receipts = [open_receipt(payload, hub_keys.public.signing) for _, payload in sent]
    rows = db.execute(
        "SELECT number, age_ms, samples FROM edge_event WHERE boot = %s ORDER BY number",
        (box.boot,),
    ).fetchall()
    fork_won = FORK in order and 0 not in order[: order.index(FORK)]
    first = {number: order.index(number) if number in order else 1_000 for number in range(BATCHES)}
    if fork_won:
        first[0] = order.index(FORK)

    assert [row[:2] for row in rows] == list(first.items()), "each once, as it came first"
    assert (rows[0][2] == 99) == fork_won
    assert {number for receipt in receipts for number in receipt.events} == set(range(BATCHES))
    assert {number for receipt in receipts for number, _ in receipt.refused_events} <= {0}

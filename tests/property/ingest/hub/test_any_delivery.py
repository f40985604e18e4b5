"""However messages are lost, doubled and put out of order, the same batches end up committed.

The broker is a list here; worker and database are the real ones.
"""

import secrets
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.batch.keys import make_keys
from ingest.batch.receipt import open_receipt
from ingest.hub.buffer import Message
from ingest.hub.counters import Counters, Times
from ingest.hub.keyring import Keyring
from ingest.hub.worker import Worker
from storage.database import connect
from storage.gateways import find_gateway_key
from tests.boxes import pulse
from tests.hubs import enrolled_box, open_centre

BATCHES = 6

FORK, RUBBISH = BATCHES, BATCHES + 1
"""Beside the good batches: another content for the place of batch 0, and bytes that say nothing."""

deliveries = st.lists(st.integers(0, RUBBISH), max_size=40)
cuts = st.lists(st.integers(1, 7), max_size=40)
"""How many messages the worker finds in the buffer each time."""
rows_per_commit = st.sampled_from([1, 4, 1000])


@pytest.fixture
def town(database):
    with connect(database) as db:
        open_centre(db)
        yield db, enrolled_box(db)


def worker_of(db, hub_keys, sent, commit_rows):
    def find(centre, gateway, kid):
        return find_gateway_key(db, centre, gateway, kid)

    return Worker(
        db,
        Keyring(find, 10),
        hub_keys.signing,
        lambda topic, payload: sent.append((topic, payload)),
        commit_rows,
        Counters(),
        Times(),
    )


def deliver(worker, messages, sizes):
    """Hand messages over in pieces, as the buffer would; return how many transactions it took."""
    left, sizes = list(messages), list(sizes)
    while left:
        piece = left[: sizes.pop() if sizes else len(left)]
        done = worker.settle(piece)
        assert 1 <= done <= len(piece)
        del left[:done]


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example has its own boot
)
@given(order=deliveries, sizes=cuts, last=st.permutations(range(BATCHES)), rows=rows_per_commit)
def test_any_order_doubling_and_loss_ends_in_the_same_rows(town, order, sizes, last, rows):
    db, enrolled = town
    box, hub_keys = replace(enrolled, boot=secrets.token_bytes(16)), make_keys()
    good = [box.batch(seq) for seq in range(BATCHES)]
    fork, fork_name = box.batch(0, pulse(4))
    payloads = [sealed for sealed, _ in good] + [fork, b"rubbish" + box.boot]
    sent = []
    worker = worker_of(db, hub_keys, sent, rows)

    # First anything at all, then what a gateway does: send again what it has.
    deliver(worker, [Message(box.topic(), payloads[item]) for item in order], sizes)
    deliver(worker, [Message(box.topic(), payloads[item]) for item in last], sizes)

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

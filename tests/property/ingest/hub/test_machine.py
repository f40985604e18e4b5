"""Whatever a network does between one gateway and two hubs, the tables end up the same.

A machine of states: batches are sealed and sent, messages in flight are shuffled, tripled, dropped
and delayed, either hub takes any of them, a hub dies before its commit or between commit and
receipt, receipts are lost. At the end the gateway sends what has no receipt until all of it has.
"""

import contextlib
import random
import secrets

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ingest.batch.keys import make_keys
from ingest.batch.reading import Quantity, Reading
from ingest.batch.receipt import open_receipt
from ingest.hub.buffer import Message
from storage.database import connect
from tests.boxes import NOON_UTC_MS, Box
from tests.hubs import BareHub, enrolled_box, open_centre

BANDS, MOST_SEALED, MOST_TURNS = 3, 12, 40
HUB_KEYS = make_keys()

TABLE_OF = {
    Quantity.HEART_RATE_BPM: "heart_rate",
    Quantity.STEPS_INCREMENT: "steps",
    Quantity.STEPS_COUNTER: "steps_counter",
    Quantity.BATTERY_PCT: "battery",
}


class Killed(Exception):
    """The hub's process ended here."""


def readings_of(seq):
    """What batch `seq` says: several quantities of several bands, days apart now and then."""
    chance = random.Random(seq)
    start_ms = NOON_UTC_MS + 86_400_000 * (seq % 3) + 60_000 * seq
    made = []
    for number in range(chance.randint(1, 9)):
        band, at_ms = f"band-{chance.randrange(BANDS)}", start_ms + 1000 * number
        made.append(Reading(band, Quantity.HEART_RATE_BPM, chance.randint(60, 160), at_ms))
        if number % 3 == 0:
            made.append(Reading(band, Quantity.STEPS_INCREMENT, 20, at_ms, span_ms=30_000))
            made.append(Reading(band, Quantity.STEPS_COUNTER, 100 * number, at_ms))
            made.append(Reading(band, Quantity.BATTERY_PCT, 80, at_ms))
    return made


class Delivery(RuleBasedStateMachine):
    """One gateway, a network that promises nothing, two hubs on one database."""

    dsn: str

    def __init__(self):
        super().__init__()
        self.running = contextlib.ExitStack()
        self.conns = [self.running.enter_context(connect(self.dsn)) for _ in range(2)]
        with contextlib.suppress(Exception):  # it is there from the example before
            open_centre(self.conns[0])
        enrolled = enrolled_box(self.conns[0], f"box-{secrets.token_hex(4)}")
        self.box = Box(enrolled.centre, enrolled.gateway, enrolled.keys)
        self.sealed = []
        """(bytes, name), by number."""
        self.in_flight, self.receipts_in_flight = [], []
        self.receipted = set()

    @rule()
    @precondition(lambda self: len(self.sealed) < MOST_SEALED)
    def seal_and_send(self):
        seq = len(self.sealed)
        self.sealed.append(self.box.batch(seq, readings_of(seq)))
        self.in_flight.append(seq)

    @rule(data=st.data())
    @precondition(lambda self: self.in_flight)
    def triple(self, data):
        self.in_flight += [data.draw(st.sampled_from(self.in_flight))] * 2

    @rule(data=st.data())
    @precondition(lambda self: self.in_flight)
    def drop(self, data):
        self.in_flight.pop(data.draw(st.integers(0, len(self.in_flight) - 1)))

    @rule(chance=st.randoms(use_true_random=False))
    def shuffle(self, chance):
        chance.shuffle(self.in_flight)

    @rule()
    def send_again(self):
        self.in_flight += self.left()

    @rule(
        hub=st.integers(0, 1),
        count=st.integers(1, 6),
        dies=st.sampled_from(("no", "no", "before commit", "before receipts")),
    )
    @precondition(lambda self: self.in_flight)
    def take(self, hub, count, dies):
        """A hub takes the first of them into one transaction; the others are delayed."""
        taken, self.in_flight = self.in_flight[:count], self.in_flight[count:]
        if dies == "before commit":
            return

        def publish(topic, payload):
            if dies == "before receipts":
                raise Killed
            self.receipts_in_flight.append((topic, payload))

        with contextlib.suppress(Killed):
            self.settle(hub, taken, publish)

    @rule(count=st.integers(1, 5), are_lost=st.booleans())
    @precondition(lambda self: self.receipts_in_flight)
    def receipts(self, count, are_lost):
        came, self.receipts_in_flight = (
            self.receipts_in_flight[:count],
            self.receipts_in_flight[count:],
        )
        for _topic, payload in () if are_lost else came:
            receipt = open_receipt(payload, HUB_KEYS.public.signing)
            assert receipt.refused == ()
            self.receipted |= {name for _seq, name in receipt.committed}

    @invariant()
    def no_receipt_is_ahead_of_its_commit(self):
        (known,) = self.conns[0].execute(
            "SELECT count(*) FROM batch WHERE content_sha256 = ANY (%s)", (list(self.receipted),)
        ).fetchone()  # fmt: skip
        assert known == len(self.receipted)

    def teardown(self):
        try:
            for _turn in range(MOST_TURNS):
                if not self.left():
                    break
                self.in_flight += self.left()
                while self.in_flight:
                    self.take(hub=0, count=5, dies="no")
                while self.receipts_in_flight:
                    self.receipts(count=5, are_lost=False)
            assert not self.left()
            self.everything_stands_once()
        finally:
            self.running.close()

    def left(self):
        """Return the numbers of the batches without a receipt."""
        return [seq for seq, (_, name) in enumerate(self.sealed) if name not in self.receipted]

    def settle(self, hub, seqs, publish):
        """Once: a batch that waits for its days is sent again, as what is lost is."""
        messages = [Message(self.box.topic(), self.sealed[seq][0]) for seq in seqs]
        BareHub(self.conns[hub], HUB_KEYS, publish=publish).turn(*messages)

    def everything_stands_once(self):
        """Compare with what each batch says, without a word of how it came."""
        expected = sorted(
            (seq, TABLE_OF[one.quantity], one.device_key, one.at_utc_ms, float(one.value))
            for seq in range(len(self.sealed))
            for one in readings_of(seq)
        )
        found = [
            (seq, table, *rest)
            for table in ("heart_rate", "steps", "steps_counter", "battery")
            for seq, *rest in self.conns[0]
            .execute(
                "SELECT seq, device_key, (extract(epoch FROM at) * 1000)::bigint, value"  # noqa: S608 - fixed names
                f" FROM {table} JOIN batch ON batch.id = batch_id"
                " JOIN device ON device.id = device_id WHERE boot = %s",
                (self.box.boot,),
            )
            .fetchall()
        ]
        assert sorted(found) == expected
        for table in ("touched", "batch_queue"):
            bands = self.conns[0].execute(
                f"SELECT seq, device_key FROM {table} JOIN batch ON batch.id = batch_id"  # noqa: S608 - fixed names
                " JOIN device ON device.id = device_id WHERE boot = %s",
                (self.box.boot,),
            ).fetchall()  # fmt: skip
            assert {tuple(row) for row in bands} == {(seq, band) for seq, _, band, *_ in expected}


def test_shuffled_tripled_dropped_delayed_the_tables_are_the_same(either_database):
    class DeliveryHere(Delivery):
        dsn = either_database

    def machine():  # a function: the library looks at its source without parsing this file
        return DeliveryHere()

    run_state_machine_as_test(
        machine, settings=settings(max_examples=25, stateful_step_count=25, deadline=None)
    )

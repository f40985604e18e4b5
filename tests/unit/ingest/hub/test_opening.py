"""Which messages go into which transaction: live first, neither lane starving."""

import pytest

from config.errors import Rejected, Unavailable
from ingest.batch.keys import make_keys
from ingest.batch.sign1 import sign
from ingest.batch.to_hub import HubSecrets
from ingest.hub import opening
from ingest.hub.buffer import Buffer, Lane, Message
from ingest.hub.counters import Counters, Times
from ingest.hub.keyring import Keyring
from ingest.hub.opening import Opener
from ingest.hub.pace import Pace

EVENT = "adhere/v1/east/box-1/event"
"""What is no event is set aside: enough for a set to hold it."""


STATE = "adhere/v1/east/box-1/state"
"""Counts as a row, and needs no key."""


class SlowStorer:
    """Takes one set at a time, and is done with it when the test says so."""

    def __init__(self):
        self.taken, self.is_busy = [], False

    def take_over(self, prepared, _timeout_s):
        if self.is_busy:
            return False
        self.is_busy = True
        self.taken.append([(m.lane, m.mid) for m in prepared.messages])
        return True


class Town:
    def __init__(self, max_rows=10**6):
        self.away = False
        self.buffer, self.storer = Buffer(1000, 10**6), SlowStorer()
        paces = {lane: Pace(0.25, max_rows) for lane in Lane}
        self.opener = Opener(
            self.buffer, self.storer, Keyring(self.find, 0), HubSecrets(()), paces,
            Counters(), Times(),
        )  # fmt: skip

    def find(self, *_):
        if self.away:
            raise Unavailable("database")
        raise Rejected("unknown_gateway")

    def come(self, lane, *mids, payload=b"rubbish %d"):
        for mid in mids:
            assert self.buffer.put(Message(EVENT, payload % mid, mid, lane=lane), 0)

    def turn(self, times=1):
        for _ in range(times):
            self.opener.turn(lambda _error: None)


@pytest.fixture
def town(monkeypatch):
    monkeypatch.setattr(opening, "GATHER_S", 0)
    monkeypatch.setattr(opening, "IDLE_S", 0)
    monkeypatch.setattr(opening, "GROWS_S", 3600)
    return Town()


def test_a_message_alone_is_handed_over_at_once(town):
    town.come(Lane.LIVE, 1)

    town.turn()

    assert town.storer.taken == [[(Lane.LIVE, 1)]]
    assert town.opener.is_empty


def test_while_the_storer_is_busy_a_set_grows(town):
    town.come(Lane.LIVE, 1)
    town.turn()
    town.come(Lane.LIVE, 2)
    town.turn()
    town.come(Lane.LIVE, 3)
    town.turn()

    town.storer.is_busy = False
    town.turn()

    assert town.storer.taken == [[(Lane.LIVE, 1)], [(Lane.LIVE, 2), (Lane.LIVE, 3)]]


def test_live_goes_first_and_history_after_each_live_one(town):
    town.come(Lane.HISTORY, 1)
    town.turn()
    town.come(Lane.HISTORY, *range(2, 6))
    town.come(Lane.LIVE, 10, 11)
    town.turn(8)
    order = []
    for mid in range(20, 23):
        town.storer.is_busy = False
        town.turn()
        order.append(town.storer.taken[-1][0][0])
        town.come(Lane.LIVE, mid)
        town.come(Lane.HISTORY, mid)
        town.turn(4)

    assert order == [Lane.LIVE, Lane.HISTORY, Lane.LIVE]
    assert town.storer.taken[1] == [(Lane.LIVE, 10), (Lane.LIVE, 11)]
    assert town.storer.taken[2][:4] == [(Lane.HISTORY, mid) for mid in range(2, 6)]


def test_history_waits_for_more_of_its_own_while_that_is_there(town):
    town.come(Lane.HISTORY, 1, 2, 3)

    town.turn(2)
    assert town.storer.taken == []
    town.turn()

    assert town.storer.taken == [[(Lane.HISTORY, mid) for mid in (1, 2, 3)]]


def test_but_not_for_ever(town, monkeypatch):
    monkeypatch.setattr(opening, "GROWS_S", 0)
    town.come(Lane.HISTORY, 1, 2, 3)

    town.turn()

    assert town.storer.taken == [[(Lane.HISTORY, 1)]]


def test_a_full_set_takes_no_more(town):
    small = Town(max_rows=2)
    small.storer.is_busy = True
    for mid in range(9):
        small.buffer.put(Message(STATE, b'{"state": "online", "n": %d}' % mid, mid), 0)
    small.turn()
    small.buffer.put(Message(STATE, b"one more", 10), 0)

    small.turn(3)

    assert small.buffer.waiting(Lane.LIVE) == 1


def test_what_cannot_be_looked_up_is_kept_and_tried_again(town):
    keys = make_keys()
    town.away = True
    signed = sign(b"", typ="adhere-event", key=keys.signing, kid=keys.kid)
    assert town.buffer.put(Message(EVENT, signed, 1), 0)
    town.turn(3)
    assert town.storer.taken == []
    assert not town.opener.is_empty

    town.away = False
    town.turn()

    assert town.storer.taken == [[(Lane.LIVE, 1)]]

"""The thread that stores: one set at a time, and what is left over between them."""

import threading
from collections import deque
from types import SimpleNamespace

import pytest

from config.errors import Unavailable
from ingest.batch.to_hub import HubSecrets
from ingest.hub.buffer import Message
from ingest.hub.prepared import Prepared
from ingest.hub.reader import Opened
from ingest.hub.storer import Storer
from tests.patience import PATIENCE_S


class Database:
    def connection(self):
        return None

    def is_well(self):
        pass

    def back_off(self, _error):
        pass

    def close(self):
        pass


class Place:
    """A storer whose batches need as many turns as they are told to."""

    def __init__(self):
        self.turns, self.done, self.stop = [], [], threading.Event()
        self.needs, self.gate, self.at_work = {}, threading.Semaphore(0), threading.Semaphore(0)
        self.faults, self.is_free = deque(), False
        self.storer = Storer(
            Database(), lambda _conn: SimpleNamespace(settle=self.settle), self.took, self.stop
        )

    def settle(self, prepared):
        self.at_work.release()
        assert self.is_free or self.gate.acquire(timeout=PATIENCE_S)
        if self.faults:
            raise self.faults.popleft()
        self.turns.append([message.mid for message in prepared.messages])
        left = []
        for one in prepared.sound:
            self.needs[one.message.mid] -= 1
            if self.needs[one.message.mid]:
                left.append(one)
        return left

    def took(self, prepared, _took_s):
        self.done.append(([message.mid for message in prepared.messages], prepared.rows))

    def a_set(self, *mids, turns=1):
        prepared = Prepared(HubSecrets(()))
        for mid in mids:
            message = Message("t", b"%d" % mid, mid)
            self.needs[mid] = turns
            batch = SimpleNamespace(reading_count=10)
            prepared.messages.append(message)
            prepared.sound.append(Opened(message, None, batch))
            prepared.rows += 10
        return prepared

    def take_over(self, prepared):
        assert self.storer.take_over(prepared, PATIENCE_S)

    def let(self, turns):
        for _ in range(turns):
            assert self.at_work.acquire(timeout=PATIENCE_S)
            self.gate.release()


@pytest.fixture
def place():
    return Place()


def test_what_is_left_has_a_turn_after_each_set_and_is_done_when_it_is(place):
    with place.storer:
        place.take_over(place.a_set(1, 2, turns=3))
        place.let(1)
        for mid in (10, 11):
            place.take_over(place.a_set(mid))
            place.let(2)
        place.let(2)
        place.take_over(place.a_set(12))
        place.let(1)

    news = [turn for turn in place.turns[1:] if turn[0] >= 10]
    assert news == [[10], [11], [12]]
    assert place.turns[0] == [1, 2]
    lefts = [turn for turn in place.turns[1:] if turn[0] < 10]
    assert lefts == [[1], [2], [1], [2]], "one batch at a time, in turn"
    assert all(a[0] < 10 or b[0] < 10 for a, b in zip(place.turns[1:5], place.turns[2:5], strict=0))
    assert place.done[0] == ([], 0)
    assert sorted(mids for mids, _rows in place.done if mids) == [[1], [2], [10], [11], [12]]
    assert sum(rows for _mids, rows in place.done) == 50


def test_of_a_set_what_is_done_is_acknowledged_at_once(place):
    prepared = place.a_set(1, 2, 3)
    place.needs[2] = 2
    with place.storer:
        place.take_over(prepared)
        place.let(2)

    assert place.done == [([1, 3], 20), ([2], 10)]


def test_leaving_gives_up_what_is_left_and_finishes_what_was_taken_over(place):
    with place.storer:
        place.take_over(place.a_set(1, turns=10**9))
        place.let(1)
        place.take_over(place.a_set(2))
        place.is_free = True
        place.gate.release()

    assert [2] in [mids for mids, _rows in place.done]
    assert [1] not in [mids for mids, _rows in place.done]
    assert not place.storer.fault


def test_what_is_left_waits_for_a_database_that_is_away(place):
    with place.storer:
        place.take_over(place.a_set(1, turns=2))
        place.let(1)
        place.faults.append(Unavailable("database"))
        place.let(2)

    assert [mids for mids, _rows in place.done] == [[], [1]]

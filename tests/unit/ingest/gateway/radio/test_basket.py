import pytest

from ingest.batch.reading import Quantity, Reading
from ingest.gateway.radio import basket as baskets
from ingest.gateway.radio.basket import Basket
from ingest.gateway.radio.counters import RadioCounters
from ingest.gateway.radio.memory import Memory


def readings(count, first=0):
    return [Reading("band", Quantity.HEART_RATE_BPM, 72.0, n) for n in range(first, first + count)]


@pytest.fixture
def counters():
    return RadioCounters()


@pytest.fixture
def small(monkeypatch, counters):
    monkeypatch.setattr(baskets, "LIVE_HELD", 5)
    monkeypatch.setattr(baskets, "HISTORY_HELD", 5)
    monkeypatch.setattr(baskets, "REJECTED_HELD", 2)
    return Basket(counters)


def test_what_does_not_fit_is_dropped_and_counted_exactly(counters):
    basket = Basket(counters)

    for first in range(0, baskets.LIVE_HELD + 7, 7):
        basket.put_live(readings(7, first))

    kept = sum(len(heard.readings) for heard in basket.empty())
    assert kept == baskets.LIVE_HELD
    assert counters.readings_live == kept + counters.dropped_live


def test_after_it_is_emptied_there_is_room_again(small):
    small.put_live(readings(9))
    assert [len(heard.readings) for heard in small.empty()] == [5]

    small.put_live(readings(3, first=9))

    [heard] = small.empty()
    assert list(heard.readings) == readings(3, first=9)
    assert list(small.empty()) == []


def test_pieces_are_small_and_the_mark_comes_with_the_last():
    basket = Basket(RadioCounters())
    basket.put_live(readings(10))
    assert basket.put_history(readings(4_500))
    basket.mark({"memory:band": "5"})

    pieces = list(basket.empty())

    assert [(p.lane, len(p.readings)) for p in pieces] == [
        ("live", 10), ("backlog", 2_000), ("backlog", 2_000), ("backlog", 500)
    ]  # fmt: skip
    assert [dict(p.cursor) for p in pieces] == [{}, {}, {}, {"memory:band": "5"}]


def test_frames_that_are_none_are_kept_to_a_limit_and_counted_beyond(small, counters):
    for number in range(5):
        small.put_rejected(bytes([number]), "too_short")

    [heard] = small.empty()
    assert [item.data for item in heard.bad] == [b"\0", b"\1"]
    assert counters.dropped_rejected == 3


def test_a_memory_that_did_not_fit_is_read_again(small, counters, band):
    memory = Memory({}, small)
    assert memory.since_utc_ms(band) is None

    if not small.put_history(readings(6)):
        memory.missed(band)
    memory.reached(band, 6)

    assert counters.dropped_history == 1
    assert all(not heard.cursor for heard in small.empty())
    assert memory.since_utc_ms(band) is None


def test_a_mark_moves_forward_and_survives(small, band):
    memory = Memory({f"memory:{band.key}": "100"}, small)
    assert memory.since_utc_ms(band) == 100

    for utc_ms in (None, 50, 100):
        memory.reached(band, utc_ms)
    assert list(small.empty()) == []

    memory.reached(band, 200)
    [heard] = small.empty()
    assert heard.cursor == {f"memory:{band.key}": "200"}
    assert memory.since_utc_ms(band) == 200


def test_all_times_of_the_radio_were_made_by_the_clock_of_the_box():
    """So they are put right where that clock was wrong."""
    basket = Basket(RadioCounters())
    basket.put_live(readings(1))
    basket.put_history(readings(1))
    basket.mark({"memory:b": "1"})

    assert [heard.by_box_clock for heard in basket.empty()] == [True, True]
    basket.mark({"memory:b": "2"})
    assert [(h.by_box_clock, h.cursor) for h in basket.empty()] == [(True, {"memory:b": "2"})]


def test_the_newest_stamp_only_rises_and_not_over_what_was_dropped(band):
    basket = Basket(RadioCounters())
    memory = Memory({"stamps:" + band.key: "50"}, basket)

    memory.told(band, None)
    memory.told(band, 40)
    assert memory.newest_stamp_ms(band) == 50
    assert list(basket.empty()) == []
    memory.told(band, 60)
    assert [heard.cursor for heard in basket.empty()] == [{"stamps:" + band.key: "60"}]
    memory.missed(band)
    memory.told(band, 70)
    assert memory.newest_stamp_ms(band) == 60, "what was dropped is read again, and shows its clock"

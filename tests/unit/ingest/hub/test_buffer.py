import threading
import time

from ingest.hub.buffer import Buffer, Lane, Message
from tests.patience import PATIENCE_S


def message(size: int = 1, mid: int = 0, lane: Lane = Lane.LIVE) -> Message:
    return Message("adhere/v1/c/g/live", bytes(size), mid, lane=lane)


def test_messages_come_out_in_the_order_they_went_in():
    buffer = Buffer(max_messages=8, max_bytes=1000)
    for mid in range(5):
        assert buffer.put(message(mid=mid), hold_s=0)

    assert [m.mid for m in buffer.take(3, timeout_s=0)] == [0, 1, 2]
    assert [m.mid for m in buffer.take(3, timeout_s=0)] == [3, 4]


def test_one_message_too_many_finds_no_room():
    buffer = Buffer(max_messages=2, max_bytes=1000)

    assert [buffer.put(message(), hold_s=0) for _ in range(3)] == [True, True, False]


def test_one_byte_too_many_finds_no_room():
    buffer = Buffer(max_messages=10, max_bytes=100)

    assert buffer.put(message(60), hold_s=0)
    assert not buffer.put(message(41), hold_s=0)
    assert buffer.put(message(40), hold_s=0)


def test_what_the_worker_has_in_hand_still_takes_room():
    buffer = Buffer(max_messages=1, max_bytes=100)
    buffer.put(message(), hold_s=0)
    in_hand = buffer.take(1, timeout_s=0)

    assert not buffer.put(message(), hold_s=0)
    buffer.settle(in_hand)
    assert buffer.put(message(), hold_s=0)


def test_a_message_larger_than_the_buffer_is_let_in_alone():
    buffer = Buffer(max_messages=10, max_bytes=100)
    giant = message(1_000_000)

    assert buffer.put(giant, hold_s=0)
    assert not buffer.put(message(), hold_s=0)
    buffer.settle(buffer.take(1, timeout_s=0))
    assert buffer.put(message(100), hold_s=0)


def test_a_held_message_goes_in_as_soon_as_there_is_room():
    buffer = Buffer(max_messages=1, max_bytes=100)
    buffer.put(message(), hold_s=0)
    answers: list[bool] = []
    held = threading.Thread(target=lambda: answers.append(buffer.put(message(), hold_s=5)))
    held.start()

    buffer.settle(buffer.take(1, timeout_s=0))
    held.join(PATIENCE_S)

    assert answers == [True]


def test_closing_lets_nobody_wait():
    buffer = Buffer(max_messages=1, max_bytes=100)
    taken: list[list[Message]] = []
    waiting = threading.Thread(target=lambda: taken.append(buffer.take(1, timeout_s=60)))
    waiting.start()

    buffer.close()
    waiting.join(PATIENCE_S)

    assert taken == [[]]
    assert not buffer.put(message(), hold_s=60)


def test_live_goes_before_history_whatever_came_first():
    buffer = Buffer(max_messages=8, max_bytes=1000)
    for mid in range(3):
        buffer.put(message(mid=mid, lane=Lane.HISTORY), hold_s=0)
    buffer.put(message(mid=9), hold_s=0)

    taken = [buffer.take(2, timeout_s=0, max_history=1) for _ in range(3)]

    assert [[m.mid for m in some] for some in taken] == [[9], [0], [1]]


def test_history_takes_no_room_of_live():
    buffer = Buffer(max_messages=2, max_bytes=100, max_history=1)

    assert buffer.put(message(100, lane=Lane.HISTORY), hold_s=0)
    assert not buffer.put(message(lane=Lane.HISTORY), hold_s=0)
    assert [buffer.put(message(50), hold_s=0) for _ in range(3)] == [True, True, False]

    buffer.settle(buffer.take(2, timeout_s=0))
    assert not buffer.put(message(lane=Lane.HISTORY), hold_s=0)
    assert buffer.put(message(), hold_s=0)


def test_a_lane_that_is_not_asked_for_is_left():
    buffer = Buffer(max_messages=2, max_bytes=100)
    buffer.put(message(lane=Lane.HISTORY), hold_s=0)

    assert buffer.take(0, timeout_s=0, max_history=0) == []
    assert buffer.take(5, timeout_s=0, max_history=0) == []
    assert len(buffer.take(0, timeout_s=0, max_history=5)) == 1


def test_it_is_stuck_while_something_is_held_and_nothing_settled():
    buffer = Buffer(max_messages=4, max_bytes=100)
    assert buffer.stuck_s() == 0
    buffer.put(message(), hold_s=0)
    came = time.monotonic()
    in_hand = buffer.take(1, timeout_s=0)
    time.sleep(0.02)  # the age of what is held is the test

    assert 0.02 <= buffer.stuck_s() <= time.monotonic() - came + 0.02
    buffer.put(message(), hold_s=0)
    buffer.settle(in_hand)
    assert buffer.stuck_s() < time.monotonic() - came
    buffer.settle(buffer.take(1, timeout_s=0))
    assert buffer.stuck_s() == 0
    assert buffer.held() == 0

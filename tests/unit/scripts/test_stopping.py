import asyncio
import signal
import threading

from scripts.stopping import on_stop_signal, stop_in_order, stopped_by_signal
from tests.patience import PATIENCE_S
from tests.signals import handlers_put_back


def test_a_signal_inside_the_very_lock_that_stopping_takes_stops_all_the_same():
    lock, stopped = threading.Lock(), threading.Event()

    def stop():
        if lock.acquire(timeout=PATIENCE_S / 2):
            stopped.set()

    with handlers_put_back():
        on_stop_signal(stop)
        with lock:
            signal.raise_signal(signal.SIGTERM)
            assert not stopped.is_set()
        assert stopped.wait(PATIENCE_S)


def test_many_signals_stop_once():
    calls, called = [], threading.Event()

    def stop():
        calls.append(threading.current_thread())
        called.set()

    with handlers_put_back():
        on_stop_signal(stop)
        for _ in range(100):
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
        assert called.wait(PATIENCE_S)
    assert len(calls) == 1
    assert calls != [threading.main_thread()]


def test_the_event_is_set_by_either_signal():
    for number in (signal.SIGINT, signal.SIGTERM):
        with handlers_put_back():
            stop = stopped_by_signal()
            assert not stop.is_set()
            signal.raise_signal(number)
            assert stop.wait(PATIENCE_S)


def test_in_an_event_loop_the_first_stops_in_order_and_the_second_is_the_systems():
    async def asked_once(number):
        stop = asyncio.Event()
        stop_in_order(stop)
        signal.raise_signal(number)
        async with asyncio.timeout(PATIENCE_S):
            await stop.wait()
        return signal.getsignal(number)

    with handlers_put_back():
        assert asyncio.run(asked_once(signal.SIGTERM)) is signal.SIG_DFL
        assert asyncio.run(asked_once(signal.SIGINT)) is signal.default_int_handler

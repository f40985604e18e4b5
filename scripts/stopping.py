"""SIGTERM and Ctrl-C, obeyed in a thread or in an event loop.

A signal's handler runs between any two steps of the main thread, even inside the very lock that
the handler itself would need, and a second signal interrupts the handler of the first. A leashed
process is sent one for each thread of its killed parent. So the handler only puts a note where
that is allowed at any time, and a thread acts on it.
"""

import asyncio
import signal
import threading
from collections.abc import Callable
from queue import SimpleQueue


def on_stop_signal(stop: Callable[[], object]) -> None:
    """Call `stop` once, in a thread, at the first SIGTERM or SIGINT; call from the main thread."""
    asked: SimpleQueue[None] = SimpleQueue()  # its `put` may interrupt itself

    def obey() -> None:
        asked.get()
        stop()

    threading.Thread(target=obey, name="stop", daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.put(None))


def stopped_by_signal() -> threading.Event:
    """Return an event that the first SIGTERM or SIGINT sets; call from the main thread."""
    stop = threading.Event()
    on_stop_signal(stop.set)
    return stop


def stop_in_order(stop: asyncio.Event) -> None:
    """Let the first Ctrl-C set `stop`, and a second one end at once; call in the event loop."""
    loop = asyncio.get_running_loop()

    def first(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, first, number)

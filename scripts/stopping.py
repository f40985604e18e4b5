"""SIGTERM and Ctrl-C, obeyed in a thread.

A signal's handler runs between any two steps of the main thread, even inside the very lock that
the handler itself would need, and a second signal interrupts the handler of the first. A leashed
process is sent one for each thread of its killed parent. So the handler only puts a note where
that is allowed at any time, and a thread acts on it.
"""

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

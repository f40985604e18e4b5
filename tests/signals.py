"""Signal handlers of a test, gone when it ends."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def handlers_put_back() -> Iterator[None]:
    """Put back what stood for SIGTERM and SIGINT before the block."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

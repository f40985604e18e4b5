"""The thread that looks after the links, and says from time to time how the hub stands.

A hub that can store nothing (its database is away, or hangs) would go on getting its share of what
the gateways send, and nobody else could store that. So it leaves its share to the others, and takes
it again when something was stored.
"""

import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from ingest.hub.buffer import Buffer
from ingest.hub.link import Link

TURN_S = 0.1
STUCK_S = 10.0
"""Nothing stored for so long, though something is there to be stored."""


class Tender:
    """A context manager: leaving it ends the thread. `fault` is what ended it before."""

    def __init__(
        self,
        links: Sequence[Link],
        buffer: Buffer,
        say_status: Callable[[], None],
        status_every_s: float,
        stop: threading.Event,
    ) -> None:
        """`say_status` is called every `status_every_s`; `stop` is set where the thread fails."""
        self.fault: Exception | None = None
        self._links, self._buffer, self._stop = links, buffer, stop
        self._say_status, self._status_every_s = say_status, status_every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tender")

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the thread."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            next_status_s = time.monotonic() + self._status_every_s
            while not self._over.wait(TURN_S):
                now_s = time.monotonic()
                for link in self._links:
                    link.tend(now_s)
                    if self._buffer.stuck_s() >= STUCK_S:
                        link.leave()
                    else:
                        link.come_back()
                if now_s >= next_status_s:
                    self._say_status()
                    next_status_s = now_s + self._status_every_s
        except Exception as error:  # noqa: BLE001 - carried to the thread that started us
            self.fault = error
            self._stop.set()

"""The thread that stores: takes over one set of opened messages at a time, until it is stored.

Batches of many days are left over, since only some of these are made in one turn. They stay here
and have a turn of one batch after each set: what comes meanwhile waits for a few days, not for all.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from config.errors import Unavailable
from ingest.hub.database import Database
from ingest.hub.prepared import Prepared
from ingest.hub.worker import Worker
from storage.database import Connection


class Storer:
    """A context manager: leaving it waits for what has been taken over.

    `fault` is what ended it, beside `stop`; whoever set it going raises it.
    """

    def __init__(
        self,
        database: Database,
        worker_of: Callable[[Connection], Worker],
        done: Callable[[Prepared, float], None],
        stop: threading.Event,
    ) -> None:
        """`done` is called with what is stored or set aside for good, and the seconds it took.

        It has no messages where only days were made.
        """
        self.fault: Exception | None = None
        self.gave_up = False
        """The database was away when there was no time left to wait for it."""
        self._database, self._worker_of, self._done = database, worker_of, done
        self._stop = stop
        self._taken: Prepared | None = None
        self._left: deque[Prepared] = deque()
        """Batches whose days are still to be made, each by itself; this thread's alone."""
        self._is_their_turn = False
        self._is_leaving = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="storer")

    def take_over(self, prepared: Prepared, timeout_s: float) -> bool:
        """Begin to store these; False when still at the last ones after `timeout_s`."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._taken is None, timeout_s):
                return False
            self._taken = prepared
            self._changed.notify_all()
            return True

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
        """Finish what was taken over, unless the database is away; then the thread is gone.

        What waits for its days stays unacknowledged: its gateway sends it again.
        """
        with self._changed:
            self._is_leaving = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        try:
            while (prepared := self._next()) is not None:
                self._left += self._store(prepared)
                with self._changed:
                    if prepared is self._taken:
                        self._taken = None
                        self._changed.notify_all()
        except Exception as error:  # noqa: BLE001 - carried to the thread that started us
            self.fault = error
            self._stop.set()

    def _next(self) -> Prepared | None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._taken is not None or self._left or self._is_leaving
            )
            if self._left and (self._is_their_turn or self._taken is None) and not self._is_leaving:
                self._is_their_turn = False
                return self._left.popleft()
            self._is_their_turn = True
            return self._taken

    def _store(self, prepared: Prepared) -> list[Prepared]:
        """Try until it is stored; once told to stop, try no further than the attempt at hand.

        Returns what is left of it, batch by batch.
        """
        while True:
            began = time.perf_counter()
            try:
                left = self._worker_of(self._database.connection()).settle(prepared)
            except Unavailable as error:
                self._database.back_off(error)
                if self._stop.is_set():
                    self.gave_up = True
                    return []
            else:
                self._database.is_well()
                done = prepared.without(left) if left else prepared
                self._done(done, time.perf_counter() - began)
                return [prepared.only(one) for one in left]

"""The thread that stores: takes over one set of opened messages at a time, until it is stored."""

import threading
import time
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
        """`done` is called with what is stored or set aside for good, and the seconds it took."""
        self.fault: Exception | None = None
        self.gave_up = False
        """The database was away when there was no time left to wait for it."""
        self._database, self._worker_of, self._done = database, worker_of, done
        self._stop = stop
        self._taken: Prepared | None = None
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

    @property
    def is_idle(self) -> bool:
        """Say whether all that was taken over is stored."""
        with self._changed:
            return self._taken is None

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
        """Finish what was taken over, unless the database is away; then the thread is gone."""
        with self._changed:
            self._is_leaving = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        try:
            while (prepared := self._next()) is not None:
                self._store(prepared)
                with self._changed:
                    self._taken = None
                    self._changed.notify_all()
        except Exception as error:  # noqa: BLE001 - carried to the thread that started us
            self.fault = error
            self._stop.set()

    def _next(self) -> Prepared | None:
        with self._changed:
            self._changed.wait_for(lambda: self._taken is not None or self._is_leaving)
            return self._taken

    def _store(self, prepared: Prepared) -> None:
        """Try until it is stored; once told to stop, try no further than the attempt at hand."""
        while True:
            began = time.perf_counter()
            try:
                self._worker_of(self._database.connection()).settle(prepared)
            except Unavailable as error:
                self._database.back_off(error)
                if self._stop.is_set():
                    self.gave_up = True
                    return
            else:
                self._database.is_well()
                self._done(prepared, time.perf_counter() - began)
                return

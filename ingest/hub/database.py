"""A connection to the database that may come and go; each belongs to one thread."""

import threading

import structlog

from config.errors import Unavailable
from config.waiting import spread_s
from ingest.hub.counters import Counters
from storage.database import Connection, connect
from storage.roles import Role

log = structlog.get_logger()

FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S = 0.2, 10.0


class Database:
    """Connects when it is asked for a connection, and again after `back_off`."""

    def __init__(
        self, dsn: str, application: str, stop: threading.Event, counters: Counters
    ) -> None:
        """Connect later; `stop` ends any waiting."""
        self._dsn, self._application, self._stop = dsn, application, stop
        self._counters = counters
        self._conn: Connection | None = None
        self._failures = 0

    def connection(self) -> Connection:
        """Return the connection; raises Unavailable while nobody answers."""
        if self._conn is None:
            self._conn = connect(self._dsn, application=self._application, role=Role.HUB)
        return self._conn

    def is_well(self) -> None:
        """Forget earlier failures: the next one is waited for shortly again."""
        self._failures = 0

    def back_off(self, error: Unavailable) -> None:
        """Let go of the connection and wait, longer each time, never all hubs at once."""
        self.close()
        self._failures += 1
        self._counters.database_failures += 1
        longest_s = min(LONGEST_BACK_OFF_S, FIRST_BACK_OFF_S * 2 ** min(self._failures, 10))
        wait_s = spread_s(longest_s)
        log.warning("database_away", why=str(error), retry_in_s=round(wait_s, 1))
        self._stop.wait(wait_s)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._conn is not None:
            self._conn.close()
            self._conn = None

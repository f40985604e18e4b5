"""What stands above the work list: who came, what is complete, which gateways are up."""

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from portal.reading import Reader
from portal.readings import instant, local_day_ms
from storage.database import Connection, border
from storage.queries import query

FACTS_KEPT_S = 20.0
LATELY = timedelta(minutes=10)
COMPLETE_OVER = timedelta(days=7)


@dataclass(frozen=True)
class Facts:
    """What stands above the list beside the counts of alerts."""

    attended: int
    enrolled: int
    batches_stored: int
    batches_sealed: int
    gateways_up: int
    gateways: int

    @property
    def completeness(self) -> float | None:
        """Return the share of sealed batches that are stored; None without any."""
        return self.batches_stored / self.batches_sealed if self.batches_sealed else None


class FactsKept:
    """Facts of each person for some seconds: pages that refresh themselves must stay cheap."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[float, Facts]] = {}
        self._lock = threading.Lock()

    def of(self, conn: Connection, staff_id: int, reader: Reader) -> Facts:
        """Return the facts of whoever asks, at most FACTS_KEPT_S old."""
        now = time.monotonic()
        with self._lock:
            self._kept = {
                one: kept for one, kept in self._kept.items() if now - kept[0] < FACTS_KEPT_S
            }
            known = self._kept.get(staff_id)
        if known is not None:
            return known[1]
        facts = _facts(conn, staff_id, reader)
        with self._lock:
            self._kept[staff_id] = (now, facts)
        return facts


def _facts(conn: Connection, staff_id: int, reader: Reader) -> Facts:
    today, now = reader.today(), datetime.now(UTC)
    since_ms, until_ms = local_day_ms(today, reader.zone)
    given = {
        "staff_id": staff_id,
        "today": today,
        "since": instant(since_ms),
        "until": instant(until_ms),
        "lately": now - LATELY,
    }
    with border():
        attendance = conn.execute(query("count_attendance"), given).fetchone()
        gateways = conn.execute(query("count_gateways_of_team"), given).fetchone()
        batches = conn.execute(
            query("count_batches_of_team"), given | {"since": now - COMPLETE_OVER}
        ).fetchone()
    return Facts(*(attendance or (0, 0)), *(batches or (0, 0)), *(gateways or (0, 0)))

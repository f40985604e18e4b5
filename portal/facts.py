"""What stands above the work list: who came, what is complete, which gateways are up.

What is complete the ledger says, as on the operations page; the watch counts it.
"""

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from portal.reading import Reader
from portal.readings import instant, local_day_ms
from storage import ledger
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
    stored: int
    """Readings, of the gateways of which it is known how many they sealed."""
    expected: int
    gateways_unknown: int
    """Gateways of which it is not known."""
    gateways_up: int
    gateways: int

    @property
    def completeness(self) -> float | None:
        """Return the share of sealed readings that are stored; None where nothing is known."""
        return self.stored / self.expected if self.expected else None


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
    given = {"today": today, "since": instant(since_ms), "until": instant(until_ms)}
    with border():
        attendance = conn.execute(query("count_attendance"), given).fetchone()
        mine = conn.execute(query("gateways_of_team"), {"staff_id": staff_id}).fetchall()
        ids = [int(row[0]) for row in mine]
        lately = {"gateway_ids": ids, "lately": now - LATELY}
        up = conn.execute(query("count_gateways_up"), lately).fetchone()
    hour = now.replace(minute=0, second=0, microsecond=0)
    boxes = ledger.boxes(conn, hour - COMPLETE_OVER, now + timedelta(hours=1), gateway_ids=ids)
    known = [box.counted for box in boxes if box.counted.expected is not None]
    attended, enrolled = attendance or (0, 0)
    return Facts(
        attended=attended,
        enrolled=enrolled,
        stored=sum(one.stored for one in known),
        expected=sum(one.expected or 0 for one in known),
        gateways_unknown=len(boxes) - len(known),
        gateways_up=up[0] if up else 0,
        gateways=len(ids),
    )

"""What came in and what is missing, gateway by gateway: for whoever looks after the boxes.

Readings are counted here and never shown; nothing of a patient is on this page.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Form, Response

from alerts.findings import KINDS
from config.errors import Rejected, Unavailable
from portal import letter_words
from portal.visit import Visit, reads, see_other, writes
from storage import ledger
from storage.database import Connection
from storage.dead_letters import shown
from storage.people import Role

log = structlog.get_logger()
router = APIRouter()

OPERATORS: frozenset[Role] = frozenset({"operator"})
Operator = Annotated[Visit, Depends(reads(OPERATORS), scope="function")]
OperatorWrites = Annotated[Visit, Depends(writes(OPERATORS), scope="function")]

REFRESH_S = 60
SLICES = 1
"""Of batches counted for one look at the page; the watch counts the rest."""
HOURS = {"24": 24, "168": 168, "744": 744}
"""How far back one may look: a day, a week, a month."""
ROWS_SHOWN = 50
HOURS_SHOWN = 744


@router.get("/operations")
def operations_page(visit: Operator, hours: str = "24", gateway: int | None = None) -> Response:
    """Show every gateway; with `gateway` (its number) that one hour by hour."""
    is_counted = _counted(visit.conn)
    now = datetime.now(UTC)
    back = HOURS.get(hours, HOURS["24"])
    since = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=back - 1)
    until = now + timedelta(hours=1)
    mine = ledger.looked_after(visit.conn, visit.person.staff_id)
    boxes = ledger.boxes(visit.conn, since, until, gateway_ids=mine)
    chosen = next((box for box in boxes if box.id == gateway), None)
    of = mine if chosen is None else [chosen.id]
    of_chosen = (
        []
        if chosen is None
        else ledger.hours(visit.conn, since, until, gateway_ids=of, limit=HOURS_SHOWN)
    )
    return visit.page(
        "operations.html",
        boxes=boxes,
        chosen=chosen,
        of_chosen=of_chosen,
        findings=ledger.findings(visit.conn, gateway_ids=of, limit=ROWS_SHOWN),
        gaps=ledger.gaps(visit.conn, gateway_ids=of, limit=ROWS_SHOWN),
        letters=shown(
            visit.conn,
            of,
            staff_id=visit.person.staff_id if chosen is None else None,
            limit=ROWS_SHOWN,
        ),
        is_counted=is_counted,
        uncounted=ledger.uncounted(visit.conn),
        kinds=KINDS,
        letter_words=letter_words,
        back=back,
        choices=HOURS.values(),
        refresh_s=REFRESH_S,
        now=now,
    )


def _counted(conn: Connection) -> bool:
    """Count some of what is due; say whether that could be done: a page does not end for it."""
    try:
        ledger.catch_up(conn, most_slices=SLICES)
    except (Rejected, Unavailable) as error:
        log.error("ledger_not_counted", why=str(error))  # noqa: TRY400 - a fault of ours
        return False
    return True


@router.post("/operations/seen")
def seen(visit: OperatorWrites, finding: Annotated[int, Form(ge=0)] = 0) -> Response:
    """Take note of a finding: from then on it is no open alert."""
    kind = ledger.see_finding(visit.conn, finding, staff_id=visit.person.staff_id)
    if kind is not None:
        visit.note("see_finding", f"finding {finding}", kind=kind)
    return see_other("/operations")

"""Technical alerts: what the ledger holds against a box is told to its operators.

Grey: it goes to the operations page, and one message a day for each box and kind of finding goes
out by the channels of all alerts, until an operator has taken note of it. Nobody is escalated to.
"""

from collections.abc import Mapping
from datetime import timedelta

import structlog

from alerts.paging import Channels
from config.errors import Rejected
from config.language import later
from storage.database import Connection, border
from storage.ledger import catch_up
from storage.queries import query

log = structlog.get_logger()

TOLD_AGAIN_AFTER = timedelta(days=1)
SLICES = 1
"""Of batches counted at one look: alarms of patients do not wait for the ledger."""

KINDS: Mapping[str, str] = {
    "broken_chain": later("broken chain: the batch before it is another one"),
    "count_contradicts": later("the box counted other readings than it sent"),
    "forked_spool": later("forked spool: restored or cloned box"),
    "number_too_high": later("impossible number: no box can have sealed so many batches"),
    "unread_keys": later("the box says more than this program reads: update the district"),
}
"""What may be held against a box."""


def tell_findings(conn: Connection, channels: Channels) -> int:
    """Count batches that are due, and queue messages about what was found; return how many.

    `conn` is in autocommit. Nothing is queued twice.
    """
    try:
        catch_up(conn, most_slices=SLICES)
    except Rejected as error:
        # A fault of ours, and no reason for the watch to end: it goes on calling people.
        log.error("ledger_not_counted", why=str(error))  # noqa: TRY400 - as said
    given = {"quiet": TOLD_AGAIN_AFTER, "mail": channels.mail, "file": channels.file}
    with border():
        conn.execute(query("drop_seen_findings"))
        queued = conn.execute(query("queue_findings"), given).fetchall()
    if queued:
        log.warning("findings_told", messages=len(queued))
    return len(queued)

"""Hours in which a gateway did not hear with all its ears, as the gateway tells them."""

from datetime import UTC, datetime, timedelta

from storage.database import Connection, border
from storage.edge import EdgeOutage, EventOutcome
from storage.queries import query

CLOCK_OFF = timedelta(minutes=2)
"""By more than this a box's clock counts as wrong, as with its readings."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def store_outage(conn: Connection, outage: EdgeOutage) -> EventOutcome:
    """Store an outage, committed on return; one told before with an earlier end goes on to this.

    The same again, or an earlier end that comes late, changes nothing. Days it touches are dirty
    from now on. Raises Unavailable when the outcome is unknown: giving it again is safe.
    """
    now = datetime.now(UTC)
    began, until = (
        EPOCH + timedelta(milliseconds=ms) for ms in (outage.began_utc_ms, outage.until_utc_ms)
    )
    if not outage.is_sure and outage.age_ms is not None:
        off = now - timedelta(milliseconds=outage.age_ms) - until
        if abs(off) > CLOCK_OFF:
            began, until = began + off, until + off
    until = min(until, now)
    if began >= until:
        return EventOutcome.DUPLICATE  # in times to come: nothing to excuse
    given = {"gateway_id": outage.gateway_id, "ear": outage.ear, "began": began, "until": until}
    with border(), conn.transaction():
        conn.execute(query("lock_gateway_of_outage"), given)
        row = conn.execute(query("told_outage"), given).fetchone()
        if row is None:
            conn.execute(query("insert_outage"), given)
            return EventOutcome.STORED
        return (
            EventOutcome.STORED
            if conn.execute(query("lengthen_outage"), given | {"id": row[0]}).rowcount
            else EventOutcome.DUPLICATE
        )

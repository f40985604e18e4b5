"""Hours in which a gateway did not hear with all its ears, as the gateway tells them."""

from datetime import UTC, datetime, timedelta

from storage.box_times import at, clock_error, put_right
from storage.database import Connection, border
from storage.edge import EdgeOutage, EventOutcome
from storage.queries import query

LONGEST = timedelta(days=366)
"""What has been away for longer is no ear of the centre any more: of that nothing is excused."""


def store_outage(conn: Connection, outage: EdgeOutage) -> EventOutcome:
    """Store an outage, committed on return; one told before with an earlier end goes on to this.

    The same again, or an earlier end that comes late, changes nothing. Days it touches are dirty
    from now on. Raises Unavailable when the outcome is unknown: giving it again is safe. Raises
    Rejected: `malformed` for times that no calendar has.
    """
    now = datetime.now(UTC)
    began, until = at(outage.began_utc_ms), at(outage.until_utc_ms)
    error = clock_error(now, until, outage.age_ms, is_sure=outage.is_sure)
    began, until = put_right(began, error), put_right(until, error)
    until = min(until, now)
    if until - began > LONGEST:
        until = began + LONGEST
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

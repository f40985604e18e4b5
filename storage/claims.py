"""Claims and offers of the on-site pages, from what a gateway said to an assignment.

A claim makes an assignment for its session. What the staff assigned stands above it: a band that
is registered to somebody else is refused. A later claim of the same band ends the one before.
Beginning and end may come in any order and any number of times.

A box that does not know what time it is knows how long a claim has lasted: where it is not sure,
its word on the end counts from the beginning that is known, and takes no assignment away. Once it
is sure it says the whole claim anew, and the assignment moves there.
"""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, cast

from config.errors import Rejected
from storage import audit
from storage.box_times import CLOCK_OFF, at, clock_error, known_age_ms, put_right
from storage.database import Connection, border
from storage.edge import (
    EdgeClaim,
    EdgeEvent,
    EdgeOffer,
    EdgeOutage,
    EdgeSaid,
    EventOutcome,
    store_alarm,
)
from storage.outages import store_outage
from storage.queries import query


class _Time(NamedTuple):
    """A claim's times as they count."""

    began_at: datetime
    ended_at: datetime | None
    until: datetime
    """The end, or the local midnight that is the latest one."""


class _Known(NamedTuple):
    """A claim that the district has heard of, and its assignment."""

    began_at: datetime
    ended_at: datetime | None
    patient_id: int
    assignment_id: int | None
    since: datetime | None
    until: datetime | None
    device_key: str


class _Held(NamedTuple):
    """Who has the band in a claim's time."""

    assignment_id: int
    patient_id: int
    since: datetime | None
    is_claim: bool


def store_edge_event(conn: Connection, said: EdgeSaid) -> EventOutcome:
    """Store what a gateway said, committed on return; the same again changes nothing.

    Raises Unavailable when the outcome is unknown: giving it again is safe. Raises Rejected:
    `claim_of_stranger` (nobody of that name is in a programme of the gateway's centre),
    `claim_of_registered_band` (the staff gave it to somebody else), `malformed` (times that no
    calendar has), `database_refused`.
    """
    match said:
        case EdgeEvent():
            return store_alarm(conn, said)
        case EdgeClaim():
            return _store_claim(conn, said)
        case EdgeOffer():
            return _store_offer(conn, said)
        case EdgeOutage():
            return store_outage(conn, said)


def _store_offer(conn: Connection, offer: EdgeOffer) -> EventOutcome:
    given = asdict(offer) | {"families": list(offer.families)}
    with border(), conn.transaction():
        conn.execute(query("forget_old_offers"))
        is_new = conn.execute(query("put_offer"), given).fetchone() is not None
    return EventOutcome.STORED if is_new else EventOutcome.DUPLICATE


def _store_claim(conn: Connection, claim: EdgeClaim) -> EventOutcome:
    given = asdict(claim)
    with border(), conn.transaction():
        if conn.execute(query("insert_claim_said"), given).fetchone() is None:
            row = conn.execute(query("is_same_claim_said"), given).fetchone()
            return EventOutcome.DUPLICATE if row is not None and row[0] else EventOutcome.FORKED
        _go_by(conn, claim, datetime.now(UTC))
    return EventOutcome.STORED


def _time_of(claim: EdgeClaim, now: datetime) -> _Time:
    """Return when it was; where the box did not know the time, by how long ago it says it was."""
    error = clock_error(now, at(claim.said_utc_ms), claim.age_ms, is_sure=claim.is_sure)
    began = put_right(at(claim.began_utc_ms), error)
    latest = put_right(at(claim.latest_utc_ms), error)
    ended = None if claim.ended_utc_ms is None else put_right(at(claim.ended_utc_ms), error)
    return _Time(began, ended, latest if ended is None else min(ended, latest))


def _go_by(conn: Connection, claim: EdgeClaim, now: datetime) -> None:
    time = _time_of(claim, now)
    given = asdict(claim) | time._asdict()
    row = conn.execute(query("claimer_of_centre"), given).fetchone()
    if row is None:
        raise Rejected("claim_of_stranger", "nobody of that name is in a programme of the centre")
    given["patient_id"] = patient_id = int(row[0])
    conn.execute(query("insert_devices"), {"device_keys": [claim.device_key]})
    given["device_ids"] = [int(row[0]) for row in conn.execute(query("lock_band"), given)]
    row = conn.execute(query("find_claim"), given).fetchone()
    if row is None:
        _begin(conn, claim, time, given)
        return
    known = _Known(*row)
    if (known.patient_id, known.device_key) != (patient_id, claim.device_key):
        raise Rejected("claim_contradicts_itself", "another band or wearer than before")
    if known.ended_at is None and (claim.is_sure or claim.ended_utc_ms is not None):
        given["assignment_id"] = known.assignment_id
        given["since"] = since = known.since or known.began_at
        if claim.is_sure and abs(time.began_at - since) > CLOCK_OFF:
            _move(conn, claim, time, given)
            since = time.began_at
        elif claim.is_sure and known.until is not None and time.until < known.until:
            conn.execute(query("cut_assignment"), {**given, "until": time.until})
        if time.ended_at is not None:
            ended_at = _end_of(claim, time, since, now) or known.until or known.began_at
            _end(conn, claim, ended_at, given)


def _end_of(claim: EdgeClaim, time: _Time, since: datetime, now: datetime) -> datetime | None:
    """Return when a claim that began at `since` ended; None: nobody can say.

    A box that learned the time between the two says when it noticed: the claim held until then.
    """
    ended_at = cast("datetime", time.ended_at)
    if claim.is_sure:
        return max(ended_at, since)
    ended_at = put_right(since, ended_at - time.began_at)
    age_ms = known_age_ms(claim.age_ms)
    if age_ms is None:
        return ended_at if ended_at > since else None
    said_at = now - timedelta(milliseconds=age_ms)
    if not since < ended_at <= said_at + CLOCK_OFF:
        ended_at = said_at
    return ended_at if ended_at > since else None


def _end(conn: Connection, claim: EdgeClaim, ended_at: datetime, given: dict[str, object]) -> None:
    """End a claim that is known; its assignment goes only where it is sure to cover nothing."""
    given["until"] = given["ended_at"] = ended_at
    conn.execute(query("end_claim_itself"), given)
    conn.execute(query("cut_assignment"), given)
    if claim.is_sure:
        conn.execute(query("drop_empty_assignment"), given)
    _note(conn, claim, "band_claim_ended", {"why": claim.why_ended})


def _move(conn: Connection, claim: EdgeClaim, time: _Time, given: dict[str, object]) -> None:
    """Move a claim's assignment to where it belongs, as far as the band is free there."""
    if given["assignment_id"] is None:
        return
    since, until = time.began_at, time.until
    place = {**given, "since": since, "until": until}
    for held_id, held_since, held_until, is_claim in conn.execute(
        query("assigned_beside"), place
    ).fetchall():
        if held_since is not None and held_since > since:
            until = min(until, held_since)
        elif is_claim and held_since is not None and held_since < time.began_at:
            _cut_by(conn, held_id, time.began_at)
        else:
            since = max(since, held_until or until)
    if since < until:
        conn.execute(query("move_assignment"), {**place, "since": since, "until": until})
        _note(conn, claim, "band_claimed", {"moved": True})
    else:
        conn.execute(query("drop_empty_assignment"), {**place, "until": given["since"]})


def _begin(conn: Connection, claim: EdgeClaim, time: _Time, given: dict[str, object]) -> None:
    """Make a claim's assignment, as far as the band is free."""
    until, why_ended = time.until, claim.why_ended
    ended_at = time.ended_at
    is_needed = True
    rows = conn.execute(query("assigned_meanwhile"), given).fetchall()
    for held in (_Held(*row) for row in rows):
        if not held.is_claim:
            if held.patient_id != given["patient_id"]:
                raise Rejected("claim_of_registered_band", "the staff gave it to somebody else")
            is_needed = False
        elif held.since is not None and held.since >= time.began_at:
            if held.since < until:  # a later claim that came before this one
                until = ended_at = held.since
                why_ended = "another_wearer"
        else:
            _cut_by(conn, held.assignment_id, time.began_at)
    ids = {**given, "until": until, "ended_at": ended_at, "why_ended": why_ended}
    row = conn.execute(query("find_device"), {"device_key": claim.device_key}).fetchone()
    ids["device_id"] = cast("tuple[int]", row)[0]
    ids["assignment_id"] = None
    if is_needed and time.began_at < until:
        made = conn.execute(query("assign_claimed"), ids).fetchone()
        ids["assignment_id"] = cast("tuple[int]", made)[0]
    conn.execute(query("put_claim"), ids)
    if claim.family is not None:
        conn.execute(query("family_of_claimed"), ids)
    _note(conn, claim, "band_claimed", {} if ended_at is None else {"why_ended": why_ended})


def _cut_by(conn: Connection, assignment_id: int, began_at: datetime) -> None:
    """End an earlier claim where a later one of the same band begins."""
    over = {
        "assignment_id": assignment_id,
        "until": began_at,
        "ended_at": began_at,
        "why_ended": "another_wearer",
    }
    conn.execute(query("end_claim"), over)
    conn.execute(query("cut_assignment"), over)


def _note(conn: Connection, claim: EdgeClaim, action: str, detail: dict[str, object]) -> None:
    row = conn.execute(query("name_gateway"), {"gateway_id": claim.gateway_id}).fetchone()
    centre, gateway = cast("tuple[str, str]", row)
    audit.note(
        conn,
        actor=f"{centre}/{gateway}",
        action=action,
        subject=claim.subject,
        detail={"band": claim.device_key, "claim": claim.claim.hex(), **detail},
    )

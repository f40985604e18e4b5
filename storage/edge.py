"""What the edge says: events, claims, offers, outages, once each; how each gateway stands."""

import enum
from dataclasses import asdict, dataclass
from typing import Literal

from config.errors import Rejected
from storage.database import Connection, border
from storage.queries import query


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeEvent:
    """One event of a gateway; times are milliseconds since 1970 by the clock of the box."""

    gateway_id: int
    boot: bytes
    number: int
    rule: str
    rule_version: int
    device_key: str
    subject: str
    onset_utc_ms: int
    raised_utc_ms: int
    last_utc_ms: int
    state: Literal["raised", "ended"]
    age_ms: int | None
    peak_bpm: float
    samples: int
    ceiling_bpm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeClaim:
    """A wearer's word that a band is theirs, or that this is over; times as in `EdgeEvent`."""

    gateway_id: int
    boot: bytes
    number: int
    age_ms: int | None
    claim: bytes
    """16 bytes: which claim."""
    device_key: str
    family: str | None
    subject: str
    began_utc_ms: int
    latest_utc_ms: int
    ended_utc_ms: int | None
    why_ended: str | None
    said_utc_ms: int
    """When the box said so: `age_ms` counts from here."""
    is_sure: bool
    """The box knew the time from the hub; otherwise the age tells more than its clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeOffer:
    """A band near a gateway, to be registered."""

    gateway_id: int
    boot: bytes
    number: int
    age_ms: int | None
    device_key: str
    families: tuple[str, ...]
    offered_utc_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeOutage:
    """An ear of a gateway was away; times as in `EdgeEvent`."""

    gateway_id: int
    boot: bytes
    number: int
    age_ms: int | None
    """Since `until_utc_ms`."""
    ear: str
    began_utc_ms: int
    until_utc_ms: int
    is_sure: bool
    """As in `EdgeClaim`."""


EdgeSaid = EdgeEvent | EdgeClaim | EdgeOffer | EdgeOutage


class EventOutcome(enum.StrEnum):
    """What became of one event."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    FORKED = "forked"
    """Another event has its number: a copied gateway, or worse."""


def store_alarm(conn: Connection, event: EdgeEvent) -> EventOutcome:
    """Store an alarm of the edge, committed on return; the same one again changes nothing.

    Raises Unavailable when the outcome is unknown: giving it again is safe. Raises Rejected where
    the database refuses a value.
    """
    given = asdict(event)
    with border(), conn.transaction():
        if conn.execute(query("insert_edge_event"), given).fetchone() is not None:
            return EventOutcome.STORED
        row = conn.execute(query("is_same_edge_event"), given).fetchone()
    return EventOutcome.DUPLICATE if row is not None and row[0] else EventOutcome.FORKED


def put_gateway_state(
    conn: Connection,
    *,
    centre: str,
    gateway: str,
    online: bool,
    said: str,
    said_utc_ms: int | None,
    is_retained: bool,
    waited_ms: int = 0,
) -> None:
    """Keep how a gateway says it stands; `said` is its JSON. A last will keeps what was said last.

    `is_retained`: the broker had it already, so it may be old; `waited_ms`: it came so long ago,
    and changes nothing where another came later. Raises Rejected: `unknown_gateway`.
    """
    given = {
        "centre": centre,
        "gateway": gateway,
        "online": online,
        "said": said,
        "said_utc_ms": said_utc_ms,
        "is_retained": is_retained,
        "waited_ms": waited_ms,
    }
    with border(), conn.transaction():
        row = conn.execute(query("put_gateway_state"), given).fetchone()
    if row is None:
        raise Rejected("unknown_gateway")

"""From a message to an edge event or a gateway's state that may be stored.

An event is verified as a batch is: topic, size, key, signature, content. A state is not signed (a
last will is written before it is true): it is checked for its form, informs people and decides
nothing.
"""

import json
import re
from dataclasses import asdict, replace
from typing import NamedTuple, NoReturn

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from config.errors import Rejected
from ingest.batch.claim import Claim, Offer
from ingest.batch.envelope import kid_of
from ingest.batch.event import MAX_EVENT_BYTES, Event
from ingest.batch.limits import MAX_UTC_MS
from ingest.batch.outage import Outage
from ingest.batch.told import Told, open_told
from ingest.batch.topics import parse_topic
from ingest.hub.buffer import Message
from ingest.hub.keyring import Keyring
from storage.box_times import known_age_ms
from storage.edge import EdgeClaim, EdgeEvent, EdgeOffer, EdgeOutage, EdgeSaid

MAX_STATE_BYTES = 16_384
ASKED = re.compile(r"[0-9a-f]{32}")


class EventIdentity(NamedTuple):
    """Which event of which gateway: what a receipt names."""

    centre: str
    gateway: str
    boot: bytes
    number: int


class OpenedEvent(NamedTuple):
    """An event, claim, offer or outage whose signature and content are sound."""

    message: Message
    identity: EventIdentity
    event: EdgeSaid


class StateSaid(NamedTuple):
    """How a gateway says it stands."""

    message: Message
    said: str
    """All of it, as it came."""
    centre: str
    gateway: str
    online: bool
    said_utc_ms: int | None
    """The box's clock; None in a last will."""
    roster_version: int | None
    """The roster it has, 0 for none; None where it does not say."""
    asks_time: bytes | None = None
    """The number under which it wants to be told the hub's time."""


def opened_event(message: Message, keyring: Keyring) -> OpenedEvent:
    """Return the event, claim, offer or outage in a message.

    Raises Rejected with a reason of the reference.
    """
    topic = parse_topic(message.topic)
    if len(message.payload) > MAX_EVENT_BYTES:
        raise Rejected("oversize", f"more than {MAX_EVENT_BYTES} bytes")
    key = keyring.key(topic.centre, topic.gateway, kid_of(message.payload))
    told = open_told(message.payload, Ed25519PublicKey.from_public_bytes(key.signing_key))
    if (told.centre, told.gateway) != (topic.centre, topic.gateway):
        raise Rejected("wrong_identity", "signed as another gateway than the topic's")
    identity = EventIdentity(told.centre, told.gateway, told.boot, told.number)
    return OpenedEvent(message, identity, _said(told, key.gateway_id))


def _said(told: Told, gateway_id: int) -> EdgeSaid:
    """Return it as the database takes it: by the gateway's id instead of its names."""
    given = asdict(told) | {"gateway_id": gateway_id}
    del given["centre"], given["gateway"]
    match told:
        case Event():
            return EdgeEvent(**given)
        case Claim():
            return EdgeClaim(**given)
        case Offer():
            return EdgeOffer(**given)
        case Outage():
            return EdgeOutage(**given)


def aged(said: EdgeSaid, more_ms: int) -> EdgeSaid:
    """Return it as old as it is now; an age beyond belief is not known."""
    age_ms = known_age_ms(said.age_ms)
    return replace(said, age_ms=known_age_ms(None if age_ms is None else age_ms + more_ms))


def state_said(message: Message) -> StateSaid:
    """Return what a state message says; raise Rejected: `oversize`, `malformed`."""
    topic = parse_topic(message.topic)
    if len(message.payload) > MAX_STATE_BYTES:
        raise Rejected("oversize", f"more than {MAX_STATE_BYTES} bytes")
    try:
        text = message.payload.decode()  # here, for JSON's own reader takes UTF-16 too
        said = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:  # text that is not UTF-8 is a ValueError too
        raise Rejected("malformed", "no JSON") from error
    match said:
        case {"state": "online"}:
            online = True
        case {"state": "offline"}:
            online = False
        case _:
            raise Rejected("malformed", "neither online nor offline")
    at = _whole(said.get("at_utc_ms"))
    edge = said.get("edge")
    version = None
    if online and isinstance(edge, dict) and "roster_version" in edge:
        version = _whole(edge["roster_version"]) or 0
    said_utc_ms = at if at is not None and at <= MAX_UTC_MS else None
    asks = said.get("asks_time")
    number = bytes.fromhex(asks) if isinstance(asks, str) and ASKED.fullmatch(asks) else None
    return StateSaid(
        message, text, topic.centre, topic.gateway, online, said_utc_ms, version, number
    )


def _whole(item: object) -> int | None:
    return item if isinstance(item, int) and not isinstance(item, bool) and item >= 0 else None


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)

"""MQTT topics: where gateways and hub speak.

They only route: identity is the signature inside the message, and must agree.
"""

import re
from typing import Literal, NamedTuple, TypeGuard

from config.errors import Misconfigured, Rejected
from config.language import _

ROOT = "adhere/v1"
CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
"""What a centre or a gateway may be called; the database holds the same rule."""

Lane = Literal["live", "backlog"]
LANES: tuple[Lane, ...] = ("live", "backlog")
OTHERS = ("receipt", "state", "event", "roster")


class Topic(NamedTuple):
    """Whose topic it is, and which."""

    centre: str
    gateway: str
    lane: str
    """`live` or `backlog` for batches; else `receipt`, `state`, `event` or `roster`."""


def check_code(code: str) -> str:
    """Return `code`; raise Misconfigured when nothing may be called that."""
    if not CODE.fullmatch(code):
        raise Misconfigured(
            _(
                "%(code)r cannot name a centre or a gateway: use 1 to 63 of a-z, 0-9, - and _,"
                " beginning with a letter or a digit"
            )
            % {"code": code}
        )
    return code


def is_lane(name: str) -> TypeGuard[Lane]:
    """Say whether batches travel there."""
    return name in LANES


def live_topic(centre: str, gateway: str) -> str:
    """Return where batches of what has just been heard go."""
    return _topic(centre, gateway, "live")


def backlog_topic(centre: str, gateway: str) -> str:
    """Return where batches of history go: what waited for the network, band memory, files."""
    return _topic(centre, gateway, "backlog")


def receipt_topic(centre: str, gateway: str) -> str:
    """Return where the hub says what it has committed or refused."""
    return _topic(centre, gateway, "receipt")


def state_topic(centre: str, gateway: str) -> str:
    """Return where the gateway's status is retained; its last will says that it is gone."""
    return _topic(centre, gateway, "state")


def event_topic(centre: str, gateway: str) -> str:
    """Return where the gateway says what it raised by itself."""
    return _topic(centre, gateway, "event")


def roster_topic(centre: str, gateway: str) -> str:
    """Return where the hub retains whom this gateway is to protect."""
    return _topic(centre, gateway, "roster")


def lane_topic(centre: str, gateway: str, lane: Lane) -> str:
    """Return the topic of a lane's batches."""
    return _topic(centre, gateway, lane)


def parse_topic(topic: str) -> Topic:
    """Return whose topic it is, and which; raise Rejected("unknown_topic")."""
    prefix, _root, rest = topic.partition(ROOT + "/")
    match rest.split("/"):
        case [centre, gateway, lane] if (
            not prefix
            and CODE.fullmatch(centre)
            and CODE.fullmatch(gateway)
            and lane in (*LANES, *OTHERS)
        ):
            return Topic(centre, gateway, lane)
        case _:
            raise Rejected("unknown_topic")


def _topic(centre: str, gateway: str, lane: str) -> str:
    return f"{ROOT}/{check_code(centre)}/{check_code(gateway)}/{lane}"

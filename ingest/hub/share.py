"""What one connection of the hub has subscribed to: its share of all batches, as the probe says.

Every call is made with the lock of the link held, and names the client that is the present
one. Of each question only the answer to the newest counts.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import paho.mqtt.client as mqtt
import structlog

from config.errors import AdhereError
from ingest.batch.topics import ROOT
from ingest.hub import broker_faults
from ingest.hub.buffer import Lane
from ingest.hub.sharing import PROBE, Probe, shared

log = structlog.get_logger()

SHARED = {Lane.LIVE: (f"{ROOT}/+/+/live",), Lane.HISTORY: (f"{ROOT}/+/+/backlog",)}
"""One hub of all gets each of these."""
OWN = {Lane.LIVE: (f"{ROOT}/+/+/event", f"{ROOT}/+/+/state"), Lane.HISTORY: ()}
"""Every hub gets all of these. An alarm of the edge must not wait until the broker misses a hub
that is gone; a state is retained, and a shared subscription need not be given what is retained."""


class Share:
    """One connection's subscriptions. `ready` is set when the broker has granted them."""

    def __init__(self, lane: Lane, publish: Callable[[str, bytes], None]) -> None:
        """Ask for nothing yet; `publish` sends the probe's messages."""
        self.ready = threading.Event()
        self.is_shared: bool | None = None
        """Whether the broker shares among hubs; None: not known yet."""
        self.is_away = False
        """Whether the share is left to the others."""
        self._lane, self._publish = lane, publish
        self._probe = Probe()
        self._probe_mid: int | None = None
        self._asked: dict[int, tuple[str, ...]] = {}
        """Subscriptions without an answer, by message id."""
        self._is_ending = False
        self._left_mid = -1
        self._is_left = threading.Event()

    def begin(self, client: mqtt.Client, *, shares_nothing: bool) -> None:
        """Begin anew on a new connection: ask whether it shares, unless the broker has said no."""
        self._probe, self.is_shared, self.is_away = Probe(), None, False
        self._asked.clear()
        if shares_nothing:
            self._is_not_shared(client)
        else:
            self._probe_mid = client.subscribe([(one, 1) for one in self._probe.filters])[1]

    def judge(self, client: mqtt.Client, now_s: float) -> None:
        """Go by the probe where its time is over. `now_s` is monotonic."""
        if self.is_shared is None and self._probe.judge(now_s) is not None:
            self._decide(client, is_shared=self._probe.is_shared is True)

    def came(self, topic: str) -> bool:
        """Take in a message below PROBE; say whether it shows that the broker shares."""
        self._probe.came(topic, time.monotonic())
        return self._probe.is_shared is True

    def take_it(self, client: mqtt.Client) -> None:
        """Go by a probe that has come back."""
        self._decide(client, is_shared=True)

    def granted(self, client: mqtt.Client, mid: int, reasons: Sequence[Any]) -> AdhereError | bool:
        """Take in the broker's answer to a subscription.

        Returns True where the hub's own subscriptions stand now, the fault where the broker
        refuses one of them, and False for anything else.
        """
        if mid == self._probe_mid:
            self._probe_granted(client, reasons[0])
            return False
        asked = self._asked.pop(mid, None)
        if asked is None:
            return False
        if any(reason.is_failure for reason in reasons):
            return broker_faults.forbidden(asked)
        self._end_others(client)
        return True

    def leave(self, client: mqtt.Client) -> None:
        """Let the other hubs have it: what comes cannot be stored just now."""
        if self.is_shared and not self.is_away and not self._is_ending:
            self.is_away = True
            client.unsubscribe([shared(one) for one in SHARED[self._lane]])
            log.warning("hub_left_its_share", lane=self._lane.name.lower())

    def come_back(self, client: mqtt.Client) -> None:
        """Take it again."""
        if self.is_away and not self._is_ending:
            self.is_away = False
            self._subscribe(client, [shared(one) for one in SHARED[self._lane]])
            log.info("hub_takes_its_share", lane=self._lane.name.lower())

    def end(self, client: mqtt.Client) -> None:
        """Take nothing new from now on; what the broker has already begun to send still comes."""
        self._is_ending = True
        filters = [*SHARED[self._lane], *map(shared, SHARED[self._lane]), *OWN[self._lane]]
        if client.is_connected():
            self._left_mid = client.unsubscribe(filters)[1] or -1
        else:
            self._is_left.set()

    def unsubscribed(self, mid: int) -> None:
        """Take in the broker's answer to the end of a subscription."""
        if mid == self._left_mid:
            self._is_left.set()

    def has_ended(self) -> bool:
        """Say whether the broker knows that nothing more is taken; any thread may ask."""
        return self._is_left.is_set()

    def _probe_granted(self, client: mqtt.Client, reason: Any) -> None:  # noqa: ANN401 - paho's
        if reason.is_failure:
            self._is_not_shared(client)
            return
        self._probe.sent(time.monotonic())
        for topic in self._probe.topics:
            self._publish(topic, b"")

    def _is_not_shared(self, client: mqtt.Client) -> None:
        self._probe.refused()
        self._decide(client, is_shared=False)

    def _decide(self, client: mqtt.Client, *, is_shared: bool) -> None:
        """Subscribe as the probe says; a late yes follows a no."""
        was, self.is_shared = self.is_shared, is_shared
        if is_shared == was or self._is_ending:
            return
        if not is_shared:
            log.warning("broker_shares_nothing", lane=self._lane.name.lower(), probe=PROBE)
        self.is_away = False
        batches = [shared(one) if is_shared else one for one in SHARED[self._lane]]
        self._subscribe(client, [*batches, *(OWN[self._lane] if was is None else ())])

    def _subscribe(self, client: mqtt.Client, filters: Iterable[str]) -> None:
        topics = tuple(filters)
        _rc, mid = client.subscribe([(topic, 1) for topic in topics])
        if mid is not None:
            self._asked[mid] = topics

    def _end_others(self, client: mqtt.Client) -> None:
        """Go by the subscription that the broker has just granted, and by no other."""
        probe, control = self._probe.filters
        done_with = [control]
        if self.is_shared:  # a late answer of the probe is listened for where none came yet
            done_with += [probe, *SHARED[self._lane]]
        if not self._is_ending:
            client.unsubscribe(done_with)
        self.ready.set()

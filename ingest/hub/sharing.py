"""Whether the broker really shares a subscription: asked with a message, not believed.

A broker may grant `$share/...` and deliver nothing to it (amqtt does; one that does not know the
word takes it for a name). So each connection subscribes to a probe of its own in the shared way,
and to a control in the plain way, and sends a message to both. What comes back decides. The names
are random, so hubs that start at once hear none but their own, and no batch travels under them.
"""

import secrets
from dataclasses import dataclass, field

from ingest.batch.topics import ROOT

GROUP = "hub"
PROBE = f"{ROOT}/hub/probe"
"""The broker's access rules must let a hub write and read below it. No batch is ever taken there:
its lane would be a random word."""
LONGEST_S = 3.0
"""Without any answer: the broker's rules forbid the probe, or it has too much to do."""
LEAST_GRACE_S, GRACE_ROUNDS = 0.25, 10
"""After the control has come back, the shared probe is waited for this long at least, or this many
times as long as the control was under way."""


def shared(topic_filter: str) -> str:
    """Return the filter by which one hub of all gets each message."""
    return f"$share/{GROUP}/{topic_filter}"


@dataclass
class Probe:
    """One question to the broker. Times are monotonic seconds, given by the caller."""

    name: str = field(default_factory=lambda: secrets.token_hex(8))
    sent_s: float | None = None
    control_came_s: float | None = None
    is_shared: bool | None = None
    """The answer; None: not known yet. A late yes may follow a no, never the other way round."""

    @property
    def topics(self) -> tuple[str, str]:
        """Where the shared message is sent, and the control."""
        return f"{PROBE}/{self.name}", f"{PROBE}/{self.name}-control"

    @property
    def filters(self) -> tuple[str, str]:
        """Return what to subscribe to, of the same form as the real ones."""
        topic, control = self.topics
        levels = topic.split("/")
        levels[-3] = "+"
        return shared("/".join(levels)), control

    def sent(self, now_s: float) -> None:
        """Note that both messages are on their way."""
        self.sent_s = now_s

    def came(self, topic: str, now_s: float) -> None:
        """Take in a message."""
        probe, control = self.topics
        if topic == probe:
            self.is_shared = True
        elif topic == control and self.control_came_s is None:
            self.control_came_s = now_s

    def refused(self) -> None:
        """Note that the broker does not grant it, or says that it shares nothing."""
        self.is_shared = self.is_shared or False

    def judge(self, now_s: float) -> bool | None:
        """Return the answer as of now."""
        if self.is_shared is None and self.sent_s is not None and now_s >= self._until_s():
            self.is_shared = False
        return self.is_shared

    def _until_s(self) -> float:
        sent_s = self.sent_s or 0.0
        longest = sent_s + LONGEST_S
        if self.control_came_s is None:
            return longest
        way_s = self.control_came_s - sent_s
        return min(longest, self.control_came_s + max(LEAST_GRACE_S, GRACE_ROUNDS * way_s))

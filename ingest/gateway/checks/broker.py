"""The district's broker: can it be reached, does it know us, may we hear what the hub says."""

from collections.abc import Iterator

from config.fields import Broker
from config.language import _
from ingest.batch.topics import receipt_topic, roster_topic
from ingest.gateway.checks.connection import SPOKEN, Sought, connection_findings
from ingest.gateway.checks.finding import Finding


def broker_findings(broker: Broker, *, centre: str, gateway: str) -> Iterator[Finding]:
    """Yield how far one comes: name and port, TLS, MQTT, the topics."""
    sought = Sought(
        "broker",
        (receipt_topic(centre, gateway), roster_topic(centre, gateway)),
        tuple(SPOKEN),
        if_refused=_(
            "look at user name and password, or at this box's certificate, and at the broker"
        ),
        if_far=_("look at the network and the firewalls on the way; readings wait in the spool"),
        if_closed=_("let the broker's rules allow this box its own topics"),
    )
    yield from connection_findings(broker, sought)

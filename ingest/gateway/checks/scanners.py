"""The scanners' broker: can it be reached, does it know us, may we hear what scanners say."""

from collections.abc import Iterator

from paho.mqtt.enums import MQTTProtocolVersion

from config.fields import Broker
from config.gateway_settings import ScannerSettings
from config.language import _
from config.settings import BROKER_PASSWORD, SCANNERS_PASSWORD
from ingest.gateway.checks.connection import Sought, connection_findings
from ingest.gateway.checks.finding import Finding
from ingest.gateway.scanner.topics import subscriptions


def scanner_findings(scanners: ScannerSettings, own: Broker) -> Iterator[Finding]:
    """Yield how far one comes with the broker of the scanners, or that none are listened to.

    `own` is the gateway's broker: scanners may publish there. A broker that grants a subscription
    and then passes nothing on looks like one on which nobody publishes: the count of messages in
    the gateway's status tells.
    """
    topics = subscriptions(scanners.prefixes, scanners.phones)
    if not topics:
        yield Finding("scanners", "ok", _("none are in the settings"))
        return
    broker = scanners.broker or own
    sought = Sought(
        "scanners",
        topics,
        (MQTTProtocolVersion.MQTTv311,),
        if_refused=_(
            "look at username and %(variable)s, or at this box's certificate, and at the broker"
        )
        % {"variable": BROKER_PASSWORD if scanners.broker is None else SCANNERS_PASSWORD},
        if_far=_(
            "look at the network and the firewalls on the way; "
            "what scanners hear meanwhile is not kept"
        ),
        if_closed=_("let the broker's rules allow this box to read the scanners' topics"),
    )
    for found in connection_findings(broker, sought):
        yield found if scanners.broker is None else _of_its_own(found)


def _of_its_own(found: Finding) -> Finding:
    """Say which part of the settings an advice on the broker means."""
    if not found.do:
        return found
    return found._replace(
        do=_("%(advice)s (the broker here: [scanners.broker])") % {"advice": found.do}
    )

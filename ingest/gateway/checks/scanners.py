"""The scanners' broker: can it be reached, does it know us, may we hear what scanners say."""

from collections.abc import Iterator, Mapping

from paho.mqtt.enums import MQTTProtocolVersion

from config.fields import Broker
from config.gateway_settings import ScannerSettings
from config.language import _
from config.settings import BROKER_PASSWORD, SCANNERS_PASSWORD
from ingest.gateway.checks.connection import Sought, connection_findings
from ingest.gateway.checks.finding import Finding
from ingest.gateway.scanner.topics import subscriptions

DAY_S = 86_400
LONGEST_NAME = 40


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


def away_findings(status: Mapping[str, object]) -> Iterator[Finding]:
    """Yield the scanners that have been away for a day and more, by a running gateway's status."""
    scanners = status.get("scanners")
    away = scanners.get("away_s") if isinstance(scanners, dict) else None
    for name, away_s in sorted(away.items()) if isinstance(away, dict) else ():
        if isinstance(away_s, int) and away_s >= DAY_S:
            shown = "".join(one for one in str(name) if one.isprintable())[:LONGEST_NAME]
            yield Finding(
                "scanners",
                "warn",
                _("scanner %(scanner)s has been away for %(days)d days")
                % {"scanner": shown, "days": away_s // DAY_S},
                _(
                    "give it power and network; one that is gone for good is forgotten once "
                    "its last will is emptied: mosquitto_pub -r -n -t PREFIX/%(scanner)s/LWT"
                )
                % {"scanner": shown},
            )


def _of_its_own(found: Finding) -> Finding:
    """Say which part of the settings an advice on the broker means."""
    if not found.do:
        return found
    return found._replace(
        do=_("%(advice)s (the broker here: [scanners.broker])") % {"advice": found.do}
    )

"""What only an operator can mend about the broker, in words that say what to do."""

from collections.abc import Iterable

from config.errors import Misconfigured
from config.fields import Broker
from config.language import _
from config.tls import advice, explained


def refused(broker: Broker, why: str) -> Misconfigured:
    """Return the fault of a broker that turns the hub away."""
    return Misconfigured(
        _(
            "the broker at %(host)s:%(port)d refused the hub (%(why)s): check "
            "broker.username and the password in ADHERE_BROKER_PASSWORD"
        )
        % {"host": broker.host, "port": broker.port, "why": why}
    )


def forbidden(topics: Iterable[str]) -> Misconfigured:
    """Return the fault of a broker whose rules forbid a subscription."""
    return Misconfigured(
        _("the broker does not let the hub subscribe to %(topics)s: allow it there")
        % {"topics": ", ".join(topics)}
    )


def told(broker: Broker, fault: str, *, hung_up: bool) -> str:
    """Return why there is no connection, in the reader's words.

    `hung_up`: the broker ended the very first one before it said a word.
    """
    return explained(fault, at_once=hung_up and broker.tls is not None)


def unreachable(broker: Broker, fault: str, *, hung_up: bool) -> Misconfigured | None:
    """Return what TLS has against the very first connection; None: wait, it may get better."""
    # A broker hangs up on being restarted too; where a certificate is given, that is likelier.
    no_certificate = hung_up and broker.tls is not None and broker.tls.cert_file is None
    if advice(fault) is None and not no_certificate:
        return None
    return Misconfigured(
        _("no connection to the broker at %(host)s:%(port)d: %(why)s")
        % {
            "host": broker.host,
            "port": broker.port,
            "why": told(broker, fault, hung_up=hung_up),
        }
    )

"""TLS to the broker: the context out of [broker.tls], and what its faults ask of an operator."""

import ssl

from config.errors import Misconfigured
from config.fields import Tls
from config.language import _, later

ADVICE = {
    "Hostname mismatch": later(
        "the broker's certificate is for another name: write the name it is made for as broker.host"
    ),
    "IP address mismatch": later(
        "the broker's certificate is for another name: write the name it is made for as broker.host"
    ),
    "certificate has expired": later(
        "the broker's certificate has expired: renew it, or set this machine's clock right"
    ),
    "certificate is not yet valid": later(
        "the broker's certificate is not valid yet: set this machine's clock right"
    ),
    "CERTIFICATE_VERIFY_FAILED": later(
        "the broker's certificate is not by the CA in broker.tls.ca_file: get that CA's certificate"
    ),
    "CERTIFICATE_REQUIRED": later(
        "the broker wants a certificate of this machine: set cert_file and key_file in [broker.tls]"
    ),
    "ALERT": later(
        "the broker does not accept this machine's certificate: check cert_file and key_file in "
        "[broker.tls], whether it has expired, and which CA the broker trusts"
    ),
    "WRONG_VERSION_NUMBER": later(
        "the broker does not speak TLS on this port: correct broker.port (8883 is usual with TLS)"
    ),
}
"""By what OpenSSL says; the first that fits. A broker says by an alert what it has against us."""


class _Socket(ssl.SSLSocket):
    """Closes itself where the handshake fails: the MQTT client forgets it then."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - as inherited
        """Shake hands, or close."""
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


HUNG_UP = later(
    "the broker hung up without a word, as one does that wants another certificate of this machine "
    "or any: check cert_file and key_file in [broker.tls]"
)
"""Its alert does not always arrive before the connection is gone."""


def client_context(tls: Tls) -> ssl.SSLContext:
    """Return the context of a client; raises Misconfigured where a file cannot be used."""
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
        context.sslsocket_class = _Socket
        if tls.cert_file is not None:
            # Without a password here OpenSSL would ask for it at the terminal, and wait.
            context.load_cert_chain(tls.cert_file, tls.key_file, password="")
    except OSError as error:
        raise Misconfigured(
            _("the broker's TLS files cannot be read (%(why)s); check [broker.tls]")
            % {"why": error.strerror or type(error).__name__}
        ) from error
    return context


def advice(fault: str) -> str | None:
    """Return what to do about a fault in OpenSSL's words; None where it is not one of TLS."""
    if "SSL" not in fault:
        return None
    return next((_(text) for words, text in ADVICE.items() if words in fault), None)


def explained(fault: str, *, at_once: bool = False) -> str:
    """Return the fault, and what to do about it where that is known.

    `at_once`: it was the end of a connection with TLS before the broker had answered.
    """
    what_to_do = advice(fault) or (_(HUNG_UP) if at_once else None)
    return fault if what_to_do is None else f"{what_to_do} ({fault})"

"""Certificates: the broker's, the CA's, this box's own: whose they are and how long they last."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from config.errors import Misconfigured
from config.fields import Broker, Tls, is_here
from config.language import _
from config.tls import client_context, explained
from ingest.gateway.checks.connection import server_certificate
from ingest.gateway.checks.finding import Finding

SOON = timedelta(days=30)


def certificate_findings(broker: Broker, *, now: datetime) -> Iterator[Finding]:
    """Yield what is to be said of the certificates that the way to the broker needs."""
    tls = broker.tls
    if tls is None:
        if is_here(broker.host):
            yield Finding("certificate", "ok", _("none needed: the broker is this machine"))
        else:
            yield Finding(
                "certificate",
                "warn",
                _("the way to the broker is not encrypted"),
                _("add [broker.tls] with ca_file: anyone on the way can read who sends how much"),
            )
        return
    yield from _ca(tls.ca_file, now)
    if tls.cert_file is not None and tls.key_file is not None:
        yield from _own(tls, now)
    der = server_certificate(broker)
    if der is None:
        yield Finding(
            "certificate",
            "warn",
            _("the broker shows none: it is not reached, or speaks no TLS there"),
            _("see what is said of the broker"),
        )
        return
    theirs = x509.load_der_x509_certificate(der)
    yield from _lasting(_("the broker's"), theirs, now)
    yield from _trusted(broker)


def _trusted(broker: Broker) -> Iterator[Finding]:
    """Look at chain and name as the gateway does."""
    if broker.tls is None:
        return
    try:
        context = client_context(broker.tls)
        with (
            socket.create_connection((broker.host, broker.port), 10) as plain,
            context.wrap_socket(plain, server_hostname=broker.host),
        ):
            pass
    except Misconfigured as error:
        yield Finding(
            "certificate", "bad", str(error), _("look at the files that [broker.tls] names")
        )
    except OSError as error:
        yield Finding(
            "certificate",
            "bad",
            _("the broker's certificate is not accepted"),
            explained(str(error), at_once=True),
        )
    else:
        yield Finding(
            "certificate",
            "ok",
            _("the broker's is by our CA and for %(host)s") % {"host": broker.host},
        )


def _ca(path: Path, now: datetime) -> Iterator[Finding]:
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        yield Finding(
            "certificate",
            "bad",
            _("%(path)s holds no certificates that can be read") % {"path": path},
            _("get the CA's certificate from the district again"),
        )
        return
    last = max(found, key=lambda one: one.not_valid_after_utc)
    yield from _lasting(_("the CA's"), last, now)


def _own(tls: Tls, now: datetime) -> Iterator[Finding]:
    if tls.cert_file is None or tls.key_file is None:
        return
    try:
        ours = x509.load_pem_x509_certificates(tls.cert_file.read_bytes())[0]
        key = load_pem_private_key(tls.key_file.read_bytes(), None)
    except (OSError, ValueError, TypeError, IndexError):
        yield Finding(
            "certificate",
            "bad",
            _("this box's certificate or its key cannot be read"),
            _("look at cert_file and key_file in [broker.tls]: PEM, the key without a password"),
        )
        return
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if ours.public_key().public_bytes(*form) != key.public_key().public_bytes(*form):
        yield Finding(
            "certificate",
            "bad",
            _("this box's certificate is of another key"),
            _("take the certificate that was made for key_file in [broker.tls]"),
        )
        return
    yield from _lasting(_("this box's"), ours, now)


def _lasting(whose: str, certificate: x509.Certificate, now: datetime) -> Iterator[Finding]:
    until = certificate.not_valid_after_utc
    said = {"whose": whose, "days": (until - now).days, "day": until.date().isoformat()}
    if now >= until:
        yield Finding(
            "certificate",
            "bad",
            _("%(whose)s expired on %(day)s") % said,
            _("renew it; if that day is still to come, set this machine's clock right"),
        )
    elif now < certificate.not_valid_before_utc:
        yield Finding(
            "certificate",
            "bad",
            _("%(whose)s is not valid yet") % said,
            _("set this machine's clock right"),
        )
    elif until - now < SOON:
        yield Finding(
            "certificate",
            "warn",
            _("%(whose)s lasts %(days)d more days, until %(day)s") % said,
            _("renew it before that day: afterwards nothing is sent"),
        )
    else:
        yield Finding("certificate", "ok", _("%(whose)s lasts until %(day)s") % said)


def now_utc() -> datetime:
    """Return the time of this machine's clock."""
    return datetime.now(UTC)

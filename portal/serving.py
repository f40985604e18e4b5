"""The pages on a port: uvicorn around the application, with TLS of its own or without."""

import socket
import ssl
from urllib.parse import urlsplit

import structlog
import uvicorn
from fastapi import FastAPI

from config.district_settings import PortalSettings
from config.errors import Misconfigured, Unavailable
from config.language import _
from portal.punctual import Punctual

log = structlog.get_logger()

HERE = frozenset({"localhost", "127.0.0.1", "::1"})


def serve(app: FastAPI, settings: PortalSettings) -> None:
    """Serve until SIGTERM or SIGINT; logs `portal_ready` with its address once it listens."""
    config = server_config(app, settings)
    if urlsplit(settings.public_url).scheme == "http":
        if urlsplit(settings.public_url).hostname not in HERE:
            log.warning("portal_without_tls", public_url=settings.public_url)
    elif settings.cert_file is None:
        log.info("portal_behind_proxy", public_url=settings.public_url)
    with listen(settings) as listening:
        host, port = listening.getsockname()[:2]
        log.info("portal_ready", host=host, port=port, public_url=settings.public_url)
        uvicorn.Server(config).run(sockets=[listening])


def listen(settings: PortalSettings) -> socket.socket:
    """Return a socket that accepts already, so that whoever reads the log may knock at once."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=256)
    except (OSError, OverflowError) as error:
        raise Unavailable(
            _("the port %(port)d of %(host)s cannot be opened: %(why)s")
            % {
                "port": settings.port,
                "host": settings.host,
                "why": getattr(error, "strerror", None) or type(error).__name__,
            }
        ) from error


def server_config(app: FastAPI, settings: PortalSettings) -> uvicorn.Config:
    """Return how uvicorn serves it: no access log (it would name patients), no chatter.

    A proxy on this machine is believed about the address that asks; no other is.
    """
    config = uvicorn.Config(
        app,
        http=Punctual,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        limit_concurrency=256,
        timeout_graceful_shutdown=5,
        forwarded_allow_ips="127.0.0.1,::1",
        ssl_certfile=settings.cert_file,
        ssl_keyfile=settings.key_file,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(
            _("the certificate of the pages cannot be used (%(why)s): check [portal]")
            % {"why": error.strerror or type(error).__name__}
        ) from error
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    return config

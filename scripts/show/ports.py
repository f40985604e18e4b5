"""Ports of the loopback for pages that are named before they are served."""

import socket

from ingest.broker import LOOPBACK


def free_port() -> int:
    """Return a port of the loopback that is free now; nobody else here takes one meanwhile."""
    with socket.create_server((LOOPBACK, 0)) as sock:
        return int(sock.getsockname()[1])

"""Ports of the loopback for pages that are named before they are served."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from ingest.broker import LOOPBACK


@contextmanager
def held_port() -> Iterator[int]:
    """Yield a port of the loopback that is kept for a server of ours while the block runs.

    It is bound and does not listen. So the kernel gives it to nobody, neither who asks for any free
    port nor who calls somewhere, while a server that names it may listen there and come back.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as every server does
        holder.bind((LOOPBACK, 0))
        yield int(holder.getsockname()[1])

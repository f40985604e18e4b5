"""Ports that stay whose they are, also while their server is down."""

import weakref
from contextlib import ExitStack

from scripts.show.ports import held_port


def port_of(owner):
    """Return a free port of the loopback that nobody else is given as long as `owner` lives."""
    held = ExitStack()
    port = held.enter_context(held_port())
    weakref.finalize(owner, held.close)
    return port

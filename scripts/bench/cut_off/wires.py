"""Hosts of our own on this machine: network namespaces, each on a wire that can be cut.

A wire is a pair of virtual interfaces, one end in the host, one with us. Cut, its far end is down:
what either side sends is gone without a word, as with a cable that was pulled.
"""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from config.errors import Misconfigured, Unavailable
from config.language import _

NETWORK = "198.18"
"""Kept for measurements of networks (RFC 2544, appendix C.2.2): no real network has it."""
CAP_NET_ADMIN = 12
"""linux/capability.h."""


@dataclass(frozen=True)
class Wire:
    """One host of ours: its name space, and how we and it are called on the wire between us."""

    host: str
    here: str
    """Our address on it."""

    def argv(self, command: list[str]) -> list[str]:
        """Return the command line that runs a command on that host."""
        return [_ip(), "netns", "exec", self.host, *command]

    def cut(self) -> None:
        """Pull the cable."""
        _run("-n", self.host, "link", "set", "eth0", "down")

    def mend(self) -> None:
        """Plug it in again."""
        _run("-n", self.host, "link", "set", "eth0", "up")


def may_lay_wires() -> bool:
    """Say whether this process may make namespaces and interfaces."""
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - not a file
        held = next(line for line in status if line.startswith("CapEff:"))
    return bool(int(held.split()[1], 16) >> CAP_NET_ADMIN & 1) and shutil.which("ip") is not None


@contextmanager
def wires(count: int) -> Iterator[list[Wire]]:
    """Make so many hosts while the block runs.

    Raises Misconfigured where this process may not.
    """
    if not may_lay_wires():
        raise Misconfigured(
            _("hosts of its own need root and iproute2: run it as root, apt install iproute2")
        )
    with ExitStack() as stack:
        yield [stack.enter_context(_wire(number)) for number in range(count)]


@contextmanager
def _wire(number: int) -> Iterator[Wire]:
    # A name of its own each time: the kernel takes a namespace apart after it has said it is gone.
    name = f"{secrets.token_hex(4)}-{number}"
    host, ours = f"adhere-{name}", f"ah{name}"
    net = f"{NETWORK}.{os.getpid() % 250}"
    here, there = f"{net}.{4 * number + 1}", f"{net}.{4 * number + 2}"
    _run("netns", "add", host)
    try:
        _run("link", "add", ours, "type", "veth", "peer", "name", "eth0", "netns", host)
        _run("addr", "add", f"{here}/30", "dev", ours)
        _run("link", "set", ours, "up")
        for words in (
            ("addr", "add", f"{there}/30", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            _run("-n", host, *words)
        yield Wire(host, here)
    finally:
        with suppress(Unavailable):  # it was never made, or is gone
            _run("link", "del", ours)
        _run("netns", "del", host)


def _ip() -> str:
    return shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or "ip"


def _run(*words: str) -> None:
    done = subprocess.run([_ip(), *words], capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode != 0:
        raise Unavailable(f"ip {' '.join(words)}: {done.stderr.strip()}")

"""What systemd is told: that the gateway works, and again and again that it still does.

A ping is a proof and no timer. It is sent by the event loop, after the spool's thread has done a
piece of work, if the uplink has taken a turn of late. If one of the three hangs, systemd starts
the gateway anew. While the disk fails the spool's thread is not waited for: to start anew would
not mend the disk, and cost who is on site their guard. Without systemd (no NOTIFY_SOCKET) none of
it does anything.
"""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from ingest.gateway.disk import Disk, SpoolAway

log = structlog.get_logger()

UPLINK_TURN_S = 120.0
"""It waits at most a minute at once, and tries to connect for a while."""
LOOK_S = 20.0
"""Without a watchdog: how often the text of the state is made new."""


@dataclass(frozen=True, slots=True)
class Supervisor:
    """systemd, or nobody."""

    address: str | None = None
    watchdog_s: float | None = None
    """It wants a ping within so long; None: no watchdog."""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Supervisor":
        """Return whoever the environment names (sd_notify(3), sd_watchdog_enabled(3))."""
        usec, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID")
        ours = pid is None or pid == str(os.getpid())
        watchdog_s = int(usec) / 1e6 if ours and usec.isdecimal() and int(usec) else None
        return cls(environ.get("NOTIFY_SOCKET") or None, watchdog_s)

    def tell(self, *said: str) -> None:
        """Send assignments such as READY=1; what cannot be sent is logged, and costs nothing."""
        if self.address is None:
            return
        address = self.address
        if address.startswith("@"):
            address = "\0" + address[1:]  # the abstract name space
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
                to.sendto("\n".join(said).encode(), address)
        except OSError as error:
            log.warning("supervisor_not_told", why=error.strerror)


async def watch(
    supervisor: Supervisor,
    disk: Disk,
    uplink_beat_mono_s: Callable[[], float],
    state: Callable[[], str],
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], "asyncio.Future[None]"] | None = None,
) -> None:
    """Say READY, then ping as long as all parts move, until cancelled.

    `uplink_beat_mono_s` says when the uplink last took a turn; `state` is a line for people.
    """
    every_s = LOOK_S if supervisor.watchdog_s is None else supervisor.watchdog_s / 4
    pings = [] if supervisor.watchdog_s is None else ["WATCHDOG=1"]
    await _turn(disk)
    supervisor.tell("READY=1", f"STATUS={state()}", *pings)
    while True:
        await (pause or asyncio.sleep)(every_s)
        await _turn(disk)  # hangs as long as the spool's thread does
        silent_s = clock() - uplink_beat_mono_s()
        if silent_s > UPLINK_TURN_S:
            log.error("uplink_hangs", for_s=round(silent_s))
            supervisor.tell(f"STATUS={state()}")
            continue
        supervisor.tell(f"STATUS={state()}", *pings)


async def _turn(disk: Disk) -> None:
    with contextlib.suppress(SpoolAway):
        await disk.do(_nothing, "watch")


def _nothing(_spool: object) -> None:
    """Take the turn of the spool's thread, and give it back."""

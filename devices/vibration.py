"""Make a band vibrate, or flash where it has no motor: what to write, and what the wearer notices.

Any band may offer the Immediate Alert Service of the Bluetooth SIG (0x1802). Its alert ends with
the link, so whoever sends it stays for some seconds, and ends it with the level 0. Makers' commands
to find a lost band do the same by themselves.
"""

from collections.abc import Collection

from devices.family import SIG_UUID, Family, Vibration
from devices.talk import NoMemory, Write
from devices.value import Value

ALERT_LEVEL = SIG_UUID.format(0x2A06)
NO_ALERT, HIGH_ALERT = b"\0", b"\2"

IMMEDIATE_ALERT = Vibration(
    (Write(ALERT_LEVEL, HIGH_ALERT, response=False),),
    "Immediate Alert Service, level 2, where the band offers it (Bluetooth SIG)",
    stop=(Write(ALERT_LEVEL, NO_ALERT, response=False),),
)


def vibration_of(family: Family | None, offered: Collection[str]) -> Vibration | None:
    """Return how to make a linked band vibrate that offers these characteristics; None: it can not.

    By the command of its maker where it has that, else by the one that any band may have.
    """
    theirs = None if family is None else family.vibration
    known = [vibration for vibration in (theirs, IMMEDIATE_ALERT) if vibration is not None]
    return next((v for v in known if {w.characteristic for w in v.writes} <= set(offered)), None)


class SilentTalk(NoMemory):
    """A talk that has nothing to say: for bands that are linked to vibrate and for nothing else."""

    notify: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    due_utc_ms = None
    done = True

    def writes_at(self, now_utc_ms: int) -> list[Write]:
        """Nothing."""
        del now_utc_ms
        return []

    def heard(self, characteristic: str, data: bytes, now_utc_ms: int) -> list[Value]:
        """Nothing: nothing is subscribed."""
        del characteristic, data, now_utc_ms
        return []

    def farewell(self) -> list[Write]:
        """Nothing."""
        return []

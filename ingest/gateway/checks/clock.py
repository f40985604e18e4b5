"""Is the box's clock right? A band's reading is worth what its time is worth."""

from collections.abc import Iterator
from pathlib import Path

from config.language import _
from ingest.gateway.checks.finding import Finding

WARN_MS = 5_000
BAD_MS = 120_000
"""From here on the district counts a clock as wrong: the readings are marked."""
CLOCKS = Path("/sys/class/rtc")


def clock_findings(
    *, is_synchronised: bool, hub_ahead_ms: int | None, has_battery_clock: bool
) -> Iterator[Finding]:
    """Yield what is to be said of the clock.

    `hub_ahead_ms`: the hub's clock minus ours at its newest receipt; None: none has come.
    """
    away_ms = 0 if hub_ahead_ms is None else abs(hub_ahead_ms)
    set_it = _("let a time service set it: timedatectl set-ntp true, then timedatectl status")
    if away_ms > WARN_MS:
        yield Finding(
            "clock",
            "bad" if away_ms > BAD_MS else "warn",
            _("%(away_s)d s away from the hub's clock") % {"away_s": away_ms // 1000},
            set_it,
        )
    elif not is_synchronised:
        says = _("no time service keeps it right")
        if not has_battery_clock:
            says += _("; without a battery clock it is wrong after every power cut")
        yield Finding("clock", "warn", says, set_it)
    elif hub_ahead_ms is None:
        yield Finding("clock", "ok", _("kept right by a time service"))
    else:
        yield Finding(
            "clock",
            "ok",
            _("kept right by a time service, %(away_ms)d ms from the hub's") % {"away_ms": away_ms},
        )


def has_battery_clock(clocks: Path = CLOCKS) -> bool:
    """Say whether the machine has a clock that runs without power."""
    return clocks.is_dir() and any(clocks.iterdir())

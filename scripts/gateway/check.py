"""`adhere gateway check`: say how the radio is, and what an operator is to do."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from config.language import _, later

if TYPE_CHECKING:
    from ingest.gateway.radio.check import Around

STATES = {
    "scans": later("there, and listening"),
    "on": later("there, not in the settings"),
    "off": later("there, but switched off: bluetoothctl power on"),
    "missing": later("not there: is it plugged in, is its driver loaded?"),
}


def lines(around: "Around", *, has_adapters: bool, has_roster: bool) -> list[str]:
    """Return what was found, as text for the terminal."""
    if not around.bus:
        return [_("The system bus does not answer: is D-Bus running, and may this user reach it?")]
    told = [_("Adapters:")]
    told += [f"  {address}  {_state(state)}" for address, state in sorted(around.adapters.items())]
    if not around.adapters:
        told.append("  " + _("none: is bluetoothd running (systemctl status bluetooth)?"))
    if not has_adapters:
        told.append(_("Write the addresses to use into the settings: [radio] adapters."))
        return told
    if not has_roster:
        told.append(_("No roster has come from the district yet: no band counts as registered."))
    told.append(_("Bands heard now:"))
    for address, band in sorted(around.bands.items()):
        families = " ".join(band.families) or "?"
        known = _("registered") if band.registered else _("not registered")
        told.append(f"  {address}  {band.rssi_dbm:4d} dBm  {known:16}  {families}")
    if not around.bands:
        told.append("  " + _("none"))
    told.append(_("Other devices in reach: %(count)d") % {"count": around.others})
    return told


def is_good(around: "Around", adapters: Collection[str]) -> bool:
    """Say whether every adapter of the settings listens."""
    return around.bus and all(around.adapters.get(address) == "scans" for address in adapters)


def _state(state: str) -> str:
    words = STATES.get(state)
    return (
        _(words)
        if words is not None
        else _("there, but it does not scan: %(why)s") % {"why": state}
    )

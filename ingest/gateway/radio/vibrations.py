"""Who asks that a band vibrate: passed on at once or refused, at most once a minute a band.

Nothing waits for it: an alarm is raised, shown and sent whether its band shakes or not.
"""

import structlog

from devices.vibration import IMMEDIATE_ALERT
from ingest.gateway.radio.bands import Band, Bands
from ingest.gateway.radio.counters import RadioCounters

log = structlog.get_logger()

EVERY_S = 60.0
"""A wrist that is shaken all the time is a band that is taken off."""
WITHIN_S = 30.0
"""Later it would tell its wearer of something that is over."""


class Vibrations:
    """What is asked of all bands. Every asking ends in exactly one counter."""

    def __init__(self, bands: Bands, counters: RadioCounters) -> None:
        """Take where bands are found, and where is counted."""
        self._bands, self._counters = bands, counters

    def ask(self, device_key: str, mono_s: float) -> None:
        """Ask that a band vibrate as soon as may be."""
        self._counters.vibrations_asked += 1
        band = self._bands.named(device_key)
        if band is None:
            self._counters.vibrations_failed["unknown"] += 1
            return
        if mono_s - band.shaken_mono_s < EVERY_S:
            self._counters.vibrations_limited += 1
            return
        band.shaken_mono_s = mono_s
        if not _may_vibrate(band):
            self._failed(band, "unable")
            return
        band.shake_asked_mono_s = mono_s
        band.not_before_mono_s = min(band.not_before_mono_s, mono_s)
        band.retry.worked()
        band.woken.set()

    def look(self, mono_s: float) -> None:
        """Give up what could not be done in time."""
        for band in self._bands:
            asked_s = band.shake_asked_mono_s
            if asked_s is not None and mono_s - asked_s > WITHIN_S:
                band.shake_asked_mono_s = None
                self._failed(band, "late")

    def _failed(self, band: Band, reason: str) -> None:
        self._counters.vibrations_failed[reason] += 1
        log.info("not_vibrated", device=band.key, why=reason)


def _may_vibrate(band: Band) -> bool:
    """Say whether it is worth a try; only a link shows what a band offers."""
    families = (band.family, band.link_family)
    known = [family.vibration for family in families if family is not None]
    if band.offers_alert is None or band.is_linked:
        return band.is_linked or any(vibration is not None for vibration in known)
    makers = any(vibration not in {None, IMMEDIATE_ALERT} for vibration in known)
    return band.offers_alert or makers

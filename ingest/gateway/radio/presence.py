"""Who is in reach: a band that falls silent is noticed, and so is its return."""

from collections.abc import Iterable

import structlog

from ingest.gateway.radio.bands import NEVER, Band
from ingest.gateway.radio.counters import RadioCounters

log = structlog.get_logger()


class Presence:
    """The watchdog over all bands: no callback tells of a band that says nothing."""

    def __init__(self, silent_after_s: float, counters: RadioCounters) -> None:
        """Take after how long a band counts as silent."""
        self._silent_after_s, self._counters = silent_after_s, counters

    def look(self, bands: Iterable[Band], mono_s: float) -> None:
        """Note who came and went since the last look."""
        heard = 0
        for band in bands:
            if band.heard_mono_s == NEVER:
                continue
            away_s = mono_s - band.heard_mono_s
            heard += away_s < self._silent_after_s
            if away_s >= self._silent_after_s and not band.is_lost:
                band.is_lost, band.lost_mono_s = True, band.heard_mono_s
                self._counters.bands_lost += 1
                log.info("band_silent", device=band.key, for_s=round(away_s, 1))
            elif away_s < self._silent_after_s and band.is_lost:
                band.is_lost = False
                self._counters.bands_back += 1
                away_s = band.heard_mono_s - band.lost_mono_s
                log.info("band_back", device=band.key, away_s=round(away_s, 1))
        self._counters.bands_heard = heard

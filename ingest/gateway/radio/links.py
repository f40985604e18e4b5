"""Who gets a link: few at a time on an adapter, each band in its turn.

Cheap adapters hold about five links. While more bands want one, a link that has been open for a
minute gives way to a band that waits, so that no band stays unheard for much longer than that.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ingest.gateway.radio.bands import Band
from ingest.gateway.radio.pace import Pace
from ingest.gateway.radio.station import Station


@dataclass(frozen=True, slots=True)
class Links:
    """The rule, with its figures."""

    per_adapter: int
    pace: Pace

    def waiting(self, bands: Iterable[Band], mono_s: float) -> list[Band]:
        """Return the bands in reach and due for a link: those just heard, longest waiting first."""
        waiting = []
        for band in bands:
            if self._wants(band, mono_s):
                if band.waiting_since_mono_s is None:
                    band.waiting_since_mono_s = mono_s
                waiting.append(band)
            else:
                band.waiting_since_mono_s = None
        return sorted(
            waiting,
            key=lambda band: (not self._is_fresh(band, mono_s), band.waiting_since_mono_s or 0.0),
        )

    def next_pair(
        self, stations: Collection[Station], waiting: Iterable[Band]
    ) -> tuple[Station, Band] | None:
        """Return who connects with whom next, if any two can."""
        for band in waiting:
            free = [
                station
                for station in self._hearing(band, stations)
                if not station.is_connecting and len(station.held) < self.per_adapter
            ]
            if free:
                # The least laden; of equals the one that hears the band best.
                best = min(
                    free,
                    key=lambda station: (
                        len(station.held),
                        -band.sightings[station.address].rssi_dbm,
                    ),
                )
                return best, band
        return None

    def give_way(
        self, stations: Collection[Station], waiting: Iterable[Band], mono_s: float
    ) -> None:
        """Ask links that are open for their turn to end, one for each band that waits."""
        room = {
            station.address: self.per_adapter - sum(not held.must_leave for held in station.held)
            for station in stations
        }
        for band in waiting:
            hearing = self._hearing(band, stations)
            roomy = next((station for station in hearing if room[station.address] > 0), None)
            if roomy is not None:  # free, or about to be
                room[roomy.address] -= 1
                continue
            holders = [
                (since_s, held)
                for station in hearing
                for held, since_s in station.links.items()
                if mono_s - since_s >= self.pace.turn_s and not held.must_leave
            ]
            if holders:
                min(holders, key=lambda holder: holder[0])[1].ask_to_leave()

    def _wants(self, band: Band, mono_s: float) -> bool:
        return (
            band.link_family is not None
            and not band.is_linked
            and mono_s >= band.not_before_mono_s
            and bool(band.sightings)
        )

    def _is_fresh(self, band: Band, mono_s: float) -> bool:
        return any(
            mono_s - sighting.mono_s <= self.pace.reach_s for sighting in band.sightings.values()
        )

    def _hearing(self, band: Band, stations: Collection[Station]) -> list[Station]:
        return [
            station
            for station in stations
            if station.group is not None and station.address in band.sightings
        ]

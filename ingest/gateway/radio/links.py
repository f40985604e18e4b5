"""Who gets a link: few at a time on an adapter, each band in its turn.

Cheap adapters hold about five links. In this order they go to:

1. a band that is to vibrate for an alarm;
2. a band whose wearer is in a session, while its adapter has a protected link left: all but one are
   protected, and a session keeps its own until it is over;
3. the band whose last successful read is longest ago.

While bands wait, a link that has been open for its turn gives way. So with `w` bands waiting that
are heard by `a` adapters each is read within `ceil(w / a)` turns of `turn_s` and the times of
connecting and leaving, even when sessions hold every protected link; without sessions within
`ceil(w / links)` of them. `docs/why/radio-turns.md` has the figures.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ingest.gateway.radio.bands import NEVER, Band
from ingest.gateway.radio.pace import Pace
from ingest.gateway.radio.station import Station


@dataclass(frozen=True, slots=True)
class Links:
    """The rule, with its figures."""

    per_adapter: int
    pace: Pace

    @property
    def protected(self) -> int:
        """How many links of an adapter sessions may keep: one goes round among all that wait."""
        return max(0, self.per_adapter - 1)

    def waiting(
        self, bands: Iterable[Band], mono_s: float, stations: Collection[Station] = ()
    ) -> list[Band]:
        """Return the bands in reach and due for a link, in the order in which they get one."""
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
            key=lambda band: (
                band.shake_asked_mono_s is None,
                not self._is_fresh(band, mono_s),
                not self._is_preferred(band, stations, mono_s),
                band.queued_mono_s,
                band.waiting_since_mono_s or NEVER,
            ),
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
        kept = {station.address: self._kept(station, mono_s) for station in stations}
        for band in waiting:
            hearing = self._hearing(band, stations)
            roomy = next((station for station in hearing if room[station.address] > 0), None)
            if roomy is not None:  # free, or about to be
                room[roomy.address] -= 1
                continue
            turn_s = self._turn_s(band, stations, mono_s)
            holders = [
                holder
                for station in hearing
                for holder in self._yielding(station, band, kept[station.address], turn_s, mono_s)
            ]
            if holders:
                min(holders, key=lambda holder: holder[0])[1].ask_to_leave()

    def _yielding(
        self, station: Station, band: Band, kept: set[Band], turn_s: float, mono_s: float
    ) -> list[tuple[tuple[bool, float], Band]]:
        """Return who of an adapter may be asked to leave for a band, the first to be asked least.

        For an alarm anybody but who vibrates too, sessions last; else whoever has had a turn and is
        not kept.
        """
        is_alarm = band.shake_asked_mono_s is not None

        def has_had_its_turn(held: Band, since_s: float) -> bool:
            # A memory that is left half way is read anew from its beginning.
            least_s = max(turn_s, self.pace.read_turn_s) if held.is_reading else turn_s
            return held not in kept and mono_s - since_s >= least_s

        return [
            ((held in kept, since_s), held)
            for held, since_s in station.links.items()
            if not held.must_leave
            and held.shake_asked_mono_s is None
            and (is_alarm or has_had_its_turn(held, since_s))
        ]

    def _turn_s(self, band: Band, stations: Collection[Station], mono_s: float) -> float:
        """Return how long a link must have been open to give way to this band."""
        is_session = self._is_preferred(band, stations, mono_s)
        return self.pace.short_turn_s if is_session else self.pace.turn_s

    def _kept(self, station: Station, mono_s: float) -> set[Band]:
        """Return the bands whose links are protected: in a session, those linked longest first."""
        in_session = [
            (since_s, number, held)
            for number, (held, since_s) in enumerate(station.links.items())
            if self._is_in_session(held, mono_s)
        ]
        return {held for _, _, held in sorted(in_session)[: self.protected]}

    def _is_preferred(self, band: Band, stations: Collection[Station], mono_s: float) -> bool:
        """Say whether a band is in a session, and an adapter that hears it can keep one more."""
        return self._is_in_session(band, mono_s) and any(
            len(self._kept(station, mono_s)) < self.protected
            for station in self._hearing(band, stations)
        )

    def _is_in_session(self, band: Band, mono_s: float) -> bool:
        return mono_s - band.session_mono_s <= self.pace.session_s

    def _wants(self, band: Band, mono_s: float) -> bool:
        return (
            (band.link_family is not None or band.shake_asked_mono_s is not None)
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

"""A day of a room in a moment: who is read when, by a clock of its own.

Bands, stations and the rule are the collector's; connecting, reading and leaving are played.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, inf
from random import Random
from types import SimpleNamespace

import pytest

from devices.registry import load_families
from ingest.gateway.radio.bands import Band, Sighting
from ingest.gateway.radio.links import Links
from ingest.gateway.radio.pace import Pace, Retry
from ingest.gateway.radio.station import Station

PACE = Pace()
POLL_S, DAY_S, STEP_S = 900.0, 86_400, 1.0
CONNECT_S, READ_S, LEAVE_S = 6.0, 25.0, 1.0
PER_ADAPTER = 5
LOOK_S = STEP_S * 2
"""The rule is asked once a step: a link may end, and one begin, so much later."""


@dataclass
class Room:
    """Some bands that are polled, some that are live, and two adapters that all of them reach."""

    polled: int
    live: int = 0
    adapters: int = 2
    fails: float = 0.0
    dead: int = 0
    """Bands that never answer."""
    endless: int = 0
    """Bands whose memory never comes to its end."""
    stations: list = field(default_factory=list)
    bands: list = field(default_factory=list)
    reads: dict = field(default_factory=dict)
    held_s: dict = field(default_factory=dict)

    def __post_init__(self):
        self.random = Random(1)
        self.links = Links(PER_ADAPTER, PACE)
        families = load_families()
        self.stations = [Station(f"A{n}") for n in range(self.adapters)]
        for station in self.stations:
            station.group = object()
        for number in range(self.polled + self.live + self.dead + self.endless):
            is_live = self.polled <= number < self.polled + self.live
            family = families["hrs" if is_live else "fitpro"]
            band = Band(f"b{number}", f"B{number}", family, Retry(PACE))
            band.link_family = family
            self.bands.append(band)
            self.reads[band], self.held_s[band] = [], 0.0
            for station in self.stations:
                band.sightings[station.address] = Sighting(SimpleNamespace(), -60, inf)
        self.live_bands = self.bands[self.polled : self.polled + self.live]
        self.dead_bands = self.bands[self.polled + self.live :][: self.dead]
        self.endless_bands = self.bands[self.polled + self.live + self.dead :]

    def play(self, until_s, *, sessions=lambda _now_s: False):
        opening = {}
        for step in range(int(until_s / STEP_S)):
            now_s = step * STEP_S
            for station in self.stations:
                for band, since_s in list(station.links.items()):
                    self.go_on(station, band, since_s, now_s, opening, sessions(now_s))
            waiting = self.links.waiting(self.bands, now_s, self.stations)
            while pair := self.links.next_pair(self.stations, waiting):
                station, band = pair
                waiting.remove(band)
                station.is_connecting, band.is_linked, band.must_leave = True, True, False
                band.is_reading = False
                station.links[band] = now_s
                opening[band] = now_s + CONNECT_S
            self.links.give_way(self.stations, waiting, now_s)

    def go_on(self, station, band, since_s, now_s, opening, in_session):
        if band in opening:
            if now_s < opening[band]:
                return
            del opening[band]
            station.is_connecting = False
            if band in self.dead_bands or self.random.random() < self.fails:
                self.end(station, band, now_s, retry_s=band.retry.next_s())
                band.failures += 1
                return
            station.links[band] = now_s
            band.is_reading = band.link_family.has_memory
            return
        self.held_s[band] += STEP_S
        if band in self.live_bands:
            band.read_mono_s, band.failures = now_s, 0
            if in_session:
                band.session_mono_s = now_s
        elif band in self.endless_bands:
            band.failures += band.must_leave
        elif now_s - since_s >= READ_S:
            band.read_mono_s = now_s
            self.reads[band].append(now_s)
            band.failures = 0
            self.end(station, band, now_s, retry_s=POLL_S - READ_S - CONNECT_S)
            return
        if band.must_leave:
            self.end(station, band, now_s, retry_s=0.0)

    def end(self, station, band, now_s, *, retry_s):
        del station.links[band]
        band.is_linked = band.is_reading = band.must_leave = False
        band.tried_mono_s = now_s
        band.not_before_mono_s = now_s + LEAVE_S + retry_s

    def longest_wait_s(self, band, until_s):
        times = [0.0, *self.reads[band], until_s]
        return max(later - earlier for earlier, later in pairwise(times))


def test_forty_polled_bands_over_two_adapters_are_each_read_within_the_schedule():
    room = Room(polled=40)

    room.play(DAY_S)

    waits = [room.longest_wait_s(band, DAY_S) for band in room.bands]
    one_round_s = ceil(40 / 10) * (CONNECT_S * PER_ADAPTER + READ_S + LEAVE_S)
    assert max(waits) <= POLL_S + one_round_s
    least = DAY_S / (POLL_S + one_round_s)
    assert all(len(reads) >= least for reads in room.reads.values())
    assert max(map(len, room.reads.values())) - min(map(len, room.reads.values())) <= 2


def test_nobody_starves_while_sessions_hold_every_link_they_may():
    """The bound: one link an adapter goes round; half of those who wait are each adapter's."""
    room = Room(polled=40, live=12)

    until_s = DAY_S / 3
    room.play(until_s, sessions=lambda _now_s: True)

    turn_s = CONNECT_S + PACE.turn_s + LEAVE_S + LOOK_S
    bound_s = POLL_S + ceil((40 + 12) / 2) * turn_s
    waits = {band: room.longest_wait_s(band, until_s) for band in room.bands[:40]}
    assert max(waits.values()) <= bound_s
    kept = sorted((room.held_s[band] / until_s for band in room.live_bands), reverse=True)
    assert kept[: 2 * (PER_ADAPTER - 1)] == pytest.approx([1.0] * 8, abs=0.01)


def test_when_the_sessions_are_over_the_polls_have_all_links_again():
    room = Room(polled=40, live=10)

    room.play(4 * 3600, sessions=lambda now_s: now_s < 2 * 3600)

    late = [
        later - earlier
        for band in room.bands[:40]
        for earlier, later in pairwise(room.reads[band])
        if earlier > 2 * 3600 + PACE.session_s + PACE.turn_s
    ]
    assert max(late) <= POLL_S + ceil(50 / 10) * (CONNECT_S * PER_ADAPTER + PACE.turn_s + LEAVE_S)


def test_bands_that_never_answer_and_links_that_fail_cost_the_others_little():
    room = Room(polled=30, dead=6, fails=0.2)

    room.play(DAY_S / 4)

    waits = [room.longest_wait_s(band, DAY_S / 4) for band in room.bands[:30]]
    assert max(waits) <= 2 * POLL_S
    assert all(room.reads[band] == [] for band in room.dead_bands)


def test_bands_whose_memory_never_ends_do_not_keep_all_links_to_themselves():
    room = Room(polled=30, endless=12)

    room.play(DAY_S / 4)

    waits = [room.longest_wait_s(band, DAY_S / 4) for band in room.bands[:30]]
    turn_s = CONNECT_S * PER_ADAPTER + PACE.read_turn_s + LEAVE_S
    assert max(waits) <= POLL_S + ceil(42 / 10) * turn_s
    assert all(room.held_s[band] > 0 for band in room.endless_bands)

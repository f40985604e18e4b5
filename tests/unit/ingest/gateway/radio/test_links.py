from types import SimpleNamespace

import pytest

from devices.registry import load_families
from ingest.gateway.radio.bands import NEVER, Band, Sighting
from ingest.gateway.radio.links import Links
from ingest.gateway.radio.pace import Pace, Retry
from ingest.gateway.radio.station import Station

PACE = Pace(turn_s=60.0, reach_s=15.0)


def bands(count):
    hrs = load_families()["hrs"]
    made = [Band(f"b{n}", f"B{n}", hrs, Retry(PACE)) for n in range(count)]
    for band in made:
        band.link_family = hrs
    return made


def heard(band, station, rssi=-60, at_s=0.0):
    band.sightings[station.address] = Sighting(SimpleNamespace(), rssi, at_s)


@pytest.fixture
def stations():
    made = [Station("A"), Station("B")]
    for station in made:
        station.group = object()
    return made


def linked(station, band, since_s=0.0):
    station.links[band] = since_s
    band.is_linked = True


def test_who_waits_longest_is_first_and_who_was_not_heard_just_now_is_last(stations):
    links, (early, late, faint) = Links(5, PACE), bands(3)
    for band, at_s in ((early, 0.0), (late, 0.0), (faint, NEVER)):
        heard(band, stations[0], at_s=at_s)
    links.waiting([faint, early], 1.0)

    assert links.waiting([faint, late, early], 2.0) == [early, late, faint]


def test_no_link_for_bands_that_are_linked_backing_off_away_or_need_none(stations):
    links, (held, backing_off, away, silent) = Links(5, PACE), bands(4)
    for band in (held, backing_off, silent):
        heard(band, stations[0])
    held.is_linked, backing_off.not_before_mono_s, silent.link_family = True, 10.0, None

    assert links.waiting([held, backing_off, away, silent], 9.9) == []
    assert links.waiting([held, backing_off, away, silent], 10.0) == [backing_off]


def test_the_least_laden_adapter_connects_and_of_equals_the_one_that_hears_best(stations):
    links, (first, second) = Links(5, PACE), bands(2)
    heard(first, stations[0], rssi=-80)
    heard(first, stations[1], rssi=-50)

    assert links.next_pair(stations, [first]) == (stations[1], first)
    linked(stations[1], second)
    assert links.next_pair(stations, [first]) == (stations[0], first)


def test_an_adapter_that_is_away_full_or_connecting_connects_nobody(stations):
    links, (band, *others) = Links(2, PACE), bands(3)
    heard(band, stations[0])
    assert links.next_pair(stations, [band]) is not None

    stations[0].is_connecting = True
    assert links.next_pair(stations, [band]) is None
    stations[0].is_connecting = False
    for other in others:
        linked(stations[0], other)
    assert links.next_pair(stations, [band]) is None
    stations[0].links.clear()
    stations[0].group = None
    assert links.next_pair(stations, [band]) is None


def test_the_oldest_link_gives_way_after_its_turn_one_for_each_that_waits(stations):
    links, (old, older, young, waits, waits_too) = Links(3, PACE), bands(5)
    for band, since_s in ((old, 10.0), (older, 5.0), (young, 90.0)):
        linked(stations[0], band, since_s)
    for band in (waits, waits_too):
        heard(band, stations[0])

    links.give_way(stations, [waits], 64.0)
    assert not any(band.must_leave for band in (old, older, young)), "nobody had a minute"
    links.give_way(stations, [waits], 100.0)
    links.give_way(stations, [waits], 100.3)
    assert [band.must_leave for band in (old, older, young)] == [False, True, False]
    links.give_way(stations, [waits, waits_too], 100.6)
    assert [band.must_leave for band in (old, older, young)] == [True, True, False]


def test_nobody_gives_way_while_there_is_room(stations):
    links, (old, waits) = Links(2, PACE), bands(2)
    linked(stations[0], old)
    heard(waits, stations[0])

    links.give_way(stations, [waits], 1_000.0)

    assert not old.must_leave


def test_who_was_read_longest_ago_is_first(stations):
    links, (fresh, stale, never) = Links(5, PACE), bands(3)
    for band in (fresh, stale, never):
        heard(band, stations[0])
    fresh.read_mono_s, stale.read_mono_s = 900.0, 300.0

    assert links.waiting([fresh, stale, never], 1.0) == [never, stale, fresh]


def test_who_fails_again_and_again_counts_from_the_last_try(stations):
    links, (fails, waits) = Links(5, PACE), bands(2)
    for band in (fails, waits):
        heard(band, stations[0])
    fails.read_mono_s, waits.read_mono_s, fails.tried_mono_s = 100.0, 300.0, 500.0

    fails.failures = 1
    assert links.waiting([fails, waits], 1.0) == [fails, waits], "one failure costs no place"
    fails.failures = 2
    assert links.waiting([fails, waits], 1.0) == [waits, fails]


def test_a_session_keeps_its_link_and_a_poll_gives_way(stations):
    links, (trains, polled, waits) = Links(2, PACE), bands(3)
    linked(stations[0], trains, 0.0)
    linked(stations[0], polled, 50.0)
    heard(waits, stations[0])
    trains.session_mono_s = 110.0

    links.give_way(stations, [waits], 111.0)
    assert [band.must_leave for band in (trains, polled)] == [False, True]

    polled.must_leave = False
    links.give_way(stations, [waits], 111.0 + PACE.session_s)
    assert [band.must_leave for band in (trains, polled)] == [True, False], "its session is over"


def test_of_sessions_alone_one_link_still_goes_round(stations):
    links, (first, second, waits) = Links(2, PACE), bands(3)
    for since_s, band in ((0.0, first), (5.0, second)):
        linked(stations[0], band, since_s)
        band.session_mono_s = 100.0
    heard(waits, stations[0])

    links.give_way(stations, [waits], 100.0)

    assert [band.must_leave for band in (first, second)] == [False, True]


def test_a_session_that_waits_is_next_and_takes_a_poll_after_a_short_turn(stations):
    links, (polled, waits, trains) = Links(2, PACE), bands(3)
    linked(stations[0], polled, 0.0)
    linked(stations[0], bands(1)[0], 0.0)
    for band in (waits, trains):
        heard(band, stations[0])
    trains.session_mono_s, trains.read_mono_s = 10.0, 9.0

    waiting = links.waiting([waits, trains], 11.0, stations)
    assert waiting == [trains, waits]
    links.give_way(stations, waiting[1:], 11.0)
    assert not polled.must_leave
    links.give_way(stations, waiting[:1], 11.0)
    assert polled.must_leave


def test_who_reads_a_memory_keeps_its_link_to_the_end_of_it_within_bounds(stations):
    links, (reads, waits) = Links(1, PACE), bands(2)
    linked(stations[0], reads, 0.0)
    heard(waits, stations[0])
    reads.is_reading = True

    links.give_way(stations, [waits], PACE.read_turn_s - 1)
    assert not reads.must_leave
    links.give_way(stations, [waits], PACE.read_turn_s)
    assert reads.must_leave


def test_an_alarm_comes_before_all_and_takes_any_link(stations):
    links, (young, trains, waits, shakes) = Links(2, PACE), bands(4)
    linked(stations[0], young, 99.0)
    linked(stations[0], trains, 0.0)
    trains.session_mono_s = 99.0
    for band in (waits, shakes):
        heard(band, stations[0])
    shakes.shake_asked_mono_s, shakes.link_family, shakes.read_mono_s = 100.0, None, 99.0

    waiting = links.waiting([waits, shakes], 100.0, stations)
    assert waiting == [shakes, waits]
    links.give_way(stations, waiting, 100.0)
    assert [band.must_leave for band in (young, trains)] == [True, False], "sessions last"
    young.shake_asked_mono_s = 100.0
    young.must_leave = False
    links.give_way(stations, waiting, 100.0)
    assert [band.must_leave for band in (young, trains)] == [False, True]

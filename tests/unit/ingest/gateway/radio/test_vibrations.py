"""Who may be shaken, how often, and what becomes of each asking."""

import pytest

from ingest.gateway.radio.bands import Bands
from ingest.gateway.radio.counters import RadioCounters
from ingest.gateway.radio.pace import Pace
from ingest.gateway.radio.vibrations import EVERY_S, WITHIN_S, Vibrations

FAMILIES = {"m": "miband_advert", "p": "polar_advert", "h": "hrs", "j": "jring_56ff", "n": None}


@pytest.fixture
def room():
    bands, counters = Bands(lambda: FAMILIES, Pace()), RadioCounters()
    bands.refresh()
    return bands, counters, Vibrations(bands, counters)


def outcome(counters):
    return (
        counters.vibrations_asked,
        counters.vibrations_done,
        counters.vibrations_limited,
        dict(counters.vibrations_failed),
    )


def test_a_band_that_can_is_asked_and_comes_before_its_time(room):
    bands, counters, vibrations = room
    band = bands.named("m")
    band.not_before_mono_s = 900.0

    vibrations.ask("m", 100.0)

    assert band.shake_asked_mono_s == 100.0
    assert band.not_before_mono_s == 100.0
    assert band.woken.is_set()
    assert outcome(counters) == (1, 0, 0, {})


@pytest.mark.parametrize(("key", "reason"), [("p", "unable"), ("n", "unable"), ("x", "unknown")])
def test_a_band_that_cannot_and_one_that_nobody_knows_are_counted(room, key, reason):
    _, counters, vibrations = room

    vibrations.ask(key, 100.0)

    assert outcome(counters) == (1, 0, 0, {reason: 1})


def test_a_band_is_asked_once_a_minute_be_it_able_or_not(room):
    _, counters, vibrations = room
    for key in ("m", "p"):
        for mono_s in (100.0, 100.0 + EVERY_S - 1, 100.0 + EVERY_S):
            vibrations.ask(key, mono_s)

    assert outcome(counters) == (6, 0, 2, {"unable": 2})


def test_what_could_not_be_done_in_time_is_given_up(room):
    bands, counters, vibrations = room
    vibrations.ask("m", 100.0)

    vibrations.look(100.0 + WITHIN_S)
    assert bands.named("m").shake_asked_mono_s is not None
    vibrations.look(100.1 + WITHIN_S)

    assert bands.named("m").shake_asked_mono_s is None
    assert outcome(counters) == (1, 0, 0, {"late": 1})


def test_only_a_link_shows_what_a_band_offers(room):
    bands, counters, vibrations = room
    ring, strap = bands.named("j"), bands.named("h")

    ring.offers_alert = True
    vibrations.ask("j", 100.0)
    assert ring.shake_asked_mono_s == 100.0, "its maker says nothing, and yet it offers the service"

    strap.offers_alert = False
    vibrations.ask("h", 100.0)
    assert strap.shake_asked_mono_s is None
    assert outcome(counters) == (2, 0, 0, {"unable": 1})
    strap.is_linked = True
    vibrations.ask("h", 100.0 + EVERY_S)
    assert strap.shake_asked_mono_s is not None, "its link looks"

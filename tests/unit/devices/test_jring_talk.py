"""The talk with a Jring ring: claim it, keep it awake, and hear pulse, totals and charge."""

import itertools

import pytest

from config.errors import Rejected
from devices import battery
from devices.jring_frames import (
    ASK_TOTALS,
    CLAIM,
    KEEP_ALIVE,
    NOTIFY,
    START,
    STOP,
    Command,
    set_clock,
)
from devices.jring_talk import STALE_MS, JringTalk
from devices.talk import TalkTerms
from devices.virtual.bands.jring import jring_ring
from devices.wall_clock import shown
from tests.band_talks import HOUR_MS, MINUTE_MS, NOON, SHANGHAI_MIN, commands, converse, walking


def resting(at_utc_ms):
    return 60 + at_utc_ms // 1000 % 40


def ring(pulse=resting, **options):
    return jring_ring("c0:00:00:00:00:04", pulse, **{"worn_since_utc_ms": 1} | options).link


def talk(**terms):
    return JringTalk(TalkTerms(SHANGHAI_MIN, **terms))


def of(heard, quantity):
    return [(at, value.value) for at, value in heard if value.quantity == quantity]


@pytest.mark.parametrize(("offset_min", "hours"), [(480, 8), (-300, 0xFB), (330, 5), (-210, 0xFD)])
def test_the_clock_is_set_to_local_seconds_and_the_zone_in_whole_hours(offset_min, hours):
    frame = set_clock(shown(1_700_000_000_000), offset_min)

    assert frame == (b"\x01" + (1_700_000_000).to_bytes(4, "little") + bytes([hours])).ljust(
        20, b"\0"
    )


def test_it_claims_the_ring_and_sets_its_clock_before_all_else():
    writes = [write.data for write in talk().writes_at(NOON)]

    assert writes == [CLAIM, set_clock(shown(NOON + 8 * HOUR_MS), SHANGHAI_MIN)]


def test_pulse_totals_and_charge_come_and_the_ring_never_gets_bored():
    link = ring(steps=walking)

    heard, written = converse(talk(), link, NOON, seconds=600)

    assert link.left_of_boredom == 0
    assert max(b - a for (a, _), (b, _) in itertools.pairwise(written)) <= 10_000
    pulses = of(heard, "heart_rate_bpm")
    assert all(value == resting(at) for at, value in pulses)
    assert len(pulses) > 550
    midnight = (NOON + 8 * HOUR_MS) // (24 * HOUR_MS) * 24 * HOUR_MS - 8 * HOUR_MS
    totals = of(heard, "steps_counter")
    assert [(at, value) for at, value in totals] == [
        (at, walking(at) - walking(midnight)) for at, _ in totals
    ]
    assert len(totals) >= 9
    assert of(heard, "battery_pct")[0][1] == 55


def test_a_measurement_that_ended_is_begun_again():
    _, written = converse(talk(), ring(live_beats=20), NOON, seconds=120)

    assert 5 <= [data for _, data in written].count(START) <= 7


def test_a_stored_pulse_with_an_old_stamp_is_no_reading():
    heard, _ = converse(talk(), ring(pulse=lambda _: None, stored_bpm=87), NOON, seconds=120)

    assert of(heard, "heart_rate_bpm") == []


@pytest.mark.parametrize(
    ("ago_ms", "told"), [(0, [80]), (STALE_MS, [80]), (STALE_MS + 1000, []), (HOUR_MS, [])]
)
@pytest.mark.parametrize("ahead_ms", [0, 5 * HOUR_MS, -40 * MINUTE_MS])
def test_the_age_of_a_pulse_is_told_by_the_rings_own_clock(ago_ms, told, ahead_ms):
    speaker = talk()
    speaker.writes_at(NOON)
    shows_s = (NOON + 8 * HOUR_MS + ahead_ms) // 1000
    speaker.heard(NOTIFY, (b"\x01" + shows_s.to_bytes(4, "little")).ljust(20, b"\0"), NOON)
    stamp = (shows_s - ago_ms // 1000).to_bytes(4, "little")

    values = speaker.heard(NOTIFY, (b"\x14" + stamp + b"\x50").ljust(20, b"\0"), NOON)

    assert [value.value for value in values] == told


def test_a_ring_that_answers_nothing_is_asked_ever_more_seldom_and_never_to_measure():
    heard, written = converse(talk(), ring(), NOON, seconds=1200, lost=lambda data: True)

    assert heard == []
    assert set(commands(written)) == {Command.APP, Command.CLOCK, Command.KEEP_ALIVE}
    claims = [at - NOON for at, data in written if data == CLAIM]
    rounds = [claims[n] for n in range(0, len(claims), 3)]
    gaps = [b - a for a, b in itertools.pairwise(rounds)]
    assert gaps == sorted(gaps)
    assert gaps[-1] >= 4 * gaps[0] * 0.8


def test_a_lost_answer_about_the_steps_does_not_stop_the_pulse():
    heard, _ = converse(talk(), ring(), NOON, seconds=60, lost=lambda data: data[0] == 3)

    assert len(of(heard, "heart_rate_bpm")) > 30
    assert of(heard, "steps_counter") == []


def test_it_ends_once_the_steps_are_heard_where_no_pulse_is_wanted():
    speaker = talk(live=False)

    heard, written = converse(speaker, ring(steps=walking), NOON, seconds=20)

    assert speaker.done
    assert len(of(heard, "steps_counter")) == 1
    assert START not in [data for _, data in written]
    assert speaker.farewell() == []


def test_it_is_heard_again_when_the_clock_of_the_box_is_set_back():
    speaker, link = talk(), ring()
    converse(speaker, link, NOON, seconds=30)

    heard, written = converse(speaker, link, NOON - 5 * HOUR_MS, seconds=60)

    assert of(heard, "heart_rate_bpm")
    assert [data for _, data in written].count(ASK_TOTALS) >= 1


def test_the_battery_service_is_read_too():
    assert [v.value for v in talk().heard(battery.LEVEL, b"\x37", NOON)] == [55]
    assert talk().reads == (battery.LEVEL,)


def test_farewell_stops_what_was_started():
    speaker = talk()
    assert speaker.farewell() == []

    converse(speaker, ring(), NOON, seconds=5)

    assert [write.data for write in speaker.farewell()] == [STOP]


def test_a_cut_frame_is_refused_and_other_characteristics_are_not_ours():
    with pytest.raises(Rejected, match="too_short"):
        talk().heard(NOTIFY, KEEP_ALIVE[:-1], NOON)
    assert talk().heard("00002a37-0000-1000-8000-00805f9b34fb", b"\x00\x57", NOON) == []

"""The talk with a PineTime: clock, pulse as it changes, steps as they are read."""

from devices import battery, hrs
from devices.current_time import CURRENT_TIME
from devices.pinetime import STEPS, PineTimeTalk
from devices.talk import Read, TalkTerms
from devices.virtual.bands import pinetime_watch
from tests.band_talks import HOUR_MS, NOON, SHANGHAI_MIN, Clock, converse, walking

ADDRESS = "c0:00:00:00:00:01"
MIDNIGHT = NOON - NOON % HOUR_MS - 12 * HOUR_MS


def talk(*, live=True):
    return PineTimeTalk(TalkTerms(SHANGHAI_MIN, live=live))


def played(seconds, *, begin=NOON, speaker=None, **given):
    clock = Clock()
    watch = pinetime_watch(ADDRESS, **({"pulse": lambda at: 71} | given), clock=clock)
    heard, written = converse(speaker or talk(), watch.link, begin, seconds=seconds, clock=clock)
    return heard, written, watch


def of(heard, quantity):
    return [(at, value.value) for at, value in heard if value.quantity == quantity]


def test_the_pulse_is_told_when_it_changes():
    heard, _, _ = played(60, pulse=lambda at: 70 + at // 10_000 % 5)

    assert [value for _, value in of(heard, "heart_rate_bpm")] == [
        70 + (NOON // 10_000 + place) % 5 for place in range(6)
    ]


def test_a_pulse_that_stays_in_the_watch_after_it_was_taken_off_is_not_read():
    _, _, watch = played(5)
    heard, _ = converse(talk(), watch.link, NOON + HOUR_MS, seconds=30)

    assert watch.link.read(hrs.MEASUREMENT) == bytes([0, 71])
    assert of(heard, "heart_rate_bpm") == []


def test_the_steps_are_read_every_ten_seconds_and_not_subscribed():
    heard, _, _ = played(61, steps=walking)

    told = of(heard, "steps_counter")
    begun = walking(MIDNIGHT)
    assert told == [(NOON + s, walking(NOON + s) - begun) for s in range(0, 61_000, 10_000)]
    assert STEPS not in talk().notify


def test_the_counter_travels_as_it_is_over_midnight():
    heard, _, _ = played(40, begin=MIDNIGHT - 15_000, steps=walking)

    told = [value for _, value in of(heard, "steps_counter")]
    assert told[1] > 140_000
    assert told[2] < 20


def test_the_clock_is_set_once():
    _, written, watch = played(60, utc_offset_min=0)

    assert [data.hex() for _, data in written] == ["ea0703050c021e040001"]
    assert watch.link.memory.wall(NOON).hour == 12


def test_the_clock_is_set_with_an_answer_asked_for():
    (write,) = talk().writes_at(NOON)

    assert (write.characteristic, write.response) == (CURRENT_TIME, True)


def test_a_clock_that_was_set_back_does_not_make_it_wait():
    speaker = talk()
    speaker.writes_at(NOON)

    assert speaker.writes_at(NOON + 9_999) == []
    assert speaker.writes_at(NOON - HOUR_MS) == [Read(STEPS)]


def test_who_comes_for_the_steps_alone_leaves_at_once():
    speaker = talk(live=False)

    heard, _, _ = played(5, speaker=speaker, steps=walking)

    assert speaker.done
    assert speaker.due_utc_ms is None
    assert len(of(heard, "steps_counter")) == 1
    assert len(of(heard, "battery_pct")) == 1


def test_the_charge_is_heard_too():
    assert [v.value for v in talk().heard(battery.LEVEL, b"\x32", NOON)] == [50]
    assert talk().farewell() == []

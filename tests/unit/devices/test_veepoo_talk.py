"""The talk with a Veepoo band: the hello first, then its memory, then pulse and totals."""

from datetime import UTC, datetime

import pytest

from config.errors import Rejected
from devices.talk import TalkTerms
from devices.veepoo_frames import ASK_TOTALS, NOTIFY, START, STOP, Command, ask_day
from devices.veepoo_talk import VeepooTalk
from devices.virtual.bands.veepoo import veepoo_band
from tests.band_talks import (
    HOUR_MS,
    MINUTE_MS,
    NOON,
    SHANGHAI_MIN,
    commands,
    converse,
    history,
    walking,
)

RUNNING = NOON - 150_000
ACK = bytes([Command.HELLO]).ljust(20, b"\0")


def resting(at_utc_ms):
    return 60 + at_utc_ms // MINUTE_MS % 40


def band(pulse=resting, **options):
    worn = NOON - 26 * HOUR_MS
    return veepoo_band("c0:00:00:00:00:02", pulse, worn_since_utc_ms=worn, **options).link


def talk(**terms):
    return VeepooTalk(TalkTerms(SHANGHAI_MIN, **terms))


def live(heard, quantity):
    return [
        (at, value.value)
        for at, value in heard
        if value.device_ts_ms is None and value.quantity == quantity
    ]


def test_it_says_hello_with_the_local_time_and_nothing_else_before_the_answer():
    writes = [write.data for write in talk().writes_at(NOON)]

    assert writes == [bytes.fromhex("a1000000 07ea 03050c021e 0100d800")]


def test_a_hello_without_an_answer_is_said_again_and_nothing_is_asked():
    heard, written = converse(talk(), band(), NOON, seconds=60, lost=lambda data: True)

    assert heard == []
    assert set(commands(written)) == {Command.HELLO}
    assert len(written) == 3 + 3


def test_the_memory_is_told_by_minutes_once_in_utc_with_the_bands_own_stamps():
    speaker = talk(live=False)

    told = history(converse(speaker, band(steps=walking), NOON, seconds=30)[0])

    assert len({(value.quantity, value.device_ts_ms) for value in told}) == len(told)
    assert all(value.device_ts_ms - value.at_utc_ms == 8 * HOUR_MS for value in told)
    pulses = {v.at_utc_ms: v.value for v in told if v.quantity == "heart_rate_bpm"}
    worn = NOON - 26 * HOUR_MS + 30_000
    assert pulses == {at: resting(at) for at in range(worn, RUNNING, MINUTE_MS)}
    steps = [v for v in told if v.quantity == "steps_increment"]
    assert {v.span_ms for v in steps} == {5 * MINUTE_MS}
    assert sum(v.value for v in steps) == walking(RUNNING) - walking(worn - 30_000)
    assert speaker.done


def test_a_read_begins_where_the_last_one_ended():
    first = talk(live=False)
    converse(first, band(), NOON, seconds=30)
    later = NOON + 2 * HOUR_MS

    second = talk(live=False, since_utc_ms=first.read_through_utc_ms)
    heard, written = converse(second, band(), later, seconds=30)

    assert [data for _, data in written if data[0] == Command.DAY] == [ask_day(0)]
    assert min(v.at_utc_ms for v in history(heard)) == first.read_through_utc_ms


@pytest.mark.parametrize("part", [1, 2])
def test_a_lost_part_is_asked_for_again_and_no_value_told_twice(part):
    losses = []

    def lost(data):
        if data[:4] == bytes([Command.DAY, 0, 140, part]) and not losses:
            losses.append(data)
            return True
        return False

    speaker = talk(live=False)
    told = history(converse(speaker, band(steps=walking), NOON, seconds=60, lost=lost)[0])
    whole = history(converse(talk(live=False), band(steps=walking), NOON, seconds=60)[0])

    assert losses
    assert sorted(told) == sorted(whole)
    assert speaker.read_through_utc_ms is not None


def test_a_day_whose_end_never_comes_is_left_with_a_gap():
    speaker = talk(live=False)

    heard, _ = converse(
        speaker, band(), NOON, seconds=180, lost=lambda data: data[:3] == b"\xdf\xff\xff"
    )

    assert speaker.done
    assert speaker.read_through_utc_ms is None
    assert len(history(heard)) > 700, "records tell themselves as soon as they are whole"


def record(month, day, hour, minute, bpm=(70,) * 5, steps=8):
    activity = steps.to_bytes(2, "big").ljust(10, b"\0")
    return (
        bytes([0xDF, 0, 1, 1, 0xB1, 4, month, day, hour, minute, 0xB2, 10]) + activity,
        bytes([0xDF, 0, 1, 2, 0xB4, 5, *bpm]),
    )


def hear_at(now, parts):
    speaker = talk(live=False)
    speaker.writes_at(now)
    speaker.heard(NOTIFY, ACK, now)
    speaker.writes_at(now)
    told = [value for part in parts for value in speaker.heard(NOTIFY, part, now)]
    return told + speaker.held_back(now)


def test_a_record_of_december_read_in_january_is_of_last_year():
    new_year = round(datetime(2027, 1, 1, 0, 1, tzinfo=UTC).timestamp() * 1000) - 8 * HOUR_MS

    told = hear_at(new_year, record(12, 31, 23, 50))

    assert {datetime.fromtimestamp(v.device_ts_ms / 1000, UTC).year for v in told} == {2026}
    assert len(told) == 6


def test_of_a_record_that_is_not_over_nothing_is_told():
    assert hear_at(NOON, record(3, 5, 12, 0)) == []
    assert len(hear_at(NOON, record(3, 5, 11, 55))) == 6


def test_minutes_without_a_pulse_are_left_out_and_no_steps_are_a_value():
    told = hear_at(NOON, record(3, 5, 11, 0, bpm=(61, 0, 255, 2, 65), steps=0))

    minutes = [(v.quantity, v.value, v.device_ts_ms // MINUTE_MS % 60) for v in told]
    assert minutes == [
        ("heart_rate_bpm", 61, 0),
        ("heart_rate_bpm", 65, 4),
        ("steps_increment", 0, 0),
    ]


def test_parts_tell_the_same_in_any_order():
    first, second = record(3, 5, 11, 0)

    assert hear_at(NOON, [second, first]) == hear_at(NOON, [first, second])


def test_a_record_with_an_impossible_time_is_refused():
    with pytest.raises(Rejected, match="out_of_range"):
        hear_at(NOON, record(13, 5, 11, 0))


def test_pulse_and_totals_come_after_the_memory():
    heard, written = converse(talk(), band(steps=walking), NOON, seconds=130)

    pulses = live(heard, "heart_rate_bpm")
    assert pulses == [(at, resting(at)) for at in range(pulses[0][0], NOON + 130_000, 1000)]
    assert pulses[0][0] <= NOON + 5_000
    assert len(live(heard, "steps_counter")) == len([w for _, w in written if w == ASK_TOTALS])
    assert len(live(heard, "steps_counter")) >= 3


def test_a_band_that_stops_measuring_by_itself_is_started_again():
    heard, written = converse(talk(), band(live_beats=20), NOON, seconds=120)

    assert [data for _, data in written].count(START) == 5
    gaps = [
        b[0] - a[0]
        for a, b in zip(
            live(heard, "heart_rate_bpm"), live(heard, "heart_rate_bpm")[1:], strict=False
        )
    ]
    assert max(gaps) <= 10_000


def test_a_band_that_is_not_worn_says_no_value():
    speaker = talk(live=True)

    assert speaker.heard(NOTIFY, bytes([Command.LIVE, 0]), NOON) == []
    assert speaker.heard(NOTIFY, bytes([Command.LIVE, 1]), NOON) == []
    assert speaker.heard(NOTIFY, bytes([Command.LIVE, 2]), NOON) == []
    assert [v.value for v in speaker.heard(NOTIFY, bytes([Command.LIVE, 71]), NOON)] == [71]


def test_the_memory_is_read_again_each_hour_while_the_measurement_rests():
    speaker, link = talk(), band()
    converse(speaker, link, NOON, seconds=20)

    _, written = converse(speaker, link, NOON + HOUR_MS, seconds=20)

    assert commands(written)[:2] == [Command.LIVE, Command.HELLO]
    assert written[0][1] == STOP
    assert written[-1][1] == ASK_TOTALS or START in [data for _, data in written]


def test_only_a_band_that_measures_has_something_to_stop():
    speaker = talk()
    assert speaker.farewell() == []

    converse(speaker, band(), NOON, seconds=5)

    assert [write.data for write in speaker.farewell()] == [STOP]
    assert talk(live=False).farewell() == []

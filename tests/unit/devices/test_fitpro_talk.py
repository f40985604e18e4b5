"""The talk with a FitPro band: a beginning as it wants it, acknowledgements, an end in silence."""

import itertools

import pytest

from config.errors import Rejected
from devices import battery, fitpro_frames
from devices.fitpro_frames import ASK_MEMORY, NOTIFY, PAIR, frame
from devices.fitpro_talk import APART_MS, FitproTalk
from devices.talk import TalkTerms
from devices.virtual.bands.fitpro import fitpro_band
from tests.band_talks import HOUR_MS, MINUTE_MS, NOON, SHANGHAI_MIN, history, walking

WORN = NOON - 26 * HOUR_MS
QUARTER = NOON - 150_000
RECORDED = bytes.fromhex(
    "cd0031150102002c2b3400058045071a09c8bb067955062609e8b0e4"
    "7115059b0a08a4dc7b8506670a28b416763506160a48ac57"
)


def resting(at_utc_ms):
    return 60 + at_utc_ms // MINUTE_MS % 40


def band(pulse=resting, **options):
    return fitpro_band("c0:00:00:00:00:05", pulse, worn_since_utc_ms=WORN, **options).link


def talk(**terms):
    return FitproTalk(TalkTerms(SHANGHAI_MIN, **terms))


def converse(speaker, link, now, *, seconds=60, lost=lambda data: False):
    """As tests.band_talks, in steps of a tenth of a second: the band wants pauses."""
    heard, written = [], []
    for step in range(10 * seconds):
        at = now + 100 * step
        while speaker.due_utc_ms is not None and speaker.due_utc_ms <= at:
            for write in speaker.writes_at(at):
                written.append((at, write.data))
                for told in link.written(write.characteristic, write.data, at):
                    if not lost(told.data):
                        values = speaker.heard(told.characteristic, told.data, at)
                        heard.extend((at, value) for value in values)
    return heard, written


def of(values, quantity):
    return {v.at_utc_ms: v.value for v in values if v.quantity == quantity}


def test_it_begins_as_the_makers_app_does_with_a_pause_after_each_command():
    _, written = converse(talk(), band(), NOON, seconds=5)

    begun = [(at, data.hex()) for at, data in written if data[0] == 0xCD]
    assert [data for _, data in begun] == [
        "cd000612010a000102",
        "cd0009120101000468cac09e",  # 2026-03-05 12:02:30
        "cd00051a010a0000",
        "cd00051a010c0000",
        "cd00061201ff000101",
        "cd00051a01010000",
        "cd00051a010f0000",
        "cd00051a01100000",
        "cd000520010 20000".replace(" ", ""),
        "cd0006150106000101",
    ]
    gaps = [b[0] - a[0] for a, b in itertools.pairwise(begun)]
    assert min(gaps) >= APART_MS


def test_the_memory_is_told_once_in_utc_with_the_bands_own_stamps():
    speaker = talk()

    told = history(converse(speaker, band(steps=walking), NOON)[0])

    assert len({(value.quantity, value.device_ts_ms) for value in told}) == len(told)
    assert all(value.device_ts_ms - value.at_utc_ms == 8 * HOUR_MS for value in told)
    pulses = of(told, "heart_rate_bpm")
    assert pulses == {at: resting(at) for at in pulses}
    assert len(pulses) == 2 * 26
    assert sum(of(told, "steps_increment").values()) == walking(QUARTER) - walking(WORN)
    assert {v.span_ms for v in told if v.quantity == "steps_increment"} == {15 * MINUTE_MS}
    assert speaker.done


def test_every_frame_of_the_memory_is_acknowledged_with_its_length():
    speaker, link = talk(), band(steps=walking)
    _, written = converse(speaker, link, NOON)

    answers = [data for _, data in written if data[0] == 0xDC and data[3] == 0x15]
    assert {int.from_bytes(data[5:7], "big") for data in answers} >= {52}
    assert all(data[:3] == b"\xdc\0\5" and data[4] == 1 and data[7] == 1 for data in answers)
    assert link.beat(NOON) == ()


def test_it_ends_by_itself_and_claims_no_whole_memory():
    for live in (True, False):
        speaker = talk(live=live)
        converse(speaker, band(), NOON)

        assert speaker.done
        assert speaker.due_utc_ms is None
        assert speaker.read_through_utc_ms is None
        assert speaker.farewell() == []


def test_a_band_tells_at_its_next_turn_what_is_new():
    link = band(steps=walking)
    first = history(converse(talk(), link, NOON)[0])
    link.link_lost()

    later = history(converse(talk(), link, NOON + HOUR_MS)[0])

    assert not {(v.quantity, v.device_ts_ms) for v in first} & {
        (v.quantity, v.device_ts_ms) for v in later if v.quantity == "steps_increment"
    }
    assert sum(of([*first, *later], "steps_increment").values()) == (
        walking(QUARTER + HOUR_MS) - walking(WORN)
    )


def test_a_lost_piece_costs_a_frame_that_is_not_acknowledged():
    losses = []

    def lost(data):
        # the second piece of the second frame of steps
        if not losses and len(data) == 20 and data[0] != 0xCD:
            losses.append(data)
            return True
        return False

    speaker, link = talk(), band(steps=walking)
    told = history(_tolerant(speaker, link, lost))
    whole = history(converse(talk(), band(steps=walking), NOON)[0])

    assert losses
    assert set(told) <= set(whole)
    assert speaker.done


def _tolerant(speaker, link, lost):
    hear = speaker.heard

    def heard(*args):
        try:
            return hear(*args)
        except Rejected:
            return []

    speaker.heard = heard
    return converse(speaker, link, NOON, lost=lost)[0]


def test_a_silent_band_is_asked_three_times_and_left():
    speaker = talk()

    heard, written = converse(speaker, band(), NOON, lost=lambda data: True)

    assert heard == []
    assert [data for _, data in written].count(ASK_MEMORY) == 3
    assert [data for _, data in written].count(PAIR) == 1
    assert speaker.done


def hear_at(now, *frames):
    speaker = talk()
    speaker.writes_at(now)
    return [value for data in frames for value in speaker.heard(NOTIFY, data, now)]


def test_the_recorded_slots_are_placed_and_what_is_not_over_is_left():
    end = 1_632_166_200_000 + 5 * 15 * MINUTE_MS - 8 * HOUR_MS

    assert [v.value for v in hear_at(end, RECORDED)] == [2052, 1941, 1809, 1976, 1891]
    assert [v.value for v in hear_at(end - 1, RECORDED)] == [2052, 1941, 1809, 1976]
    assert {v.at_utc_ms for v in hear_at(end + 31 * 24 * HOUR_MS, RECORDED)} == {None}, "too old"


def test_pieces_of_a_frame_tell_nothing_until_it_is_whole():
    end = 1_632_166_200_000 + 5 * 15 * MINUTE_MS

    assert hear_at(end, RECORDED[:20], RECORDED[20:40]) == []
    assert len(hear_at(end, RECORDED[:20], RECORDED[20:40], RECORDED[40:])) == 5


def test_a_frame_that_cannot_be_is_refused_and_not_acknowledged():
    speaker = talk()
    speaker.writes_at(NOON)
    beyond = frame(0x15, 0x0E, bytes.fromhex("2af80001 000160a0 62755447"))

    with pytest.raises(Rejected, match="out_of_range"):
        speaker.heard(NOTIFY, beyond, NOON)
    assert [w.data for w in speaker.writes_at(NOON) if w.data[0] == 0xDC] == []


def test_an_acknowledgement_of_the_band_and_a_button_are_not_answered():
    speaker = talk()
    speaker.writes_at(NOON)

    assert speaker.heard(NOTIFY, bytes.fromhex("dc00051a01000c01"), NOON) == []
    assert speaker.heard(NOTIFY, frame(fitpro_frames.BUTTON, 1), NOON) == []
    assert [w.data for w in speaker.writes_at(NOON) if w.data[0] == 0xDC] == []


def test_the_battery_service_is_read():
    assert [v.value for v in talk().heard(battery.LEVEL, b"\x2a", NOON)] == [42]

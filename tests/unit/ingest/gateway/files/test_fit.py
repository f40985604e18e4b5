"""FIT: against recorded files and what another reader found in them, and against made ones."""

import collections

import polars as pl
import pytest

from ingest.batch.reading import Quantity, Reading
from tests.fit_files import (
    BYTE,
    DEVELOPER,
    DEVICE_INFO,
    ENUM,
    FIELD_DESCRIPTION,
    HR,
    HRV,
    MONITORING,
    MONITORING_INFO,
    RECORD,
    TIMESTAMP,
    UINT8,
    UINT16,
    UINT32,
    FitFile,
    stamp,
    workout,
)  # fmt: skip
from tests.recordings import RECORDED
from tests.unit.ingest.gateway.files.conftest import BAND, NOON_UTC_MS

T0 = NOON_UTC_MS
RAW, TABLE = RECORDED / "fit_raw", RECORDED / "fit_workout_records.parquet"
HERE = pytest.mark.skipif(not TABLE.exists(), reason="the recorded data are not here")
IN_BOTH = {"activity-small-fenix2-run.fit": 2808, "sample-activity.fit": 3098}


def pulses(found):
    return [(r.at_utc_ms, r.value) for r in found.readings if r.quantity == "heart_rate_bpm"]


def steps(found):
    return [
        (r.at_utc_ms, r.span_ms, r.value) for r in found.readings if r.quantity == "steps_increment"
    ]


@HERE
@pytest.mark.parametrize("name", IN_BOTH)
def test_recorded_files_agree_with_the_table_of_their_records(found, name):
    table = pl.read_parquet(TABLE).filter(pl.col("person") == name)
    expected = table.select(pl.col("ts_utc").dt.epoch("ms"), "hr").rows()

    got = found((RAW / name).read_bytes())

    assert len(expected) == IN_BOTH[name]
    assert pulses(got) == expected
    assert (got.bad, got.fault) == ([], None)


@HERE
def test_every_recorded_file_is_read_whole(found):
    counts = {}
    for path in sorted(RAW.glob("*.fit")):
        got = found(path.read_bytes())
        assert (got.bad, got.left, got.fault) == ([], [], None), path.name
        counts[path.name] = collections.Counter(str(r.quantity) for r in got.readings)
        assert all(r.device_ts_ms == r.at_utc_ms for r in got.readings)

    assert counts == {
        "activity-small-fenix2-run.fit": {"heart_rate_bpm": 2808},
        "garmin-fenix-5-run.fit": {"heart_rate_bpm": 21, "rr_interval_ms": 113},
        "garmin-fenix-5-walk.fit": {"heart_rate_bpm": 17, "rr_interval_ms": 62},
        "sample-activity.fit": {"heart_rate_bpm": 3098},
    }


@HERE
def test_beats_of_a_recorded_file_fill_the_time_of_its_records(found):
    got = found((RAW / "garmin-fenix-5-run.fit").read_bytes())

    beats = [r for r in got.readings if r.quantity == "rr_interval_ms"]
    times = [beat.at_utc_ms for beat in beats]
    assert times == sorted(set(times))
    assert 0 < times[0] - pulses(got)[0][0] <= 5_000
    assert abs(sum(beat.value for beat in beats[1:]) - (times[-1] - times[0])) <= 5_000


def test_a_record_is_a_reading_and_none_is_none(found):
    got = found(workout(T0, [70, None, 0, 71]))

    assert got.readings == [
        Reading(BAND, Quantity.HEART_RATE_BPM, 70.0, T0, 0, 0, T0),
        Reading(BAND, Quantity.HEART_RATE_BPM, 71.0, T0 + 3000, 0, 0, T0 + 3000),
    ]
    assert (got.bad, got.fault) == ([], None)


def test_several_files_in_a_row_and_either_byte_order(found):
    big = FitFile(big_endian=True).define(3, RECORD, TIMESTAMP, (3, UINT8))
    big.add(3, stamp(T0) + 60, 99)

    got = found(workout(T0, [70]) + bytes(big))

    assert pulses(got) == [(T0, 70), (T0 + 60_000, 99)]


def test_a_compressed_header_counts_on_from_the_last_whole_time(found):
    file = FitFile().define(0, RECORD, TIMESTAMP, (3, UINT8)).define(1, RECORD, (3, UINT8))
    first = stamp(T0) | 0x1E
    file.add(0, first, 70)
    for offset, bpm in ((0x1F, 71), (0x00, 72), (0x03, 73)):
        file.add(1, bpm, time_offset=offset)

    got = found(bytes(file))

    seconds = [(at // 1000 - 631_065_600 - first, bpm) for at, bpm in pulses(got)]
    assert seconds == [(0, 70), (1, 71), (2, 72), (5, 73)]


def test_fields_of_developers_say_nothing(found):
    file = FitFile()
    file.define(0, DEVELOPER, (3, UINT8)).add(0, 0)
    file.define(1, FIELD_DESCRIPTION, (0, UINT8), (1, UINT8), (2, UINT8)).add(1, 0, 3, UINT8)
    file.define(2, RECORD, TIMESTAMP, (3, UINT8), developer=((3, 1, 0),))
    file.add(2, stamp(T0), 70, developer=b"\xc8")
    file.define(3, RECORD, TIMESTAMP, developer=((3, 1, 0), (9, 1, 7)))
    file.add(3, stamp(T0) + 1, developer=b"\xc8\xc9")

    got = found(bytes(file))

    assert pulses(got) == [(T0, 70)]
    assert got.fault is None


def test_a_day_of_a_watch_counts_each_step_once(found):
    walking, running, cycling = 6, 1, 2
    file = FitFile().define(0, MONITORING_INFO, TIMESTAMP, (0, UINT32))
    file.define(1, MONITORING, TIMESTAMP, (3, UINT32), (5, ENUM))
    file.define(2, MONITORING, (26, UINT16), (27, UINT8))
    file.define(3, MONITORING, (26, UINT16), (3, UINT32), (24, BYTE))
    t = stamp(T0)
    file.add(0, t, t + 8 * 3600)  # no midnight: what the totals had before is unknown
    file.add(1, t + 60, 1000, walking)
    file.add(3, t + 120 & 0xFFFF, 1090, 0x60 | walking)
    file.add(2, t + 121 & 0xFFFF, 88)
    file.add(1, t + 150, 500, cycling)
    file.add(3, t + 180 & 0xFFFF, 1090, walking)
    file.add(1, t + 240, 300, running)  # first heard of: no rise is known
    file.add(1, t + 300, 420, running)
    file.add(1, t + 300, 1100, walking)  # at the same time: counts with its next message
    file.add(1, t + 360, 1101, walking)
    file.add(1, t + 420, 7, walking)  # midnight
    file.add(1, t + 480, 17, walking)

    got = found(bytes(file))

    def span(start, end, value):
        return (T0 + start * 1000, (end - start) * 1000, value)

    assert pulses(got) == [(T0 + 121_000, 88)]
    assert steps(got) == [
        span(60, 120, 90), span(120, 180, 0), span(240, 300, 120), span(300, 360, 11),
        span(420, 480, 10),
    ]  # fmt: skip


def test_a_watch_s_file_from_midnight_begins_with_nothing(found):
    t = stamp(T0)
    file = FitFile().define(0, MONITORING_INFO, TIMESTAMP, (0, UINT32))
    file.define(1, MONITORING, TIMESTAMP, (3, UINT32), (5, ENUM))
    file.add(0, t, t - t % 86_400).add(1, t + 600, 250, 6)

    assert steps(found(bytes(file))) == [(T0, 600_000, 250)]


def test_half_times_turn_over_and_need_a_whole_one_first(found):
    file = FitFile().define(0, MONITORING, (26, UINT16), (27, UINT8)).add(0, 5, 80)
    file.define(1, MONITORING, TIMESTAMP, (27, UINT8))
    whole = stamp(T0) | 0xFFF0
    file.add(1, whole, 81).add(0, 0x0010, 82)

    got = found(bytes(file))

    assert [(bad.reason, bad.place) for bad in got.bad] == [("time", 1)]
    assert [(at // 1000 - 631_065_600 - whole, bpm) for at, bpm in pulses(got)] == [
        (0, 81), (32, 82),
    ]  # fmt: skip


def packed(ticks):
    """Eight times of 12 bits in twelve bytes, the lowest first."""
    bits = sum((tick & 0xFFF) << 12 * n for n, tick in enumerate(ticks))
    return tuple(bits.to_bytes(12, "little"))


def test_a_strap_s_kept_pulse_has_its_own_clock(found):
    file = FitFile()
    file.define(0, HR, TIMESTAMP, (0, UINT16), (6, UINT8), (9, UINT32))
    file.add(0, stamp(T0), 16_384, 70, 4000)  # half a second after; 4000 / 1024 s on its clock
    file.define(1, HR, (6, UINT8, 8), (10, BYTE, 12))
    ticks = [4000 + 1024 * n for n in range(1, 9)]
    file.add(1, [71, 72, 0xFF, 74, 75, 76, 77, 78], packed(ticks))
    file.add(1, [80] * 8, packed([ticks[-1] + 512 * n for n in range(1, 9)]))

    got = found(bytes(file))

    begin = T0 + 500
    first = [(begin, 70)] + [(begin + 1000 * n, 70 + n) for n in range(1, 9) if n != 3]
    assert pulses(got) == first + [(begin + 8000 + 500 * n, 80) for n in range(1, 9)]


def test_a_strap_s_pulse_without_its_clock_is_put_aside(found):
    file = FitFile().define(1, HR, (6, UINT8)).add(1, 70)

    got = found(bytes(file))

    assert got.readings == []
    assert [(bad.reason, bad.data) for bad in got.bad] == [("time", b"\x01\x46")]


def test_beats_follow_the_record_before_them(found):
    file = FitFile().define(0, RECORD, TIMESTAMP, (3, UINT8)).define(1, HRV, (0, UINT16, 5))
    none = 0xFFFF
    file.add(0, stamp(T0), 75)
    file.add(1, [800, 810, none, none, none])
    file.add(0, stamp(T0) + 2, 75)
    file.add(1, [790, none, none, none, none])
    file.add(0, stamp(T0) + 60, 75)  # beats were lost
    file.add(1, [805, none, none, none, none])

    got = found(bytes(file))

    beats = [(r.at_utc_ms - T0, r.value) for r in got.readings if r.quantity == "rr_interval_ms"]
    assert beats == [(800, 800), (1610, 810), (2400, 790), (60_805, 805)]


def test_the_device_s_own_battery_and_no_other(found):
    file = FitFile().define(0, DEVICE_INFO, TIMESTAMP, (0, UINT8), (32, UINT8))
    file.add(0, stamp(T0), 0, 55).add(0, stamp(T0), 1, 90).add(0, stamp(T0) + 9, 0, 0xFF)

    assert found(bytes(file)).readings == [Reading(BAND, Quantity.BATTERY_PCT, 55.0, T0, 0, 0, T0)]


def test_a_device_without_a_clock_gives_nothing_that_can_be_placed(found):
    file = FitFile().define(0, RECORD, TIMESTAMP, (3, UINT8)).add(0, 1000, 70)
    file.add(0, stamp(T0), 71)

    got = found(bytes(file))

    assert [(bad.reason, bad.place) for bad in got.bad] == [("relative_time", 1)]
    assert pulses(got) == [(T0, 71)]


def test_of_a_file_cut_anywhere_what_came_before_is_taken(found):
    whole = workout(T0, range(60, 80))

    for length in range(14, len(whole)):
        got = found(whole[:length])
        assert got.fault in {"cut_short", "malformed"}
        assert pulses(got) == [(T0 + 1000 * n, 60 + n) for n in range(len(pulses(got)))]
    assert len(pulses(got)) == 20


def test_a_damaged_part_is_refused_whole_and_its_neighbours_are_taken(found):
    damaged = bytearray(workout(T0 + 60_000, [80, 81, 82]))
    damaged[-5] ^= 0x10  # in the last record: 82 becomes another pulse

    got = found(workout(T0, [70]) + bytes(damaged) + workout(T0 + 120_000, [90]))

    assert pulses(got) == [(T0, 70), (T0 + 120_000, 90)]
    assert got.fault == "crc"


@pytest.mark.parametrize("at", [0, 4, 5, 7, 16, 18, 19, 21, 22])
def test_no_byte_of_header_or_definition_makes_it_fail_otherwise(found, at):
    for value in (0x00, 0x7F, 0xFF):
        data = bytearray(workout(T0, range(60, 80)))
        data[at] = value
        got = found(bytes(data))
        assert got.fault in {None, "crc", "cut_short", "malformed"}
        assert got.fault or pulses(got)

from dataclasses import dataclass

import pytest

from ingest.batch.columns import chunk_of, readings_of
from ingest.batch.reading import Flag, Quantity, Reading
from ingest.gateway.chunking import corrected, packed_chunks, unpacked
from ingest.gateway.clock import BoxClock, Stamp
from ingest.gateway.edge_time import EdgeTime

NOON_UTC_MS = 1_767_268_800_000
DAY_MS = 86_400_000
MINUTE_MS = 60_000


@dataclass
class Machine:
    """A box whose clocks a test turns: `true` is what time it really is."""

    true_utc_ms: int = NOON_UTC_MS
    wall_off_ms: int = 0
    kernel: bool = False
    started_utc_ms: int = NOON_UTC_MS - 60_000

    def wall_ms(self):
        return self.true_utc_ms + self.wall_off_ms

    def mono_ms(self):
        return self.true_utc_ms - self.started_utc_ms

    def clock(self, start="this start"):
        time = EdgeTime(mono_ms=self.mono_ms, wall_ms=self.wall_ms)
        return BoxClock(time, lambda: self.kernel, start)

    def hub_says(self, clock, off_ms=0, took_ms=100):
        asked = self.mono_ms()
        self.true_utc_ms += took_ms
        clock.time.hub_answered(self.true_utc_ms - took_ms // 2 + off_ms, asked)

    def heard(self, count=1, flags=Flag.CLOCK_RECEIPT):
        """Readings stamped with the wall clock, one a second."""
        readings = []
        for _ in range(count):
            self.true_utc_ms += 1000
            readings.append(
                Reading("band-1", Quantity.HEART_RATE_BPM, 80.0, self.wall_ms(), 0, int(flags))
            )
        return readings


def put_right(clock, parts):
    """What a sealed batch says of the readings' times."""
    return [
        reading
        for readings, stamp in parts
        for reading in readings_of(corrected(chunk_of(readings), clock.shift_ms(stamp)))
    ]


def times(readings):
    return [reading.at_utc_ms for reading in readings]


def test_a_box_that_woke_in_1970_has_its_readings_put_right_once_the_hub_says_the_time():
    machine = Machine(wall_off_ms=-NOON_UTC_MS)
    clock = machine.clock()
    true_times = [NOON_UTC_MS + 1000 * n for n in (1, 2, 3)]
    parts = clock.stamped(machine.heard(3))
    assert not clock.knows_time()

    machine.true_utc_ms += 14 * DAY_MS
    machine.hub_says(clock)

    right = put_right(clock, parts)
    assert times(right) == pytest.approx(true_times, abs=100)
    assert not any(reading.flags & Flag.CLOCK_SUSPECT for reading in right)


@pytest.mark.parametrize("off_ms", [-DAY_MS, DAY_MS])
def test_a_wall_clock_that_jumps_by_a_day_doubles_and_reorders_nothing(off_ms):
    machine = Machine(kernel=True)
    clock = machine.clock()
    machine.hub_says(clock)
    before = machine.heard(3)
    machine.kernel, machine.wall_off_ms = False, off_ms
    after = machine.heard(3)

    parts = clock.stamped(before + after)  # heard in one go, the jump in between
    right = put_right(clock, parts)

    assert len(parts) == 2
    assert clock.jumps == 1
    first = NOON_UTC_MS + 100 + 1000
    assert times(right) == pytest.approx([first + 1000 * n for n in range(6)], abs=100)
    assert times(right) == sorted(times(right))


def test_a_clock_set_right_meanwhile_puts_right_what_was_stamped_before():
    machine = Machine(wall_off_ms=-DAY_MS)
    clock = machine.clock()
    parts = clock.stamped(machine.heard())
    machine.wall_off_ms, machine.kernel = 0, True  # a time service found its server
    clock.look()

    assert times(put_right(clock, parts)) == [NOON_UTC_MS + 1000]


def test_a_clock_within_two_minutes_of_the_hubs_is_left_as_it_is():
    machine = Machine(wall_off_ms=119_000)
    clock = machine.clock()
    parts = clock.stamped(machine.heard())
    machine.hub_says(clock)

    assert clock.is_known()
    assert put_right(clock, parts) == list(parts[0][0])


def test_a_clock_further_off_than_that_is_not():
    machine = Machine(wall_off_ms=121_000)
    clock = machine.clock()
    machine.hub_says(clock)

    assert not clock.is_known()
    assert clock.knows_time()
    assert clock.utc_ms() == pytest.approx(machine.true_utc_ms, abs=100)


def test_where_nobody_says_the_time_readings_keep_theirs_and_are_marked():
    machine = Machine(wall_off_ms=-DAY_MS)
    clock = machine.clock()
    heard = machine.heard()

    (marked,) = put_right(clock, clock.stamped(heard))

    assert marked.at_utc_ms == heard[0].at_utc_ms
    assert marked.flags == Flag.CLOCK_RECEIPT | Flag.CLOCK_SUSPECT


def test_after_another_start_of_the_machine_the_hubs_time_says_nothing_of_before():
    machine = Machine(wall_off_ms=-DAY_MS)
    parts = machine.clock(start="before").stamped(machine.heard())
    clock = machine.clock(start="now")
    machine.hub_says(clock)

    (marked,) = put_right(clock, parts)

    assert marked.flags & Flag.CLOCK_SUSPECT


def test_what_was_stamped_with_a_known_clock_is_right_after_another_start_too():
    machine = Machine(kernel=True)
    heard = machine.heard()
    parts = machine.clock(start="before").stamped(heard)

    assert put_right(machine.clock(start="now"), parts) == heard


def test_a_machine_that_does_not_say_which_start_it_is_takes_none_for_this_one():
    machine = Machine(wall_off_ms=-DAY_MS)
    clock = machine.clock(start="")
    parts = clock.stamped(machine.heard())
    machine.hub_says(clock)

    assert clock.shift_ms(parts[0][1]) is None


def test_hub_and_time_service_that_contradict_each_other_leave_the_time_and_mark_it():
    machine = Machine(kernel=True)
    clock = machine.clock()
    heard = machine.heard()
    parts = clock.stamped(heard)
    machine.hub_says(clock, off_ms=DAY_MS)

    right = put_right(clock, [*parts, *clock.stamped(heard)])

    assert clock.is_contradicted()
    assert not clock.knows_time()
    assert times(right) == times(heard * 2)
    assert all(reading.flags & Flag.CLOCK_SUSPECT for reading in right)


def test_what_a_band_remembered_is_put_right_with_the_clock_it_was_compared_with():
    machine = Machine(wall_off_ms=-DAY_MS)
    clock = machine.clock()
    at_ms = machine.wall_ms() - 3_600_000
    remembered = Reading(
        "band-1", Quantity.HEART_RATE_BPM, 70.0, at_ms, 0, int(Flag.CLOCK_SUSPECT), at_ms - 500_000
    )
    parts = clock.stamped([remembered])
    machine.hub_says(clock)

    (right,) = put_right(clock, parts)

    assert right.at_utc_ms == pytest.approx(at_ms + DAY_MS, abs=100)
    assert right.device_ts_ms == remembered.device_ts_ms
    assert right.flags == remembered.flags  # it says that the band's clock was wrong


def test_a_row_of_the_spool_keeps_the_clock_beside_the_readings():
    stamp = Stamp("a start", -5, 7, known=False)
    chunk = chunk_of(Machine().heard(3))

    ((count, row),) = packed_chunks(chunk, stamp)

    assert (count, unpacked(row)) == (3, (chunk, stamp))


def test_a_row_of_an_older_program_has_no_clock_and_is_as_it_is():
    chunk = chunk_of(Machine().heard(3))

    ((_, row),) = packed_chunks(chunk)

    assert unpacked(row) == (chunk, None)


def test_a_correction_that_leaves_the_calendar_marks_instead():
    chunk = chunk_of([Reading("band-1", Quantity.HEART_RATE_BPM, 80.0, 5, 0, 8)])

    (marked,) = readings_of(corrected(chunk, -DAY_MS))

    assert (marked.at_utc_ms, marked.flags) == (5, 8 | 16)


def test_an_answer_of_the_hub_that_took_long_is_only_a_receipt():
    machine = Machine(wall_off_ms=-DAY_MS)
    time = machine.clock().time
    machine.true_utc_ms += 10 * MINUTE_MS

    time.hub_answered(machine.true_utc_ms, machine.mono_ms() - 10 * MINUTE_MS)

    assert time.utc_ms() == machine.true_utc_ms
    assert time.hub_ahead_ms is None


def test_a_new_answer_counts_against_a_hub_that_once_ran_ahead():
    machine = Machine()
    clock = machine.clock()
    machine.hub_says(clock, off_ms=DAY_MS)
    machine.hub_says(clock)

    assert clock.is_known()


def test_a_batch_is_sealed_at_the_hubs_time_where_the_wall_clock_is_wrong():
    machine = Machine(wall_off_ms=-NOON_UTC_MS)
    clock = machine.clock()
    machine.hub_says(clock)

    sealed = clock.at_seal(0)

    assert sealed.utc_ms == pytest.approx(machine.true_utc_ms, abs=100)
    assert sealed.mono_ms == machine.mono_ms()

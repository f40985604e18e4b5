import pytest

from devices.value import Value
from ingest.batch.reading import Flag
from ingest.gateway.radio.basket import Basket
from ingest.gateway.radio.counters import RadioCounters
from ingest.gateway.radio.intake import Intake

NOON_UTC_MS = 1_767_268_800_000


@pytest.fixture
def parts():
    counters, edge = RadioCounters(), []
    basket = Basket(counters)
    return Intake(basket, edge.extend, counters), basket, edge, counters


def stored(basket):
    return [(heard.lane, reading) for heard in basket.empty() for reading in heard.readings]


def test_the_edge_hears_what_is_stored(parts, band):
    intake, basket, edge, _ = parts

    intake.live(band, [Value("heart_rate_bpm", 72.0)], 0.0)

    assert stored(basket) == [("live", edge[0])]
    assert (edge[0].device_key, edge[0].value) == (band.key, 72.0)
    assert edge[0].flags == Flag.CLOCK_RECEIPT


@pytest.mark.parametrize(
    ("contact", "flags"),
    [(None, 0), (False, Flag.CONTACT_KNOWN), (True, Flag.CONTACT_KNOWN | Flag.CONTACT)],
)
def test_contact_is_known_yes_or_no(parts, band, contact, flags):
    intake, _, edge, _ = parts

    intake.live(band, [Value("heart_rate_bpm", 72.0, contact=contact)], 0.0)

    assert edge[0].flags == flags | Flag.CLOCK_RECEIPT


def test_history_keeps_its_times_and_never_reaches_the_edge(parts, band):
    intake, basket, edge, _ = parts
    value = Value("heart_rate_bpm", 72.0, NOON_UTC_MS, 60_000, NOON_UTC_MS + 28_800_000)

    assert intake.history(band, [value])

    [(lane, reading)] = stored(basket)
    assert (lane, edge) == ("backlog", [])
    assert (reading.at_utc_ms, reading.span_ms) == (NOON_UTC_MS, 60_000)
    assert (reading.device_ts_ms, reading.flags) == (NOON_UTC_MS + 28_800_000, 0)


def test_beats_before_the_time_of_a_box_that_woke_in_1970_can_be_stored(parts, band):
    intake, basket, _, _ = parts

    intake.live(band, [Value("rr_interval_ms", 64_000.0, at_utc_ms=-64_000)] * 2, 0.0)

    assert [reading.at_utc_ms for _, reading in stored(basket)] == [1, 2]


@pytest.mark.parametrize("at_utc_ms", [-1, 300_000_000_000_000])
def test_a_time_that_no_calendar_has_is_counted_and_does_not_stop_the_others(
    parts, band, at_utc_ms
):
    intake, basket, _, counters = parts

    intake.history(
        band, [Value("heart_rate_bpm", 72.0, at, device_ts_ms=0) for at in (at_utc_ms, NOON_UTC_MS)]
    )

    [piece] = basket.empty()
    assert [reading.at_utc_ms for reading in piece.readings] == [NOON_UTC_MS]
    assert [item.reason for item in piece.bad] == ["time"]
    assert counters.rejected == {"time": 1}


def test_no_two_readings_of_a_quantity_share_a_time(parts, band):
    intake, _, edge, _ = parts

    for _ in range(50):
        intake.live(band, [Value("heart_rate_bpm", 72.0), Value("steps_counter", 9.0)], 0.0)

    times = [reading.at_utc_ms for reading in edge if reading.quantity == "heart_rate_bpm"]
    assert len(set(times)) == 50
    assert times == sorted(times)


def test_a_pulse_is_doubted_after_ten_minutes_without_a_change_and_no_longer_then(parts, band):
    intake, _, edge, counters = parts

    for second in range(700):
        intake.live(band, [Value("heart_rate_bpm", 72.0)], float(second))
        band.was_heard(float(second))
    intake.live(band, [Value("heart_rate_bpm", 73.0)], 700.0)

    doubted = [bool(reading.flags & Flag.SUSPECT) for reading in edge]
    assert doubted == [False] * 600 + [True] * 100 + [False]
    assert counters.readings_suspect == 100


def test_an_even_pulse_with_a_frame_counter_is_not_doubted(parts, band):
    intake, _, edge, _ = parts

    for second in range(700):
        intake.live(band, [Value("heart_rate_bpm", 72.0)], float(second), counted=True)
        band.was_heard(float(second))

    assert not any(reading.flags & Flag.SUSPECT for reading in edge)


def test_a_band_that_was_away_begins_anew(parts, band):
    intake, _, edge, _ = parts

    for second in (0.0, 700.0):
        intake.live(band, [Value("heart_rate_bpm", 72.0)], second)
        band.was_heard(second)

    assert not any(reading.flags & Flag.SUSPECT for reading in edge)


def test_a_closed_intake_hears_nothing(parts, band):
    intake, basket, edge, counters = parts
    intake.is_open = False

    intake.live(band, [Value("heart_rate_bpm", 72.0)], 0.0)

    assert not intake.history(band, [Value("heart_rate_bpm", 72.0, 0, device_ts_ms=0)])
    assert (stored(basket), edge, counters.readings_live) == ([], [], 0)


def remembered(parts, band, *pulses, every_s=60, begin_utc_ms=NOON_UTC_MS):
    """Give pulses out of a band's memory; return which of them are doubted."""
    intake, basket, _, _ = parts
    values = [
        Value("heart_rate_bpm", bpm, begin_utc_ms + place * every_s * 1000, 0, place)
        for place, bpm in enumerate(pulses)
    ]
    assert intake.history(band, values)
    return [bool(reading.flags & Flag.SUSPECT) for _, reading in stored(basket)]


def test_a_remembered_pulse_that_stands_still_for_ten_minutes_is_doubted(parts, band):
    assert remembered(parts, band, *[72.0] * 14) == [False] * 10 + [True] * 4
    assert parts[3].readings_suspect == 4


def test_the_run_goes_on_from_one_piece_of_the_memory_to_the_next(parts, band):
    remembered(parts, band, *[72.0] * 7)

    later = NOON_UTC_MS + 7 * 60_000
    assert remembered(parts, band, *[72.0] * 7, begin_utc_ms=later) == [False] * 3 + [True] * 4


def test_another_pulse_a_hole_or_a_day_that_begins_anew_ends_the_run(parts, band):
    assert not any(remembered(parts, band, *[72.0] * 9, 73.0, *[72.0] * 9))
    hole = NOON_UTC_MS + 18 * 60_000 + 901_000
    assert not any(remembered(parts, band, *[72.0] * 9, begin_utc_ms=hole))
    assert not any(remembered(parts, band, *[72.0] * 9, begin_utc_ms=NOON_UTC_MS - 86_400_000))


def test_values_five_minutes_apart_may_be_alike_by_chance_three_times(parts, band):
    assert remembered(parts, band, *[72.0] * 5, every_s=300) == [False] * 3 + [True] * 2


def test_remembered_steps_that_stand_still_are_no_doubt(parts, band):
    intake, basket, _, _ = parts
    intake.history(
        band,
        [
            Value("steps_increment", 0.0, NOON_UTC_MS + place * 60_000, 60_000, place)
            for place in range(20)
        ],
    )

    assert not any(reading.flags for _, reading in stored(basket))


def test_a_wrong_clock_marks_what_it_stamped(parts, band):
    intake, basket, _, counters = parts
    value = Value("heart_rate_bpm", 72.0, NOON_UTC_MS, 0, NOON_UTC_MS + 99, clock_suspect=True)

    assert intake.history(band, [value])

    [(_, reading)] = stored(basket)
    assert reading.flags == Flag.CLOCK_SUSPECT
    assert (reading.at_utc_ms, reading.device_ts_ms) == (NOON_UTC_MS, NOON_UTC_MS + 99)
    assert counters.readings_clock_suspect == 1


def test_a_value_whose_time_nobody_knows_is_counted_and_not_kept(parts, band):
    intake, basket, _, counters = parts

    assert intake.history(band, [Value("heart_rate_bpm", 72.0, None, 0, 1)])

    assert stored(basket) == []
    assert counters.readings_unplaced == 1

"""A track is cut into chunks by its content alone."""

import numpy as np

from ingest.batch.columns import readings_of
from ingest.batch.reading import Quantity
from ingest.gateway.chunking import packed_chunks
from scripts.replay.track import CHUNK_DAYS, CHUNK_READINGS, DAY_MS, Track, chunks


def track(hr_at, hr, steps_at=(), steps=()):
    return Track(
        "ann",
        np.array(hr_at, np.int64),
        np.array(hr, np.float64),
        np.array(steps_at, np.int64),
        np.array(steps, np.float64),
    )


def test_every_reading_comes_once_in_order_of_time():
    at = np.arange(3 * CHUNK_READINGS) * 1000

    parts = list(chunks(track(at, at % 90, at[:100] + 500, at[:100] % 7), "band"))

    assert sum(map(len, parts)) == 3 * CHUNK_READINGS + 100
    assert max(map(len, parts)) == CHUNK_READINGS
    for quantity, sent in (("heart_rate_bpm", at), ("steps_increment", at[:100] + 500)):
        groups = [group for part in parts for group in part.columns if group.quantity == quantity]
        assert [time for group in groups for time in group.at_utc_ms] == sent.tolist()


def test_a_full_chunk_fits_one_row_of_the_spool_whatever_it_holds():
    at = np.arange(CHUNK_READINGS // 2) * 90_000

    (chunk,) = chunks(track(at, at % 300, at + 500, at % 300), "b" * 64)

    assert len(list(packed_chunks(chunk))) == 1


def test_steps_stand_for_their_minute_and_a_pulse_for_an_instant():
    (chunk,) = chunks(track([1_000], [71.5], [60_000], [0]), "band")

    pulse, minute = readings_of(chunk)
    assert (pulse.quantity, pulse.value, pulse.span_ms) == (Quantity.HEART_RATE_BPM, 71.5, 0)
    assert (minute.quantity, minute.value, minute.span_ms) == (Quantity.STEPS_INCREMENT, 0, 60_000)


def test_a_chunk_never_spans_as_long_as_the_hub_would_put_aside():
    at = [0, CHUNK_DAYS * DAY_MS - 1, CHUNK_DAYS * DAY_MS, 5 * CHUNK_DAYS * DAY_MS]

    parts = list(chunks(track(at, [70] * 4), "band"))

    assert [len(part) for part in parts] == [2, 1, 1]


def test_nothing_recorded_gives_no_chunk():
    assert list(chunks(track([], []), "band")) == []

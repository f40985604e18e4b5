"""Readings back: to whoever was assigned then, all of them, once."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from storage.database import connect, snapshot
from storage.ingest import store_batches
from storage.readings import SAME_STAMP_WITHIN_MS, SPANS, heart_rate_of, steps_of
from tests.batches import DAY_MS, T0_MS, a_batch, a_gateway, a_patient, columns


def spans(*rows):
    return pl.DataFrame(list(rows), schema=SPANS, orient="row")


def utc(ms):
    return datetime.fromtimestamp(ms / 1000, UTC)


def rows(frame):
    return sorted(frame.iter_rows())


def test_readings_come_back_to_the_millisecond_over_days_and_partitions(conn):
    patient = a_patient(conn, "p1", "AA")
    ats = [T0_MS - 1, T0_MS, T0_MS + 1, T0_MS + DAY_MS - 1, T0_MS + DAY_MS, T0_MS + 3 * DAY_MS]
    values = [60, 61.25, 62, 63, 64, 65]
    batch = a_batch(a_gateway(conn), 1, columns(ats, values), sealed_utc_ms=T0_MS + 4 * DAY_MS)
    store_batches(conn, [batch])

    everything = heart_rate_of(conn, spans((7, patient, ats[0], ats[-1] + 1)))
    part = heart_rate_of(conn, spans((8, patient, T0_MS, T0_MS + DAY_MS)))

    assert everything.schema == {"window": pl.Int64, "ts": pl.Int64, "hr": pl.Float64}
    assert rows(everything) == [(7, at, value) for at, value in zip(ats, values, strict=True)]
    assert rows(part) == [(8, at, value) for at, value in zip(ats[1:4], values[1:4], strict=True)]


def test_a_reading_belongs_to_whoever_wore_the_band_then(conn):
    first = a_patient(conn, "p1", "AA", worn_from=utc(T0_MS), worn_until=utc(T0_MS + 10_000))
    second = a_patient(conn, "p2", "AA", "BB", worn_from=utc(T0_MS + 10_000))
    store_batches(
        conn,
        [
            a_batch(
                a_gateway(conn),
                1,
                columns([T0_MS - 1, T0_MS, T0_MS + 9_999, T0_MS + 10_000], [1, 2, 3, 4]),
                columns([T0_MS + 20_000], [5], device=1),
                devices=("AA", "BB"),
            )
        ],
    )
    window = T0_MS - DAY_MS, T0_MS + DAY_MS

    frame = heart_rate_of(conn, spans((1, first, *window), (2, second, *window)))

    assert rows(frame) == [
        (1, T0_MS, 2),
        (1, T0_MS + 9_999, 3),
        (2, T0_MS + 10_000, 4),
        (2, T0_MS + 20_000, 5),
    ]


def test_windows_of_one_patient_may_overlap(conn):
    patient = a_patient(conn, "p1", "AA")
    store_batches(conn, [a_batch(a_gateway(conn), 1, columns([T0_MS, T0_MS + 5], [60, 61]))])

    frame = heart_rate_of(
        conn, spans((1, patient, T0_MS, T0_MS + 1), (2, patient, T0_MS, T0_MS + 6))
    )

    assert rows(frame) == [(1, T0_MS, 60), (2, T0_MS, 60), (2, T0_MS + 5, 61)]


def test_steps_over_more_than_a_minute_feed_no_minute(conn):
    patient = a_patient(conn, "p1", "AA")
    parts = [
        columns([T0_MS + n], [n], quantity="steps_increment", span_ms=span)
        for n, span in enumerate([0, 60_000, 60_001, DAY_MS])
    ]
    store_batches(conn, [a_batch(a_gateway(conn), 1, *parts)])

    frame = steps_of(conn, spans((1, patient, T0_MS, T0_MS + DAY_MS)))

    assert frame.schema == {"window": pl.Int64, "ts": pl.Int64, "steps": pl.Float64}
    assert rows(frame) == [(1, T0_MS, 0), (1, T0_MS + 1, 1)]


def test_band_memory_read_twice_counts_once_at_the_earliest_time_given(conn):
    patient = a_patient(conn, "p1", "AA", "BB")
    gateway_id = a_gateway(conn)
    stamps = [1000, 2000, 2000]
    store_batches(
        conn,
        [
            a_batch(
                gateway_id,
                1,
                columns([T0_MS + 3, T0_MS + 4, T0_MS + 4], [60, 61, 62], stamps=stamps),
            ),
            a_batch(
                gateway_id,
                2,
                columns([T0_MS + 1, T0_MS + 2, T0_MS + 2], [60, 61, 62], stamps=stamps),
            ),
            a_batch(gateway_id, 3, columns([T0_MS + 9], [60], stamps=[1000]), devices=("BB",)),
            a_batch(gateway_id, 4, columns([T0_MS + 3, T0_MS + 3], [60, 60])),
        ],
    )

    frame = heart_rate_of(conn, spans((1, patient, T0_MS, T0_MS + DAY_MS)))

    stamped = [(1, T0_MS + 1, 60), (1, T0_MS + 2, 61), (1, T0_MS + 2, 62), (1, T0_MS + 9, 60)]
    assert rows(frame) == sorted([*stamped, (1, T0_MS + 3, 60), (1, T0_MS + 3, 60)])


def test_a_stamp_that_comes_again_later_is_another_reading(conn):
    """A band whose battery was flat counts from the same moment once more."""
    patient = a_patient(conn, "p1", "AA")
    gateway_id = a_gateway(conn)
    later = T0_MS + SAME_STAMP_WITHIN_MS + 1
    store_batches(
        conn,
        [
            a_batch(gateway_id, 1, columns([T0_MS, later], [60, 60], stamps=[1000, 1000])),
            a_batch(gateway_id, 2, columns([later + 2_000], [60], stamps=[1000])),
        ],
    )

    frame = heart_rate_of(conn, spans((1, patient, T0_MS, T0_MS + DAY_MS)))

    assert rows(frame) == [(1, T0_MS, 60), (1, later, 60)]


def test_a_span_may_be_as_long_as_time(conn):
    patient = a_patient(conn, "p1", "AA", worn_from=utc(T0_MS), worn_until=utc(T0_MS + 1))
    store_batches(conn, [a_batch(a_gateway(conn), 1, columns([T0_MS], [60]))])

    frame = heart_rate_of(conn, spans((1, patient, -(2**45), 2**45)))

    assert rows(frame) == [(1, T0_MS, 60)]


@pytest.mark.parametrize("read", [heart_rate_of, steps_of])
def test_no_spans_and_no_readings_are_empty_frames_of_the_same_columns(conn, read):
    patient = a_patient(conn, "p1", "AA")

    nothing = read(conn, spans())
    silence = read(conn, spans((1, patient, T0_MS, T0_MS + 400 * DAY_MS)))

    assert nothing.is_empty()
    assert silence.is_empty()
    assert nothing.schema == silence.schema


def test_reading_inside_a_snapshot_sees_that_moment(conn, database):
    patient = a_patient(conn, "p1", "AA")
    gateway_id = a_gateway(conn)
    store_batches(conn, [a_batch(gateway_id, 1, columns([T0_MS], [60]))])
    asked = spans((1, patient, T0_MS, T0_MS + DAY_MS))
    with connect(database) as mine, snapshot(mine):
        heart_rate_of(mine, asked)
        store_batches(conn, [a_batch(gateway_id, 2, columns([T0_MS + 1], [61]))])

        assert heart_rate_of(mine, asked).height == 1
    assert heart_rate_of(conn, asked).height == 2


def test_many_readings_come_back_as_they_went(conn):
    patient = a_patient(conn, "p1", "AA")
    random = np.random.default_rng(5)
    ats = T0_MS + np.unique(random.integers(0, 3 * DAY_MS, 20_000))
    values = random.uniform(30, 220, len(ats))
    batch = a_batch(a_gateway(conn), 1, columns(ats, values), sealed_utc_ms=T0_MS + 4 * DAY_MS)
    store_batches(conn, [batch])

    frame = heart_rate_of(conn, spans((1, patient, T0_MS, T0_MS + 4 * DAY_MS))).sort("ts")

    assert np.array_equal(frame["ts"].to_numpy(), ats)
    assert np.array_equal(frame["hr"].to_numpy(), values)

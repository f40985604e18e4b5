"""Whatever readings of band memory are deleted, and when: what is left counts as it would have."""

import os
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from storage.database import connect
from storage.ingest import Outcome, store_batches
from storage.memory import renew_repeats
from storage.retention import drop_day
from storage.said_before import said_byte
from tests.batches import DAY_MS, T0_MS, a_batch, a_gateway, columns
from tests.postgres import new_database

EXAMPLES = int(os.environ.get("ADHERE_EXAMPLES", "20"))
SLOT_MS = 3 * 3_600_000
SLOTS = 24
"""Three days of memory."""
OFFSETS = (0, 40_000, -200_000, DAY_MS, -DAY_MS, 7 * DAY_MS)
"""What the clock of the band was taken to be off by."""
DAYS = [date(2016, 4, 11) + timedelta(days=day) for day in (0, 1, 2, 3, 4, 8, 9, 10)]
TABLES = (
    "batch, batch_payload, batch_queue, touched, changed, clock_heard, band_clock, said_again,"
    " said_before, unowned_span, purged, dropped_day, heart_rate, steps"
)

values = st.sampled_from([60.0, 61.0, 75.0])
tellings = st.tuples(
    st.just("tell"),
    st.sampled_from(OFFSETS),
    st.integers(0, SLOTS - 4),
    st.integers(3, SLOTS),  # so many slots
    st.integers(0, 3),  # days until the batch was sealed
    st.none() | st.integers(0, SLOTS),  # from this slot on written anew
)
events = (
    tellings
    | st.tuples(st.just("purge"), st.sampled_from(DAYS))
    | st.tuples(st.just("drop"), st.sampled_from(DAYS))
    | st.just(("night",))
)


@pytest.fixture(scope="module")
def worlds(postgres, template):
    """Two districts: readings are deleted in one of them."""
    with (
        new_database(postgres.dsn, template=template) as one,
        new_database(postgres.dsn, template=template) as other,
        connect(one) as conn,
        connect(other) as kept,
    ):
        for each in (conn, kept):
            a_gateway(each)
        yield conn, kept


def tell(conn, seq, memory, anew, event):
    _tell, offset, first, count, waits, since = event
    slots = range(first, min(first + count, SLOTS))
    stamps = [T0_MS + slot * SLOT_MS for slot in slots]
    told = [anew[slot] if since is not None and slot >= since else memory[slot] for slot in slots]
    (gateway,) = conn.execute("SELECT id FROM gateway").fetchone()
    placed = [stamp + offset for stamp in stamps]
    half = len(stamps) // 2
    parts = [
        columns(placed[:half], told[:half], stamps=stamps[:half]),
        columns(
            placed[half:],
            told[half:],
            quantity="steps_increment",
            span_ms=60_000,
            stamps=stamps[half:],
        ),
    ]
    batch = a_batch(gateway, seq, *parts, sealed_utc_ms=T0_MS + (40 + waits) * DAY_MS)
    assert store_batches(conn, [batch]) == [Outcome.STORED]


def night(conn):
    with conn.transaction():
        renew_repeats(conn)


def purge(conn, day):
    """Delete what nobody wore on a day."""
    since = datetime(day.year, day.month, day.day, tzinfo=UTC)
    conn.execute(
        "INSERT INTO unowned_span (device_id, came_on, until_batch_id, during)"
        " SELECT device.id, '2016-01-01', (SELECT max(id) FROM batch), tstzrange(%s, %s)"
        " FROM device WHERE EXISTS (SELECT FROM batch)",
        (since, since + timedelta(days=1)),
    )
    conn.execute("SELECT purge_unowned(id, '2016-02-01') FROM device")


def stored(conn, *, counted):
    return {
        (table, *row)
        for table in ("heart_rate", "steps")
        for row in conn.execute(
            f"SELECT at, device_ts_ms, value, span_ms FROM {table} AS r"  # noqa: S608 - of this list
            + " WHERE NOT EXISTS (SELECT FROM said_again AS s WHERE s.reading_table = %s"
            " AND (s.device_id, s.at, s.device_ts_ms, s.value, s.span_ms)"
            " = (r.device_id, r.at, r.device_ts_ms, r.value, r.span_ms))" * counted,
            (table,) if counted else (),
        ).fetchall()
    }


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    memory=st.lists(values, min_size=SLOTS, max_size=SLOTS),
    anew=st.lists(values, min_size=SLOTS, max_size=SLOTS),
    history=st.lists(events, min_size=2, max_size=12),
)
def test_what_is_left_counts_as_if_nothing_had_been_deleted(worlds, memory, anew, history):
    for slot in range(SLOTS):  # a byte tells the values of a stamp apart, but for chance
        stamp = T0_MS + slot * SLOT_MS
        assume(memory[slot] == anew[slot] or apart(stamp, memory[slot], anew[slot]))
    for conn in worlds:
        conn.execute(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE")
    deleting, keeping = worlds

    for seq, event in enumerate([*history, ("night",)]):
        if event[0] == "tell":
            for conn in worlds:
                tell(conn, seq, memory, anew, event)
        elif event[0] == "purge":
            purge(deleting, event[1])
        elif event[0] == "drop":
            drop_day(deleting, event[1], actor="test")
        else:
            for conn in worlds:
                night(conn)
            left = stored(deleting, counted=False)
            assert stored(deleting, counted=True) == stored(keeping, counted=True) & left


def apart(stamp, value, other):
    return all(
        said_byte(stamp, value, span_ms) != said_byte(stamp, other, span_ms)
        for span_ms in (0, 60_000)
    )

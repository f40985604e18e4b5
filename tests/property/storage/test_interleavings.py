"""However batches come (again, split over calls, over two hubs at once), the same rows stand."""

import threading

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from storage.database import connect
from storage.ingest import Outcome, store_batches
from tests.batches import DAY_MS, T0_MS, a_batch, a_gateway, columns

KINDS = [("heart_rate_bpm", 0), ("steps_increment", 60_000), ("battery_pct", 0)]


def batches_of(gateway_id):
    """Nine batches of two spools, days apart, sharing bands; one reading of each is set aside."""
    random = np.random.default_rng(11)
    made = []
    for boot in (bytes(16), bytes(15) + b"\x01"):
        for seq in range(5 if boot[-1] else 4):
            parts = [
                columns(
                    random.integers(T0_MS, T0_MS + 3 * DAY_MS, 7),
                    random.integers(40, 200, 7),
                    quantity=quantity,
                    device=int(random.integers(2)),
                    span_ms=span,
                    stamps=random.integers(0, 9, 7) if seq % 2 else None,
                )
                for quantity, span in KINDS[: 1 + seq % 3]
            ]
            parts.append(columns([0], [1]))
            devices = ("AA", f"B{seq % 3}")
            sealed = T0_MS + 3 * DAY_MS
            made.append(
                a_batch(gateway_id, seq, *parts, devices=devices, sealed_utc_ms=sealed, boot=boot)
            )
    return made


def rows_of(conn):
    """Return everything stored, by natural keys: numbers of rows are not part of the result."""
    return {
        table: sorted(
            conn.execute(
                f"SELECT batch.boot, batch.seq, {what} FROM {table} "  # noqa: S608 - fixed texts
                f"JOIN batch ON batch.id = batch_id {more}"
            ).fetchall(),
            key=repr,
        )
        for table, what, more in [
            *(
                (
                    table,
                    "device_key, at, value, device_ts_ms, span_ms, flags",
                    "JOIN device ON device.id = device_id",
                )
                for table in ("heart_rate", "steps", "battery")
            ),
            *(
                (table, "device_key, min_at, max_at", "JOIN device ON device.id = device_id")
                for table in ("touched", "batch_queue")
            ),
            ("quarantined_reading", "device_key, quantity, at_utc_ms, reason", ""),
        ]
    }


CLEAR = (
    "TRUNCATE batch, batch_payload, touched, batch_queue, quarantined_reading, heart_rate, steps, "
    "battery, device, device_assignment, changed CASCADE"
)


@pytest.fixture
def hubs(either_database):
    with connect(either_database) as first, connect(either_database) as second:
        yield first, second


@given(data=st.data())
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_interleaving_of_duplicates_over_two_hubs_ends_in_the_same_rows(hubs, data):
    first, second = hubs
    first.execute(CLEAR)
    gateway_id = a_gateway(first)
    batches = batches_of(gateway_id)
    numbers = st.lists(st.integers(0, len(batches) - 1), max_size=6)
    calls = data.draw(st.tuples(*[st.lists(numbers, max_size=6)] * 2), label="calls of each hub")
    store_batches(first, batches)
    expected = rows_of(first)
    first.execute(CLEAR)
    outcomes = []

    def work(conn, mine):
        for call in mine:
            outcomes.append(store_batches(conn, [batches[number] for number in call]))  # noqa: PERF401 - as they come

    threads = [threading.Thread(target=work, args=pair) for pair in zip(hubs, calls, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store_batches(second, batches)

    assert len(outcomes) == sum(map(len, calls))
    assert Outcome.FORKED not in {outcome for call in outcomes for outcome in call}
    given_once = {number for mine in calls for call in mine for number in call}
    stored = [outcome for call in outcomes for outcome in call].count(Outcome.STORED)
    assert stored == len(given_once)
    assert rows_of(first) == expected

"""What a signed batch may say at most: the database takes it, or sets it aside, and never fails."""

import pytest

from storage.database import connect
from storage.incoming import SEQ_END
from storage.ingest import Outcome, store_batches
from tests.batches import T0_MS, a_batch, a_gateway, columns

LAST_MS = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z, the last time of the wire contract."""
LARGEST_STAMP = 2**53


@pytest.mark.parametrize("at", [0, LAST_MS])
@pytest.mark.parametrize("sealed", [0, LAST_MS])
def test_the_first_and_last_times_of_the_contract(at, sealed, database):
    with connect(database) as conn:
        part = columns([at], [80.0], stamps=[LARGEST_STAMP if at else -LARGEST_STAMP])
        batch = a_batch(a_gateway(conn), SEQ_END - 1, part, sealed_utc_ms=sealed)

        assert store_batches(conn, [batch]) == [Outcome.STORED]
        assert store_batches(conn, [batch]) == [Outcome.DUPLICATE]

        kept = conn.execute("SELECT count(*) FROM heart_rate").fetchone()[0]
        aside = conn.execute("SELECT count(*) FROM quarantined_reading").fetchone()[0]
        assert (kept, aside) == ((1, 0) if at == sealed == 0 else (0, 1))


def test_the_largest_numbers_of_the_contract(database):
    with connect(database) as conn:
        batch = a_batch(
            a_gateway(conn),
            0,
            columns([T0_MS - 1, T0_MS], [1.7e308, -5e-324], span_ms=2**32 - 1),
            columns([T0_MS], [2.0**53], quantity="steps_counter", span_ms=2**31 - 1),
        )

        assert store_batches(conn, [batch]) == [Outcome.STORED]

        reasons = conn.execute("SELECT reason, count(*) FROM quarantined_reading GROUP BY 1")
        assert reasons.fetchall() == [("span_too_long", 2)]

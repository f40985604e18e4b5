"""Claims as the hub hands them to the database."""

import itertools
from datetime import UTC, datetime, timedelta

from storage.edge import EdgeClaim
from tests.district import EPOCH

ADDRESS = "5A:01:02:03:04:05"
MINUTE = 60_000
NOW = round((datetime.now(UTC) - EPOCH) / timedelta(milliseconds=1)) // MINUTE * MINUTE
NINE = NOW - 120 * MINUTE
MIDNIGHT = NINE + 14 * 60 * MINUTE
numbers = itertools.count()


def claim(district, subject="p1", name=b"a", *, began=NINE, ended=None, why=None, **changed):
    values = {
        "gateway_id": district.gateway,
        "boot": bytes(16),
        "number": next(numbers),
        "age_ms": 5,
        "claim": name * 16,
        "device_key": ADDRESS,
        "family": "hrs",
        "subject": subject,
        "began_utc_ms": began,
        "latest_utc_ms": MIDNIGHT,
        "ended_utc_ms": ended,
        "why_ended": why or (None if ended is None else "finished"),
        "said_utc_ms": began if ended is None else ended,
        "is_sure": True,
    } | changed
    return EdgeClaim(**values)

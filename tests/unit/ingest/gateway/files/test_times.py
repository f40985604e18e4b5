"""Times of files: whatever zone they carry, and none without one."""

import pytest

from config.errors import Rejected
from ingest.gateway.files.times import utc_ms
from tests.unit.ingest.gateway.files.conftest import NOON_UTC_MS

T0 = NOON_UTC_MS


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T12:00:00Z",
        "2026-01-01T20:00:00+08:00",
        "2026-01-01 20:00:00 +0800",
        " 2026-01-01 07:00:00.000-05:00 ",
        "2026/1/1 20:00:00+0800",
        "2026-1-1 12:00Z",
    ],
)
def test_a_time_with_a_zone_is_one_instant(text):
    assert utc_ms(text, None) == utc_ms(text, "America/New_York") == T0


@pytest.mark.parametrize(
    "text", ["2026-01-01T20:00", "2026/1/1 20:00", "2026/01/01 20:00:00", "2026.1.1 20:00:00"]
)
def test_a_local_time_needs_its_zone(text):
    assert utc_ms(text, "Asia/Shanghai") == T0
    with pytest.raises(Rejected, match="no_zone"):
        utc_ms(text, None)


def test_milliseconds_are_kept_and_finer_ones_cut():
    assert utc_ms("2026-01-01T12:00:00.123456Z", None) == T0 + 123
    assert utc_ms("2026/1/1 12:00:00.9999999Z", None) == T0 + 999


@pytest.mark.parametrize(
    ("text", "zone", "reason"),
    [
        ("2026-03-29 02:30:00", "Europe/Berlin", "no_such_local_time"),
        ("2026-10-25 02:30:00", "Europe/Berlin", "ambiguous_local_time"),
        ("1990-09-16 01:30:00", "Asia/Shanghai", "ambiguous_local_time"),
        ("2026-01-01", "Asia/Shanghai", "time"),
        ("12:00:00", "Asia/Shanghai", "time"),
        ("2026-13-01T12:00:00Z", None, "time"),
        ("2026-02-30 12:00:00", "Asia/Shanghai", "time"),
        ("2026-01-01T25:00:00Z", None, "time"),
        ("1969-12-31T23:59:59Z", None, "time"),
        ("0001-01-01T00:00:00+14:00", None, "time"),
        ("0001-01-01T00:00:00", "Asia/Shanghai", "time"),
        ("9999-12-31T23:59:59-12:00", None, "time"),
        ("2026-01-01T12:00:00Z" + " " * 50 + "x", None, "time"),
        ("05/01/2026 12:00", "Asia/Shanghai", "time"),
    ],
)
def test_what_is_no_one_instant_is_refused(text, zone, reason):
    with pytest.raises(Rejected) as refused:
        utc_ms(text, zone)

    assert refused.value.reason == reason


def test_the_hours_beside_a_change_of_clocks_are_instants():
    assert utc_ms("2026-10-25 01:59:59", "Europe/Berlin") == utc_ms("2026-10-24T23:59:59Z", None)
    assert utc_ms("2026-10-25 03:00:00", "Europe/Berlin") == utc_ms("2026-10-25T02:00:00Z", None)
    assert utc_ms("2026-03-29 03:00:00", "Europe/Berlin") == utc_ms("2026-03-29T01:00:00Z", None)

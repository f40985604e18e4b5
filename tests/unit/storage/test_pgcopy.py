"""PostgreSQL's binary format, byte by byte."""

import numpy as np
import pytest

from storage import pgcopy


def rows(device_ts_ms):
    return pgcopy.ReadingRows(
        at_utc_ms=np.array([946_684_800_001], np.int64),
        value=np.array([-2.0]),
        batch_id=np.array([258], np.int64),
        device_ts_ms=device_ts_ms,
        device_id=np.array([5], np.int64),
        span_ms=np.array([60_000], np.int64),
        flags=np.array([31], np.uint8),
    )


BEFORE = (
    "0007"  # seven fields
    "00000008 00000000000003e8"  # 1,000 microseconds after 2000-01-01
    "00000008 c000000000000000"  # -2.0
    "00000008 0000000000000102"
)
AFTER = "00000004 00000005 00000004 0000ea60 00000002 001f"


@pytest.mark.parametrize(
    ("stamps", "middle"),
    [(None, "ffffffff"), (np.array([-1], np.int64), "00000008 ffffffffffffffff")],
)
def test_a_row_is_its_fields_with_their_lengths(stamps, middle):
    assert pgcopy.encode(rows(stamps)).tobytes() == bytes.fromhex(BEFORE + middle + AFTER)


def test_no_rows_are_no_bytes():
    none = pgcopy.ReadingRows(*(np.empty(0) for _ in range(7)))

    assert pgcopy.encode(none).tobytes() == b""


def test_fields_of_a_row_are_told_apart_and_null_is_none():
    row = bytes.fromhex("0003 00000001 07 ffffffff 00000000")

    fields = pgcopy.split_row(memoryview(row))

    assert [None if field is None else bytes(field) for field in fields] == [b"\x07", None, b""]


def test_an_array_is_its_elements():
    field = bytes.fromhex(
        "00000001 00000000 00000014 00000002 00000001"
        "00000008 0000000000000005 00000008 fffffffffffffffe"
    )

    assert pgcopy.decode_array(memoryview(field), ">i8").tolist() == [5, -2]


def test_times_before_2000_are_whole_milliseconds_too():
    microseconds = np.array([-1_000, 0, 1_000], ">i8")

    assert pgcopy.to_utc_ms(microseconds).tolist() == [
        946_684_799_999,
        946_684_800_000,
        946_684_800_001,
    ]

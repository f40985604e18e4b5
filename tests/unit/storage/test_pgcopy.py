"""PostgreSQL's binary format, byte by byte."""

import numpy as np
import pytest

from storage import pgcopy


def test_a_row_is_its_fields_with_their_lengths():
    rows = pgcopy.encode(
        2,
        np.array([258, -1], np.int64),
        np.array([-2.0, 0.5]),
        None,
        np.array([60_000, 1], np.int32),
        np.array([31, 0], np.int16),
    )

    assert rows.tobytes() == bytes.fromhex(
        "0005 00000008 0000000000000102 00000008 c000000000000000 ffffffff"
        "00000004 0000ea60 00000002 001f"
        "0005 00000008 ffffffffffffffff 00000008 3fe0000000000000 ffffffff"
        "00000004 00000001 00000002 0000"
    )


def test_no_rows_are_no_bytes():
    assert pgcopy.encode(0, np.empty(0), None).tobytes() == b""


def test_an_array_of_no_type_of_a_column_is_a_mistake_of_the_caller():
    with pytest.raises(KeyError):
        pgcopy.encode(1, np.zeros(1, np.uint8))


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


def test_elements_of_four_bytes_stand_closer():
    field = bytes.fromhex(
        "00000001 00000000 00000017 00000002 00000001 00000004 00000005 00000004 fffffffe"
    )

    assert pgcopy.decode_array(memoryview(field), ">i4").tolist() == [5, -2]


def test_no_array_has_no_elements():
    assert pgcopy.decode_array(None, ">i8").tolist() == []


def test_times_before_2000_are_whole_milliseconds_too():
    microseconds = np.array([-1_000, 0, 1_000], ">i8")

    milliseconds = pgcopy.to_utc_ms(microseconds)

    assert milliseconds.tolist() == [946_684_799_999, 946_684_800_000, 946_684_800_001]
    assert pgcopy.to_timestamps(milliseconds).tolist() == microseconds.tolist()

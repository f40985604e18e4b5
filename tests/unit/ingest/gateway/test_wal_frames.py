"""The write-ahead log: torn and flipped are told apart, and a flip costs its own page alone."""

import random
import shutil
from contextlib import closing

import apsw
import pytest

from ingest.gateway.spool_rows import PAGE_BYTES
from ingest.gateway.wal_frames import (
    FRAME_HEADER_BYTES,
    HEADER_BYTES,
    frames,
    is_damaged,
    put_in_place,
)

FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES
TRANSACTIONS = 12


@pytest.fixture
def crashed(tmp_path):
    """A database and its log as `kill -9` leaves them: nothing was put in place."""
    made, path = tmp_path / "made", tmp_path / "crashed"
    with closing(apsw.Connection(str(made))) as db:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}; PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE kept (id INTEGER PRIMARY KEY, data BLOB)")
        for number in range(TRANSACTIONS):
            db.execute("INSERT INTO kept VALUES (?, ?)", (number, bytes([number + 1]) * 3_000))
        shutil.copyfile(made, path)
        shutil.copyfile(f"{made}-wal", f"{path}-wal")
    return path


def wal_of(path):
    return path.with_name(f"{path.name}-wal")


def flip(path, place, bit=0):
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(data)


def rows(path):
    with closing(apsw.Connection(str(path))) as db:
        return db.execute("SELECT id, data FROM kept ORDER BY id").fetchall()


WHOLE = [(number, bytes([number + 1]) * 3_000) for number in range(TRANSACTIONS)]


def test_a_log_that_sqlite_wrote_is_whole_and_put_in_place_is_what_sqlite_makes_of_it(crashed):
    found = frames(wal_of(crashed), PAGE_BYTES)

    assert found
    assert all(frame.is_whole for frame in found)
    assert sum(frame.pages_after > 0 for frame in found) >= TRANSACTIONS
    assert not is_damaged(wal_of(crashed), PAGE_BYTES)
    put_in_place(wal_of(crashed), crashed, PAGE_BYTES)
    assert rows(crashed) == WHOLE


@pytest.mark.parametrize("frame", [0, 1, 5, 9])
@pytest.mark.parametrize("place", [0, 3, 4, 8, 12, 16, 23, 24, 400, FRAME_BYTES - 1])
def test_one_flipped_bit_in_any_part_of_a_frame_is_damage_and_hides_no_later_frame(
    crashed, frame, place
):
    flip(wal_of(crashed), HEADER_BYTES + frame * FRAME_BYTES + place)

    assert is_damaged(wal_of(crashed), PAGE_BYTES)
    found = frames(wal_of(crashed), PAGE_BYTES)
    assert 1 <= sum(not one.is_whole for one in found) <= 2  # the next one's sum begins with its


@pytest.mark.parametrize("place", [0, 3, 8, 16, 20, 24, 31])
def test_one_flipped_bit_in_the_logs_header_is_damage(crashed, place):
    before = len(frames(wal_of(crashed), PAGE_BYTES))
    flip(wal_of(crashed), place)

    assert is_damaged(wal_of(crashed), PAGE_BYTES)
    assert len(frames(wal_of(crashed), PAGE_BYTES)) == before


def test_a_flip_in_a_row_costs_that_row_alone(crashed):
    data = wal_of(crashed).read_bytes()
    flip(wal_of(crashed), data.rindex(bytes([6]) * 3_000) + 100)

    put_in_place(wal_of(crashed), crashed, PAGE_BYTES)

    found = rows(crashed)
    assert [row for row in found if row in WHOLE] == [row for row in WHOLE if row[0] != 5]


def test_a_torn_last_transaction_is_no_damage(crashed):
    wal, data = wal_of(crashed), wal_of(crashed).read_bytes()
    ends = [n for n, frame in enumerate(frames(wal, PAGE_BYTES)) if frame.pages_after]
    for end in (len(data) - 1, len(data) - FRAME_BYTES // 2, len(data) - FRAME_BYTES):
        wal.write_bytes(data[:end])
        assert not is_damaged(wal, PAGE_BYTES)
    first_of_the_last = HEADER_BYTES + (ends[-2] + 1) * FRAME_BYTES
    unwritten = bytearray(data)
    unwritten[first_of_the_last : first_of_the_last + 512] = bytes(512)
    wal.write_bytes(unwritten)
    assert not is_damaged(wal, PAGE_BYTES)


def test_what_is_left_of_a_former_round_is_no_damage(tmp_path):
    made, path = tmp_path / "made", tmp_path / "crashed"
    with closing(apsw.Connection(str(made))) as db:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}; PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE kept (id INTEGER PRIMARY KEY, data BLOB)")
        for number in range(TRANSACTIONS):
            db.execute("INSERT INTO kept VALUES (?, ?)", (number, bytes([number + 1]) * 3_000))
        db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        db.execute("UPDATE kept SET data = ? WHERE id = 0", (b"new",))
        shutil.copyfile(made, path)
        shutil.copyfile(f"{made}-wal", f"{path}-wal")

    assert not is_damaged(wal_of(path), PAGE_BYTES)
    put_in_place(wal_of(path), path, PAGE_BYTES)
    assert rows(path) == [(0, b"new"), *WHOLE[1:]]


def test_any_bytes_are_read_without_an_error(tmp_path):
    chance, wal = random.Random(1), tmp_path / "x-wal"
    assert not is_damaged(wal, PAGE_BYTES)
    for length in (0, 1, 31, 32, 33, HEADER_BYTES + FRAME_BYTES, 5 * FRAME_BYTES):
        wal.write_bytes(chance.randbytes(length))
        assert frames(wal, PAGE_BYTES) == [] or not is_damaged(wal, PAGE_BYTES)

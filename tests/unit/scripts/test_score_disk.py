"""A full disk is told as such, whatever the library calls it; `/dev/full` takes nothing."""

from pathlib import Path

import polars as pl
import pytest

from config.errors import Misconfigured, Unavailable
from scripts.score import disk
from scripts.score.disk import stored, stored_for_a_while
from scripts.score.parts import Parts, write_table

FULL = Path("/dev/full")
TABLE = pl.DataFrame({"case": ["a", "b"], "minutes": [1.5, 2.5]})


@pytest.mark.parametrize("lazy", [True, False])
def test_no_room_is_an_error_of_the_system(lazy):
    def write():
        return TABLE.lazy().sink_parquet(FULL) if lazy else TABLE.write_parquet(FULL)

    with pytest.raises(OSError, match="No space left"):
        stored(write, FULL)
    with pytest.raises(Unavailable, match=r"temporary files, /dev .*make room or set TMPDIR"):
        stored_for_a_while(write, FULL)


def broken():
    raise pl.exceptions.ComputeError("transport error")


def test_a_fault_without_a_word_of_the_system_is_tried_against_the_disk(tmp_path, monkeypatch):
    with pytest.raises(pl.exceptions.ComputeError):
        stored(broken, tmp_path / "some.parquet")  # there is room: it was something else
    assert list(tmp_path.iterdir()) == []

    monkeypatch.setattr(disk, "TemporaryFile", lambda **_given: FULL.open("wb"))

    with pytest.raises(OSError, match="No space left"):
        stored(broken, tmp_path / "some.parquet")


def test_results_that_find_no_room_on_the_way_say_so(tmp_path, monkeypatch):
    parts = Parts(tmp_path, range_rows=1)
    monkeypatch.setattr(pl.DataFrame, "write_parquet", lambda *_args, **_given: broken())
    monkeypatch.setattr(disk, "TemporaryFile", lambda **_given: FULL.open("wb"))

    with pytest.raises(Unavailable, match="make room or set TMPDIR"):
        parts.add({"weeks": TABLE})


def test_a_result_that_finds_no_room_leaves_no_half_of_itself(tmp_path, monkeypatch):
    write_table(TABLE.lazy(), tmp_path / "weeks.parquet", {})
    before = (tmp_path / "weeks.parquet").read_bytes()

    def half(_frame, target, **_given):
        target.write_bytes(b"PAR1")
        broken()

    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", half)
    monkeypatch.setattr(disk, "TemporaryFile", lambda **_given: FULL.open("wb"))

    with pytest.raises(Misconfigured, match=r"cannot be written to \(No space left"):
        write_table(TABLE.lazy(), tmp_path / "weeks.parquet", {})
    assert [path.name for path in tmp_path.iterdir()] == ["weeks.parquet"]
    assert (tmp_path / "weeks.parquet").read_bytes() == before

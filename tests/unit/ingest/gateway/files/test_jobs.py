"""The inbox folder: what is handed over is there whole or not at all, and is not kept for ever."""

import json
import os
import time

import pytest

from config.errors import Rejected
from ingest.gateway.files import jobs
from ingest.gateway.files.found import Asked
from tests.unit.ingest.gateway.files.conftest import BAND

DAY_S = 86_400
NOTE = {"version": 1, "token": "t", "device_key": "a", "time_zone": None, "source": None}
NOTE["band_zone"] = None


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "Anna Li's run.fit"
    path.write_bytes(b"a file")
    return path


@pytest.fixture
def box(tmp_path):
    folder = tmp_path / "box"
    folder.mkdir(mode=0o700)
    return folder


def test_a_file_waits_with_whose_it_is_and_without_its_name(box, file):
    asked = Asked(BAND, "Asia/Shanghai", "a watch", "Asia/Urumqi")

    name = jobs.hand_over(box, file, asked)

    (note,) = jobs.waiting(box)
    job = jobs.load(note)
    assert (job.name, job.asked, job.data.read_bytes()) == (name, asked, b"a file")
    assert all("Anna" not in path.name for path in box.rglob("*"))
    assert all(b"Anna" not in path.read_bytes() for path in box.rglob("*.*"))
    modes = {path.stat().st_mode & 0o077 for path in box.rglob("*")}
    assert modes == {0}


def test_the_same_file_twice_is_one_job_and_for_another_band_another(box, file, tmp_path):
    again = tmp_path / "copy.bin"
    again.write_bytes(file.read_bytes())

    names = [jobs.hand_over(box, path, Asked(BAND)) for path in (file, again)]
    other = jobs.hand_over(box, file, Asked("another"))

    assert names[0] == names[1] != other
    assert len(jobs.waiting(box)) == 2


def test_files_are_taken_in_the_order_they_came(box, tmp_path):
    names = []
    for number in range(5):
        path = tmp_path / str(number)
        path.write_bytes(bytes([number]))
        names.append(jobs.hand_over(box, path, Asked(BAND)))
        os.utime(box / "inbox" / f"{names[-1]}.json", (1000 + number, 1000 + number))

    assert [note.stem for note in jobs.waiting(box)] == names


def test_a_copy_that_was_not_finished_is_no_job(box, file):
    jobs.hand_over(box, file, Asked(BAND))
    (box / "inbox" / ".0.part").write_bytes(b"half")
    (box / "inbox" / ("0" * 32 + ".data")).write_bytes(b"no note yet")

    assert len(jobs.waiting(box)) == 1


def test_a_finished_file_leaves_the_inbox_with_its_account(box, file):
    name = jobs.hand_over(box, file, Asked(BAND))
    (note,) = jobs.waiting(box)
    assert jobs.account_of(box, name) is None

    jobs.finish(note, jobs.DONE, {"taken": 1})

    assert jobs.waiting(box) == []
    assert jobs.account_of(box, name) == {"taken": 1}
    assert (box / "inbox" / "done" / f"{name}.data").read_bytes() == b"a file"
    # Handed over again, its old account is no answer.
    assert jobs.hand_over(box, file, Asked(BAND)) == name
    assert jobs.account_of(box, name) is None


def test_after_a_crash_only_the_note_of_a_finished_file_is_left(box, file):
    name = jobs.hand_over(box, file, Asked(BAND))
    (note,) = jobs.waiting(box)
    words = note.read_bytes()
    assert not jobs.is_finished(note)
    jobs.finish(note, jobs.REFUSED, {})

    note.write_bytes(words)

    assert jobs.is_finished(note)
    assert jobs.account_of(box, name) == {}


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        json.dumps(NOTE | {"version": 2}).encode(),
        json.dumps(NOTE | {"device_key": "a b"}).encode(),
        json.dumps(NOTE | {"time_zone": 8}).encode(),
        json.dumps({name: NOTE[name] for name in NOTE if name != "token"}).encode(),
    ],
)
def test_a_note_that_is_not_ours_is_refused(tmp_path, words):
    note = tmp_path / "a.json"
    note.write_bytes(words)

    with pytest.raises(Rejected, match="note"):
        jobs.load(note)


def test_nothing_is_kept_for_ever(box, file, tmp_path):
    done = jobs.hand_over(box, file, Asked(BAND))
    jobs.finish(jobs.waiting(box)[0], jobs.DONE, {})
    refused = jobs.hand_over(box, file, Asked("another"))
    jobs.finish(jobs.waiting(box)[0], jobs.REFUSED, {})
    waits = jobs.hand_over(box, file, Asked("third"))
    half, orphan = box / "inbox" / ".1.part", box / "inbox" / ("1" * 32 + ".data")
    for path in (half, orphan):
        path.write_bytes(b"")

    def left_after(days):
        then = time.time() - days * DAY_S - 60
        for path in (box / "inbox").rglob("*.*"):
            os.utime(path, (then, then))
        jobs.tidy(box)
        return sorted(path.name for path in (box / "inbox").rglob("*.*"))

    def pair(name):
        return [f"{name}.data", f"{name}.json"]

    jobs.tidy(box)
    assert half.exists()
    assert orphan.exists()
    assert left_after(2) == sorted(pair(done) + pair(refused) + pair(waits))
    assert left_after(15) == sorted(pair(refused) + pair(waits))
    assert left_after(31) == sorted(pair(waits))

"""The reader's process: it ends by itself, it has nothing of ours, and its answers are checked."""

import asyncio
import contextlib
import os
from pathlib import Path

import cbor2
import pytest

from config.errors import Rejected
from ingest.gateway.files import reader_process
from ingest.gateway.files.answers import BLOCK, END, KIND, LENGTH
from ingest.gateway.files.found import Asked
from ingest.gateway.files.reader_process import Block, blocks_of
from tests.fit_files import workout
from tests.patience import PATIENCE_S
from tests.unit.ingest.gateway.files.conftest import BAND, NOON_UTC_MS

ROOT = Path(__file__).parents[5]


def read(path):
    async def gather():
        async with asyncio.timeout(PATIENCE_S):
            return [item async for item in blocks_of(path, Asked(BAND))]

    return asyncio.run(gather())


def stand_in(monkeypatch, folder, text):
    """Put another program in the reader's place."""
    (folder / "stand_in.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setattr(reader_process, "MODULE", "stand_in")


def test_the_same_file_gives_the_same_blocks(tmp_path):
    path = tmp_path / "a.fit"
    path.write_bytes(workout(NOON_UTC_MS, [70] * 2_500))

    kind, *blocks = read(path)

    assert kind == "fit"
    assert [len(block.readings) for block in blocks] == [2000, 500]
    assert [block.data for block in blocks] == [block.data for block in read(path)[1:]]


def test_what_was_read_before_a_fault_is_given_before_it(tmp_path):
    path = tmp_path / "a.fit"
    path.write_bytes(workout(NOON_UTC_MS, [70] * 100)[:-50])
    seen = []

    async def gather():
        async for item in blocks_of(path, Asked(BAND)):
            seen.append(item)  # noqa: PERF401 - what came before it was raised

    with pytest.raises(Rejected, match="cut_short"):
        asyncio.run(gather())
    assert len(seen[1].readings) > 80


def test_a_file_that_is_gone_is_refused(tmp_path):
    with pytest.raises(Rejected, match="unreadable"):
        read(tmp_path / "none")


def test_a_reader_that_dies_is_told_from_one_that_ends(tmp_path, monkeypatch):
    stand_in(monkeypatch, tmp_path, "import os; os.kill(os.getpid(), 9)")

    with pytest.raises(Rejected, match="reader_died"):
        read(tmp_path / "a")


@pytest.mark.parametrize(
    "answer",
    [
        cbor2.dumps([END]),
        cbor2.dumps([END, 5, ""]),
        cbor2.dumps([BLOCK, b"\xff", [], []]),
        cbor2.dumps([BLOCK, None, [["reason", "x", b""]], []]),
        cbor2.dumps([BLOCK, None, [], [["why"]]]),
        cbor2.dumps([KIND, 5]),
        cbor2.dumps({}),
        b"\xff\xff",
    ],
)
def test_an_answer_that_is_none_is_refused(tmp_path, monkeypatch, answer):
    framed = LENGTH.pack(len(answer)) + answer
    stand_in(monkeypatch, tmp_path, f"import sys; sys.stdout.buffer.write({framed!r})")

    with pytest.raises(Rejected):
        read(tmp_path / "a")


def test_without_the_reader_of_fit_it_says_what_is_missing(tmp_path, monkeypatch):
    (tmp_path / "fitdecode.py").write_text("raise ModuleNotFoundError('fitdecode')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    path = tmp_path / "a.fit"
    path.write_bytes(workout(NOON_UTC_MS, [70]))

    with pytest.raises(Rejected, match="reader_missing"):
        read(path)


def test_a_file_that_would_take_the_box_s_memory_ends_the_reader_alone(tmp_path, monkeypatch):
    stand_in(
        monkeypatch, tmp_path,
        "import ingest.gateway.files.child as child\n"
        "def endless(*_):\n"
        "    kept = []\n"
        "    while True:\n"
        "        kept.append(bytes(2**24))\n"
        "    yield\n"
        "child.read = endless\n"
        "child.main()\n",
    )  # fmt: skip
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    path = tmp_path / "a.csv"
    path.write_bytes(b"time,hr\n")

    with pytest.raises(Rejected, match="too_large"):
        read(path)


def test_where_it_may_not_limit_itself_it_reads_all_the_same(tmp_path, monkeypatch):
    stand_in(
        monkeypatch, tmp_path,
        "import os, resource\n"
        "def forbidden(*_):\n"
        "    raise PermissionError(1, 'Operation not permitted')\n"
        "os.nice = resource.setrlimit = forbidden\n"
        "import ingest.gateway.files.child as child\n"
        "child.main()\n",
    )  # fmt: skip
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    path = tmp_path / "a.fit"
    path.write_bytes(workout(NOON_UTC_MS, [70]))

    assert len(read(path)[1].readings) == 1


def test_an_answer_without_end_is_not_waited_for(tmp_path, monkeypatch):
    stand_in(monkeypatch, tmp_path, "import sys; sys.stdout.buffer.write(b'\\xff' * 8)")

    with pytest.raises(Rejected, match="reader_died"):
        read(tmp_path / "a")


def test_the_reader_has_no_secret_of_ours(tmp_path, monkeypatch):
    said = tmp_path / "environment"
    stand_in(
        monkeypatch, tmp_path,
        f"import os; open({str(said)!r}, 'w').write(' '.join(os.environ))",
    )  # fmt: skip
    monkeypatch.setenv("ADHERE_BROKER_PASSWORD", "a secret")

    with pytest.raises(Rejected):
        read(tmp_path / "a")

    assert set(said.read_text().split()) <= {*reader_process.PASSED_ON, "LC_CTYPE"}


def test_a_reader_that_nobody_waits_for_is_ended(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_bytes(
        b"at_utc_ms,hr\n" + b"".join(b"%d,70\n" % (NOON_UTC_MS + n) for n in range(200_000))
    )

    async def first_block():
        async with contextlib.aclosing(blocks_of(path, Asked(BAND))) as blocks:
            async for item in blocks:
                if isinstance(item, Block):
                    break

    begun = []
    begin = asyncio.create_subprocess_exec

    async def noted(*words, **options):
        begun.append(await begin(*words, **options))
        return begun[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    asyncio.run(first_block())

    (reader,) = begun
    assert reader.returncode is not None
    with pytest.raises(ProcessLookupError):
        os.kill(reader.pid, 0)

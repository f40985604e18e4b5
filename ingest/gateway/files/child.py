"""The reader as a process of its own: takes a request, writes blocks of readings, ends.

It has little memory, no settings, no keys and none of the gateway's environment. What it writes is
checked as strictly as what comes over the network (`reader_process`).
"""

import contextlib
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import cbor2

from config.errors import Rejected
from ingest.batch.columns import chunk_of
from ingest.batch.content import pack_chunk
from ingest.batch.reading import Reading
from ingest.gateway.files.answers import BLOCK, END, KIND, LENGTH
from ingest.gateway.files.found import Asked, BadRecord, Found, Left
from ingest.gateway.files.reader import kind_of, read

READINGS_TOGETHER = 2_000
MOST_BAD_KEPT = 1_000
"""Of one file, with their bytes; the rest of them is counted, and the file itself is kept."""
MOST_BAD_BYTES = 4_096
MEMORY_BYTES = 384 * 2**20
"""Of addresses. A box may have no more than 1 GB; any usual file needs a quarter of this."""
PROCESSOR_S = 6 * 3_600
NICENESS = 10
FIRST_TO_GO = "500"
"""What the kernel's out-of-memory killer adds to it, in thousandths."""


def main() -> None:
    """Answer the one request on standard input."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever prints, prints elsewhere
    _be_modest()
    path, *asked = cbor2.load(sys.stdin.buffer)
    try:
        _answer(answers, Path(path), Asked(*asked))
    except BrokenPipeError:
        os._exit(0)  # nobody listens any more, and nothing is to be flushed


def _be_modest() -> None:
    """Take little, and be the first to go. What a service manager forbids, it limits itself."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO, "ascii")
    limits = {
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_CPU: PROCESSOR_S,
        resource.RLIMIT_CORE: 0,
    }
    for limit, most in limits.items():
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(limit, (most, most))


def _answer(answers: BinaryIO, path: Path, asked: Asked) -> None:
    end: tuple[str | None, str] = (None, "")
    try:
        _write(answers, [KIND, kind_of(path)])
        for block in _blocks(path, asked):
            _write(answers, [BLOCK, *block])
    except Rejected as error:
        end = error.reason, error.detail
    except ModuleNotFoundError:
        end = "reader_missing", "the extra 'files' is not installed"
    except OSError as error:
        end = "unreadable", error.strerror or ""
    except MemoryError:
        end = "too_large", "it would take more memory than a box has"
    _write(answers, [END, *end])


def _blocks(path: Path, asked: Asked) -> Iterator[list[object]]:
    """Give blocks; what was read before a fault is given before the fault is raised."""
    bad = 0
    block: list[Found] = []
    fault: Rejected | None = None
    found = read(path, asked)
    while True:
        try:
            one = next(found, None)
        except Rejected as error:
            one, fault = None, error
        if isinstance(one, BadRecord):
            kept = one.data[:MOST_BAD_BYTES] if bad < MOST_BAD_KEPT else b""
            one, bad = one._replace(data=kept), bad + 1
        if one is not None:
            block.append(one)
        if block and (one is None or len(block) >= READINGS_TOGETHER):
            yield _block(block)
            block = []
        if one is None:
            break
    if fault is not None:
        raise fault


def _block(found: list[Found]) -> list[object]:
    readings = [one for one in found if isinstance(one, Reading)]
    return [
        pack_chunk(chunk_of(readings)) if readings else None,
        [list(one) for one in found if isinstance(one, BadRecord)],
        [list(one) for one in found if isinstance(one, Left)],
    ]


def _write(answers: BinaryIO, item: list[object]) -> None:
    data = cbor2.dumps(item)
    answers.write(LENGTH.pack(len(data)) + data)
    answers.flush()


if __name__ == "__main__":
    main()

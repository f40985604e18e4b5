"""Reading a file in a process of its own: a file made to do harm ends that process, not the box's.

The gateway holds one block of it at a time, and hears bands meanwhile on a processor of its own.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import cbor2

from config.errors import Rejected
from ingest.batch import cbor
from ingest.batch.columns import readings_of
from ingest.batch.content import unpack_chunk
from ingest.batch.reading import Reading
from ingest.gateway.files.answers import BLOCK, END, KIND, LENGTH, MOST_ANSWER_BYTES
from ingest.gateway.files.found import Asked, BadRecord, Left

MODULE = "ingest.gateway.files.child"
PASSED_ON = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "PYTHONTZPATH", "LANG")
"""Of the environment: the broker's password and the like are none of a reader's business."""


@dataclass(frozen=True, slots=True)
class Block:
    """What was found together, in the file's order."""

    readings: tuple[Reading, ...]
    bad: tuple[BadRecord, ...]
    left: tuple[Left, ...]
    data: bytes
    """As the reader wrote it: the same for the same file, so that it can be recognised."""


async def blocks_of(path: Path, asked: Asked) -> AsyncGenerator[str | Block, None]:
    """Give the file's format, then its blocks.

    Raises Rejected, after all that could be read: as `reader.read`, or `unreadable`,
    `reader_missing`, `reader_died` (out of memory or time, or a fault of ours).
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        MODULE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # a fault's message may hold a value out of the file
        env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
    )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("both are pipes")
    try:
        process.stdin.write(cbor2.dumps([str(path), *asked]))
        process.stdin.close()
        while True:
            item, data = await _answer(process.stdout)
            if item[:1] == [END]:
                _raise_fault(item)
                return
            yield _understood(item, data)
    finally:
        if process.returncode is None:
            process.kill()
        await process.stdout.read()  # to the end of the pipe, so that it is closed
        await process.wait()


async def _answer(answers: asyncio.StreamReader) -> tuple[list[object], bytes]:
    try:
        (length,) = LENGTH.unpack(await answers.readexactly(LENGTH.size))
        if length > MOST_ANSWER_BYTES:
            raise Rejected("reader_died", "its answer is too long")
        data = await answers.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise Rejected("reader_died", "out of memory or time, or a fault of the program") from error
    item = cbor.read(data)
    if not isinstance(item, list):
        raise Rejected("reader_died", "its answer is no answer")
    return item, data


def _raise_fault(item: list[object]) -> None:
    match item:
        case [_, None, _]:
            return
        case [_, str() as reason, str() as detail]:
            raise Rejected(reason, detail)
        case _:
            raise Rejected("reader_died", "its answer is no answer")


def _understood(item: list[object], data: bytes) -> str | Block:
    match item:
        case [str() as name, str() as kind] if name == KIND:
            return kind
        case [str() as name, packed, list() as bad, list() as left] if name == BLOCK:
            readings = () if packed is None else tuple(readings_of(unpack_chunk(_bytes(packed))))
            return Block(readings, tuple(map(_bad, bad)), tuple(map(_left, left)), data)
        case _:
            raise Rejected("reader_died", "its answer is no answer")


def _bytes(item: object) -> bytes:
    if not isinstance(item, bytes | memoryview):
        raise Rejected("reader_died", "its answer is no answer")
    return bytes(item)


def _bad(item: object) -> BadRecord:
    match item:
        case [str() as reason, int() as place, data]:
            return BadRecord(reason, place, _bytes(data))
        case _:
            raise Rejected("reader_died", "its answer is no answer")


def _left(item: object) -> Left:
    match item:
        case [str() as why, int() as records, str() as name]:
            return Left(why, records, name)
        case _:
            raise Rejected("reader_died", "its answer is no answer")

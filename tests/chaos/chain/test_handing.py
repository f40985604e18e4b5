"""The observer's side of the socket: written down first, handed over again as it was."""

import asyncio
import json

import pytest

from scripts.bench.chaos.handing import Handing, handing_out
from scripts.bench.chaos.ledger import BANDS, HISTORY_EVERY, Ledger


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path / "ledger")
    yield ledger
    ledger.close()


class Asking:
    """A gateway's source, in so far as the observer sees it."""

    def __init__(self, reader, writer, utc_ms):
        self.reader, self.writer, self.utc_ms = reader, writer, utc_ms

    async def ask(self, **question):
        self.writer.write(json.dumps(question).encode() + b"\n")
        return json.loads(await self.reader.readline())

    async def end(self):
        self.writer.close()
        await self.writer.wait_closed()

    async def piece(self, after):
        said = await self.ask(after=after)
        return await self.ask(utc_ms=self.utc_ms) if "now" in said else said


async def asking(path, utc_ms=0):
    return Asking(*await asyncio.open_unix_connection(path, limit=2**20), utc_ms)


def with_observer(ledger, tmp_path, scene):
    handing = Handing(ledger, every_s=0.001)

    async def run():
        path = tmp_path / "observer"
        async with handing_out(handing, path):
            await scene(handing, path)

    asyncio.run(run())
    return handing


def test_what_is_handed_over_stands_in_the_ledger_and_comes_again_as_it_was(ledger, tmp_path):
    async def scene(_handing, path):
        first = await asking(path)
        one, two = await first.piece(0), await first.piece(1)
        assert len(ledger.pieces) == 2
        await first.end()
        again = await asking(path)
        assert await again.piece(0) == one
        assert await again.piece(1) == two
        await again.end()

    handing = with_observer(ledger, tmp_path, scene)

    assert [piece.number for piece in ledger.pieces] == [1, 2]
    assert handing.went_back == []
    lines = [json.loads(line) for line in (tmp_path / "ledger").read_text().splitlines()]
    assert [line[0] for line in lines] == [1, 2]


def test_a_spool_that_knows_less_than_it_said_is_named(ledger, tmp_path):
    async def scene(_handing, path):
        first = await asking(path)
        for after in range(3):
            await first.piece(after)
        await first.end()
        for after in (3, 1):
            gateway = await asking(path)
            await gateway.piece(after)
            await gateway.end()

    handing = with_observer(ledger, tmp_path, scene)

    assert handing.went_back == [(3, 1)]


def test_times_are_those_of_the_boxs_clock_and_the_ledger_keeps_how_wrong_it_was(ledger, tmp_path):
    day_ms = 86_400_000

    async def scene(_handing, path):
        gateway = await asking(path, utc_ms=day_ms)
        said = await gateway.piece(0)
        assert {reading[3] for reading in said["readings"]} == {day_ms}
        await gateway.end()

    with_observer(ledger, tmp_path, scene)

    (piece,) = ledger.pieces
    true_ms = {reading.at_utc_ms - piece.box_ahead_ms for reading in piece.readings}
    assert piece.box_ahead_ms < 0, "the box woke in 1970"
    assert max(true_ms) > 20_000 * day_ms


def test_numbers_are_given_once_and_every_tenth_piece_is_of_memory(ledger):
    for number in range(2 * HISTORY_EVERY):
        ledger.make(1_767_268_800_000 + 100 * number, 0)

    numbers = [reading.number for _piece, reading in ledger.readings()]
    assert numbers == list(range(2 * HISTORY_EVERY * BANDS))
    assert [piece.number for piece in ledger.pieces if piece.lane == "backlog"] == [10, 20]


def test_when_it_is_over_no_more_is_made(ledger, tmp_path):
    async def scene(handing, path):
        gateway = await asking(path)
        await gateway.piece(0)
        handing.is_over = True
        assert await gateway.piece(1) == {"end": True}
        await gateway.end()

    with_observer(ledger, tmp_path, scene)

    assert len(ledger.pieces) == 1

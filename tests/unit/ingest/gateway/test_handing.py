"""Handing over: whoever is stopped, whenever, what was heard is held."""

import asyncio
import itertools

import pytest

from ingest.gateway.handing import Held, hand_over
from ingest.gateway.heard import Heard
from ingest.gateway.together import together

MOST = 4


def named(name):
    return Heard([name], "live")


def numbered(name, heard, last=2):
    """A source that says something at each turn, and more when it is stopped."""

    async def source(_cursor):
        count = itertools.count()

        def next_one():
            one = f"{name}{next(count)}"
            heard.append(one)
            return named(one)

        try:
            while True:
                await asyncio.sleep(0)
                yield next_one()
        except asyncio.CancelledError:
            for _ in range(last):
                yield next_one()
            raise

    return source


async def left_in(held):
    """What is held and was never taken."""
    held.end()
    return [heard.readings[0] async for heard in held]


@pytest.mark.parametrize("turns", range(1, 16))
@pytest.mark.parametrize("sources", [1, 2])
def test_stopped_at_any_turn_with_nobody_who_takes_nothing_is_lost(turns, sources):
    heard = []

    async def go():
        held = Held(MOST)
        source = together([numbered(name, heard) for name in "ab"[:sources]])
        handing = asyncio.create_task(hand_over(source({}), held))
        for _ in range(turns):
            await asyncio.sleep(0)
        handing.cancel()
        await asyncio.wait({handing}, timeout=10)
        assert handing.cancelled(), "it waits for room that nobody makes"
        return await left_in(held)

    held = asyncio.run(go())

    assert sorted(held) == sorted(heard)
    if turns > 10:
        assert len(held) >= MOST + 2 * sources


def test_a_source_is_made_to_wait_while_much_is_held():
    heard = []

    async def go():
        held = Held(MOST)
        handing = asyncio.create_task(hand_over(numbered("a", heard)({}), held))
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(heard) == MOST + 1
        held.done(await held.take())
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(heard) == MOST + 2
        assert held.readings == MOST + 1
        handing.cancel()
        await asyncio.wait({handing})

    asyncio.run(go())


def test_a_source_that_ends_although_it_was_stopped_does_not_count_as_ended():
    async def source():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield named("the last")

    async def go():
        held = Held(MOST)
        handing = asyncio.create_task(hand_over(source(), held))
        await asyncio.sleep(0)
        handing.cancel()
        await asyncio.wait({handing})
        return handing.cancelled(), await left_in(held)

    assert asyncio.run(go()) == (True, ["the last"])


def test_what_fails_while_it_is_stopped_fails():
    async def source():
        try:
            yield named("a")
            yield named("b")
        finally:
            raise RuntimeError("stuck")

    async def go():
        held = Held(0)
        handing = asyncio.create_task(hand_over(source(), held))
        for _ in range(5):
            await asyncio.sleep(0)
        handing.cancel()
        with pytest.raises(RuntimeError, match="stuck"):
            await handing

    asyncio.run(go())

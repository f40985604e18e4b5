"""Several sources as one: nothing of any is lost, whoever ends it and however."""

import asyncio

import pytest

from ingest.gateway.heard import Heard
from ingest.gateway.together import MOST_HELD, together


def saying(*names, then=None, last=None):
    """A source that says these names, and one last thing when it is stopped."""

    async def source(cursor):
        try:
            for name in names:
                yield Heard([], "live", cursor={"said": name + cursor.get("on", "")})
                await asyncio.sleep(0)
            if then is not None:
                await then()
        except asyncio.CancelledError:
            if last:
                yield Heard([], "live", cursor={"said": last})
            raise

    return source


async def taken(source, cursor=None, into=None):
    """All that is heard, by name; `into` has it although the taker be stopped."""
    heard = [] if into is None else into
    async for one in source(cursor or {}):
        heard.append(one.cursor["said"])
    return heard


def test_all_is_heard_and_the_cursor_is_everybodys():
    source = together([saying("a1", "a2"), saying("b1")])

    assert sorted(asyncio.run(taken(source, {"on": "!"}))) == ["a1!", "a2!", "b1!"]


def test_one_source_is_itself():
    alone = saying("a")

    assert together([alone]) is alone


def test_when_one_fails_all_end():
    async def fail():
        raise RuntimeError("stuck")

    source = together([saying("a", then=fail), saying("b", then=asyncio.Event().wait, last="late")])

    async def go():
        heard = []
        with pytest.raises(ExceptionGroup, match="unhandled"):
            await taken(source, into=heard)
        return heard

    assert sorted(asyncio.run(go())) == ["a", "b", "late"]


def test_what_is_said_last_when_stopped_is_handed_on():
    async def go():
        heard, both = [], asyncio.Barrier(3)
        sources = [saying(name, then=both.wait, last=f"{name}'s last") for name in ("a", "b")]
        taking = asyncio.create_task(taken(together(sources), into=heard))
        while both.n_waiting < 2:  # noqa: ASYNC110 - until each stands still
            await asyncio.sleep(0)
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking
        return heard

    assert sorted(asyncio.run(go())) == ["a", "a's last", "b", "b's last"]


def test_a_slow_taker_makes_the_sources_wait():
    said = []

    async def quick(_cursor):
        for number in range(100):
            said.append(number)
            yield Heard([], "live")

    async def go():
        hearing = together([quick, saying()])({})
        await anext(hearing)
        for _ in range(50):
            await asyncio.sleep(0)
        held = len(said)
        await hearing.aclose()
        return held

    assert asyncio.run(go()) <= MOST_HELD + 3

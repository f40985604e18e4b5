"""The network of a box can be cut and mended."""

import asyncio
import contextlib

from scripts.show.ports import held_port
from scripts.show.wire import wire_to


async def echo(reader, writer):
    with contextlib.suppress(ConnectionResetError):
        while line := await reader.readline():
            writer.write(line)
    await closed(writer)


async def closed(writer):
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def asked(reader, writer, words):
    writer.write(words)
    return await reader.readline()


async def through(scenario):
    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        there = server.sockets[0].getsockname()[1]
        with held_port() as here:
            async with wire_to("127.0.0.1", there, here=here) as wire:
                return await scenario(wire, here)


def test_what_goes_in_comes_out():
    async def scenario(_wire, here):
        reader, writer = await asyncio.open_connection("127.0.0.1", here)
        answer = await asked(reader, writer, b"are you there\n")
        await closed(writer)
        return answer

    assert asyncio.run(through(scenario)) == b"are you there\n"


def test_a_cut_breaks_what_is_open_and_a_mended_wire_takes_new_connections():
    async def scenario(wire, here):
        reader, writer = await asyncio.open_connection("127.0.0.1", here)
        await asked(reader, writer, b"one\n")
        wire.cut()
        answers = [await last_words(reader)]
        await closed(writer)
        refused, other = await asyncio.open_connection("127.0.0.1", here)
        answers.append(await last_words(refused))
        await closed(other)
        wire.mend()
        again, third = await asyncio.open_connection("127.0.0.1", here)
        answers.append(await asked(again, third, b"two\n"))
        await closed(third)
        return answers

    assert asyncio.run(through(scenario)) == [b"", b"", b"two\n"]


async def last_words(reader):
    """What still comes before the end of a connection, however it ends."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""

import asyncio
import os
import socket

import pytest

from ingest.gateway.disk import SpoolAway
from ingest.gateway.watchdog import Supervisor, watch


@pytest.fixture
def systemd(tmp_path):
    """The socket that systemd reads, and what it has read."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        path = tmp_path / "notify"
        ear.bind(str(path))
        ear.settimeout(0)

        def heard():
            said = []
            try:
                while True:
                    said.append(ear.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return said

        yield str(path), heard


class Disk:
    """A spool's thread that works, or hangs from one turn on."""

    def __init__(self):
        self.turns, self.hangs, self.fails = 0, False, False

    async def do(self, what, part):
        assert part == "watch"
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails:
            raise SpoolAway("the disk fails")
        self.turns += 1
        what(None)


class Time:
    """A clock that stands still until it is told to go; `passed` is called in each pause."""

    def __init__(self):
        self.now_s, self.pauses = 1000.0, []
        self.go = asyncio.Event()

    def __call__(self):
        return self.now_s

    async def pause(self, seconds):
        self.pauses.append(seconds)
        await self.go.wait()
        self.go.clear()
        self.now_s += seconds


async def settled():
    for _ in range(20):
        await asyncio.sleep(0)


async def scene(address, then, *, watchdog_s=120.0):
    disk, clock, beat = Disk(), Time(), [1000.0]
    task = asyncio.ensure_future(
        watch(
            Supervisor(address, watchdog_s),
            disk,
            lambda: beat[0],
            lambda: "all is well",
            clock=clock,
            pause=clock.pause,
        )
    )
    await settled()

    async def turn():
        clock.go.set()
        await settled()

    try:
        await then(disk, clock, beat, turn)
    finally:
        task.cancel()
        await asyncio.wait({task})


def test_ready_is_said_once_the_spools_thread_works_and_then_every_quarter(systemd):
    address, heard = systemd

    async def then(disk, clock, beat, turn):
        assert heard() == [["READY=1", "STATUS=all is well", "WATCHDOG=1"]]
        beat[0] = clock.now_s + 30
        await turn()
        assert heard() == [["STATUS=all is well", "WATCHDOG=1"]]
        assert clock.pauses[0] == 30.0
        assert disk.turns == 2

    asyncio.run(scene(address, then))


def test_a_spools_thread_that_hangs_is_pinged_for_no_more(systemd):
    address, heard = systemd

    async def then(disk, clock, beat, turn):
        heard()
        disk.hangs = True
        beat[0] = clock.now_s + 30
        await turn()
        await turn()
        assert heard() == []

    asyncio.run(scene(address, then))


def test_while_the_disk_fails_the_rest_is_pinged_for(systemd):
    address, heard = systemd

    async def then(disk, clock, beat, turn):
        heard()
        disk.fails = True
        beat[0] = clock.now_s + 30
        await turn()
        assert heard() == [["STATUS=all is well", "WATCHDOG=1"]]

    asyncio.run(scene(address, then))


def test_an_uplink_that_takes_no_turn_is_pinged_for_no_more_until_it_does(systemd):
    address, heard = systemd

    async def then(_disk, clock, beat, turn):
        heard()
        for _ in range(4):  # four quarters: the last one finds it silent for 120 s, no longer
            await turn()
        assert [said for said in heard() if "WATCHDOG=1" not in said] == []
        await turn()
        assert heard() == [["STATUS=all is well"]]
        beat[0] = clock.now_s
        await turn()
        assert heard() == [["STATUS=all is well", "WATCHDOG=1"]]

    asyncio.run(scene(address, then))


def test_without_a_watchdog_only_the_state_is_told(systemd):
    address, heard = systemd

    async def then(_disk, _clock, _beat, turn):
        await turn()
        assert heard() == [["READY=1", "STATUS=all is well"], ["STATUS=all is well"]]

    asyncio.run(scene(address, then, watchdog_s=None))


def test_without_systemd_nothing_is_said_and_nothing_fails(systemd):
    Supervisor.of({}).tell("READY=1")

    assert Supervisor.of({}) == Supervisor(None, None)
    assert systemd[1]() == []


def test_a_supervisor_that_is_gone_costs_nothing(tmp_path):
    Supervisor(str(tmp_path / "nobody")).tell("READY=1")


@pytest.mark.parametrize(
    ("environ", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "120000000"}, 120.0),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": str(os.getpid())}, 120.0),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_what_the_environment_says(environ, watchdog_s):
    assert Supervisor.of(environ).watchdog_s == watchdog_s


def test_an_abstract_socket_is_reached_too():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        name = f"adhere-test-{os.getpid()}"
        ear.bind(f"\0{name}")
        ear.settimeout(0)

        Supervisor(f"@{name}").tell("STOPPING=1")

        assert ear.recv(100) == b"STOPPING=1"

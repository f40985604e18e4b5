"""Work ends when a helper it needs does, and a leashed process when its parent does."""

import asyncio
import os
import select
import signal
import subprocess
import sys

import pytest

from config.errors import Unavailable
from scripts.replay.guard import alive, while_lives


async def forever():
    await asyncio.Event().wait()


async def dies():
    raise Unavailable("the helper is gone")


async def answer():
    return 42


def test_work_that_ends_first_gives_its_result():
    assert asyncio.run(while_lives(answer(), forever(), forever())) == 42


def test_a_helper_that_ends_takes_the_work_with_it():
    with pytest.raises(Unavailable, match="the helper is gone"):
        asyncio.run(while_lives(forever(), forever(), dies()))


def test_a_fault_of_the_work_is_its_own():
    with pytest.raises(Unavailable):
        asyncio.run(while_lives(dies(), forever()))


def test_a_process_that_is_gone_is_named():
    with pytest.raises(Unavailable, match="the embedded broker ended"):
        asyncio.run(alive("the embedded broker", lambda: None))


PARENT = """
import subprocess, sys
from scripts.replay.leash import leashed
sleeper = [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(99)"]
child = subprocess.Popen(leashed(sleeper), stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


def test_a_leashed_process_ends_with_a_killed_parent():
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    watch = os.pidfd_open(child)

    parent.send_signal(signal.SIGKILL)
    parent.communicate()

    poll = select.poll()
    poll.register(watch, select.POLLIN)
    assert poll.poll(10_000), "the child outlived its parent"
    os.close(watch)

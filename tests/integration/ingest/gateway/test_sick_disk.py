"""A disk that fails, or may be read alone: who is on site is guarded, and what can be is kept."""

import asyncio
import json
import shutil
import signal
import subprocess
import threading
from contextlib import asynccontextmanager, contextmanager

import apsw
import pytest

from config.gateway_settings import OnsiteSettings
from ingest.gateway import spool_file
from ingest.gateway.ballast import BALLAST_FILE
from ingest.gateway.files.inbox import Inbox
from ingest.gateway.heard import Heard
from ingest.gateway.safety import Edge
from ingest.gateway.spool import Spool
from ingest.gateway.spool_batches import Batches
from tests.edges import Clocks, live
from tests.integration.ingest.gateway.conftest import pulses
from tests.integration.ingest.gateway.test_edge import states, with_roster
from tests.integration.ingest.gateway.test_import import adhere, ended
from tests.integration.ingest.gateway.test_import import box as _enrolled
from tests.integration.ingest.gateway.test_run import until
from tests.measure_edge_alarm import page_at
from tests.ports import port_of

CANNOT = "Readings cannot be stored now"


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr("ingest.gateway.disk.AGAIN_LEAST_S", 0.05)
    monkeypatch.setattr("ingest.gateway.disk.AGAIN_MOST_S", 0.1)
    monkeypatch.setattr("ingest.gateway.keeping.FULL_AGAIN_S", 0.02)
    monkeypatch.setattr("ingest.gateway.telling.STATUS_EVERY_S", 0.05)


class Centre:
    """A box that runs with its page, and somebody who makes an effort before it."""

    def __init__(self, box, folder):
        self.port, self.clocks, self.stop = port_of(self), Clocks(), asyncio.Event()
        onsite = OnsiteSettings(port=self.port, language="en")
        self.settings = box.settings.model_copy(update={"data_dir": folder, "onsite": onsite})
        self.edge = Edge(
            self.settings, box.keys, box.hub.keys.public.signing, time=self.clocks.edge_time()
        )
        self.heard = []

    async def source(self, _cursor):
        while True:
            await asyncio.sleep(0.01)
            self.heard += pulses(1, len(self.heard))
            yield Heard(self.heard[-1:], "live")

    def make_an_effort(self):
        for _ in range(40):
            self.clocks.pass_ms(1000)
            self.edge.heard([live(self.clocks, 160)])

    async def page(self):
        return await page_at(self.port)


@asynccontextmanager
async def running(box, folder):
    centre = Centre(box, folder)
    task = asyncio.create_task(
        box.run(
            centre.source,
            stop=centre.stop,
            drain=False,
            settings=centre.settings,
            edge=centre.edge,
            clock=None,
            inbox=Inbox(folder, lambda _: ()),
            spool_within_s=1,
        )
    )
    try:
        await until(lambda: task.done() or centre.edge.page_says == "on")
        assert not task.done(), task.exception()
        await centre.edge.take_roster(with_roster(box))
        yield centre
        assert not task.done(), task.exception()
    finally:
        centre.stop.set()
        await asyncio.wait({task})
    centre.status = await task


def test_a_disk_that_fails_while_the_gateway_runs_costs_no_alarm_and_no_reading(box, monkeypatch):
    is_sick = threading.Event()

    def sick_at_times(do):
        def doing(*given, **more):
            if is_sick.is_set():
                raise apsw.IOError("disk I/O error")
            return do(*given, **more)

        return doing

    for owner, name in (
        (spool_file, "connect"),
        (Spool, "append"),
        (Spool, "seal"),
        (Batches, "live"),
    ):
        monkeypatch.setattr(owner, name, sick_at_times(getattr(owner, name)))

    async def sick():
        async with running(box, box.folder) as centre:
            await until(lambda: box.hub.batches)
            assert CANNOT not in await centre.page()
            is_sick.set()
            await until(lambda: not centre.edge.can_store())
            centre.make_an_effort()
            await until(lambda: centre.edge.events.receipted)
            assert CANNOT in await centre.page()
            await until(lambda: not json.loads(box.hub.states[-1])["storing"])
            is_sick.clear()
            await until(centre.edge.can_store)
            assert CANNOT not in await centre.page()
        return centre

    with box.hub:
        centre = asyncio.run(sick())

    assert states(box.hub) == ["raised"]
    assert centre.status.disk_faults >= 1
    assert centre.status.stored == len(centre.heard)


@pytest.fixture
def mounted(tmp_path):
    """A file system that a test may make read-only."""
    with a_file_system(tmp_path / "disk") as remount:
        yield tmp_path / "disk", remount


@contextmanager
def a_file_system(folder):
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        ["/usr/bin/mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("only root may mount a file system")

    def remount(how):
        subprocess.run(["/usr/bin/mount", "-o", f"remount,{how}", str(folder)], check=True)

    try:
        yield remount
    finally:
        subprocess.run(["/usr/bin/umount", str(folder)], check=True)


@pytest.mark.parametrize("has_spool", [True, False])
def test_a_gateway_starts_on_a_disk_that_may_be_read_alone(box, mounted, has_spool):
    folder, remount = mounted
    data = folder / "box"
    data.mkdir()

    async def before():
        async with running(box, data) as centre:
            await until(lambda: len(centre.heard) > 3)

    async def start():
        async with running(box, data) as centre:
            assert CANNOT in await centre.page()
            centre.make_an_effort()
            await until(lambda: centre.edge.events.receipted)
            assert "1 must slow down" in await centre.page()
            remount("rw")
            await until(centre.edge.can_store)
        return centre

    with box.hub:
        if has_spool:
            asyncio.run(before())
            assert (data / BALLAST_FILE).exists()
        remount("ro")
        centre = asyncio.run(start())

    assert states(box.hub) == ["raised"]
    assert centre.status.stored >= len(centre.heard) > 3


enrolled = _enrolled


def test_the_command_runs_on_a_disk_that_may_be_read_alone(enrolled, tmp_path):
    settings, data, hub = enrolled
    shutil.copytree(data, tmp_path / "copy")

    def says(storing):
        return lambda: hub.states and json.loads(hub.states[-1]).get("storing") is storing

    with hub, a_file_system(data) as remount:
        shutil.copytree(tmp_path / "copy", data, dirs_exist_ok=True)
        remount("ro")
        gateway = adhere("gateway", "run", "--settings", settings)
        try:
            hub.wait(says(storing=False))
            remount("rw")
            hub.wait(says(storing=True))
        finally:
            gateway.send_signal(signal.SIGTERM)
            ended(gateway)

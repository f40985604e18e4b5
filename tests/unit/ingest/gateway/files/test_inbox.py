"""From the inbox to the spool: every reading once, whatever breaks off in between."""

import asyncio
import contextlib

import pytest

from ingest.batch.reading import Quantity, Reading
from ingest.batch.roster import RosterBand
from ingest.gateway.files import child, jobs
from ingest.gateway.files.found import Asked
from ingest.gateway.files.inbox import MOST_WAITING_BATCHES, Inbox
from ingest.gateway.spool import Spool
from tests.fit_files import workout
from tests.patience import PATIENCE_S
from tests.unit.ingest.gateway.files.conftest import BAND, NOON_UTC_MS

T0 = NOON_UTC_MS
NOW = T0 + 86_400_000
DAY_MS = 86_400_000


class Killed(BaseException):
    """The box loses its power."""


def worn(from_ms=0, until_ms=None, device=BAND, subject="p-1"):
    return RosterBand(device, "hrs", subject, from_ms, until_ms, None, None, None)


class Box:
    """A data folder with a spool, and a gateway's end of the inbox that may lose its power."""

    def __init__(self, folder, bands):
        self.folder, self.bands = folder, bands
        self.kill_at = None
        self.committed = []
        self.waiting_batches = 0
        folder.mkdir()

    def spool(self):
        return Spool(self.folder / "spool.sqlite", bytes(32), quota_pages=10_000, boot=bytes(16))

    def hand_over(self, data, **asked):
        file = self.folder.with_name("a file")
        file.write_bytes(data)
        return jobs.hand_over(self.folder, file, Asked(asked.pop("device", BAND), **asked))

    def work(self):
        """Run until the inbox is empty or the power is gone; say which."""
        try:
            asyncio.run(self.working())
        except Killed:
            return False
        return True

    async def working(self):
        spool = self.spool()

        async def put(heard):
            if self.kill_at == ("before", len(self.committed)):
                raise Killed
            spool.append(heard.readings, lane=heard.lane, cursor=heard.cursor, bad=heard.bad)
            assert heard.lane == "backlog"
            self.committed.append(heard)
            if self.kill_at == ("after", len(self.committed)):
                raise Killed

        async def cursor():
            return spool.cursor

        inbox = Inbox(
            self.folder,
            lambda key: [one for one in self.bands if one.device_key == key],
            now_ms=lambda: NOW,
            look_s=0.01,
        )
        self.status = inbox.status
        running = asyncio.create_task(inbox.run(put, cursor, lambda: self.waiting_batches))
        try:
            async with asyncio.timeout(PATIENCE_S):
                emptied = asyncio.create_task(inbox.emptied())
                await asyncio.wait({running, emptied}, return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    emptied.cancel()
                    await running
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError, Killed):
                await running
            spool.close()

    @property
    def readings(self):
        return [reading for heard in self.committed for reading in heard.readings]

    @property
    def bad(self):
        return [bad for heard in self.committed for bad in heard.bad]

    def account(self, name):
        return jobs.account_of(self.folder, name)


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path / "box", [worn()])


def pulse(second, value, device=BAND):
    at = T0 + 1000 * second
    return Reading(device, Quantity.HEART_RATE_BPM, value, at, 0, 0, at)


def lines(seconds, value=70):
    return b"at_utc_ms,hr\n" + b"".join(b"%d,%d\n" % (T0 + 1000 * s, value) for s in seconds)


def test_a_file_becomes_readings_of_its_band(box):
    name = box.hand_over(workout(T0, [70, 71, None, 73]))

    box.work()

    assert box.readings == [pulse(0, 70), pulse(1, 71), pulse(3, 73)]
    account = box.account(name)
    assert account["format"] == "fit"
    assert account["taken"] == {"heart_rate_bpm": 3}
    assert (account["first_utc_ms"], account["last_utc_ms"]) == (T0, T0 + 3000)
    assert (box.folder / "inbox" / "done" / f"{name}.data").exists()
    assert box.status() == {"waiting": 0, "taken": 1, "refused": 0, "readings": 3}


def test_the_same_file_again_adds_nothing(box):
    data = lines(range(5_000))
    name = box.hand_over(data)
    box.work()
    first = list(box.readings)

    assert box.hand_over(data) == name
    box.work()

    assert box.readings == first
    assert len(first) == 5_000
    assert box.account(name)["taken"] == {}
    assert box.account(name)["again"] == 5_000


def test_the_same_workout_in_another_format_adds_nothing(box):
    box.hand_over(workout(T0, [70, 71, 72]))
    box.hand_over(lines(range(3), 99))
    box.work()

    assert box.readings == [pulse(0, 70), pulse(1, 71), pulse(2, 72)]


def test_exports_that_overlap_add_what_is_new(box):
    box.hand_over(lines(range(100)))
    box.work()
    box.hand_over(lines(range(50, 150)))
    box.work()

    assert sorted(box.readings) == [pulse(second, 70) for second in range(150)]


def test_a_file_is_nobody_else_s(box):
    box.bands.append(worn(device="another"))
    box.hand_over(lines(range(3)))
    box.hand_over(lines(range(3)), device="another")
    box.work()

    assert sorted(box.readings) == sorted(
        [pulse(s, 70) for s in range(3)] + [pulse(s, 70, "another") for s in range(3)]
    )


def test_only_times_at_which_somebody_wears_the_band_are_taken(box):
    box.bands[:] = [worn(T0 + 2000, T0 + 4000), worn(T0 + 6000, None, subject="p-2")]
    late = (NOW - T0) // 1000 + 301
    name = box.hand_over(lines([*range(8), late]))

    box.work()

    assert box.readings == [pulse(second, 70) for second in (2, 3, 6, 7)]
    assert box.account(name)["not_worn"] == 5


def test_steps_that_begin_before_the_band_was_worn_are_another_s(box):
    box.bands[:] = [worn(T0)]
    box.hand_over(b"at_utc_ms,steps\n%d,5\n%d,6\n" % (T0 - 30_000, T0))

    box.work()

    assert [(r.at_utc_ms, r.value) for r in box.readings] == [(T0, 6)]


def test_what_the_district_would_put_aside_is_not_sent(box):
    name = box.hand_over(lines([-400 * DAY_MS // 1000, 0]))

    box.work()

    assert box.readings == [pulse(0, 70)]
    assert box.account(name)["not_worn"] == 1


def test_a_band_that_is_not_in_the_roster_gives_nothing(box):
    name = box.hand_over(lines(range(3)), device="a-passer-by")

    box.work()

    assert box.readings == []
    assert box.account(name)["reason"] == "not_registered"
    assert (box.folder / "inbox" / "refused" / f"{name}.data").exists()


def test_bad_records_go_into_quarantine_once_and_the_rest_is_taken(box):
    data = lines(range(3)) + b"nonsense,70\n%d,?\n" % (T0 + 9000)
    name = box.hand_over(data)
    box.work()
    box.hand_over(data)
    box.work()

    assert box.readings == [pulse(second, 70) for second in range(3)]
    assert [(bad.reason, bad.data) for bad in box.bad] == [
        ("file_time", b"nonsense,70"),
        ("file_value", b"%d,?" % (T0 + 9000)),
    ]
    account = box.account(name)
    assert account["bad"] == {"time": 1, "value": 1}
    assert account["bad_places"] == [[5, "time"], [6, "value"]]


def test_a_file_that_is_none_of_ours_is_refused_with_its_reason(box):
    name = box.hand_over(b"%PDF-1.7\n%...\n")

    box.work()

    assert box.account(name)["reason"] == "headings"
    assert box.status() == {"waiting": 0, "taken": 0, "refused": 1, "readings": 0}
    assert (box.folder / "inbox" / "refused" / f"{name}.data").exists()


def test_a_note_that_is_not_ours_does_not_stop_the_others(box):
    box.hand_over(lines(range(3)))
    (box.folder / "inbox" / "a.json").write_text("{}")

    box.work()

    assert len(box.readings) == 3
    assert box.account("a")["reason"] == "note"


KILLS = [("before", n) for n in range(4)] + [("after", n) for n in range(1, 5)]


@pytest.mark.parametrize("kill_at", KILLS)
def test_power_lost_in_the_middle_of_a_file_loses_nothing_and_doubles_nothing(box, kill_at):
    seconds = range(child.READINGS_TOGETHER * 3 + 500)
    bad = b"nonsense,70\n"
    name = box.hand_over(lines(seconds[:3000]) + bad + lines(seconds[3000:]).split(b"\n", 1)[1])

    box.kill_at = kill_at
    assert not box.work()
    box.kill_at = None
    assert box.work()

    assert box.readings == [pulse(second, 70) for second in seconds]
    assert [record.data for record in box.bad] == [b"nonsense,70"]
    account = box.account(name)
    assert account["taken"] == {"heart_rate_bpm": len(seconds)}
    assert (account["again"], account["bad"]) == (0, {"time": 1})


def test_power_lost_at_every_block_in_turn(box):
    seconds = range(child.READINGS_TOGETHER * 4)
    box.hand_over(lines(seconds))

    for number in range(1, 5):
        box.kill_at = ("after", number)
        assert not box.work()
    box.kill_at = None
    assert box.work()

    assert box.readings == [pulse(second, 70) for second in seconds]


def test_a_file_that_takes_the_box_with_it_again_and_again_is_refused_in_the_end(box):
    name = box.hand_over(lines(range(3)))
    box.kill_at = ("before", 0)

    for _ in range(jobs.MOST_TRIES):
        assert not box.work()
    box.hand_over(lines(range(5, 8)))
    box.kill_at = None
    assert box.work()

    assert box.account(name)["reason"] == "reader_died"
    assert box.readings == [pulse(second, 70) for second in range(5, 8)]
    assert list((box.folder / "inbox").glob("*.tries")) == []


def test_a_roster_that_changes_after_a_crash_changes_nothing_of_a_file_begun(box):
    seconds = range(child.READINGS_TOGETHER * 2)
    box.hand_over(lines(seconds))
    box.kill_at = ("after", 1)
    assert not box.work()

    box.bands[:] = [worn(until_ms=T0)]
    box.kill_at = None
    assert box.work()

    assert box.readings == [pulse(second, 70) for second in seconds]


def test_files_wait_while_the_spool_has_much_to_send(box):
    box.waiting_batches = MOST_WAITING_BATCHES + 1
    box.hand_over(lines(range(3)))

    async def later():
        working = asyncio.create_task(box.working())
        for _ in range(20):
            await asyncio.sleep(0.01)
        assert box.committed == []
        assert box.status()["waiting"] == 1
        box.waiting_batches = 0
        await working

    asyncio.run(later())
    assert len(box.readings) == 3

"""The event store: sent from memory, kept on disk, and neither lost nor told twice."""

import asyncio
import contextlib
import os
import resource
import stat
from pathlib import Path

import apsw
import pytest
from structlog.testing import capture_logs

from ingest.batch.event import open_event
from ingest.batch.keys import make_keys
from ingest.gateway import event_file
from ingest.gateway import events as events_module
from ingest.gateway.events import EventStore
from tests.edges import Clocks, event
from tests.patience import PATIENCE_S

KEYS = make_keys()
RESEND_S = 5.0


@pytest.fixture
def clocks():
    return Clocks()


@pytest.fixture
def opened(tmp_path, clocks):
    """Open the store, as after a start; all are closed at the end."""
    stores = []

    def open_store(**more):
        store = EventStore(
            tmp_path / "events.sqlite",
            KEYS,
            centre="centre",
            gateway="hall-1",
            time=clocks.edge_time(),
            **more,
        )
        stores.append(store)
        return store

    yield open_store
    for store in stores:
        store.close()


@pytest.fixture
def store(opened):
    return opened()


def told(store):
    """What would be sent now."""
    due = store.due(RESEND_S)
    return [open_event(store.message(held), KEYS.signing.public_key()) for held in due]


def saved(store):
    return asyncio.run(store.save())


def test_an_event_is_sent_at_once_with_its_own_name_and_age(store, clocks):
    store.add(event(boot=b"", number=0, centre="", gateway=""))
    store.add(event(state="ended"))
    clocks.pass_ms(250)

    first, second = told(store)

    assert (first.centre, first.gateway, first.boot) == ("centre", "hall-1", store.boot)
    assert (first.number, second.number) == (0, 1)
    assert (first.state, second.state) == ("raised", "ended")
    assert first.age_ms == 250


def test_the_age_grows_until_it_is_sent_whatever_the_wall_clock_does(store, clocks):
    store.add(event())
    clocks.wall_utc_ms -= 86_400_000
    clocks.pass_ms(7_200_000)

    assert [one.age_ms for one in told(store)] == [7_200_000]


def test_without_a_receipt_it_is_sent_again_each_time_after_twice_the_wait(store, clocks):
    store.add(event())
    waits = []
    since = clocks.mono_ms
    while len(waits) < 9:
        if told(store):
            waits.append((clocks.mono_ms - since) // 1000)
            since = clocks.mono_ms
        clocks.pass_ms(1_000)

    assert waits == [0, 5, 10, 20, 40, 80, 160, 320, 600]
    assert store.next_due_s(RESEND_S) == pytest.approx(599)


def test_a_new_connection_sends_it_again_at_once(store):
    store.add(event())
    assert told(store)
    assert not told(store)

    store.connection_lost()

    assert len(told(store)) == 1


def test_a_receipt_ends_it_and_one_for_another_start_does_not(store):
    store.add(event())
    store.add(event())

    store.settle(bytes(16), [0, 1])
    assert store.waiting == 2
    store.settle(store.boot, [0, 0, 77])

    assert [one.number for one in told(store)] == [1]
    assert (store.receipted, store.waiting) == (1, 1)
    assert store.next_due_s(RESEND_S) is not None


def test_what_was_on_disk_is_sent_after_a_crash_and_only_that(store, opened, clocks):
    store.add(event())
    store.add(event(state="ended"))
    store.settle(store.boot, [0])
    assert saved(store)
    store.add(event(subject="never-on-disk"))
    store.close()

    clocks.pass_ms(5_000)
    again = opened()

    assert [(one.boot, one.number, one.state) for one in told(again)] == [(store.boot, 1, "ended")]
    assert again.boot != store.boot
    again.add(event())
    assert {(held.event.boot, held.event.number) for held in again.due(0)} >= {(again.boot, 0)}


def test_the_age_goes_on_over_a_start_of_the_program(store, opened, clocks):
    store.add(event())
    assert saved(store)
    store.close()
    clocks.pass_ms(5_000)

    assert [one.age_ms for one in told(opened())] == [5_000]


def test_after_a_start_of_the_machine_the_age_is_not_known(store, opened, monkeypatch):
    store.add(event())
    assert saved(store)
    store.close()

    monkeypatch.setattr(events_module, "machine_start", lambda: "another start")

    assert [one.age_ms for one in told(opened())] == [None]


def test_a_receipt_before_the_disk_was_ready_leaves_nothing_behind(store, opened):
    store.add(event())
    store.settle(store.boot, [0])
    assert saved(store)
    store.close()

    assert opened().waiting == 0


def test_what_the_hub_refuses_is_sent_no_more_and_kept_on_disk(store, opened, tmp_path):
    store.add(event())
    assert saved(store)
    store.settle(store.boot, [], [(0, "forked_event")])
    assert saved(store)
    assert (store.waiting, store.refused) == (0, 1)
    store.close()

    again = opened()
    assert again.waiting == 0
    again.close()
    with contextlib.closing(apsw.Connection(str(tmp_path / "events.sqlite"))) as db:
        assert db.execute("SELECT number, refused FROM event").fetchall() == [(0, "forked_event")]


def test_a_full_disk_delays_no_event_and_is_counted(opened):
    store = opened(max_pages=4)
    for _ in range(300):
        store.add(event())

    assert not saved(store)

    assert (store.waiting, store.unsaved, store.save_failures) == (300, 300, 1)
    assert len(told(store)) == 300
    store.settle(store.boot, range(299))
    assert saved(store), "there is room for one"
    assert store.unsaved == 0


def test_a_disk_that_takes_no_byte_delays_no_event(opened, tmp_path):
    """The limit on the size of any file makes every write fail, as a full disk does."""
    store = opened()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = max(path.stat().st_size for path in tmp_path.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        for _ in range(20):
            store.add(event())
        worked = saved(store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert not worked
    assert len(told(store)) == 20
    assert saved(store)
    assert store.unsaved == 0


def test_a_folder_that_cannot_be_written_at_the_start_is_tried_again(opened, tmp_path):
    (tmp_path / "events.sqlite").mkdir()
    store = opened()
    store.add(event())

    assert not saved(store)
    assert len(told(store)) == 1
    (tmp_path / "events.sqlite").rmdir()
    assert saved(store)

    assert store.unsaved == 0


def test_what_an_earlier_start_left_is_sent_also_when_the_file_opens_late(store, opened, tmp_path):
    store.add(event())
    assert saved(store)
    store.close()
    for path in tmp_path.iterdir():
        path.rename(path.with_name(f"away-{path.name}"))
    (tmp_path / "events.sqlite").mkdir()
    again = opened()
    assert again.waiting == 0

    (tmp_path / "events.sqlite").rmdir()
    for path in tmp_path.iterdir():
        path.rename(path.with_name(path.name.removeprefix("away-")))
    assert saved(again)

    assert [one.boot for one in told(again)] == [store.boot]


def test_a_file_that_opens_and_cannot_be_read_is_tried_again(store, opened, monkeypatch):
    store.add(event())
    assert saved(store)
    store.close()
    with monkeypatch.context() as sick:
        sick.setattr(event_file, "open_told", raising(apsw.IOError))
        again = opened()
    assert again.waiting == 0

    assert saved(again)

    assert [one.boot for one in told(again)] == [store.boot]


def raising(fault):
    def fail(*_given):
        raise fault

    return fail


@pytest.mark.parametrize("damage", [b"no database", b"\xff" * 20_000])
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(opened, tmp_path, damage):
    (tmp_path / "events.sqlite").write_bytes(damage)

    store = opened()
    store.add(event())

    assert saved(store)
    aside = [path for path in tmp_path.iterdir() if ".damaged-" in path.name]
    assert [path.read_bytes() for path in aside] == [damage]


def test_a_flipped_byte_in_an_event_costs_that_event_alone(store, opened, tmp_path):
    for subject in ("p-1", "p-2", "p-3"):
        store.add(event(subject=subject))
    assert saved(store)
    store.close()
    path = tmp_path / "events.sqlite"
    path.write_bytes(path.read_bytes().replace(b"p-2", b"p-X"))

    again = opened()

    assert [one.subject for one in told(again)] == ["p-1", "p-3"]
    assert again.lost == 1


def test_more_than_it_can_hold_loses_the_oldest_and_counts_them(store, monkeypatch):
    monkeypatch.setattr(events_module, "MAX_HELD", 10)
    for _ in range(13):
        store.add(event())

    assert [one.number for one in told(store)] == list(range(3, 13))
    assert store.lost == 3


def test_a_task_puts_events_on_disk_and_takes_receipted_ones_off(store, opened):
    async def life():
        keeping = asyncio.create_task(store.keep())
        store.add(event())
        store.add(event())
        async with asyncio.timeout(PATIENCE_S):
            while store.unsaved:  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.005)
        store.settle(store.boot, [0])
        await store.save()
        keeping.cancel()

    asyncio.run(life())
    store.close()

    assert [one.number for one in told(opened())] == [1]


def test_where_the_system_does_not_say_which_start_it_is_an_age_is_not_known(
    opened, clocks, monkeypatch
):
    monkeypatch.setattr(events_module, "machine_start", str)
    first = opened()
    first.add(event())
    assert saved(first)
    first.close()

    clocks.pass_ms(1000)

    assert [one.age_ms for one in told(opened())] == [None]


def test_what_is_settled_on_disk_is_not_settled_again(store, monkeypatch):
    store.add(event())
    assert saved(store)
    store.settle(store.boot, [0])
    assert saved(store)
    monkeypatch.setattr(EventStore, "_write", None)

    assert saved(store), "there is nothing to write"


def test_refused_events_do_not_fill_the_file(opened, monkeypatch, tmp_path):
    monkeypatch.setattr(event_file, "REFUSED_KEPT", 3)
    store = opened()
    for number in range(10):
        store.add(event())
        assert saved(store)
        store.settle(store.boot, [], [(number, "forked_event")])
        assert saved(store)
    store.add(event())
    assert saved(store)
    store.close()

    with contextlib.closing(apsw.Connection(str(tmp_path / "events.sqlite"))) as db:
        rows = db.execute("SELECT number, refused FROM event ORDER BY rowid").fetchall()
    assert rows == [
        *((number, "forked_event") for number in (7, 8, 9)),
        (10, None),
    ]


@pytest.fixture
def easy_umask():
    """New files are open to everybody, as with the umask of a careless start."""
    before = os.umask(0)
    yield
    os.umask(before)


def rights(folder):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@pytest.mark.usefixtures("easy_umask")
def test_the_file_is_its_owners_alone_from_the_first_byte(opened, tmp_path):
    with capture_logs() as logs:
        store = opened()
        store.add(event())
        assert saved(store)

    assert rights(tmp_path) == {"events.sqlite": 0o600, "events.sqlite-wal": 0o600}
    assert not [line for line in logs if "others" in line["event"]], "none were there to take"


@pytest.mark.usefixtures("easy_umask")
def test_rights_of_others_are_taken_away_at_the_start_and_nothing_is_lost(store, opened, tmp_path):
    store.add(event())
    assert saved(store)
    kept = {path: path.read_bytes() for path in tmp_path.iterdir()}
    store.close()
    for path, data in kept.items():  # as after a crash: the log is left
        path.write_bytes(data)
        path.chmod(0o644)
    (tmp_path / "events.sqlite-shm").touch(0o666)

    with capture_logs() as logs:
        again = opened()

    assert set(rights(tmp_path).values()) == {0o600}
    assert [one.number for one in told(again)] == [0]
    said = {(line["log_level"], Path(line["path"]).name, line["rights"]) for line in logs}
    assert said == {
        ("warning", "events.sqlite", "0644"),
        ("warning", "events.sqlite-wal", "0644"),
        ("warning", "events.sqlite-shm", "0666"),
    }


def test_a_file_whose_rights_are_not_ours_to_change_is_used_and_told(opened, tmp_path, monkeypatch):
    (tmp_path / "events.sqlite").touch()
    (tmp_path / "events.sqlite").chmod(0o666)
    monkeypatch.setattr("pathlib.Path.chmod", raising(PermissionError))

    with capture_logs() as logs:
        store = opened()
        store.add(event())
        assert saved(store)

    assert [line["event"] for line in logs] == ["file_is_open_to_others"]

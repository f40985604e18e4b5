"""The journal: the same reading out of another file is none; nothing is remembered too early."""

import threading

import apsw
import pytest

from ingest.batch.reading import Quantity, Reading
from ingest.gateway.files.found import BadRecord
from ingest.gateway.files.journal import Journal, open_journal, tried_journal
from tests.unit.ingest.gateway.files.conftest import BAND, NOON_UTC_MS

T0 = NOON_UTC_MS
DAY_MS = 86_400_000


def pulses(*seconds, device=BAND, quantity=Quantity.HEART_RATE_BPM):
    return [Reading(device, quantity, 70.0, T0 + 1000 * second) for second in seconds]


def walked(start_s, end_s, value=10.0):
    span = (end_s - start_s) * 1000
    return Reading(BAND, Quantity.STEPS_INCREMENT, value, T0 + start_s * 1000, span)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "imported.sqlite"


@pytest.fixture
def journal(path):
    opened = open_journal(path)
    yield opened
    opened.close()


def taken(journal, readings, bad=()):
    fresh = journal.begin(readings, bad)
    journal.commit()
    return fresh


def test_a_reading_is_new_once(journal):
    assert taken(journal, pulses(1, 2, 3600, 2)).readings == pulses(1, 2, 3600)

    again = taken(journal, pulses(0, 1, 2, 3, 3600))

    assert again.readings == pulses(0, 3)
    assert again.again == 3


def test_bands_and_quantities_are_apart(journal):
    taken(journal, pulses(1))

    others = pulses(1, device="another") + pulses(1, quantity=Quantity.RR_INTERVAL_MS)
    assert taken(journal, others).readings == others


def test_what_was_rolled_back_is_new_again(journal):
    bad = [BadRecord("value", 1, b"x")]
    journal.begin([*pulses(1), walked(0, 60)], bad)
    journal.roll_back()

    fresh = taken(journal, [*pulses(1), walked(0, 60)], bad)

    assert (len(fresh.readings), fresh.bad) == (2, bad)


def test_it_is_remembered_after_a_crash(journal, path):
    taken(journal, [*pulses(1), walked(0, 60)])
    journal.begin(pulses(2), [])
    journal.close()

    with_rest = open_journal(path)
    fresh = taken(with_rest, [*pulses(1, 2), walked(0, 60)])
    with_rest.close()

    assert (fresh.readings, fresh.again) == (pulses(2), 2)


@pytest.mark.parametrize(
    ("start_s", "end_s", "is_new"),
    [
        (0, 60, True),
        (60, 90, True),
        (180, 240, True),
        (90, 150, False),
        (119, 121, False),
        (121, 125, False),
        (100, 300, False),
        (179, 300, False),
    ],
)
def test_steps_of_times_that_overlap_are_taken_once(journal, start_s, end_s, is_new):
    taken(journal, [walked(120, 180), walked(400, 460)])

    fresh = taken(journal, [walked(start_s, end_s)])

    assert bool(fresh.readings) is is_new
    assert fresh.overlapping == (not is_new)


def test_the_same_steps_again_are_no_overlap(journal):
    taken(journal, [walked(0, 60), walked(60, 60)])

    fresh = taken(journal, [walked(0, 60), walked(60, 60), walked(61, 61)])

    assert (fresh.again, fresh.overlapping, fresh.readings) == (2, 0, [walked(61, 61)])


def test_a_bad_record_is_put_aside_once(journal):
    one, other = BadRecord("value", 1, b"x"), BadRecord("time", 1, b"x")

    assert taken(journal, [], [one, other, one]).bad == [one, other]
    assert taken(journal, [], [one._replace(place=9)]).bad == []


def test_what_is_too_old_to_be_taken_is_forgotten(journal, path):
    taken(journal, [*pulses(1), walked(0, 60), *pulses(DAY_MS)])
    journal.forget_before(T0 + DAY_MS)

    db = apsw.Connection(str(path))
    counts = [db.execute(f"SELECT count(*) FROM {table}").get for table in ("instant", "walked")]  # noqa: S608 - our own names
    db.close()
    assert counts == [1, 0]


def test_it_holds_no_value_and_nobody_else_may_read_it(journal, path):
    taken(journal, pulses(1))

    db = apsw.Connection(str(path))
    columns = {row[1] for row in db.execute("PRAGMA table_info(instant)")}
    db.close()
    assert columns == {"device", "quantity", "hour", "offsets_ms"}
    assert path.stat().st_mode & 0o077 == 0


def test_a_damaged_journal_is_put_aside_and_begun_anew(path):
    path.write_bytes(b"no database at all" * 500)

    journal = open_journal(path)

    assert taken(journal, pulses(1)).readings == pulses(1)
    journal.close()
    assert len(list(path.parent.glob("imported.sqlite.damaged-*"))) == 1


def test_a_trial_changes_nothing(journal, path):
    taken(journal, pulses(1))

    trial = tried_journal(path)
    assert taken(trial, pulses(1, 2, 2)).readings == pulses(2)
    trial.close()

    assert taken(journal, pulses(2)).readings == pulses(2)


def test_a_trial_without_a_journal_has_all_before_it(tmp_path):
    trial = tried_journal(tmp_path / "none.sqlite")
    assert taken(trial, pulses(1)).readings == pulses(1)
    trial.close()
    assert list(tmp_path.iterdir()) == []


def test_closing_waits_for_a_thread_that_forgets(path):
    """As when a gateway is stopped in the first moments after its start."""
    db = apsw.Connection(str(path))
    open_journal(path).close()
    inside, go_on = threading.Event(), threading.Event()

    def in_the_middle():
        inside.set()
        go_on.wait()
        return False

    db.set_progress_handler(in_the_middle, 1)
    journal = Journal(db)
    forgetting = threading.Thread(target=journal.forget_before, args=(T0,))
    forgetting.start()
    inside.wait()
    failed = []

    def close():
        try:
            journal.close()
        except apsw.Error as error:
            failed.append(error)

    closing = threading.Thread(target=close)
    closing.start()
    closing.join(0.2)
    go_on.set()
    forgetting.join()
    closing.join()
    db.close()

    assert failed == []

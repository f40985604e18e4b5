"""The ledger against a plain loop over what a box has sealed, in any order and in any parts."""

import json
import random
import shutil
import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb
from typer.testing import CliRunner

from config.errors import Misconfigured, Unavailable
from scripts.commands.db import app
from storage import ledger
from storage.database import connect
from storage.dead_letters import mark_retried, store_dead_letter
from storage.migrate import MIGRATIONS_DIR, migrate
from tests.batches import a_gateway
from tests.ledgers import BOOT, NOON, a_spool, store
from tests.postgres import new_database

HOUR = timedelta(hours=1)
FROM, UNTIL = NOON - timedelta(days=30), NOON + timedelta(days=30)


@pytest.fixture
def database(postgres, template):
    """Of one kind: no table of the ledger is a hypertable anywhere."""
    with new_database(postgres.dsn, template=template) as dsn:
        yield dsn


def by_hour(conn):
    return {row.hour: row.counted for row in ledger.hours(conn, FROM, UNTIL)}


def state_of(conn):
    """All that the ledger says, but for numbers of rows and times of our own clock."""
    gaps = [gap._replace(opened_at=None) for gap in ledger.gaps(conn, limit=10_000)]
    found = [(one.kind, one.gateway, one.boot, one.seq) for one in ledger.findings(conn)]
    spools = conn.execute(
        "SELECT gateway_id, boot, first_seq, first_at, first_readings_before, is_beginning,"
        " last_seq, last_at, sealed_readings FROM ledger_spool ORDER BY gateway_id, boot"
    ).fetchall()
    losses = [
        conn.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4").fetchall()  # noqa: S608 - fixed
        for table in ("ledger_loss", "ledger_declared")
    ]
    return ledger.hours(conn, FROM, UNTIL), sorted(gaps), sorted(found), spools, losses


def missing_runs(everything, stored):
    """The plain loop: runs of batches that are not here and before the last one that is."""
    runs, run, here = [], [], {one.seq for one in stored}
    for one in everything:
        if one.seq > max(here):
            break
        if one.seq in here:
            runs += [run] if run else []
            run = []
        else:
            run.append(one)
    return runs


def test_a_whole_spool_balances_hour_by_hour(conn):
    sealed = a_spool([60, 0 + 1, 600, 7, 33] * 3)
    store(conn, a_gateway(conn), sealed)

    assert ledger.catch_up(conn) == len(sealed)

    for hour, counted in by_hour(conn).items():
        readings = sum(one.count for one in sealed if hour <= one.at < hour + HOUR)
        assert counted[:5] == (readings, readings, 0, 0, 0)
    assert ledger.gaps(conn) == []
    assert ledger.findings(conn) == []


def test_a_gap_says_how_many_readings_it_holds_and_closes_when_they_come(conn):
    gateway_id = a_gateway(conn)
    sealed = a_spool([10, 20, 30, 40, 50], every=timedelta(minutes=1))
    store(conn, gateway_id, [sealed[0], sealed[4]])
    ledger.catch_up(conn)

    (gap,) = ledger.gaps(conn)
    assert (gap.first_seq, gap.last_seq, gap.batches, gap.readings, gap.lost) == (1, 3, 3, 90, 0)
    assert by_hour(conn)[NOON][:5] == (150, 60, 0, 90, 0)

    store(conn, gateway_id, [sealed[2]])
    ledger.catch_up(conn)
    assert [(gap.first_seq, gap.last_seq, gap.readings) for gap in ledger.gaps(conn)] in (
        [(1, 1, 20), (3, 3, 40)],
        [(3, 3, 40), (1, 1, 20)],
    )
    assert len({gap.opened_at for gap in ledger.gaps(conn)}) == 1

    store(conn, gateway_id, [sealed[1], sealed[3]])
    ledger.catch_up(conn)
    assert ledger.gaps(conn) == []
    assert by_hour(conn)[NOON][:5] == (150, 150, 0, 0, 0)
    closed = conn.execute("SELECT count(*) FROM expected WHERE closed_at IS NOT NULL").fetchone()
    assert closed == (2,)


def test_what_nobody_can_know_is_unknown_and_not_zero(conn):
    sealed = a_spool([10, 20, 30], every=timedelta(minutes=1), says_count=False)
    store(conn, a_gateway(conn), [sealed[0], sealed[2]])
    ledger.catch_up(conn)

    (gap,) = ledger.gaps(conn)
    assert (gap.batches, gap.readings, gap.lost) == (1, None, None)
    counted = by_hour(conn)[NOON]
    assert (counted.expected, counted.stored, counted.unknown_batches) == (None, 40, 1)
    (box,) = ledger.boxes(conn, FROM, UNTIL)
    assert (box.counted.expected, box.on_box, box.is_online) == (None, None, None)


def test_declared_losses_explain_what_is_missing(conn):
    gateway_id = a_gateway(conn)
    sealed = a_spool([10, 20, 30, 40, 50, 60], every=timedelta(minutes=1))
    # 20 damaged after sealing, 40 refused and given up, and 5 damaged before they were sealed.
    sealed[5] = sealed[5]._replace(lost=(5, 20, 40))
    store(conn, gateway_id, [sealed[0], sealed[2], sealed[5]])
    ledger.catch_up(conn)

    assert sorted((gap.first_seq, gap.readings, gap.lost) for gap in ledger.gaps(conn)) == [
        (1, 20, 20),
        (3, 90, 40),
    ]
    assert by_hour(conn)[NOON][:5] == (215, 100, 65, 50, 0)

    # One of those declared lost is here after all: its receipt alone was lost.
    store(conn, gateway_id, [sealed[1], sealed[3]])
    ledger.catch_up(conn)
    assert by_hour(conn)[NOON][:5] == (215, 160, 55, 0, 0)


def test_the_first_batches_of_a_spool_may_be_missing(conn):
    sealed = a_spool([10, 20, 30])
    store(conn, a_gateway(conn), sealed[2:])
    ledger.catch_up(conn)

    (gap,) = ledger.gaps(conn)
    assert (gap.first_seq, gap.last_seq, gap.readings, gap.after_at) == (0, 1, 30, None)


def test_a_rebuilt_spool_goes_on_at_its_number_without_a_gap(conn):
    store(conn, a_gateway(conn), a_spool([10, 20], first_seq=500))
    ledger.catch_up(conn)

    assert ledger.gaps(conn) == []


def test_a_broken_chain_is_found_once_and_refuses_nothing(conn):
    gateway_id = a_gateway(conn)
    sealed = a_spool([10, 20, 30])
    sealed[2] = sealed[2]._replace(previous=bytes(32))
    store(conn, gateway_id, [sealed[2]])
    ledger.catch_up(conn)
    assert ledger.findings(conn) == []  # the one before it is not here yet

    store(conn, gateway_id, sealed[:2])
    ledger.catch_up(conn)
    ledger.count_anew(conn, patience_s=5)

    (found,) = ledger.findings(conn)
    assert (found.kind, found.boot, found.seq) == ("broken_chain", BOOT.hex(), 2)
    assert sum(row.stored for row in by_hour(conn).values()) == 60


def test_a_count_that_contradicts_the_batch_before_is_found(conn):
    sealed = a_spool([10, 20, 30])
    sealed[2] = sealed[2]._replace(before=29)
    store(conn, a_gateway(conn), sealed)
    ledger.catch_up(conn)

    assert [(one.kind, one.seq) for one in ledger.findings(conn)] == [("count_contradicts", 2)]


def test_a_fork_is_found_the_moment_its_letter_is_kept(conn):
    a_gateway(conn)
    for _time in range(2):
        store_dead_letter(conn, "adhere/v1/east/g1/live", "forked_spool", "", b"other bytes")

    (found,) = ledger.findings(conn, unseen=True)
    assert (found.kind, found.gateway) == ("forked_spool", "g1")
    assert found.dead_letter is not None

    assert ledger.boxes(conn, FROM, UNTIL)[0].findings == 1


@pytest.mark.parametrize(
    "sealed_at",
    [NOON + timedelta(days=900), datetime(1970, 1, 1, tzinfo=UTC)],
    ids=["future", "1970"],
)
def test_a_box_with_a_wrong_clock_is_put_into_the_hour_of_the_hub(conn, sealed_at):
    (sealed,) = a_spool([10])
    store(conn, a_gateway(conn), [sealed._replace(at=sealed_at)], came_at=NOON + HOUR / 2)
    ledger.catch_up(conn)

    assert by_hour(conn) == {NOON: (10, 10, 0, 0, 0, 1, 0, 0)}


def test_what_a_box_says_it_still_has_is_pending_until_it_comes(conn):
    gateway_id = a_gateway(conn)
    sealed = a_spool([10, 20, 30], every=timedelta(minutes=1))
    store(conn, gateway_id, sealed[:1])
    ledger.catch_up(conn)
    said = {"state": "online", "boot": BOOT.hex(), "sealed": 60, "unsealed": 7}
    conn.execute(
        "INSERT INTO gateway_state VALUES (%s, true, %s, %s, %s)",
        (gateway_id, NOON, NOON + timedelta(minutes=3), Jsonb(said)),
    )

    assert by_hour(conn)[NOON][:5] == (67, 10, 0, 57, 0)
    assert ledger.boxes(conn, FROM, UNTIL)[0].on_box == 57

    store(conn, gateway_id, sealed[1:])
    ledger.catch_up(conn)
    assert by_hour(conn)[NOON][:5] == (67, 60, 0, 7, 0)

    conn.execute("UPDATE gateway_state SET said = %s", (Jsonb({"sealed": "x"}),))
    assert ledger.boxes(conn, FROM, UNTIL)[0].on_box is None
    assert by_hour(conn)[NOON][:5] == (60, 60, 0, 0, 0)


@pytest.mark.parametrize("seed", range(6))
def test_in_any_order_and_in_any_parts_it_ends_as_the_plain_loop_says(conn, seed):
    dice = random.Random(seed)
    gateway_id = a_gateway(conn)
    everything = a_spool([dice.randint(1, 900) for _ in range(dice.randint(3, 60))])
    stored = [one for one in everything if dice.random() < dice.choice((0.4, 0.9))]
    stored = stored or everything[-1:]
    shuffled = dice.sample(stored, len(stored))
    while shuffled:
        cut = dice.randint(1, len(shuffled))
        store(conn, gateway_id, shuffled[:cut])
        shuffled = shuffled[cut:]
        if dice.random() < 0.7:
            conn.execute("SELECT ledger_catch_up(%s)", (dice.randint(1, 9),))
    ledger.catch_up(conn)

    runs = missing_runs(everything, stored)
    assert sorted((gap.first_seq, gap.last_seq, gap.readings) for gap in ledger.gaps(conn)) == [
        (run[0].seq, run[-1].seq, sum(one.count for one in run)) for run in runs
    ]
    rows = by_hour(conn).values()
    known = [one for one in everything if one.seq <= max(one.seq for one in stored)]
    assert sum(row.expected for row in rows) == sum(one.count for one in known)
    assert all(row.expected == row.stored + row.lost + row.pending for row in rows)
    assert sum(row.stored for row in rows) == sum(one.count for one in stored)

    before = state_of(conn)
    assert ledger.count_anew(conn, patience_s=5) == len(stored)
    assert state_of(conn) == before


def test_two_sessions_never_count_side_by_side(conn, database):
    store(conn, a_gateway(conn), a_spool([1]))
    with psycopg.connect(database) as other:
        other.execute("SELECT ledger_catch_up(10)")

        assert ledger.catch_up(conn) == 0
    assert ledger.catch_up(conn) == 0
    assert len(by_hour(conn)) == 1


def test_the_command_says_the_sum_gateway_by_gateway(conn, database):
    gateway_id = a_gateway(conn)
    now = datetime.now(UTC) - timedelta(minutes=30)
    sealed = [one._replace(at=now) for one in a_spool([10, 20, 30, 40])]
    sealed[3] = sealed[3]._replace(previous=bytes(32), lost=(0, 5, 0))
    store(conn, gateway_id, [sealed[0], sealed[2], sealed[3]])
    env = {"ADHERE_DATABASE_DSN": database}

    plain = CliRunner().invoke(app, ["ledger", "--gateway", "east/g1"], env=env)
    anew = CliRunner().invoke(app, ["ledger", "--anew", "--since", "2020-01-01", "--json"], env=env)
    nobody = CliRunner().invoke(app, ["ledger", "--gateway", "g2"], env=env)

    assert "100 = " in plain.stdout
    assert plain.exit_code == anew.exit_code == 1  # nobody has taken note of the broken chain
    said = json.loads(anew.stdout)
    (box,) = said["gateways"]
    assert [box[name] for name in ("expected", "stored", "lost", "pending")] == [100, 80, 5, 15]
    assert box["on_box"] is None
    assert [(gap["first_seq"], gap["readings"]) for gap in said["gaps"]] == [(1, 20)]
    assert [found["kind"] for found in said["findings"]] == ["broken_chain"]
    assert isinstance(nobody.exception, Misconfigured)


def test_a_gateway_that_says_more_than_is_read_is_told_once(conn):
    gateway_id = a_gateway(conn)
    sealed = a_spool([10, 20, 30])
    store(conn, gateway_id, sealed)
    conn.execute("UPDATE batch SET unread = '10.9 42' WHERE seq > 0")
    ledger.catch_up(conn)

    assert [(one.kind, one.seq) for one in ledger.findings(conn)] == [("unread_keys", 1)]


def test_no_count_of_a_box_can_break_the_ledger(conn):
    most = 2**63 - 1
    sealed = a_spool([10, 20, 30, 40])
    sealed[1] = sealed[1]._replace(before=most, lost=(most, most, most))
    sealed[3] = sealed[3]._replace(before=most - 1, lost=(most, most, most))
    store(conn, a_gateway(conn), [*sealed[:2], sealed[3]])

    ledger.catch_up(conn)

    (box,) = ledger.boxes(conn, FROM, UNTIL)
    assert (box.counted.expected, box.counted.stored, box.counted.lost) == (None, 70, 0)
    assert box.counted.unknown_batches == 1
    assert [one.kind for one in ledger.findings(conn)] == ["count_contradicts"]


HIGHEST = 2**63 - 1


def test_a_number_no_box_can_come_to_is_a_finding_and_the_ledger_counts_on(conn):
    gateway_id = a_gateway(conn)
    store(conn, gateway_id, a_spool([10, 20, 30]))
    ledger.catch_up(conn)
    for seq, boot in ((HIGHEST, bytes(16)), (HIGHEST - 3, b"a" * 16), (2**40, b"b" * 16)):
        wild = a_spool([5], first_seq=seq, says_count=False)[0]._replace(previous=bytes(32))
        store(conn, gateway_id, [wild], boot=boot)
    store(conn, gateway_id, a_spool([7, 8]), boot=b"1" * 16)

    assert ledger.catch_up(conn) == 5

    (box,) = ledger.boxes(conn, FROM, UNTIL)
    assert box.counted[:5] == (90, 90, 0, 0, 0)
    assert ledger.gaps(conn) == []
    assert [(one.kind, one.seq) for one in ledger.findings(conn)] == [
        ("number_too_high", 2**40),
        ("number_too_high", HIGHEST - 3),
        ("number_too_high", HIGHEST),
    ]
    before = state_of(conn)
    assert ledger.count_anew(conn, patience_s=5) == 8
    assert state_of(conn) == before


def test_a_ledger_that_one_number_had_stopped_counts_again(postgres, tmp_path):
    for path in sorted(MIGRATIONS_DIR.glob("*.sql")):
        if path.name < "0026":
            shutil.copy(path, tmp_path)
    with new_database(postgres.dsn, template="template0") as dsn, connect(dsn) as conn:
        migrate(conn, folder=tmp_path)
        gateway_id = a_gateway(conn)
        store(conn, gateway_id, a_spool([5], first_seq=HIGHEST - 3))
        conn.execute("SELECT ledger_catch_up(10)")
        store(conn, gateway_id, a_spool([5, 6], first_seq=HIGHEST - 1))
        with pytest.raises(psycopg.DataError):
            conn.execute("SELECT ledger_catch_up(10)")

        migrate(conn)
        store(conn, gateway_id, a_spool([7, 8]), boot=b"1" * 16)
        ledger.catch_up(conn)

        assert sum(row.stored for row in by_hour(conn).values()) == 31


def test_who_must_have_it_whole_waits_for_who_is_counting(conn, database):
    store(conn, a_gateway(conn), a_spool([1]))
    with psycopg.connect(database) as other:
        other.execute("SELECT ledger_catch_up(10)")
        store(conn, 1, a_spool([1, 2])[1:])

        with pytest.raises(Unavailable, match="being counted"):
            ledger.count_all(conn, patience_s=0.1)
        assert by_hour(conn) == {}
        threading.Timer(0.5, other.commit).start()
        assert ledger.count_all(conn, patience_s=30) == 1
    assert sum(row.stored for row in by_hour(conn).values()) == 3
    assert ledger.uncounted(conn) == 0


def test_counting_anew_shows_the_counts_of_before_until_it_is_done_and_stops_no_hub(conn, database):
    gateway_id = a_gateway(conn)
    sealed = a_spool([10, 20, 30, 40])
    store(conn, gateway_id, [sealed[0], sealed[2]])
    ledger.catch_up(conn)
    before = state_of(conn)
    with psycopg.connect(database) as other:
        other.execute("SET statement_timeout = '30s'")
        assert other.execute("SELECT ledger_anew()").fetchone() == (2,)
        conn.execute("SET statement_timeout = '5s'")  # nothing below waits for it
        store(conn, gateway_id, [sealed[3]])

        assert ledger.catch_up(conn) == 0
        assert state_of(conn) == before
        with pytest.raises(Unavailable):
            ledger.count_anew(conn, patience_s=0.1)
        other.commit()

    assert ledger.catch_up(conn) == 1
    assert sum(row.stored for row in by_hour(conn).values()) == 80


def stands(conn, gateway_id, *, online, sealed=60, at=NOON):
    """The box says how it stands; what it says of its spool stays when its last will comes."""
    said = {"state": "online", "boot": BOOT.hex(), "sealed": sealed, "unsealed": 7}
    conn.execute("DELETE FROM gateway_state")
    conn.execute(
        "INSERT INTO gateway_state VALUES (%s, %s, %s, %s, %s)",
        (gateway_id, online, at, at + timedelta(minutes=3), Jsonb(said)),
    )


def test_of_a_box_that_is_down_nobody_knows_what_it_has_sealed_since_its_last_batch(conn):
    gateway_id = a_gateway(conn)
    sealed = a_spool([10, 20, 30], every=HOUR)
    store(conn, gateway_id, sealed[:2])
    ledger.catch_up(conn)
    stands(conn, gateway_id, online=False, at=NOON + 2 * HOUR)

    assert {hour: row[:5] for hour, row in by_hour(conn).items()} == {
        NOON: (10, 10, 0, 0, 0),
        NOON + HOUR: (None, 20, 0, 0, 0),
        NOON + 2 * HOUR: (None, 0, 0, 37, 0),
    }
    (box,) = ledger.boxes(conn, FROM, UNTIL)
    assert (box.counted[:5], box.on_box) == ((None, 30, 0, 37, 0), 37)
    (before,) = ledger.boxes(conn, FROM, NOON + HOUR)
    assert before.counted[:5] == (10, 10, 0, 0, 0)
    (day, *_more) = ledger.days(conn, FROM, UNTIL, time_zone="UTC")
    assert day.counted.expected is None or day.day < (NOON + HOUR).date()

    stands(conn, gateway_id, online=True, at=NOON + 3 * HOUR)
    (box,) = ledger.boxes(conn, FROM, UNTIL)
    assert (box.counted[:5], box.on_box) == ((67, 30, 0, 37, 0), 37)


@pytest.mark.parametrize(("online", "expected"), [(True, 57), (False, None)])
def test_what_a_box_has_had_for_long_is_pending_today(conn, online, expected):
    gateway_id = a_gateway(conn)
    store(conn, gateway_id, a_spool([10]))
    ledger.catch_up(conn)
    stands(conn, gateway_id, online=online)

    (box,) = ledger.boxes(conn, NOON + 24 * HOUR, UNTIL)

    assert box.counted[:5] == (expected, 0, 0, 57, 0)


def test_a_wrong_clock_of_a_box_that_is_down_puts_its_word_into_the_hour_it_came(conn):
    gateway_id = a_gateway(conn)
    store(conn, gateway_id, a_spool([10]))
    ledger.catch_up(conn)
    stands(conn, gateway_id, online=False)
    conn.execute("UPDATE gateway_state SET said_at = '1970-01-01'")

    assert by_hour(conn)[NOON][:5] == (None, 10, 0, 57, 0)


def test_a_loss_explains_nothing_that_was_sealed_after_it_was_declared(conn):
    gateway_id = a_gateway(conn)
    sealed = [one._replace(lost=(0, 0, 10)) if one.seq >= 2 else one for one in a_spool([10] * 6)]
    store(conn, gateway_id, [sealed[0], sealed[2], sealed[3]])
    ledger.catch_up(conn)
    assert [gap.lost for gap in ledger.gaps(conn)] == [10]

    store(conn, gateway_id, [sealed[1], sealed[5]])  # 1 was stored by a retry; 4 is on its way
    ledger.catch_up(conn)

    assert [(gap.first_seq, gap.readings, gap.lost) for gap in ledger.gaps(conn)] == [(4, 10, 0)]
    assert ledger.boxes(conn, FROM, UNTIL)[0].counted[:5] == (60, 50, 0, 10, 0)


def test_what_was_given_up_and_then_stored_by_a_retry_explains_no_other_gap(conn):
    gateway_id = a_gateway(conn)
    letter = store_dead_letter(conn, "adhere/v1/east/g1/backlog", "database_refused", "", b"three")
    sealed = [one._replace(lost=(0, 0, 10)) if one.seq >= 4 else one for one in a_spool([10] * 6)]
    store(conn, gateway_id, [sealed[0], sealed[2], sealed[4]])  # 1 is on its way, 3 was given up
    ledger.catch_up(conn)
    store(conn, gateway_id, [sealed[3]])
    mark_retried(conn, letter, "stored", "", batch=(gateway_id, BOOT, 3))
    ledger.catch_up(conn)

    assert [(gap.first_seq, gap.readings, gap.lost) for gap in ledger.gaps(conn)] == [(1, 10, 0)]


def test_the_command_says_that_a_box_is_down_and_that_the_ledger_cannot_be_counted(conn, database):
    gateway_id = a_gateway(conn)
    store(conn, gateway_id, [a_spool([10])[0]._replace(at=datetime.now(UTC) - HOUR)])
    ledger.catch_up(conn)
    stands(conn, gateway_id, online=False)
    stop_the_ledger(conn)
    store(conn, gateway_id, a_spool([1, 2])[1:])

    run = CliRunner().invoke(app, ["ledger"], env={"ADHERE_DATABASE_DSN": database})

    assert run.exit_code == 1
    assert "expected unknown = stored 10" in run.stdout
    assert "down: it may have sealed more" in run.stdout
    assert "1 batches are in no sum" in run.stderr


def stop_the_ledger(conn):
    """From now on counting fails, as it would by a fault of ours."""
    conn.execute(
        "CREATE OR REPLACE FUNCTION ledger_catch_up(most integer) RETURNS integer"
        " LANGUAGE plpgsql AS 'BEGIN RETURN 9223372036854775807 + 1; END'"
    )

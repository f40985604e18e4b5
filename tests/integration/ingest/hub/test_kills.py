"""Every process killed at its worst moment: nothing lost, nothing doubled."""

import json
import random
import threading
import time
import uuid
from contextlib import contextmanager

import psycopg
import pytest

from config.errors import Misconfigured
from storage.database import connect
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from tests.boxes import listening
from tests.hubs import HubProcess, enrolled_box, hub_at_work, open_centre
from tests.patience import PATIENCE_S

COMMIT_GATE = 20_260_101
"""An advisory lock that a COMMIT of batches has to pass, once `gated` has put it in the way."""


def count(db, table):
    return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - our own names


def wait_until(condition, timeout_s=PATIENCE_S):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.005)


def whole(db, batches, rows_each=3):
    """Every batch once, with all of its rows."""
    held = db.execute("SELECT content_sha256, reading_count FROM batch").fetchall()
    assert sorted(name for name, _ in held) == sorted(name for _, name in batches)
    assert {rows for _, rows in held} == {rows_each}
    assert count(db, "heart_rate") == rows_each * len(batches)
    assert count(db, "batch_queue") == len(batches)


@contextmanager
def in_background(work):
    raised = []

    def run():
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again below, in the test's thread
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join(PATIENCE_S)
    assert not thread.is_alive()
    if raised:
        raise raised[0]


@contextmanager
def gated(db, dsn):
    """Hold back the COMMIT of every batch: yield (is one waiting?, let them go)."""
    db.execute(
        f"""
        CREATE FUNCTION pass_gate() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock_shared({COMMIT_GATE}); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER gate AFTER INSERT ON batch DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION pass_gate();
        """
    )
    with connect(dsn) as keeper:
        keeper.execute("SELECT pg_advisory_lock(%s)", (COMMIT_GATE,))

        def is_waiting():
            return (
                db.execute(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                ).fetchone()[0]
                > 0
            )

        yield is_waiting, lambda: keeper.execute("SELECT pg_advisory_unlock(%s)", (COMMIT_GATE,))


@pytest.fixture
def hub_process(database, broker, hub_keys, tmp_path):
    hub = HubProcess(tmp_path, database, broker, hub_keys).start()
    yield hub
    if hub.process.poll() is None:
        hub.stop()


@pytest.fixture
def own_postgres(server_folder):
    name = uuid.uuid4().hex[:8]
    with EmbeddedPostgres(server_folder / f"pg-{name}", base=server_folder / "base") as server:
        with connect(server.dsn) as conn:
            migrate(conn)
            open_centre(conn)
        yield server


def test_a_hub_killed_between_commit_and_receipt_doubles_nothing(
    hub_process, ear, box, db, database
):
    sealed, name = box.batch(0)
    with gated(db, database) as (is_waiting, let_go):
        ear.send(sealed)
        wait_until(is_waiting)  # the hub has said COMMIT, and hears no answer
        hub_process.freeze()  # nor will it
        let_go()
        wait_until(lambda: count(db, "batch") == 1)
        hub_process.kill()
    assert not ear.committed

    hub_process.start()
    ear.send_until_receipted([(sealed, name)])

    whole(db, [(sealed, name)])


def test_a_hub_killed_before_commit_loses_nothing(hub_process, ear, box, db, database):
    sealed, name = box.batch(0)
    with gated(db, database) as (is_waiting, let_go):
        ear.send(sealed)
        wait_until(is_waiting)
        hub_process.kill()
        db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'adhere-hub' AND datname = current_database()"
        )
        wait_until(lambda: not is_waiting())
        let_go()
    assert count(db, "batch") == 0

    hub_process.start()
    ear.send_until_receipted([(sealed, name)])

    whole(db, [(sealed, name)])


def test_sigterm_finishes_the_transaction_sends_its_receipt_and_exits_0(
    hub_process, ear, box, db, database
):
    sealed, name = box.batch(0)
    with gated(db, database) as (is_waiting, let_go):
        ear.send(sealed)
        wait_until(is_waiting)
        hub_process.process.terminate()
        let_go()
        code, out, err = hub_process.stop()
    ear.wait_for(name)

    assert code == 0, err
    report = json.loads(out)
    assert (report["stored"], report["readings"], report["receipts"]) == (1, 3, 1)
    assert set(report["parts"]) == {"verify", "unpack", "database", "receipts"}
    assert "hub_stopped" in err


def test_a_hub_told_to_stop_stores_what_the_broker_had_given_it(
    database, mosquitto, hub_keys, box, db
):
    batches = [box.batch(seq) for seq in range(40)]

    with listening(mosquitto, box, hub_keys.public.signing) as ear:
        with (
            hub_at_work(database, mosquitto, hub_keys) as hub,
            psycopg.connect(database) as holder,
        ):
            holder.execute("LOCK TABLE batch IN ACCESS EXCLUSIVE MODE")
            for number, (sealed, _) in enumerate(batches):
                ear.send(sealed, box.topic("backlog" if number % 4 == 0 else "live"))
            wait_until(lambda: hub.counters.received == len(batches))
            hub.stop.set()
        ear.wait_for(*(name for _, name in batches))  # sent once each

    whole(db, batches)
    assert hub.counters.duplicate == 0


def test_hubs_killed_at_random_moments_lose_and_double_nothing(hub_process, ear, box, db):
    batches = [box.batch(seq) for seq in range(600)]
    moments = random.Random(3)

    with in_background(lambda: ear.send_until_receipted(batches, resend_s=0.5)):
        for part in range(1, 5):
            wait_until(lambda part=part: count(db, "batch") > 50 * part)
            time.sleep(moments.uniform(0, 0.05))  # the moment is the test; nothing waits on it
            hub_process.kill()
            assert len(ear.committed) < len(batches)
            hub_process.start()

    whole(db, batches)


def test_a_broker_killed_and_restarted_loses_and_doubles_nothing(hub, broker, ear, box, db):
    batches = [box.batch(seq) for seq in range(200)]

    with in_background(lambda: ear.send_until_receipted(batches)):
        for part in (1, 2):
            wait_until(lambda part=part: len(ear.committed) >= 60 * part)
            broker.kill()
            assert len(ear.committed) < len(batches)
            broker.start()

    whole(db, batches)
    assert hub.counters.database_failures == 0


def test_a_database_killed_and_restarted_under_load_loses_and_doubles_nothing(
    own_postgres, mosquitto, hub_keys
):
    with connect(own_postgres.dsn) as conn:
        box = enrolled_box(conn)
    batches = [box.batch(seq) for seq in range(200)]

    with (
        hub_at_work(own_postgres.dsn, mosquitto, hub_keys) as hub,
        listening(mosquitto, box, hub_keys.public.signing) as ear,
        in_background(lambda: ear.send_until_receipted(batches)),
    ):
        for part in (1, 2):
            wait_until(lambda part=part: len(ear.committed) >= 40 * part)
            failures = hub.counters.database_failures
            own_postgres.kill()
            ear.send(batches[0][0])
            wait_until(lambda failures=failures: hub.counters.database_failures > failures)
            own_postgres.start()

    with connect(own_postgres.dsn) as conn:
        whole(conn, batches)


def test_a_database_that_is_away_at_the_start_is_waited_for(own_postgres, mosquitto, hub_keys):
    with connect(own_postgres.dsn) as conn:
        box = enrolled_box(conn)
    own_postgres.stop()

    with (
        hub_at_work(own_postgres.dsn, mosquitto, hub_keys) as hub,
        listening(mosquitto, box, hub_keys.public.signing) as ear,
    ):
        sealed, name = box.batch(0)
        ear.send(sealed)
        wait_until(lambda: hub.counters.database_failures > 1)
        assert not ear.committed
        own_postgres.start()
        ear.wait_for(name)


def test_a_full_buffer_drops_counts_and_lets_everything_in_later(
    database, amqtt, hub_keys, box, db
):
    batches = [box.batch(seq) for seq in range(60)]

    with (
        listening(amqtt, box, hub_keys.public.signing) as ear,
        hub_at_work(database, amqtt, hub_keys, buffer_messages=2, hold_s=0.01) as hub,
    ):
        with psycopg.connect(database) as holder:
            holder.execute("LOCK TABLE batch IN ACCESS EXCLUSIVE MODE")
            for sealed, _ in batches:
                ear.send(sealed)
            # A broker of 3.1.1 is told of no window; more than its own ends the test otherwise.
            wait_until(lambda: hub.counters.dropped > 40)
        ear.send_until_receipted(batches)

    whole(db, batches)


def test_a_broker_that_refuses_the_password_is_said_at_once(database, amqtt, hub_keys):
    amqtt.password = "another"  # noqa: S105 - wrong on purpose

    with (
        pytest.raises(Misconfigured, match="ADHERE_BROKER_PASSWORD"),
        hub_at_work(database, amqtt, hub_keys),
    ):
        pass


def test_a_retained_message_is_no_news(box, ear, database, broker, hub_keys, db):
    sealed, name = box.batch(0)
    again, later = box.batch(1)
    ear.send(sealed, retain=True)

    with hub_at_work(database, broker, hub_keys) as working:
        ear.send(again)
        ear.wait_for(later)

    assert name not in ear.committed
    # The embedded broker now and then gives it to a connection that has not asked for it, too.
    assert working.counters.ignored >= 1
    assert count(db, "batch") == 1

"""What stays, how, and how long: compressed, dropped, purged; each once, and nothing else."""

import dataclasses
import threading
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from config.district_settings import StorageSettings
from config.errors import Unavailable
from config.retention import load_retention
from storage.audit import entries
from storage.database import alone_with_days, connect, exclusively, snapshot
from storage.dead_letters import store_dead_letter
from storage.ingest import store_batches
from storage.people import assign_device
from storage.queries import query
from storage.reading_tables import TABLE_OF
from storage.retention import (
    Applied,
    Policies,
    apply_policies,
    drop_day,
    last_day_gone,
    policies_of,
    reading_days,
    state,
)
from storage.roles import Role
from tests.batches import DAY_MS, T0_MS, a_batch, a_gateway, a_patient, columns

DAY_ONE = date(2016, 4, 12)
NOTHING = Applied()
NEVER = Policies(compress_after_days=None, retain_readings_days=None, purge_unowned_after_days=30)


def at(day, hour=3):
    """The moment a night's policies run, so many days after the first day of readings."""
    return datetime(2016, 4, 12, hour, tzinfo=UTC) + timedelta(days=day)


def utc(ms):
    return datetime.fromtimestamp(ms / 1000, UTC)


def hear(conn, seq, ats, *, device="AA", quantity="heart_rate_bpm", gateway="g1"):
    """Store a batch of one band, as if it had come on the day of its last reading."""
    part = columns(ats, [60 + n % 40 for n in range(len(ats))], quantity=quantity)
    batch = a_batch(a_gateway(conn, gateway), seq, part, devices=(device,), sealed_utc_ms=max(ats))
    store_batches(conn, [batch])


def night(conn, came):
    """Do of a night what is this test's: claim what was touched. It all came on that day."""
    conn.execute("UPDATE batch SET committed_at = %s WHERE committed_at > %s", (came, came))
    with conn.transaction():
        conn.execute("CREATE TEMPORARY TABLE claimed ON COMMIT DROP AS SELECT * FROM touched")
        conn.execute("DELETE FROM touched")
        conn.execute(query("note_unowned_spans"))


def stored(conn, table="heart_rate"):
    rows = conn.execute(
        f"SELECT device_key, (extract(epoch FROM at) * 1000)::bigint FROM {table}"  # noqa: S608 - fixed
        " JOIN device ON device.id = device_id ORDER BY 1, 2"
    )
    return [(key, int(ms) - T0_MS) for key, ms in rows.fetchall()]


def apply(conn, day, **asked):
    return apply_policies(conn, dataclasses.replace(NEVER, **asked), now=at(day), actor="nightly")


@pytest.fixture
def compresses(conn):
    return state(conn).compresses


def test_days_are_compressed_once_and_again_when_touched(conn, compresses):
    ats = [T0_MS + n * 1000 for n in range(2_000)]
    hear(conn, 1, ats)
    hear(conn, 2, [T0_MS + DAY_MS])

    first = apply(conn, 22, compress_after_days=21)
    again = apply(conn, 22, compress_after_days=21)

    assert first == Applied(compressed_days=1 if compresses else 0)
    assert again == NOTHING
    states = [(one.day, one.state) for one in reading_days(conn)]
    assert states == [
        (DAY_ONE, "compressed" if compresses else "open"),
        (DAY_ONE + timedelta(days=1), "open"),
    ]

    hear(conn, 3, [T0_MS + 500])
    assert stored(conn) == [
        ("AA", ms - T0_MS) for ms in sorted([*ats, T0_MS + 500, T0_MS + DAY_MS])
    ]
    if compresses:
        assert reading_days(conn)[0].state == "touched"
    assert apply(conn, 22, compress_after_days=21).compressed_days == (1 if compresses else 0)
    assert reading_days(conn)[0].state == ("compressed" if compresses else "open")
    assert stored(conn) == [
        ("AA", ms - T0_MS) for ms in sorted([*ats, T0_MS + 500, T0_MS + DAY_MS])
    ]


def test_days_are_dropped_by_policy_with_the_signed_bytes_that_came_in_them(conn):
    for seq, quantity in enumerate(sorted(TABLE_OF)):
        hear(conn, seq, [T0_MS], quantity=quantity)
    hear(conn, 10, [T0_MS + DAY_MS])
    conn.execute("UPDATE batch SET committed_at = %s WHERE seq < 10", (utc(T0_MS + 1000),))
    conn.execute("UPDATE batch SET committed_at = %s WHERE seq = 10", (utc(T0_MS + DAY_MS),))

    kept = apply(conn, 1_000, retain_readings_days=1_000)
    dropped = apply(conn, 1_001, retain_readings_days=1_000)
    again = apply(conn, 1_001, retain_readings_days=1_000)

    assert (kept, again) == (NOTHING, NOTHING)
    assert dropped == Applied(dropped_days=1, dropped_payloads=len(TABLE_OF))
    assert {one.day for one in reading_days(conn)} == {DAY_ONE + timedelta(days=1)}
    assert stored(conn) == [("AA", DAY_MS)]
    assert conn.execute("SELECT count(*) FROM batch_payload").fetchone() == (1,)
    assert conn.execute("SELECT count(*) FROM batch").fetchone() == (len(TABLE_OF) + 1,)
    assert last_day_gone(conn) == DAY_ONE
    actions = [(entry.action, entry.subject) for entry in entries(conn, actor="nightly")]
    assert actions == [("drop_payloads", "batches"), ("drop_readings", str(DAY_ONE))]


def test_with_an_archive_a_day_waits_for_its_export_and_so_do_its_signed_bytes(conn):
    hear(conn, 1, [T0_MS])
    conn.execute("UPDATE batch SET committed_at = %s", (utc(T0_MS),))

    done = apply_policies(
        conn,
        dataclasses.replace(NEVER, retain_readings_days=1_000),
        now=at(2_000),
        actor="nightly",
        archive=True,
    )

    assert done == Applied(not_exported_days=1)
    assert stored(conn) == [("AA", 0)]
    assert conn.execute("SELECT count(*) FROM batch_payload").fetchone() == (1,)


def test_a_day_somebody_works_on_is_left_for_the_next_time(conn, database, monkeypatch):
    monkeypatch.setattr("storage.retention.WAIT_S", 1)
    monkeypatch.setattr("storage.retention.TRIES", 1)
    hear(conn, 1, [T0_MS])
    with connect(database) as other, snapshot(other):
        busy = apply(conn, 1_001, retain_readings_days=1_000)

        assert busy == Applied(busy_steps=1)
        assert stored(conn) == [("AA", 0)]

    assert apply(conn, 1_001, retain_readings_days=1_000).dropped_days == 1


def test_only_one_is_at_work(conn, database):
    with (
        connect(database) as other,
        exclusively(other, "nightly"),
        pytest.raises(Unavailable, match="another nightly run"),
    ):
        apply(conn, 22, compress_after_days=21)


def test_a_dropped_day_is_made_anew_where_something_comes(conn):
    hear(conn, 1, [T0_MS])
    assert drop_day(conn, DAY_ONE, actor="nightly") is True
    assert drop_day(conn, DAY_ONE, actor="nightly") is False

    hear(conn, 2, [T0_MS + 7])

    assert stored(conn) == [("AA", 7)]


@pytest.mark.parametrize("packed", [False, True])
def test_readings_of_nobody_go_when_their_days_are_over_and_no_sooner(conn, compresses, packed):
    a_patient(conn, "p1", "AA", worn_from=utc(T0_MS + 1000), worn_until=utc(T0_MS + 3000))
    for seq, quantity in enumerate(sorted(TABLE_OF)):
        hear(conn, seq, [T0_MS + n * 500 for n in range(8)], quantity=quantity)
    hear(conn, 20, [T0_MS, T0_MS + 1], device="BB")
    night(conn, at(0))
    if packed:
        apply(conn, 22, compress_after_days=21)
        assert not compresses or {one.state for one in reading_days(conn)} == {"compressed"}

    assert apply(conn, 30).purged_readings == 0
    done = apply(conn, 31)

    assert (done.purged_readings, done.purged_bands, done.purged_payloads) == (5 * 4 + 2, 2, 1)
    for table in TABLE_OF.values():
        assert stored(conn, table) == [("AA", 1000), ("AA", 1500), ("AA", 2000), ("AA", 2500)]
    assert apply(conn, 31) == NOTHING
    noted = [
        (entry.subject, entry.detail["readings"]) for entry in entries(conn, action="purge_unowned")
    ]
    assert sorted(count for _who, count in noted) == [2, 20]
    assert "AA" not in str(noted)
    assert conn.execute("SELECT sum(readings), count(*) FROM purged").fetchone() == (22, 6)
    # Batches of which something is left keep their signed bytes; all stay in the ledger.
    assert conn.execute("SELECT count(*) FROM batch_payload").fetchone() == (5,)
    assert conn.execute("SELECT count(*) FROM batch").fetchone() == (6,)


def test_what_is_assigned_late_stays(conn):
    hear(conn, 1, [T0_MS, T0_MS + 1000, T0_MS + 2000])
    night(conn, at(0))
    a_patient(conn, "p1", "AA", worn_from=utc(T0_MS + 1000), worn_until=utc(T0_MS + 2000))

    assert apply(conn, 31).purged_readings == 2

    assert stored(conn) == [("AA", 1000)]


def test_what_comes_later_waits_for_its_own_days(conn):
    hear(conn, 1, [T0_MS])
    night(conn, at(0))
    hear(conn, 2, [T0_MS + 1], gateway="g2")
    night(conn, at(10))

    assert apply(conn, 31).purged_readings == 1
    assert stored(conn) == [("AA", 1)]
    assert apply(conn, 41).purged_readings == 1


def test_what_an_assignment_leaves_to_nobody_waits_from_that_day(conn):
    a_patient(conn, "p1", "AA", worn_from=utc(T0_MS))
    hear(conn, 1, [T0_MS, T0_MS + 1000])
    night(conn, at(0))
    assert conn.execute("SELECT count(*) FROM unowned_span").fetchone() == (0,)

    conn.execute(
        "UPDATE device_assignment SET worn = tstzrange(lower(worn), %s)", (utc(T0_MS + 1000),)
    )

    # The database notes it by its own clock, which is today's.
    assert apply(conn, 31) == NOTHING
    conn.execute("UPDATE unowned_span SET came_on = %s", (date(2016, 4, 13),))
    assert apply(conn, 31) == NOTHING
    assert apply(conn, 32).purged_readings == 1
    assert stored(conn) == [("AA", 0)]


def test_an_assignment_that_is_being_written_is_waited_for(conn, database):
    hear(conn, 1, [T0_MS])
    night(conn, at(0))
    a_patient(conn, "p1")
    done = []
    with connect(database) as staff:
        with staff.transaction():
            assign_device(staff, device_key="AA", patient="p1", worn_from=utc(T0_MS))
            purging = threading.Thread(target=lambda: done.append(apply(conn, 31)))
            purging.start()
            purging.join(0.5)
            assert purging.is_alive()
        purging.join()

    assert done == [NOTHING]
    assert stored(conn) == [("AA", 0)]


def test_a_repeat_that_nobody_counts_goes_with_its_reading(conn):
    hear(conn, 1, [T0_MS])
    night(conn, at(0))
    conn.execute(
        "INSERT INTO said_again SELECT 'heart_rate', id, 5, %s, 60, 0 FROM device", (utc(T0_MS),)
    )

    apply(conn, 31)

    assert conn.execute("SELECT count(*) FROM said_again").fetchone() == (0,)


def test_what_is_in_quarantine_goes_where_nobody_ever_wore_the_band(conn):
    a_patient(conn, "p1", "AA")
    hear(conn, 1, [0, T0_MS])
    hear(conn, 2, [0, T0_MS], device="BB")
    night(conn, at(0))

    done = apply(conn, 31)

    assert (done.purged_readings, done.purged_quarantined) == (1, 1)
    assert conn.execute("SELECT device_key FROM quarantined_reading").fetchall() == [("AA",)]
    assert apply(conn, 31) == NOTHING


def test_nothing_is_purged_where_assignments_are_hidden(conn):
    a_patient(conn, "p1", "AA", worn_from=utc(T0_MS))
    hear(conn, 1, [T0_MS])
    conn.execute(
        "INSERT INTO unowned_span (device_id, came_on, until_batch_id, during)"
        " SELECT device.id, %s, batch.id, tstzrange(NULL, NULL) FROM device, batch",
        (DAY_ONE,),
    )
    (owner,) = conn.execute("SELECT current_user").fetchone()
    conn.execute("CREATE ROLE test_owner")
    try:
        conn.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO test_owner")
        conn.execute("GRANT USAGE, CREATE ON SCHEMA public TO test_owner")
        conn.execute("ALTER FUNCTION purge_unowned OWNER TO test_owner")

        hidden = hides(conn)
        conn.execute(f'GRANT "{owner}" TO test_owner')

        assert hidden
        assert not hides(conn)
        assert stored(conn) == [("AA", 0)]
    finally:
        conn.execute(f'ALTER FUNCTION purge_unowned OWNER TO "{owner}"')
        conn.execute("DROP OWNED BY test_owner")
        conn.execute("DROP ROLE test_owner")


def hides(conn):
    """Say whether the purge refuses to work for what it cannot see."""
    try:
        conn.execute("SELECT purge_unowned(id, '2100-01-01') FROM device")
    except psycopg.errors.InsufficientPrivilege:
        return True
    return False


@pytest.mark.parametrize("role", [Role.CORE, Role.OPERATOR])
def test_the_roles_that_do_it_may_and_others_may_not(conn, database, role):
    hear(conn, 1, [T0_MS, T0_MS + DAY_MS])
    night(conn, at(0))
    with connect(database, role=role) as mine:
        done = apply(mine, 31, compress_after_days=21, retain_readings_days=31)

    assert done.dropped_days == 0
    assert done.purged_readings == 2
    for other in set(Role) - {Role.CORE, Role.OPERATOR}:
        with connect(database, role=other) as theirs:
            for call in (
                "SELECT drop_reading_day('2016-04-12')",
                "SELECT purge_unowned(1, '2100-01-01')",
                "SELECT compress_reading_day('heart_rate', '2016-04-12')",
                "SELECT drop_payloads('2100-01-01', 1)",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    theirs.execute(call)


def test_no_other_table_can_be_compressed(conn):
    assert conn.execute("SELECT compress_reading_day('patient', '2016-04-12')").fetchone() == (
        False,
    )


def test_days_are_changed_outside_a_transaction_alone(conn):
    with conn.transaction(), pytest.raises(RuntimeError), alone_with_days(conn):
        pass


def test_the_bytes_of_dead_letters_go_and_the_letters_stay(conn):
    a_gateway(conn)
    for name in (b"old", b"new"):
        store_dead_letter(conn, "adhere/v1/east/g1/live", "unknown_key", "", name)
    conn.execute("UPDATE dead_letter SET first_seen_at = %s WHERE bytes = 'old'", (at(0),))
    conn.execute("UPDATE dead_letter SET first_seen_at = %s WHERE bytes = 'new'", (at(1),))
    policies = dataclasses.replace(NEVER, drop_letters_after_days=90)

    done = [apply_policies(conn, policies, now=at(90, 4), actor="nightly") for _time in range(2)]

    assert done == [Applied(dropped_letters=1), NOTHING]
    assert conn.execute(
        "SELECT bytes, bytes_dropped_at IS NULL, full_length FROM dead_letter ORDER BY id"
    ).fetchall() == [(None, False, 3), (b"new", True, 3)]
    (entry,) = entries(conn, actor="nightly")
    assert (entry.action, entry.subject) == ("drop_letter_bytes", "dead letters")


def test_the_bytes_of_dead_letters_do_not_outlive_what_the_law_lets_them():
    policies = policies_of(StorageSettings())

    assert policies.drop_letters_after_days == load_retention().dead_letter_bytes.value

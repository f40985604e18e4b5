"""Migrations: once, in order, all or nothing, and never edited."""

import threading

import pytest

from config.errors import Misconfigured, Unavailable
from storage import migrate as module
from storage.database import connect, exclusively, snapshot
from storage.dead_letters import latest
from storage.migrate import EditedMigration, NewerDatabase, migrate, require_current, status
from tests.postgres import new_database


@pytest.fixture
def empty(postgres):
    with new_database(postgres.dsn) as dsn:
        yield dsn


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (x integer); -- 100 % plain SQL")
    (tmp_path / "0002_two.sql").write_text("CREATE TABLE two (x integer); INSERT INTO two SELECT 2")
    return tmp_path


def tables(conn):
    return [
        name
        for (name,) in conn.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        )
    ]


def test_each_migration_is_run_once(empty, folder):
    with connect(empty) as conn:
        assert status(conn, folder=folder) == ((), ("0001_one.sql", "0002_two.sql"))

        assert migrate(conn, folder=folder) == ["0001_one.sql", "0002_two.sql"]
        assert migrate(conn, folder=folder) == []

        assert status(conn, folder=folder) == (("0001_one.sql", "0002_two.sql"), ())
        assert conn.execute("SELECT x FROM two").fetchall() == [(2,)]


def test_an_edited_migration_is_an_error_and_nothing_more_is_run(empty, folder):
    with connect(empty) as conn:
        migrate(conn, folder=folder)
        (folder / "0001_one.sql").write_text("CREATE TABLE one (y integer)")
        (folder / "0003_three.sql").write_text("CREATE TABLE three (x integer)")

        with pytest.raises(EditedMigration, match=r"0001_one\.sql"):
            migrate(conn, folder=folder)

        assert "three" not in tables(conn)


def test_a_failing_migration_leaves_nothing_of_itself_and_keeps_those_before(empty, folder):
    (folder / "0003_three.sql").write_text("CREATE TABLE three (x integer); SELECT 1 / 0")
    with connect(empty) as conn:
        with pytest.raises(Exception, match="DivisionByZero"):
            migrate(conn, folder=folder)

        assert tables(conn) == ["migration", "one", "two"]
        (folder / "0003_three.sql").write_text("CREATE TABLE three (x integer)")
        assert migrate(conn, folder=folder) == ["0003_three.sql"]


def test_a_database_newer_than_the_program_is_refused(empty, folder):
    with connect(empty) as conn:
        migrate(conn, folder=folder)
        (folder / "0002_two.sql").unlink()

        with pytest.raises(NewerDatabase, match=r"0002_two\.sql.*newer program"):
            migrate(conn, folder=folder)


def test_prescriptions_and_weeks_of_before_say_the_same_beyond_one_zone(empty, tmp_path):
    for path in module.MIGRATIONS_DIR.glob("*.sql"):
        if path.name < "0011":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with connect(empty) as conn:
        migrate(conn, folder=tmp_path)
        conn.execute(
            """
            INSERT INTO organisation (kind, code, name) VALUES ('centre', 'c', 'C');
            INSERT INTO staff (organisation_id, code, role, name)
            VALUES (1, 'd', 'family_doctor', 'D');
            INSERT INTO patient (pseudonym, centre_id, family_doctor_id) VALUES ('p', 1, 1);
            INSERT INTO enrolment (case_label, patient_id, mode, starts_on)
            VALUES ('p', 1, 'worn', '2026-11-02');
            INSERT INTO prescription (enrolment_id, version, effective, frozen_on, zone_lo_pct,
                zone_hi_pct, session_min, sessions_per_week, weekly_min)
            VALUES (1, 1, '[2026-11-02,)', '2026-11-02', 40, 60, 30, 3, 90);
            INSERT INTO week VALUES (
                1, '2026-11-02', 1, 600, 5, true, 1, 1, 1, 36, 36, 0, 36, 0.33, 0.4, 0.4, null,
                null, false, 33, 'not_met', null, 'c1', '', '2026-11-08'
            );
            """
        )

        migrate(conn)

        assert conn.execute(
            "SELECT intensity_kind, zone_lo, zone_hi, day_adds_up, rest_days, resistance_per_week"
            " FROM prescription"
        ).fetchall() == [("hrr", 40, 60, False, 0, None)]
        assert conn.execute(
            "SELECT adherence_pct, aerobic_pct, resistance_pct, balance_pct, steps_pct FROM week"
        ).fetchall() == [(33, 33, None, None, None)]


def test_two_programs_at_once_migrate_one_after_the_other(empty):
    applied = []
    barrier = threading.Barrier(2)

    def work():
        with connect(empty) as conn:
            barrier.wait()
            applied.append(migrate(conn))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(len, applied)) == [0, len(list(module.MIGRATIONS_DIR.glob("*.sql")))]


def test_a_database_that_lacks_migrations_says_what_to_run(empty):
    with connect(empty) as conn, pytest.raises(Misconfigured, match="adhere db migrate"):
        require_current(conn)


def test_a_current_database_is_taken(conn):
    require_current(conn)


def test_migrations_are_numbered_without_a_gap():
    names = sorted(path.name for path in module.MIGRATIONS_DIR.iterdir())

    assert [name[:5] for name in names] == [f"{n:04}_" for n in range(1, len(names) + 1)]


def test_missing_tables_say_what_to_run(empty):
    with connect(empty) as conn, pytest.raises(Misconfigured, match="adhere db migrate"):
        latest(conn)


def test_a_snapshot_does_not_see_or_take_what_is_committed_meanwhile(database):
    with connect(database) as mine, connect(database) as other:
        other.execute("INSERT INTO device (device_key) VALUES ('AA')")
        with snapshot(mine):
            assert mine.execute("SELECT count(*) FROM device").fetchone() == (1,)
            other.execute("INSERT INTO device (device_key) VALUES ('BB')")

            mine.execute("DELETE FROM device")

        assert mine.execute("SELECT device_key FROM device").fetchall() == [("BB",)]


def test_two_snapshots_that_take_the_same_rows_do_not_both_succeed(database):
    with connect(database) as mine, connect(database) as other:
        mine.execute("INSERT INTO device (device_key) VALUES ('AA')")

        def take_what_the_other_took():
            with snapshot(mine):
                mine.execute("SELECT FROM device")
                other.execute("DELETE FROM device")
                mine.execute("DELETE FROM device")

        with pytest.raises(Unavailable, match="40001"):
            take_what_the_other_took()


def test_exclusive_work_is_one_sessions_at_a_time(database):
    with connect(database) as mine, connect(database) as other:
        with exclusively(mine, "night") as is_mine, exclusively(other, "night") as is_others:
            assert (is_mine, is_others) == (True, False)
            with exclusively(other, "day") as is_free:
                assert is_free
        with exclusively(other, "night") as is_others:
            assert is_others


@pytest.mark.parametrize("dsn", ["nonsense", "postgresql://[::1"])
def test_a_dsn_that_cannot_be_read_is_a_misconfiguration_and_is_not_shown(dsn):
    with pytest.raises(Misconfigured) as caught:
        connect(dsn)

    assert dsn not in str(caught.value)


def test_a_server_that_is_away_is_unavailable(tmp_path):
    with pytest.raises(Unavailable):
        connect(f"postgresql://someone:secret@/x?host={tmp_path}")


def test_a_wrong_password_is_unavailable_and_not_shown(postgres):
    dsn = postgres.dsn.replace("postgresql://adhere:", "postgresql://adhere:wrong-secret")

    with pytest.raises(Unavailable) as caught:
        connect(dsn)

    assert "wrong-secret" not in str(caught.value)

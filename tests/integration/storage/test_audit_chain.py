"""The audit trail cannot be changed, and who changes it all the same is found."""

import json
import threading
from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from config.errors import Misconfigured, Unavailable
from scripts.db.audit import audit
from storage.audit import note
from storage.audit_chain import Anchor, newest, seal, verify
from storage.database import connect, snapshot
from storage.queries import query
from storage.roles import Role
from tests.patience import PATIENCE_S
from tests.postgres import new_database

ADD_BEFORE_THE_FIRST = (
    "INSERT INTO audit (id, actor, action, subject)"
    " OVERRIDING SYSTEM VALUE VALUES (-7, 'd1', 'x', 'p')"
)


@pytest.fixture
def database(postgres, template):
    """Plain PostgreSQL alone: the trail is the same with TimescaleDB."""
    with new_database(postgres.dsn, template=template) as dsn:
        yield dsn


def write(conn, *subjects):
    for subject in subjects:
        note(conn, actor="d1", action="read_patient", subject=subject, detail={"名": 1.50, "b": []})


@contextmanager
def tampering(conn):
    """As who owns the tables and stops at nothing."""
    conn.execute("ALTER TABLE audit DISABLE TRIGGER refuse_change")
    conn.execute("ALTER TABLE audit_block DISABLE TRIGGER refuse_change")
    yield
    conn.execute("ALTER TABLE audit ENABLE ALWAYS TRIGGER refuse_change")
    conn.execute("ALTER TABLE audit_block ENABLE ALWAYS TRIGGER refuse_change")


def three_blocks(conn):
    """Rows 1 to 3, 4 to 6 and 7 to 9."""
    for _ in range(3):
        write(conn, "p1", "p2", "王秀英, 1:x")
        assert seal(conn) == 1


def test_what_was_written_is_sealed_once_and_found_whole(conn):
    assert (seal(conn), newest(conn), verify(conn).anchor) == (0, None, None)
    three_blocks(conn)
    write(conn, "p3")

    looked = verify(conn, newest(conn))

    assert looked == (3, 9, 1, newest(conn), ())
    assert seal(conn) == 1
    assert seal(conn) == 0
    assert Anchor.read(str(newest(conn))) == newest(conn)
    assert newest(conn).number == 4


def test_many_rows_are_sealed_in_several_blocks(conn):
    conn.execute(
        "INSERT INTO audit (actor, action, subject)"
        " SELECT 'd1', 'x', n FROM generate_series(1, 25) AS n"
    )

    conn.execute("SELECT seal_audit(10)")

    assert [b[0] for b in conn.execute("SELECT to_id FROM audit_block ORDER BY 1")] == [10, 20, 25]
    assert verify(conn).faults == ()


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        ("UPDATE audit SET subject = 'p9' WHERE id = 5", ("edited", 2, 4, 6)),
        ("UPDATE audit SET at = at - interval '1 us' WHERE id = 4", ("edited", 2, 4, 6)),
        ("""UPDATE audit SET detail = '{"b": []}' WHERE id = 4""", ("edited", 2, 4, 6)),
        ("DELETE FROM audit WHERE id = 6", ("removed", 2, 4, 6)),
        ("DELETE FROM audit WHERE id BETWEEN 4 AND 6", ("removed", 2, 4, 6)),
        (ADD_BEFORE_THE_FIRST, ("added", 1, 1, 3)),
        ("UPDATE audit_block SET sealed_at = sealed_at - interval '1 day' WHERE number = 2",
         ("edited", 2, 4, 6)),
        ("UPDATE audit_block SET sha256 = sha256('x') WHERE number = 3", ("edited", 3, 7, 9)),
    ],
)  # fmt: skip
def test_an_edited_removed_or_added_row_is_found_by_its_block(conn, tamper, found):
    three_blocks(conn)
    with tampering(conn):
        conn.execute(tamper)

    assert verify(conn).faults == (found,)


def test_a_block_that_is_gone_is_missed(conn):
    three_blocks(conn)
    with tampering(conn):
        conn.execute("DELETE FROM audit_block WHERE number = 2")

    assert [fault[:2] for fault in verify(conn).faults] == [("block_missing", 3), ("added", 3)]


def test_a_chain_written_anew_is_found_by_an_anchor_on_paper(conn):
    three_blocks(conn)
    printed = newest(conn)
    with tampering(conn):
        conn.execute("UPDATE audit SET subject = 'p9' WHERE id = 5")
        conn.execute("DELETE FROM audit_block WHERE number >= 2")
    seal(conn)
    with tampering(conn):
        conn.execute("DELETE FROM audit WHERE id > 6")  # and the end of it cut off

    assert verify(conn, printed).faults[-1] == ("other_anchor", 3, 0, 0)


def reported(conn):
    """A night whose cover names the newest block, as the night itself writes it."""
    anchor = newest(conn)
    conn.execute(
        query("put_run"),
        {
            **dict.fromkeys(("data_until", "quality", "uncounted_batches")),
            **dict.fromkeys(("batches", "readings", "quarantined", "dead_letters"), 0),
            **dict.fromkeys(("workbook_name", "method_version"), "x"),
            **dict.fromkeys(("workbook_sha256", "input_sha256"), bytes(32)),
            "night": "2026-11-20",
            "revision": 1,
            "language": "en",
            "started_at": "2026-11-21T00:00:00Z",
            "audit_block": anchor.number,
        },
    )
    return anchor


def test_an_end_that_was_cut_off_is_found_by_the_report_that_named_it(conn, database):
    three_blocks(conn)
    assert reported(conn) == newest(conn)
    assert verify(conn).faults == ()
    conn.execute("SET session_replication_role = replica")  # a night holds to its block otherwise
    with tampering(conn):
        conn.execute("DELETE FROM audit WHERE id > 3")
        conn.execute("DELETE FROM audit_block WHERE number >= 2")
    conn.execute("SET session_replication_role = origin")

    with connect(database, role=Role.AUDITOR) as auditor:
        assert verify(auditor).faults == (("reported_anchor", 3, 0, 0),)


def test_an_end_that_nothing_names_is_cut_off_unseen(conn):
    """Said openly in docs/howto/restore.md: only a kept anchor finds it."""
    three_blocks(conn)
    kept = newest(conn)
    with tampering(conn):
        conn.execute("DELETE FROM audit WHERE id > 3")
        conn.execute("DELETE FROM audit_block WHERE number >= 2")

    assert verify(conn).faults == ()
    assert verify(conn, kept).faults == (("other_anchor", 3, 0, 0),)


def test_a_chain_written_anew_is_found_by_the_report_that_named_it(conn):
    three_blocks(conn)
    reported(conn)
    conn.execute("SET session_replication_role = replica")
    with tampering(conn):
        conn.execute("UPDATE audit SET subject = 'p9' WHERE id = 8")
        conn.execute("DELETE FROM audit_block WHERE number = 3")
    seal(conn)

    assert verify(conn).faults == (("reported_anchor", 3, 0, 0),)


def test_a_database_of_before_anchors_were_kept_is_verified_too(conn):
    three_blocks(conn)
    conn.execute("ALTER TABLE nightly_run DROP COLUMN audit_sha256")

    assert verify(conn).faults == ()


def test_an_anchor_that_is_none_is_said(conn):
    with pytest.raises(Misconfigured, match="64 hex digits"):
        Anchor.read("3:abc")


def test_nobody_changes_or_removes_a_row_nor_does_the_owner(conn):
    three_blocks(conn)

    for replicates in ("origin", "replica"):
        conn.execute("SELECT set_config('session_replication_role', %s, false)", (replicates,))
        for statement in (
            "UPDATE audit SET actor = 'x'",
            "DELETE FROM audit",
            "TRUNCATE audit",
            "UPDATE audit_block SET row_count = 1",
            "DELETE FROM audit_block",
            "TRUNCATE audit_block CASCADE",
        ):
            with pytest.raises(Exception, match="only added to"):
                conn.execute(statement)


def test_no_role_may_change_the_trail_or_write_a_block(conn, database):
    write(conn, "p1")

    for role in Role:
        with connect(database, role=role) as confined:
            for statement in (
                "UPDATE audit SET actor = 'x'",
                "DELETE FROM audit",
                "INSERT INTO audit_block SELECT * FROM audit_block",
                "DELETE FROM audit_block",
            ):
                with pytest.raises(Exception, match="permission denied"):
                    confined.execute(statement)


def test_a_row_that_is_committed_late_with_a_lower_id_stays_out_of_no_block(conn, database):
    """Its writer holds the door: sealing waits, and seals both."""
    with connect(database) as slow, connect(database) as quick:
        slow.execute("BEGIN")
        write(slow, "late")  # id 1
        write(quick, "early")  # id 2, committed
        with pytest.raises(Unavailable, match="55P03"):
            seal(conn, patience_s=0)
        sealer = threading.Thread(target=lambda: seal(conn, patience_s=PATIENCE_S))
        sealer.start()
        slow.execute("COMMIT")
        sealer.join()

    assert conn.execute("SELECT from_id, to_id, row_count FROM audit_block").fetchall() == [
        (1, 2, 2)
    ]
    assert verify(conn).faults == ()


def test_an_id_that_was_never_committed_leaves_no_hole_that_could_be_filled(conn, database):
    write(conn, "p1")
    with connect(database) as other:
        other.execute("BEGIN")
        write(other, "never")
        other.execute("ROLLBACK")
    write(conn, "p2")
    seal(conn)
    assert verify(conn).faults == ()

    conn.execute(
        "INSERT INTO audit (id, actor, action, subject)"
        " OVERRIDING SYSTEM VALUE VALUES (2, 'd1', 'x', 'forged')"
    )

    assert verify(conn).faults == (("added", 1, 1, 3),)


def test_writers_and_sealers_at_once_leave_a_whole_chain(database):
    stop = threading.Event()

    def write_on():
        with connect(database) as conn:
            while not stop.is_set():
                write(conn, "p1")

    def seal_on():
        with connect(database) as conn:
            for _ in range(15):
                seal(conn, patience_s=PATIENCE_S)

    writers = [threading.Thread(target=write_on) for _ in range(2)]
    sealers = [threading.Thread(target=seal_on) for _ in range(2)]
    for thread in [*writers, *sealers]:
        thread.start()
    for thread in sealers:
        thread.join()
    stop.set()
    for thread in writers:
        thread.join()

    with connect(database) as conn:
        seal(conn)
        looked = verify(conn)
        assert (looked.rows, looked.unsealed, looked.faults) == (
            conn.execute("SELECT count(*) FROM audit").fetchone()[0], 0, ())  # fmt: skip


def test_sealing_in_an_old_snapshot_is_refused(conn):
    def seal_in_snapshot():
        with snapshot(conn):
            conn.execute("SELECT seal_audit()")

    with pytest.raises(Unavailable, match="25000"):
        seal_in_snapshot()


def test_the_command_seals_prints_the_anchor_and_ends_with_1_where_something_was_changed(
    conn, database
):
    def adhere_db_audit(*words):
        with capture_logs():  # of the login, which is a superuser here
            return CliRunner().invoke(audit, words, env={"ADHERE_DATABASE_DSN": database})

    write(conn, "p1")
    sealed = json.loads(adhere_db_audit("seal", "--json").stdout)
    well = adhere_db_audit("verify", "--anchor", sealed["anchor"])
    with tampering(conn):
        conn.execute("DELETE FROM audit")
    ill = adhere_db_audit("verify")
    told = json.loads(adhere_db_audit("verify", "--json").stdout)

    assert sealed == {"blocks": 1, "anchor": str(newest(conn))}
    assert well.exit_code == 0
    assert sealed["anchor"] in well.stdout
    assert ill.exit_code == 1
    assert "block 1, rows 1 to 1: rows were removed" in ill.output
    assert told["faults"] == [{"kind": "removed", "block": 1, "from_id": 1, "to_id": 1}]

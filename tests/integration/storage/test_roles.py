"""Rights: what is declared is what is granted, and what a role must not do it cannot."""

import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import structlog
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege

from config.errors import Misconfigured, Unavailable
from scripts.roles_page import ROLES_PAGE
from storage import database as sessions
from storage.database import connect, working_as
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from storage.pool import Pool
from storage.privileges import Right, declared, difference, page
from storage.queries import query
from storage.role_setup import (
    logins,
    missing_roles,
    overpowered_roles,
    statements_for_logins,
)
from storage.roles import LOGINS, Role
from tests.district import District, local_ms
from tests.postgres import new_database

PASSWORD = "of nobody"  # noqa: S105 - of logins that live as long as their test

READING_TABLES = ("heart_rate", "steps", "steps_counter", "rr_interval", "battery")
ALL = tuple(Role)


def others(*roles):
    return tuple(role for role in Role if role not in roles)


MUST_NOT: dict[str, tuple[Role, ...]] = {
    # Names are for those who look after people, and for those who register them.
    "SELECT name FROM patient": others(Role.PORTAL, Role.OPERATOR),
    "SELECT * FROM patient": others(Role.PORTAL, Role.OPERATOR),
    "SELECT email FROM staff": others(Role.ALERTS, Role.PORTAL, Role.OPERATOR),
    # What opens a door.
    "SELECT password_hash FROM login": ALL,
    "SELECT token_sha256 FROM web_session": ALL,
    "SELECT token_sha256 FROM login_link": ALL,
    "SELECT token_sha256 FROM known_browser": ALL,
    "SELECT irk FROM band_key": others(Role.HUB, Role.OPERATOR),
    "SELECT hash FROM claim_code": others(Role.HUB, Role.OPERATOR),
    # Readings: the hub writes them and reads none; the pages reach them by functions.
    **{
        f"TABLE {table}": (
            Role.HUB,
            Role.PORTAL,
            Role.AUDITOR,
            Role.OPERATOR,
            *((Role.ALERTS,) if table != "heart_rate" else ()),
        )
        for table in READING_TABLES
    },
    "UPDATE heart_rate SET value = 0": ALL,
    "UPDATE steps SET value = 0": ALL,
    "DELETE FROM heart_rate": ALL,
    "DELETE FROM steps_counter": ALL,
    **{f"TRUNCATE {table}": ALL for table in READING_TABLES},
    "INSERT INTO heart_rate VALUES (now(), 60, 1, NULL, 1, 0, 0)": others(Role.HUB),
    # The ledger is written by the hub, once.
    "INSERT INTO batch_queue (batch_id, device_id, min_at, max_at) VALUES (1, 1, now(), now())": (
        others(Role.HUB)
    ),
    "UPDATE batch SET reading_count = 0": ALL,
    "DELETE FROM batch": ALL,
    "TRUNCATE batch CASCADE": ALL,
    "DELETE FROM batch_payload": ALL,
    "SELECT sealed FROM batch_payload": others(Role.OPERATOR),
    "SELECT bytes FROM dead_letter": others(Role.OPERATOR, Role.HUB),  # who reads one again
    # Who may send: by the operator alone.
    "INSERT INTO gateway (centre_id, code) VALUES (1, 'x')": others(Role.OPERATOR),
    "INSERT INTO gateway_key (gateway_id) VALUES (1)": others(Role.OPERATOR),
    "UPDATE gateway_key SET signing_key = encryption_key": ALL,
    "UPDATE gateway_key SET revoked_at = NULL": others(Role.OPERATOR),
    "UPDATE gateway SET code = 'x'": ALL,
    # Who wears a band: the hub ends and makes it, and gives it to nobody else.
    "UPDATE device_assignment SET patient_id = 1": ALL,
    "DELETE FROM device_assignment": others(Role.OPERATOR),
    # People, prescriptions: never by what computes or shows.
    "INSERT INTO patient (pseudonym, centre_id, family_doctor_id) VALUES ('x', 1, 1)": others(
        Role.OPERATOR
    ),
    "UPDATE patient SET centre_id = 1": others(Role.OPERATOR),
    "DELETE FROM patient": ALL,
    "UPDATE prescription SET zone_lo = 1": ALL,
    "UPDATE prescription SET effective = NULL": others(Role.PORTAL, Role.OPERATOR),
    "DELETE FROM prescription": ALL,
    # Results: by the recomputation alone.
    "UPDATE day SET credit_ms = 0": others(Role.CORE),
    "UPDATE week SET state = 'met'": others(Role.CORE),
    "DELETE FROM bout": others(Role.CORE),
    # Money: by the reports alone.
    "UPDATE payment_line SET amount = 0": ALL,
    "DELETE FROM payment_line": others(Role.REPORTS),
    "UPDATE payment_period SET state = 'closed'": ALL,
    # Alerts: judged by the watch, closed by people at the pages.
    "UPDATE alert SET state = 'closed'": others(Role.ALERTS, Role.PORTAL),
    "DELETE FROM alert": ALL,
    "DELETE FROM alert_event": ALL,
    # The audit trail is only added to.
    "UPDATE audit SET actor = 'x'": ALL,
    "DELETE FROM audit": ALL,
    "TRUNCATE audit": ALL,
    "SELECT actor FROM audit": others(Role.PORTAL, Role.AUDITOR),
    "INSERT INTO audit (actor, action, subject) VALUES ('x', 'x', 'x')": (
        Role.ALERTS,
        Role.AUDITOR,
    ),
    "INSERT INTO audit (at, actor, action, subject) VALUES (now(), 'x', 'x', 'x')": ALL,
    # The schema is the owner's.
    "CREATE TABLE public.mine (x integer)": ALL,
    "CREATE FUNCTION public.mine() RETURNS integer LANGUAGE sql RETURN 1": ALL,
    "ALTER TABLE batch DISABLE TRIGGER ALL": ALL,
    "DROP TABLE session_log CASCADE": ALL,
    "UPDATE migration SET sha256 = 'x'": ALL,
    "DELETE FROM migration": ALL,
    "SELECT ensure_reading_days('steps', ARRAY['2026-01-01'::date])": others(Role.HUB),
    "SELECT initial_of_name(1)": others(Role.ALERTS),
    "SELECT drop_claimed_assignment(1, now())": others(Role.HUB),
    "COPY batch TO PROGRAM 'true'": ALL,
    "SELECT pg_read_file('/etc/passwd')": ALL,
    "SET session_replication_role = replica": ALL,
}
"""Statements, and the roles that must not run them."""


@pytest.fixture
def login(database):
    """Make logins of the server; they go with the test."""
    made = []

    def make(*roles, options="LOGIN"):
        name = f"somebody_{uuid.uuid4().hex[:8]}"
        with psycopg.connect(database, autocommit=True) as conn:
            conn.execute(
                sql.SQL("CREATE ROLE {} {} PASSWORD {}").format(
                    sql.Identifier(name), sql.SQL(options), sql.Literal(PASSWORD)
                )
            )
            made.append(name)
            for role in roles:
                conn.execute(
                    sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(name))
                )
        return make_conninfo(database, user=name, password=PASSWORD)

    yield make
    with psycopg.connect(database, autocommit=True) as conn:
        for name in made:
            conn.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture
def warnings():
    """The log of the test, with no superuser warned of yet."""
    sessions.warn_of_superuser.cache_clear()
    with structlog.testing.capture_logs() as seen:
        yield seen


def test_what_is_declared_is_what_is_granted(conn):
    differing = difference(conn)

    assert [str(right) for right in differing.missing] == []
    assert [str(right) for right in differing.beyond] == []
    assert overpowered_roles(conn) == missing_roles(conn) == []


def test_the_page_of_roles_is_complete():
    assert page() == ROLES_PAGE.read_text("utf-8"), "run: python -m scripts.roles_page"


def test_a_right_that_is_added_or_taken_away_is_noticed(conn):
    conn.execute("GRANT DELETE ON batch TO adhere_hub")
    conn.execute("GRANT SELECT (name) ON patient TO adhere_core")
    conn.execute("GRANT SELECT ON heart_rate TO PUBLIC")
    conn.execute("REVOKE SELECT ON audit FROM adhere_auditor")
    conn.execute("CREATE FUNCTION new() RETURNS integer LANGUAGE sql RETURN 1")
    beyond, missing = difference(conn).beyond, difference(conn).missing

    some = ("centre_id", "family_doctor_id", "id", "pseudonym")
    assert set(missing) == {
        Right("adhere_auditor", "select", "audit"),
        Right("adhere_core", "select", "patient", some),
    }
    assert set(beyond) == {
        Right("adhere_hub", "delete", "batch"),
        Right("adhere_core", "select", "patient", tuple(sorted([*some, "name"]))),
        Right("PUBLIC", "select", "heart_rate"),
        Right("PUBLIC", "execute", "new"),
    }


def test_a_file_of_rights_that_cannot_be_meant_is_refused(tmp_path):
    for text in (
        "[adhere_nobody]\nselect = ['batch']",
        "[adhere_hub]\nlook_at = ['batch']",
        "[adhere_hub]\nselect = ['batch', 'batch (id)']",
        "[adhere_hub]\nselect = ['batch; drop']",
    ):
        path = tmp_path / "rights.toml"
        path.write_text(text, "utf-8")
        with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
            declared(path)


@pytest.mark.parametrize("role", Role)
def test_what_a_role_must_not_do_it_cannot(database, role):
    with connect(database, role=role) as conn:
        done = []
        for statement, roles in MUST_NOT.items():
            if role not in roles:
                continue
            try:
                with conn.transaction(force_rollback=True):
                    conn.execute(statement)
                done.append(statement)
            except InsufficientPrivilege:
                pass
    assert done == []


def test_who_is_not_forbidden_is_let_through(database):
    """So that a statement with a slip of the pen proves nothing."""
    with connect(database) as conn:
        for statement in MUST_NOT:
            try:
                with conn.transaction(force_rollback=True):
                    conn.execute(statement)
            except psycopg.IntegrityError:
                pass  # understood, and let as far as the rows
            except InsufficientPrivilege as error:
                # The owner's rights end where a trigger says so.
                if error.diag.source_function != "exec_stmt_raise":
                    raise


def test_an_auditor_reads_the_audit_trail_and_nothing_else():
    """Whether the database is up to date, every process may ask, and whether it is the owner."""
    assert {
        (right.right, right.target) for right in declared() if right.grantee == Role.AUDITOR
    } == {
        ("select", "audit"),
        ("select", "audit_block"),
        ("select", "migration"),
        ("select", "nightly_run"),  # the anchors on its covers, by two columns
        ("execute", "is_owner"),
    }


def test_a_login_of_one_role_gets_no_further(database, login):
    mine = login(Role.HUB)
    with connect(mine, role=Role.HUB) as conn:
        for statement in (
            "SET ROLE adhere_operator",
            "SET ROLE adhere",
            "SET SESSION AUTHORIZATION adhere",
            "ALTER ROLE adhere_hub SUPERUSER",
            "GRANT adhere_operator TO CURRENT_USER",
            "CREATE ROLE another LOGIN",
        ):
            with pytest.raises(psycopg.Error):
                conn.execute(statement)
        conn.execute("RESET ROLE")
        assert conn.execute("SELECT current_user").fetchone() == ("adhere_hub",)
        conn.execute("SET ROLE NONE")
        with pytest.raises(InsufficientPrivilege):
            conn.execute("SELECT name FROM patient")


def test_a_login_that_is_no_member_is_told_what_is_to_be_granted(login):
    with pytest.raises(Misconfigured, match=r"GRANT adhere_portal TO \"somebody_"):
        connect(login(Role.HUB), role=Role.PORTAL)


def test_a_wrong_password_stays_what_it_is(database):
    with pytest.raises(Unavailable):
        connect(make_conninfo(database, host="127.0.0.1", port="1"), role=Role.HUB)


def test_a_superuser_is_confined_and_warned_of_once(database, warnings):
    for _again in range(2):
        with connect(database, role=Role.AUDITOR) as conn:
            with pytest.raises(InsufficientPrivilege):
                conn.execute("SELECT FROM patient")
            conn.execute("RESET ROLE")
            with pytest.raises(InsufficientPrivilege):
                conn.execute("SELECT FROM patient")

    assert [one["event"] for one in warnings] == ["database_login_is_superuser"]


def test_of_a_login_of_its_own_nobody_is_warned(login, warnings):
    connect(login(Role.AUDITOR), role=Role.AUDITOR).close()

    assert warnings == []


def test_a_pool_lends_what_works_as_its_role(database):
    pool = Pool(database, application="test", role=Role.PORTAL)
    pool.open()
    try:
        with pool.connection() as conn:
            assert conn.execute("SELECT current_user").fetchone() == ("adhere_portal",)
    finally:
        pool.close()


def test_a_part_of_a_process_works_as_its_own_role(login):
    with connect(login(Role.CORE, Role.REPORTS), role=Role.CORE) as conn:
        who = "SELECT current_user, 1 / (current_user <> 'adhere_reports')::integer"
        with pytest.raises(psycopg.DataError), working_as(conn, Role.REPORTS):
            conn.execute(who)
        assert conn.execute("SELECT current_user").fetchone() == ("adhere_core",)
        with (
            pytest.raises(Misconfigured, match="GRANT adhere_portal"),
            working_as(conn, Role.PORTAL),
        ):
            pytest.fail("worked as what it may not")


def test_the_hub_deletes_an_assignment_of_a_claim_alone(database):
    with connect(database) as owner:
        district = District(owner)
        district.wear("p1")
        (assignment,) = owner.execute("SELECT id FROM device_assignment").fetchone()
    early = "0001-01-01"
    with connect(database, role=Role.HUB) as conn:
        conn.execute("SELECT drop_claimed_assignment(%s, %s)", (assignment, early))
        assert conn.execute("SELECT count(*) FROM device_assignment").fetchone() == (1,)


def test_of_a_name_a_message_gets_the_first_letter(database):
    with connect(database) as owner:
        district = District(owner)
        patient, nameless = district.add_patient("p1"), district.add_patient("p2")
        owner.execute("UPDATE patient SET name = ' 王小明' WHERE id = %s", (patient,))
    with connect(database, role=Role.ALERTS) as conn:
        conn.execute("CREATE TEMPORARY TABLE patient (id integer, name text)")
        conn.execute("INSERT INTO pg_temp.patient VALUES (%s, 'fooled')", (patient,))
        initial = "SELECT initial_of_name(%s)"
        assert conn.execute(initial, (patient,)).fetchone() == ("王",)
        assert conn.execute(initial, (nameless,)).fetchone() == (None,)


def test_the_hub_stores_with_the_rights_it_has(database):
    with connect(database) as owner:
        district = District(owner)
    with connect(database, role=Role.HUB) as conn:
        district.conn = conn
        at_ms = local_ms("2026-11-16 08:00:00")
        district.hear("b1", heart_rate=[(at_ms, 80)], steps=[(at_ms, 3)], stamps=[at_ms])
    with connect(database, role=Role.CORE) as conn:
        assert conn.execute("SELECT value FROM heart_rate").fetchall() == [(80.0,)]


@pytest.fixture(scope="module")
def bare(server_folder):
    """A server that no migration has seen."""
    with EmbeddedPostgres(server_folder / "bare", base=server_folder / "base") as server:
        yield server


def test_a_migrator_that_may_not_make_roles_is_told_what_to_run(bare):
    with psycopg.connect(bare.dsn, autocommit=True) as admin:
        for role in Role:
            admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))
        admin.execute(f"CREATE ROLE plain LOGIN PASSWORD '{PASSWORD}'")
        admin.execute("CREATE DATABASE plain OWNER plain")
    dsn = make_conninfo(bare.dsn_of("plain"), user="plain", password=PASSWORD)
    with connect(dsn) as conn:
        with pytest.raises(Misconfigured, match="CREATEROLE") as raised:
            migrate(conn)
        told = str(raised.value)
        with pytest.raises(Misconfigured, match="run `adhere db migrate`"):
            connect(dsn, role=Role.HUB)
        with psycopg.connect(bare.dsn, autocommit=True) as admin:
            for line in told.splitlines()[1:]:
                admin.execute(line)
        assert migrate(conn)
        assert difference(conn) == ((), ())
    with psycopg.connect(bare.dsn, autocommit=True) as admin:
        admin.execute("DROP DATABASE plain WITH (FORCE)")
        admin.execute("DROP ROLE plain")


def test_databases_of_one_server_migrate_at_once(bare):
    with new_database(bare.dsn) as one, new_database(bare.dsn) as another:

        def up_to_date(dsn):
            with connect(dsn) as conn:
                migrate(conn)
                return difference(conn)

        with ThreadPoolExecutor() as pool:
            assert list(pool.map(up_to_date, (one, another))) == [((), ())] * 2


def test_every_process_gets_a_login_with_no_more_than_its_roles(bare):
    with new_database(bare.dsn) as dsn, connect(dsn) as conn:
        migrate(conn)
        for statement in statements_for_logins(conn):
            conn.execute(statement)

        assert statements_for_logins(conn) == []
        assert {one.name: one.roles for one in logins(conn) if not one.is_superuser} == {
            name: tuple(sorted(roles)) for name, roles in LOGINS.items()
        }
        conn.execute('REVOKE adhere_core FROM "adhere-nightly"')
        assert statements_for_logins(conn) == ['GRANT "adhere_core" TO "adhere-nightly";']


def test_the_command_shows_who_is_what_and_what_differs(bare):
    def ask(dsn, *more):
        return subprocess.run(
            [sys.executable, "-m", "scripts.main", "db", "roles", *more],
            env={"PATH": "/usr/bin:/bin", "ADHERE_DATABASE_DSN": dsn, "LANGUAGE": "en"},
            capture_output=True,
            text=True,
            check=False,
        )

    with new_database(bare.dsn) as dsn, connect(dsn) as conn:
        migrate(conn)
        done = ask(dsn)
        assert (done.returncode, done.stderr) == (0, "")
        assert "adhere_auditor: no login" in done.stdout
        conn.execute("GRANT DELETE ON audit TO adhere_portal")
        done = ask(dsn)
        assert done.returncode == 1
        assert "right that nobody needs: adhere_portal: delete audit" in done.stdout
        assert '"rights_beyond": ["adhere_portal: delete audit"]' in ask(dsn, "--json").stdout
        assert ask(dsn, "--sql").stdout.splitlines() == statements_for_logins(conn)


def test_no_query_locks_a_row_that_its_role_cannot_change():
    """A lock asks for UPDATE: the hub has none on boxes."""
    for name in ("lock_gateway", "lock_gateway_of_outage"):
        assert "FOR UPDATE" not in query(name)

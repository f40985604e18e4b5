"""Somebody with a database session of the pages tries to see, or to change, more than is theirs.

Each tries with SQL of their own, as after an injection: what the pages ask is out of the way.
"""

# ruff: noqa: S608 - the SQL of an intruder, made of words of this file alone

import contextlib
import secrets
from datetime import UTC, datetime, timedelta

import polars as pl
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from reports.why import minutes_of_week
from storage.accounts import new_token, put_care_team, token_sha256
from storage.database import connect
from storage.migrate import MIGRATIONS_DIR
from storage.people import Prescription, put_prescription, put_staff
from storage.pool import Pool
from storage.readings import SPANS, heart_rate_of
from storage.roles import Role
from storage.web_sessions import read_as
from tests.district import local_ms
from tests.pages import CHEAP, MONDAY, PASSWORD, House

OF_PEOPLE = (
    "patient",
    "care_team",
    "patient_team",
    "enrolment",
    "prescription",
    "prescription_phase",
    "prescribed",
    "pause",
    "device_assignment",
    "session_log",
    "logged_session",
    "week",
    "alert",
    "alert_event",
    "delivery",
)
"""What the pages have a right to look at, and that holds a row of everybody in `town`."""
READINGS = (
    "heart_rate",
    "steps",
    "steps_counter",
    "rr_interval",
    "battery",
    "said_again",
    "said_before",
)
DENIED = psycopg.errors.InsufficientPrivilege


@pytest.fixture
def town(house):
    """One patient of each of two doctors, with something in every table: p1 of d1, q1 of d2."""
    house.exercise()
    house.week()
    other = house.wear("q1", ceiling_bpm=150.0, ceiling_source="prescribed")
    house.name("q1", "李")
    house.conn.execute(
        "UPDATE patient SET family_doctor_id = (SELECT id FROM staff WHERE code = 'd2')"
        " WHERE pseudonym = 'q1'"
    )
    house.hear("q1", heart_rate=[(local_ms("2026-11-11 10:00:00"), 99.0)])
    house.enrolment, mine = other, house.enrolment
    house.week()
    house.enrolment = mine
    put_care_team(house.conn, patient="q1", staff="physio")
    for pseudonym, enrolment, who in (("p1", mine, "d1"), ("q1", other, "d2")):
        alert = house.red(pseudonym)
        house.conn.execute(
            "INSERT INTO delivery (alert_id, round, step, channel, recipient)"
            " VALUES (%s, 0, 0, 'mail', 'x@example.org')",
            (alert,),
        )
        house.conn.execute(
            "INSERT INTO alert_event (alert_id, kind) VALUES (%s, 'raised')", (alert,)
        )
        house.conn.execute(
            "INSERT INTO pause (enrolment_id, during, reason) VALUES (%s, '[2026-01-01,)', 'x')",
            (enrolment,),
        )
        house.conn.execute(
            "INSERT INTO prescription_phase (prescription_id, from_week, phase)"
            " SELECT id, 2, 'reach' FROM prescription WHERE enrolment_id = %s",
            (enrolment,),
        )
        house.log(pseudonym, MONDAY, by=who)
    return house


@pytest.fixture
def pages(database):
    """A session with the rights of the pages, and of nothing else."""
    with connect(database, role=Role.PORTAL) as conn:
        yield conn


def session_of(conn, code, **more):
    """The token of a session that is open for a person of the staff."""
    token = new_token()
    given = {"ends_at": datetime.now(UTC) + timedelta(hours=1), "sets": False} | more
    conn.execute(
        "INSERT INTO web_session (token_sha256, staff_id, ends_at, may_set_password)"
        " SELECT %s, id, %s, %s FROM staff WHERE code = %s",
        (token_sha256(token), given["ends_at"], given["sets"], code),
    )
    return token


@contextlib.contextmanager
def as_one(pages, house, code):
    token = session_of(house.conn, code)
    with pages.transaction():
        read_as(pages, token)
        yield token


def changed_by(pages, statement):
    """How many rows somebody changed: none where it is refused, or where there are none to them."""
    with contextlib.suppress(DENIED), pages.transaction():
        return pages.execute(statement).rowcount
    return 0


def column(conn, statement, *given):
    return [row[0] for row in conn.execute(statement, given).fetchall()]


def test_each_sees_the_rows_of_their_own_patients_in_every_table(town, pages):
    for code, mine in (("d1", {"p1", "p2"}), ("coach", {"p1"}), ("d2", {"q1"}), ("physio", {"q1"})):
        with as_one(pages, town, code):
            assert set(column(pages, "SELECT pseudonym FROM patient")) == mine
            for table in OF_PEOPLE:
                seen = pages.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                assert seen > 0, (code, table)
    # What one doctor sees and what the other sees is everything, and nothing twice.
    for table in OF_PEOPLE:
        parts = []
        for code in ("d1", "d2"):
            with as_one(pages, town, code):
                parts.append(set(pages.execute(f"SELECT t::text FROM {table} AS t").fetchall()))
        whole = set(town.conn.execute(f"SELECT t::text FROM {table} AS t").fetchall())
        assert parts[0] | parts[1] == whole, table
        assert not parts[0] & parts[1], table


def test_who_looks_after_nobody_sees_nobody(town, pages):
    for code in ("op", "boss", "payer", "auditor"):
        put_care_team(town.conn, patient="p1", staff=code)  # their role looks after nobody
        with as_one(pages, town, code):
            for table in OF_PEOPLE:
                seen = pages.execute(f"SELECT count(*) FROM {table}").fetchone()
                assert seen == (0,), (code, table)


FORGED = (
    None,
    "",
    "1",
    "0",
    "-1",
    "1; SELECT 1",
    "' OR true --",
    "\\x00",
    "g" * 64,
    "0" * 64,
    "F" * 64,
    "d1",
    secrets.token_hex(32),
    "1" * 100_000,
)


def test_a_setting_that_is_made_up_opens_nothing(town, pages):
    rows = " + ".join(f"(SELECT count(*) FROM {table})" for table in OF_PEOPLE)
    for setting in ("adhere.session", "adhere.staff_id"):
        for said in FORGED:
            with pages.transaction():
                if said is not None:
                    pages.execute("SELECT set_config(%s, %s, true)", (setting, said))

                reader = pages.execute("SELECT reader_id(), reader_role(), reader_code()")
                assert reader.fetchone() == (None, None, None)
                assert pages.execute(f"SELECT {rows}").fetchone() == (0,), said


def test_naming_every_number_of_the_staff_opens_nobodys_rows(town, pages):
    with as_one(pages, town, "d1"):
        for number in column(town.conn, "SELECT id FROM staff"):
            pages.execute("SELECT set_config('adhere.staff_id', %s, true)", (str(number),))
            pages.execute("SELECT set_config('adhere.reader', %s, true)", (str(number),))

            assert "q1" not in column(pages, "SELECT pseudonym FROM patient")


def test_nobody_elses_token_can_be_had(town, pages):
    other = token_sha256(session_of(town.conn, "d2"))
    with as_one(pages, town, "d1"):
        for statement in (
            "SELECT token_sha256 FROM web_session",
            "SELECT count(*) FROM web_session WHERE length(token_sha256) > 0",
            "SELECT web_session FROM web_session",
            "SELECT * FROM known_browser",
            "SELECT token_sha256 FROM login_link",
            "SELECT password_hash FROM login",
            "SELECT login FROM login",
            (
                "INSERT INTO web_session (token_sha256, staff_id, ends_at, may_set_password)"
                " VALUES ('\\x00', 2, now(), true)"
            ),
            "UPDATE web_session SET staff_id = 2",
            "SELECT begin_session(2, sha256('x'), '1 h', '1 h', true, null)",
            "SELECT is_proof(2, 'x')",
            "COPY web_session TO STDOUT",
        ):
            with pytest.raises(DENIED), pages.transaction():
                pages.execute(statement)
        # Of sessions, links and accounts a doctor sees their own account alone.
        assert pages.execute("SELECT count(staff_id) FROM web_session").fetchone() == (0,)
        assert pages.execute("SELECT count(staff_id) FROM login_link").fetchone() == (0,)
        assert pages.execute("SELECT count(staff_id) FROM login").fetchone() == (1,)
        # Nor does the server say what other sessions of the pages are asking with.
        shown = column(pages, "SELECT query FROM pg_stat_activity")
        assert not any(other.hex() in (text or "") for text in shown)


def test_a_session_is_opened_by_proof_alone(town, pages):
    town.set_password("d2")
    kept = town.one("SELECT password_hash FROM login JOIN staff ON id = staff_id WHERE code = 'd2'")
    output = kept.rsplit("$", 1)[1]
    for proof in (b"", PASSWORD.encode(), kept.encode(), output.encode(), None):
        row = pages.execute(
            "SELECT log_in('d2', %s, sha256('mine'), '1 hour', '1 hour', NULL)", (proof,)
        ).fetchone()
        assert row == (False,)
    with as_one(pages, town, "d1") as token:
        for proof in (b"", None):
            assert pages.execute(
                "SELECT change_password(%s, 'x', %s)", (proof, token_sha256(token))
            ).fetchone() == (False,)
        # Somebody else's session named beside one's own changes neither password.
        theirs = session_of(town.conn, "d2", sets=True)
        assert pages.execute(
            "SELECT change_password(NULL, 'x', %s)", (token_sha256(theirs),)
        ).fetchone() == (False,)
    assert town.one("SELECT count(*) FROM web_session WHERE token_sha256 = sha256('mine')") == 0


def test_a_session_that_is_over_or_shut_opens_nothing(town, pages):
    over = session_of(town.conn, "d1", ends_at=datetime.now(UTC))
    shut = session_of(town.conn, "d2")
    town.conn.execute(
        "UPDATE login SET disabled_at = now()"
        " WHERE staff_id = (SELECT id FROM staff WHERE code = 'd2')"
    )
    for token in (over, shut):
        with pages.transaction():
            read_as(pages, token)
            assert pages.execute("SELECT count(*) FROM patient").fetchone() == (0,)


def test_a_setting_lasts_as_long_as_its_transaction(town, pages):
    with as_one(pages, town, "d1"):
        with pages.transaction():  # a savepoint
            read_as(pages, session_of(town.conn, "d2"))
            assert column(pages, "SELECT pseudonym FROM patient") == ["q1"]
            raise psycopg.Rollback
        assert "q1" not in column(pages, "SELECT pseudonym FROM patient")
        pages.execute("SET LOCAL adhere.session = ''")
        assert column(pages, "SELECT pseudonym FROM patient") == []
    assert column(pages, "SELECT pseudonym FROM patient") == []


def test_giving_the_role_back_gives_no_more(town, postgres):
    login, password = f"portal_{secrets.token_hex(4)}", secrets.token_hex(8)
    admin = town.conn
    admin.execute(
        f"CREATE ROLE {login} LOGIN PASSWORD '{password}' IN ROLE adhere_portal NOINHERIT"
    )
    dsn = make_conninfo(postgres.dsn, dbname=admin.info.dbname, user=login, password=password)
    try:
        with connect(dsn, role=Role.PORTAL) as pages:
            for statement in ("RESET ROLE", "SET ROLE NONE", "SET SESSION AUTHORIZATION DEFAULT"):
                pages.execute(statement)
                with contextlib.suppress(DENIED):
                    assert pages.execute("SELECT count(*) FROM patient").fetchone() == (0,)
                pages.execute("SET ROLE adhere_portal")
            owner = admin.info.user
            for statement in (
                f"SET ROLE {owner}",
                "SET ROLE adhere_core",
                "SET ROLE adhere_operator",
                f"SET SESSION AUTHORIZATION {owner}",
                "SET row_security = off; SELECT count(*) FROM patient",
                "ALTER TABLE patient DISABLE ROW LEVEL SECURITY",
                "ALTER TABLE patient NO FORCE ROW LEVEL SECURITY",
                "DROP POLICY pages ON patient",
                "CREATE POLICY mine ON patient USING (true)",
                "CREATE FUNCTION public.reader_id() RETURNS integer LANGUAGE sql AS 'SELECT 2'",
                "GRANT adhere_core TO adhere_portal",
                "SELECT protect_rows('patient')",
            ):
                with pytest.raises(psycopg.Error) as refused:
                    pages.execute(statement)
                assert refused.value.sqlstate in {"42501", "42P17", "0LP01"}, statement
                pages.execute("SET row_security = on")
    finally:
        admin.execute(f"DROP ROLE {login}")


def test_a_temporary_thing_cannot_stand_in_front_of_a_real_one(town, pages, template):
    # Of the database that was migrated; one that is copied from it has rights of its own.
    may = "SELECT has_database_privilege('adhere_portal', %s, 'TEMPORARY')"
    assert town.one(may, template) is False
    town.conn.execute(f"REVOKE TEMPORARY ON DATABASE {town.conn.info.dbname} FROM PUBLIC")
    for statement in (
        "CREATE TEMPORARY TABLE web_session (token_sha256 bytea)",
        "CREATE TEMPORARY VIEW reader AS SELECT 1",
        "CREATE FUNCTION pg_temp.reader_id() RETURNS integer LANGUAGE sql AS 'SELECT 2'",
        "CREATE SCHEMA mine",
        "CREATE TABLE public.mine ()",
    ):
        with pytest.raises(DENIED):
            pages.execute(statement)


def test_the_search_path_of_the_asker_changes_nothing_in_a_definer_function(town, pages):
    owner = town.conn
    owner.execute("CREATE SCHEMA trap")
    owner.execute("GRANT USAGE ON SCHEMA trap TO adhere_portal")
    owner.execute("CREATE TABLE trap.web_session AS SELECT * FROM web_session")
    owner.execute(
        "INSERT INTO trap.web_session (token_sha256, staff_id, ends_at)"
        " SELECT sha256('forged'), id, now() + interval '1 h' FROM staff WHERE code = 'd2'"
    )
    owner.execute(
        "CREATE FUNCTION trap.clock_timestamp() RETURNS timestamptz LANGUAGE sql"
        " AS $$SELECT '2000-01-01'::timestamptz$$"
    )
    owner.execute("GRANT ALL ON trap.web_session TO adhere_portal")
    owner.execute(
        "CREATE FUNCTION trap.eq(integer, integer) RETURNS boolean LANGUAGE sql AS 'SELECT true'"
    )
    owner.execute(
        "CREATE OPERATOR trap.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = trap.eq)"
    )
    with pages.transaction():
        pages.execute("SET LOCAL search_path = trap, public, pg_catalog")
        pages.execute("SELECT set_config('adhere.session', encode(sha256('forged'), 'hex'), true)")
        assert pages.execute("SELECT public.reader_id()").fetchone() == (None,)
    with as_one(pages, town, "d1"):
        pages.execute("SET LOCAL search_path = trap, public, pg_catalog")
        seen = column(pages, "SELECT pseudonym FROM public.patient ORDER BY 1")
        assert seen == ["p1", "p2"]
        other = town.patient("q1")
        with pytest.raises(DENIED), pages.transaction():
            pages.execute("SELECT * FROM public.last_heard(%s, now() - interval '9 d')", (other,))


def test_every_definer_function_has_its_own_search_path(conn):
    open_to_traps = column(
        conn,
        "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
        " AND NOT EXISTS (SELECT FROM unnest(proconfig) AS set (one)"
        "  WHERE one LIKE 'search\\_path=%%pg\\_temp')"
        " AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass"
        "  AND objid = pg_proc.oid AND deptype = 'e')",
    )
    assert open_to_traps == []


def test_a_condition_that_tells_its_values_is_told_no_foreign_row(town, pages):
    """A cheap function of the asker's, an error with the value in it, a pattern that is none."""
    with as_one(pages, town, "d1"):
        for condition in (
            "1 / (CASE WHEN pseudonym = 'q1' THEN 0 ELSE 1 END) = 1",
            "CASE WHEN pseudonym = 'q1' THEN pseudonym::integer = 1 ELSE true END",
            "(pseudonym || 'x') ~ CASE WHEN pseudonym = 'q1' THEN '(' ELSE '' END",
            "set_config('trap.seen', current_setting('trap.seen', true) || pseudonym, true) <> ''",
        ):
            pages.execute("SELECT set_config('trap.seen', '', true)")
            assert "q1" not in column(pages, f"SELECT pseudonym FROM patient WHERE {condition}")
            assert "q1" not in column(pages, "SELECT current_setting('trap.seen', true)")[0]
        for name in ("week", "alert", "prescription", "session_log"):
            theirs = town.one(
                f"SELECT count(*) FROM {name} AS t WHERE t::text NOT IN"
                f" (SELECT u::text FROM {name} AS u WHERE false)"
            )
            trap = "set_config('trap.seen', current_setting('trap.seen', true) || '.', true) <> ''"
            pages.execute("SELECT set_config('trap.seen', '', true)")
            seen = pages.execute(f"SELECT count(*) FROM {name} WHERE {trap}").fetchone()[0]
            told = column(pages, "SELECT current_setting('trap.seen', true)")[0]
            assert len(told) == seen < theirs, name


def test_what_is_refused_says_nothing_of_a_foreign_row(town, pages):
    """A row that is there and one that is not are refused with the same words."""
    enrolment = town.one("SELECT id FROM enrolment WHERE case_label = 'q1'")
    version = town.one("SELECT max(version) FROM prescription WHERE enrolment_id = %s", enrolment)
    entry = (
        "INSERT INTO session_log (entry_key, revision, enrolment_id, date, component, attended,"
        " noted_by) VALUES (%s, 1, %s, '2026-11-09', 'balance', true, reader_id())"
    )
    prescribed = (
        "INSERT INTO prescription (enrolment_id, version, effective, frozen_on, steps_per_day)"
        " VALUES (%s, %s, '[2027-01-01,)', '2027-01-01', 1000)"
    )
    with as_one(pages, town, "d1"):
        said = set()
        for statement, given in (
            (entry, (f"q1 {MONDAY} resistance", enrolment)),
            (entry, ("a new key", enrolment)),
            (entry, ("a new key", 999_999)),
            (prescribed, (enrolment, version)),
            (prescribed, (enrolment, version + 7)),
            (prescribed, (999_999, 1)),
        ):
            with pytest.raises(DENIED) as refused, pages.transaction():
                pages.execute(statement, given)
            assert refused.value.diag.message_detail is None
            said.add(str(refused.value).replace("session_log", "T").replace("prescription", "T"))
        assert len(said) == 1
        # A key that somebody else's entry has: the server names it, and nothing else of the row.
        mine = town.one("SELECT id FROM enrolment WHERE case_label = 'p1'")
        with pytest.raises(psycopg.errors.UniqueViolation) as refused, pages.transaction():
            pages.execute(entry, (f"q1 {MONDAY} resistance", mine))
        assert refused.value.diag.message_detail is None


def test_a_foreign_row_can_be_neither_changed_nor_taken(town, pages):
    before = town.conn.execute("SELECT a::text FROM alert AS a ORDER BY id").fetchall()
    with as_one(pages, town, "d1"):
        other = town.one("SELECT id FROM enrolment WHERE case_label = 'q1'")
        for statement in (
            (
                "UPDATE alert SET state = 'closed', closed_at = now(), closed_itself = true"
                " WHERE patient_id <> ALL (SELECT id FROM patient)"
            ),
            (
                f"UPDATE prescription SET effective = '[2020-01-01,2020-01-02)'"
                f" WHERE enrolment_id = {other}"
            ),
        ):
            with contextlib.suppress(DENIED), pages.transaction():
                assert pages.execute(statement).rowcount == 0
        for statement in (
            (
                "INSERT INTO alert_event (alert_id, kind, staff_id, detail)"
                f" SELECT max(id), 'closed', reader_id(), '{{}}' FROM alert WHERE id = {other}"
            ),
            "DELETE FROM alert",
            "DELETE FROM patient",
            "UPDATE patient SET family_doctor_id = reader_id()",
            "INSERT INTO care_team SELECT id, reader_id() FROM patient",
            "UPDATE staff SET role = 'administrator'",
            "UPDATE alert SET patient_id = patient_id",
            "UPDATE delivery SET recipient = 'me@example.org'",
            "UPDATE login SET password_hash = 'x'",
            "TRUNCATE alert",
            "SELECT join_care_team('q1', 'd1')",
        ):
            assert changed_by(pages, statement) == 0, statement
    assert town.conn.execute("SELECT a::text FROM alert AS a ORDER BY id").fetchall() == before
    assert town.one("SELECT count(*) FROM staff WHERE role = 'administrator'") == 1


def test_an_instructor_writes_no_prescription_and_nobody_writes_in_anothers_name(town, pages):
    mine = town.one("SELECT id FROM enrolment WHERE case_label = 'p1'")
    with as_one(pages, town, "coach"):
        for statement in (
            (
                "INSERT INTO prescription (enrolment_id, version, effective, frozen_on,"
                f" steps_per_day) VALUES ({mine}, 9, '[2027-01-01,)', '2027-01-01', 1000)"
            ),
            (
                "INSERT INTO session_log (entry_key, revision, enrolment_id, date, component,"
                f" attended, noted_by) SELECT 'k', 1, {mine}, '2026-11-09', 'balance', true, id"
                " FROM staff WHERE code = 'd1'"
            ),
            "INSERT INTO audit (actor, action, subject) VALUES ('d1', 'read_patient', 'p1')",
            (
                "INSERT INTO audit (actor, action, subject, detail)"
                " VALUES ('coach', 'read_readings', 'p1', '{}')"
            ),
            (
                "INSERT INTO audit (at, actor, action, subject)"
                " VALUES ('2001-01-01', 'coach', 'read_patient', 'p1')"
            ),
        ):
            with pytest.raises(DENIED), pages.transaction():
                pages.execute(statement)
        pages.execute(
            "INSERT INTO audit (actor, action, subject) VALUES ('coach', 'read_patient', 'p1')"
        )
    assert pages.execute("SELECT count(*) FROM audit").fetchone() == (0,)
    with pytest.raises(DENIED):
        pages.execute("INSERT INTO audit (actor, action, subject) VALUES ('d1', 'log_in', 'x')")


def test_no_reading_comes_but_by_a_function_that_asks_and_notes(town, pages):
    mine, other = town.patient("p1"), town.patient("q1")
    start, end = local_ms("2026-11-11 09:00:00"), local_ms("2026-11-11 12:00:00")
    at = [datetime.fromtimestamp(ms / 1000, UTC) for ms in (start, end)]
    ways = (
        ("SELECT * FROM trace_readings('{0}', %s, %s, %s)", ([start], [end])),
        (
            "SELECT * FROM list_readings('{0}', %s, %s, %s)",
            ([start + 3_600_000], [start + 2 * 3_600_000]),
        ),
        (
            "SELECT * FROM week_readings('heart_rate', '{0}', %s, %s, %s, 100000000)",
            ([start], [end]),
        ),
    )
    of_one = (
        "SELECT week_unworn(%s, %s, %s)",
        "SELECT * FROM week_batches(%s, '{0}', ARRAY[%s], ARRAY[%s])",
        "SELECT * FROM alert_quality(%s, %s, %s, 150)",
        "SELECT last_heard(%s, %s) WHERE %s > now() - interval '9 years'",
    )
    with as_one(pages, town, "d1"):
        for table in READINGS:
            with pytest.raises(DENIED), pages.transaction():
                pages.execute(f"SELECT count(*) FROM {table}")
        for statement in ("readings_between('heart_rate', '{0}', '{1}', '{0}', '{1}', 1)",):
            with pytest.raises(DENIED), pages.transaction():
                pages.execute(f"SELECT * FROM {statement}")
        for who, refused in ((mine, False), (other, True), (None, True), (999_999, True)):
            for statement, given in ways:
                asks = pytest.raises(DENIED) if refused else contextlib.nullcontext()
                with asks, pages.transaction():
                    found = pages.execute(statement, ([who], *given)).fetchall()
                    assert sum(len(row[3] or ()) for row in found) > 0
            for statement in of_one:
                asks = pytest.raises(DENIED) if refused else contextlib.nullcontext()
                with asks, pages.transaction():
                    pages.execute(statement, (who, *at)).fetchall()
        # One of one's own does not carry another along.
        with pytest.raises(DENIED), pages.transaction():
            pages.execute(
                "SELECT * FROM list_readings('{0,1}', %s, %s, %s)",
                ([mine, other], [start, start], [start + 1, start + 1]),
            )
        assert pages.execute(
            "SELECT heard, enrolled FROM class_heard(%s, %s, '2026-11-11')", at
        ).fetchone() == (1, 2)
    noted = town.conn.execute(
        "SELECT actor, subject, detail ->> 'use' FROM audit WHERE action = 'read_readings'"
    ).fetchall()
    assert {row[:2] for row in noted} == {("d1", "p1"), ("d1", "attendance")}
    assert {row[2] for row in noted} == {"trace", "list", "week", "alert", "last_heard", "class"}


def test_a_list_is_noted_once_an_hour_and_a_trace_each_time(town, pages):
    mine = town.patient("p1")
    start = local_ms("2026-11-11 10:00:00")
    for _ in range(3):
        with as_one(pages, town, "d1"):
            for name in ("trace_readings", "list_readings"):
                for more in (0, 60_000):
                    pages.execute(
                        f"SELECT * FROM {name}('{{0}}', %s, %s, %s)",
                        ([mine], [start + more], [start + more + 1_800_000]),
                    )
    counted = dict(
        town.conn.execute(
            "SELECT detail ->> 'use', count(*) FROM audit WHERE action = 'read_readings' GROUP BY 1"
        ).fetchall()
    )
    assert counted == {"trace": 6, "list": 1}


def test_whoever_reads_readings_and_takes_it_back_takes_the_note_back_too(town, pages):
    """What row security does not prevent, said openly in docs/why/row-security.md."""
    with as_one(pages, town, "d1"), pages.transaction():
        pages.execute(
            "SELECT * FROM trace_readings('{0}', %s, '{0}', '{1}')", ([town.patient("p1")],)
        )
        raise psycopg.Rollback
    assert town.trail("read_readings") == []


def test_a_patient_who_moves_to_another_doctor_is_the_other_ones_from_then_on(town, pages):
    everything = ("week", "session_log", "alert", "prescription", "device_assignment")

    def counts():
        return [pages.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in everything]

    with as_one(pages, town, "d2"):
        before = counts()
    town.conn.execute(
        "UPDATE patient SET family_doctor_id = (SELECT id FROM staff WHERE code = 'd2')"
        " WHERE pseudonym = 'p1'"
    )

    with as_one(pages, town, "d1"):  # whose session was open all the time
        assert column(pages, "SELECT pseudonym FROM patient") == ["p2"]
        with pytest.raises(DENIED), pages.transaction():
            pages.execute("SELECT last_heard(%s, now())", (town.patient("p1"),))
    with as_one(pages, town, "d2"):  # the whole history, also of the time before
        assert column(pages, "SELECT pseudonym FROM patient ORDER BY 1") == ["p1", "q1"]
        assert all(after > few for after, few in zip(counts(), before, strict=True))
    with as_one(pages, town, "coach"):  # the care team goes with the patient
        assert column(pages, "SELECT pseudonym FROM patient") == ["p1"]


def test_whose_role_no_longer_looks_after_people_sees_nobody(town, pages):
    put_staff(town.conn, organisation="c1", code="d2", role="payer", name="x")
    with as_one(pages, town, "d2"):
        assert column(pages, "SELECT pseudonym FROM patient") == []


def test_payers_and_auditors_see_the_lines_of_their_organisation_and_no_table_of_them(town, pages):
    town.conn.execute(
        "INSERT INTO organisation (kind, code, name) VALUES ('centre', 'far', 'Far'),"
        " ('payer', 'fund', 'Fund')"
    )
    town.conn.execute("INSERT INTO payment_period (month) VALUES ('2026-11-01')")
    town.conn.execute(
        "INSERT INTO payment_scheme (key, version, figures_sha256, figures)"
        " VALUES ('s', 1, sha256('x'), '{}')"
    )
    town.conn.execute(
        "INSERT INTO payment_line (month, patient_id, scheme_id, item, doctor_id, centre_id, weeks,"
        " numerator, denominator, exclusions, flags, quantity, unit_price, factor, cut, amount,"
        " shares, state, reasons, input_sha256)"
        " SELECT '2026-11-01', p.id, s.id, 'base', p.family_doctor_id,"
        " CASE WHEN pseudonym = 'q1' THEN (SELECT id FROM organisation WHERE code = 'far')"
        " ELSE p.centre_id END, 1, 1, 1, '{}', '{}', 1, 5, 1, 0, 5, '{}', 'payable', '{}',"
        " sha256('x') FROM patient AS p, payment_scheme AS s"
    )
    for organisation, mine in (("c1", {"p1", "p2"}), ("far", {"q1"}), ("fund", {"p1", "p2", "q1"})):
        put_staff(town.conn, organisation=organisation, code="payer", role="payer", name="P")
        with as_one(pages, town, "payer"):
            seen = column(pages, "SELECT pseudonym FROM shown_payment_lines('2026-11-01')")
            assert set(seen) == mine
            assert pages.execute("SELECT lines FROM shown_payment_months()").fetchone() == (
                len(mine),
            )
            for table in ("payment_line", "payment_line_week", "payment_period"):
                with pytest.raises(DENIED), pages.transaction():
                    pages.execute(f"SELECT * FROM {table}")
    for code in ("d1", "boss", "op"):
        with as_one(pages, town, code):
            for name in ("payment_lines('2026-11-01')", "payment_months()", "alert_yields()"):
                assert pages.execute(f"SELECT * FROM shown_{name}").fetchall() == []


def test_only_an_auditor_reads_the_trail_and_only_an_administrator_says_who_is_who(town, pages):
    town.conn.execute("INSERT INTO audit (actor, action, subject) VALUES ('x', 'y', 'z')")
    for code, rows in (("auditor", 1), ("boss", 0), ("d1", 0)):
        with as_one(pages, town, code):
            assert pages.execute("SELECT count(*) FROM audit WHERE actor = 'x'").fetchone() == (
                rows,
            )
    with as_one(pages, town, "boss"):
        assert pages.execute("SELECT join_care_team('q1', 'd1')").fetchone() == (True,)
        assert pages.execute("SELECT join_care_team('q1', 'payer')").fetchone() == (False,)
        assert pages.execute("SELECT join_care_team('nobody', 'd1')").fetchone() == (False,)
        assert pages.execute("SELECT count(staff_id) FROM login").fetchone()[0] > 1
    with as_one(pages, town, "d1"):
        assert "q1" in column(pages, "SELECT pseudonym FROM patient")


def test_the_owner_of_the_tables_is_no_exception_by_itself(town, conn):
    """FORCE: what the owner's rights see, a policy says; without it they see nothing either."""
    missing = column(
        conn,
        "SELECT relname FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity"
        " OR relname = ANY (%s) AND relkind = 'r' AND NOT relrowsecurity",
        list(OF_PEOPLE),
    )
    assert missing == []
    owner = f"owner_{secrets.token_hex(4)}"
    conn.execute(f"CREATE ROLE {owner}")
    try:
        conn.execute(f"ALTER TABLE patient OWNER TO {owner}")
        conn.execute(f"GRANT EXECUTE ON FUNCTION is_owner TO {owner}")
        conn.execute(f"GRANT USAGE ON SCHEMA public TO {owner}")
        with conn.transaction():
            conn.execute(f"SET LOCAL ROLE {owner}")
            assert conn.execute("SELECT count(*) FROM patient").fetchone() == (3,)
        conn.execute("DROP POLICY owner ON patient")
        with conn.transaction():
            conn.execute(f"SET LOCAL ROLE {owner}")
            assert conn.execute("SELECT count(*) FROM patient").fetchone() == (0,)
    finally:
        conn.execute("ALTER TABLE patient OWNER TO CURRENT_USER")
        conn.execute(f"DROP OWNED BY {owner}")
        conn.execute(f"DROP ROLE {owner}")


def test_every_right_on_a_table_of_people_has_a_policy(conn):
    """A later migration that grants one calls protect_rows again, or this names the role."""
    without = conn.execute(
        "SELECT relname, rolname FROM pg_class CROSS JOIN pg_roles"
        " WHERE relrowsecurity AND relnamespace = 'public'::regnamespace"
        " AND rolname LIKE 'adhere\\_%%' AND rolname = ANY (%s) AND ("
        "  has_any_column_privilege(rolname, pg_class.oid, 'SELECT, INSERT, UPDATE')"
        "  OR has_table_privilege(rolname, pg_class.oid, 'DELETE'))"
        " AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid"
        "  AND pg_roles.oid = ANY (polroles))",
        (list(Role),),
    ).fetchall()
    assert without == []


def test_every_table_that_names_a_person_has_row_security(conn):
    bare = conn.execute(
        "SELECT DISTINCT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid"
        " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
        " AND NOT c.relrowsecurity AND NOT a.attisdropped"
        " AND a.attname IN ('patient_id', 'enrolment_id', 'alert_id', 'prescription_id',"
        "  'pseudonym', 'subject', 'staff_id', 'password_hash')"
    ).fetchall()
    # Rows are copied into it, which row security does not allow; the pages have no right on it.
    assert bare == [("cold_content",)]
    assert conn.execute(
        "SELECT has_any_column_privilege('adhere_portal', 'cold_content', 'SELECT')"
    ).fetchone() == (False,)


def test_no_view_shows_what_its_owner_may_see(conn):
    """Over a table with row security a view must look with its reader's eyes."""
    owners = column(
        conn,
        "SELECT DISTINCT v.relname FROM pg_rewrite AS r"
        " JOIN pg_class AS v ON v.oid = r.ev_class AND v.relkind = 'v'"
        " JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid"
        " JOIN pg_class AS t ON t.oid = d.refobjid AND d.refclassid = 'pg_class'::regclass"
        " WHERE t.relrowsecurity"
        " AND NOT coalesce(v.reloptions @> ARRAY['security_invoker=true'], false)",
    )
    assert owners == []


def test_what_was_done_to_a_connection_is_gone_for_the_next_who_borrows_it(town, database):
    pool = Pool(database, application="test", most=1, role=Role.PORTAL)
    pool.open()
    try:
        token = session_of(town.conn, "d1")
        with pool.connection() as conn:
            conn.execute(
                "SELECT set_config('adhere.session', %s, false)", (token_sha256(token).hex(),)
            )
            conn.execute("PREPARE trap AS SELECT 1")
            conn.execute("SET search_path = pg_temp")
            conn.execute("SELECT pg_advisory_lock(1)")
            assert conn.execute("SELECT count(*) FROM public.patient").fetchone() == (2,)
            process = conn.info.backend_pid
        with pool.connection() as conn:
            assert conn.info.backend_pid == process
            assert conn.execute("SELECT count(*) FROM patient").fetchone() == (0,)
            assert conn.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
            assert conn.execute("SELECT current_user").fetchone() == ("adhere_portal",)
    finally:
        pool.close()


def test_passwords_of_before_open_as_they_did(conn, browser, house):
    """The migration keeps of each password's hash the hash alone; the password stays good."""
    conn.execute(
        "UPDATE login SET password_hash = %s, password_set_at = now() WHERE staff_id ="
        " (SELECT id FROM staff WHERE code = 'd1')",
        (CHEAP.hash(PASSWORD),),
    )
    assert browser.log_in("d1").status_code == 401
    text = (MIGRATIONS_DIR / "0017_row_security.sql").read_text("utf-8")
    start = text.index("UPDATE login\nSET password_hash")
    conn.execute("DELETE FROM login_wait")

    conn.execute(text[start : text.index(";", start)])

    assert browser.log_in("d1").status_code == 303


def test_a_prescription_is_written_by_the_doctor_through_the_wall(town, pages):
    """The second wall lets through what the first one does: the same records by the same code."""
    enrolment = town.one("SELECT id FROM enrolment WHERE case_label = 'p1'")
    terms = Prescription(
        effective_from=datetime.now(UTC).date() + timedelta(days=2),
        age_years=67.0,
        sex="F",
        beta_blocker=False,
        hr_max_bpm=160.0,
        hr_max_source="gellish",
        rest_hr_bpm=60.0,
        rest_hr_source="measured",
        frozen_on=datetime.now(UTC).date(),
        zone_lo=40.0,
        zone_hi=59.0,
        session_min=30.0,
        sessions_per_week=3.0,
        weekly_min=90.0,
    )
    with as_one(pages, town, "d1"):
        put_prescription(pages, enrolment_id=enrolment, version=2, prescription=terms)
    assert town.one("SELECT count(*) FROM prescription WHERE enrolment_id = %s", enrolment) == 2


def test_what_a_process_asks_is_planned_as_if_there_were_no_row_security(town, database):
    statements = (
        "SELECT * FROM device_assignment WHERE device_id = 1 AND worn && tstzrange(now(), NULL)",
        "SELECT * FROM day JOIN enrolment ON id = enrolment_id WHERE patient_id = ANY ('{1,2}')",
        "SELECT * FROM week WHERE week BETWEEN '2026-01-01' AND '2026-02-01'",
    )
    with connect(database, role=Role.CORE) as core:
        for statement in statements:
            plan = f"EXPLAIN (COSTS OFF) {statement}"
            assert column(core, plan) == column(town.conn, plan)


def test_whom_a_reader_looks_after_is_asked_once_a_table_not_once_a_row(town, pages):
    asked = "SELECT count(*) FROM week JOIN enrolment ON enrolment.id = week.enrolment_id"
    with as_one(pages, town, "d1"):
        plan = "\n".join(column(pages, f"EXPLAIN (COSTS OFF) {asked}"))

        assert plan.count("hashed SubPlan") == 2
        assert "Function Scan on reader" not in plan


def test_the_ways_to_readings_show_the_same_on_either_kind_of_server(either_database):
    with connect(either_database) as conn:
        house = House(conn)
        house.exercise()
        house.week()
        start, end = local_ms("2026-11-11 00:00:00"), local_ms("2026-11-12 00:00:00")
        asked = pl.DataFrame([(0, house.patient("p1"), start, end)], schema=SPANS, orient="row")
        with connect(either_database, role=Role.PORTAL) as pages:
            for page in ("trace", "week"):
                with as_one(pages, house, "d1"):
                    seen = heart_rate_of(pages, asked, page=page)
                assert seen.height == 600
                assert seen.equals(heart_rate_of(conn, asked))
            with as_one(pages, house, "d1"):
                why = minutes_of_week(pages, house.enrolment, MONDAY, page="week")
                heard = pages.execute(
                    "SELECT heard FROM class_heard(%s, %s, '2026-11-11')",
                    [datetime.fromtimestamp(ms / 1000, UTC) for ms in (start, end)],
                ).fetchone()
        stored = minutes_of_week(conn, house.enrolment, MONDAY)
        assert why.minutes.equals(stored.minutes)
        assert why.batches == stored.batches != ()
        assert heard == (1,)

"""Somebody with a database session of the pages tries to act in another's name, or unseen.

With SQL of their own, of patients they do look after: what the pages ask is out of the way.
"""

# ruff: noqa: S608 - the SQL of an intruder, made of words of this file alone

import contextlib
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from alerts.lifecycle import acknowledge, close
from storage import ledger
from storage.accounts import new_token, token_sha256
from storage.database import connect
from storage.people import Phase, Prescription, put_prescription, put_staff
from storage.roles import Role
from storage.session_log import Session, correct_session
from storage.web_sessions import read_as
from tests.district import local_ms
from tests.pages import MONDAY

DENIED = psycopg.errors.InsufficientPrivilege
CHECKED = psycopg.errors.CheckViolation
MALFORMED = psycopg.errors.InvalidParameterValue
HOUR_MS = 3_600_000


@pytest.fixture
def town(house):
    """p1 and p2 are d1's, q1 is d2's; the coach looks after p1."""
    house.wear("q1", ceiling_bpm=150.0, ceiling_source="prescribed")
    house.conn.execute(
        "UPDATE patient SET family_doctor_id = (SELECT id FROM staff WHERE code = 'd2')"
        " WHERE pseudonym = 'q1'"
    )
    return house


@pytest.fixture
def pages(database):
    """A session with the rights of the pages, and of nothing else."""
    with connect(database, role=Role.PORTAL) as conn:
        yield conn


@contextlib.contextmanager
def as_one(pages, house, code):
    token = new_token()
    house.conn.execute(
        "INSERT INTO web_session (token_sha256, staff_id, ends_at, may_set_password)"
        " SELECT %s, id, %s, false FROM staff WHERE code = %s",
        (token_sha256(token), datetime.now(UTC) + timedelta(hours=1), code),
    )
    with pages.transaction():
        read_as(pages, token)
        yield


def number(house, code):
    return house.one("SELECT id FROM staff WHERE code = %s", code)


def done(pages, statement, *given):
    """How many rows it changes; "refused" where it may not."""
    try:
        with pages.transaction():
            return pages.execute(statement, given).rowcount
    except DENIED:
        return "refused"


# what was read


def readings_noted(house):
    return house.conn.execute(
        "SELECT detail ->> 'use', (detail ->> 'from')::timestamptz, (detail ->> 'to')::timestamptz"
        " FROM audit WHERE action = 'read_readings' ORDER BY id"
    ).fetchall()


MONTHS = (local_ms("2026-08-01 00:00:00"), local_ms("2026-12-01 00:00:00"))
ODD = {
    "two dimensions": "ARRAY[ARRAY[{0}]]",
    "another first number": "'[2:2]={{{0}}}'",
    "a null before it": "ARRAY[NULL, {0}]",
    "nothing": "ARRAY[NULL]",
    "no list": "NULL",
    "an empty one": "'{{}}'",
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize(
    "way",
    [
        "trace_readings('{{0}}', '{{{p1}}}', {since}, {until})",
        "list_readings('{{0}}', '{{{p1}}}', {since}, {until})",
        "week_readings('heart_rate', '{{0}}', '{{{p1}}}', {since}, {until}, 100000000)",
    ],
)
def test_spans_in_an_odd_list_are_refused(town, pages, way, odd):
    town.exercise()
    since, until = (f"{odd.format(ms)}::bigint[]" for ms in MONTHS)
    with as_one(pages, town, "d1"):
        for lists in ((since, until), (f"ARRAY[{MONTHS[0]}::bigint]", until)):
            asked = way.format(p1=town.patient("p1"), since=lists[0], until=lists[1])
            with pytest.raises(MALFORMED), pages.transaction():
                pages.execute(f"SELECT * FROM {asked}")


def test_a_read_time_without_a_beginning_or_an_end_is_refused(town, pages):
    mine, now = town.patient("p1"), datetime.now(UTC)
    with as_one(pages, town, "d1"):
        for way, given in (
            ("week_unworn(%s, NULL, %s)", (mine, now)),
            ("week_unworn(%s, %s, NULL)", (mine, now)),
            ("week_batches(%s, '{0}', ARRAY[NULL::timestamptz], ARRAY[%s])", (mine, now)),
            ("alert_quality(%s, NULL, %s, 150)", (mine, now)),
            ("last_heard(%s, NULL)", (mine,)),
            ("class_heard(NULL, %s, '2026-11-11')", (now,)),
        ):
            with pytest.raises(MALFORMED), pages.transaction():
                pages.execute(f"SELECT * FROM {way}", given)


def test_a_list_notes_every_time_it_reads_and_each_once_an_hour(town, pages):
    mine = town.patient("p1")
    first = local_ms("2026-09-01 10:00:00")
    times = [first, first + 30 * 60_000, local_ms("2026-11-11 10:00:00")]

    for _ in range(2):
        with as_one(pages, town, "d1"):
            pages.execute(
                "SELECT * FROM list_readings('{0,1}', %s, %s, %s)",
                ([mine] * 2, [times[0], times[2]], [times[0] + HOUR_MS, times[2] + HOUR_MS]),
            )
            pages.execute(  # as a list that refreshes itself reads on
                "SELECT * FROM list_readings('{0}', %s, %s, %s)",
                ([mine], [times[1]], [times[1] + HOUR_MS]),
            )

    at = {datetime.fromtimestamp(ms / 1000, UTC): ms + HOUR_MS for ms in (times[0], times[2])}
    assert {
        (since, until.timestamp() * 1000) for _use, since, until in readings_noted(town)
    } == set(at.items())
    assert len(readings_noted(town)) == 2


def test_who_was_heard_at_another_time_is_another_note(town, pages):
    day = datetime(2026, 11, 11, tzinfo=UTC)
    for since, until in (
        (day, day + timedelta(hours=8)),
        (day, day + timedelta(hours=8, minutes=10)),
        (day - timedelta(days=30), day),
    ):
        with as_one(pages, town, "d1"):
            pages.execute("SELECT * FROM class_heard(%s, %s, '2026-11-11')", (since, until))

    assert [row[1] for row in readings_noted(town)] == [day, day - timedelta(days=30)]


# the session log

REVISION = (
    "INSERT INTO session_log (entry_key, revision, enrolment_id, date, component, attended,"
    " minutes, noted_by, withdrawn, correction_reason)"
    " VALUES (%s, %s, %s, '2026-11-09', 'resistance', true, 40, reader_id(), true, 'x')"
)


def test_nobody_takes_away_an_entry_of_another_doctors_patient(town, pages):
    entry = town.log("q1", MONDAY, by="d2", minutes=40)
    theirs, mine = entry.enrolment_id, town.enrolment

    with as_one(pages, town, "d1"):
        for key, revision, enrolment, refusal in (
            (entry.entry_key, 2, mine, CHECKED),
            (entry.entry_key, 7, mine, CHECKED),
            ("a new key", 2, mine, CHECKED),
            (entry.entry_key, 2, theirs, DENIED),
            ("a new key", 2, theirs, DENIED),
        ):
            with pytest.raises(refusal), pages.transaction():
                pages.execute(REVISION, (key, revision, enrolment))

    assert town.conn.execute("SELECT entry_key, minutes FROM logged_session").fetchall() == [
        (entry.entry_key, 40)
    ]


def test_not_the_owner_either_moves_an_entry_to_another_enrolment(town):
    entry = town.log("q1", MONDAY, by="d2", minutes=40)
    correct_session(
        town.conn,
        entry_key=entry.entry_key,
        revision=1,
        session=entry.session,
        reason="x",
        noted_by="d2",
    )
    with pytest.raises(CHECKED) as refused:
        town.conn.execute(
            "UPDATE session_log SET enrolment_id = %s WHERE revision = 2", (town.enrolment,)
        )
    assert refused.value.diag.constraint_name == "session_log_of_one_enrolment"


def test_a_session_is_corrected_through_the_wall_and_its_time_is_the_servers(town, pages):
    entry = town.log("p1", MONDAY, minutes=40)
    with as_one(pages, town, "coach"):
        correct_session(
            pages,
            entry_key=entry.entry_key,
            revision=1,
            session=Session(date=MONDAY, component="resistance", minutes=30),
            reason="x",
            noted_by="coach",
        )
        assert (
            done(
                pages,
                "INSERT INTO session_log (entry_key, revision, enrolment_id, date, component,"
                " attended, noted_by, noted_at) VALUES ('k', 1, %s, '2026-11-09', 'balance', true,"
                " reader_id(), '2026-01-01')",
                town.enrolment,
            )
            == "refused"
        )
    assert town.one("SELECT minutes FROM logged_session") == 30


# alerts

ANSWERED = "next_step = NULL, next_step_at = NULL"
CLOSED = f"state = 'closed', closed_at = clock_timestamp(), outcome = 'called', {ANSWERED}"
ACKED = "acknowledged_at = clock_timestamp()"
FALSE_ANSWERS = {
    "acknowledged by another": (
        f"state = 'acknowledged', acknowledged_by = {{d2}}, {ACKED}, {ANSWERED}"
    ),
    "closed by another": (f"{CLOSED}, closed_by = {{d2}}, acknowledged_by = reader_id(), {ACKED}"),
    "closed, acknowledged by another": (
        f"{CLOSED}, closed_by = reader_id(), acknowledged_by = {{d2}}, {ACKED}"
    ),
    "acknowledged earlier": (
        "state = 'acknowledged', acknowledged_by = reader_id(),"
        f" acknowledged_at = clock_timestamp() - interval '1 hour', {ANSWERED}"
    ),
    "closed earlier": (
        "state = 'closed', outcome = 'called', closed_by = reader_id(),"
        f" closed_at = clock_timestamp() - interval '1 hour', {ANSWERED}"
    ),
    "put off": "next_step_at = next_step_at + interval '1 day'",
    "never escalated": ANSWERED,
    "an outcome of what is open": "outcome = 'called'",
}


def open_alert(house):
    alert = house.red("p1")
    house.conn.execute(
        "UPDATE alert SET next_step = 1, next_step_at = now(), round_began_at = now()"
    )
    return alert


@pytest.mark.parametrize("said", FALSE_ANSWERS.values(), ids=FALSE_ANSWERS)
def test_an_alert_is_not_answered_in_anothers_name_or_time(town, pages, said):
    alert = open_alert(town)
    with as_one(pages, town, "coach"):
        said = said.format(d2=number(town, "d2"))
        assert done(pages, f"UPDATE alert SET {said} WHERE id = %s", alert) == "refused"


def test_an_answer_is_not_taken_back(town, pages):
    alert = open_alert(town)
    with as_one(pages, town, "d1"):
        assert acknowledge(pages, alert, number(town, "d1"))
    with as_one(pages, town, "coach"):
        for said in (
            "state = 'open'",
            f"acknowledged_by = reader_id(), {ACKED}",
            "state = 'open', acknowledged_by = NULL, acknowledged_at = NULL",
            "acknowledged_at = clock_timestamp()",
        ):
            assert done(pages, f"UPDATE alert SET {said}") == "refused", said
        close(pages, alert, number(town, "coach"), "called")
    with as_one(pages, town, "d1"):
        for said in (
            "outcome = 'referred'",
            "outcome_reason = 'x'",
            f"closed_by = reader_id(), {CLOSED}",
            "state = 'open', closed_at = NULL, closed_by = NULL, outcome = NULL",
        ):
            assert done(pages, f"UPDATE alert SET {said}") == "refused", said

    assert town.conn.execute(
        "SELECT state, acknowledged_by, closed_by, outcome FROM alert"
    ).fetchall() == [("closed", number(town, "d1"), number(town, "coach"), "called")]


def test_a_message_that_waits_is_dropped_by_an_answer_alone(town, pages):
    alert = open_alert(town)
    for step, (state, sent_at) in enumerate((("queued", None), ("sent", datetime.now(UTC)))):
        town.conn.execute(
            "INSERT INTO delivery (alert_id, round, step, channel, recipient, state, sent_at)"
            " VALUES (%s, 0, %s, 'mail', 'x@example.org', %s, %s)",
            (alert, step, state, sent_at),
        )
    drop = "UPDATE delivery SET state = 'dropped'"
    with as_one(pages, town, "d1"):
        assert done(pages, drop) == 0
        acknowledge(pages, alert, number(town, "d1"))
        assert done(pages, drop) == 0
    states = town.conn.execute("SELECT state FROM delivery ORDER BY step").fetchall()
    assert states == [("dropped",), ("sent",)]


# findings


@pytest.fixture
def finding(town):
    return town.one(
        "INSERT INTO ledger_finding (kind, gateway_id, boot, seq)"
        " SELECT 'broken_chain', id, decode(repeat('11', 16), 'hex'), 3 FROM gateway RETURNING id"
    )


def test_a_finding_is_taken_note_of_by_who_looks_after_the_box_in_their_own_name(
    town, pages, finding
):
    seen = "UPDATE ledger_finding SET seen_at = {}, seen_by = {}"
    other = number(town, "boss")
    assert done(pages, seen.format("now()", other)) == 0  # nobody reads
    put_staff(town.conn, organisation="c1", code="op2", role="operator", name="Other")
    for code in ("d1", "boss", "auditor"):
        with as_one(pages, town, code):
            assert pages.execute("SELECT count(*) FROM ledger_finding").fetchone() == (0,)
            assert done(pages, seen.format("now()", "reader_id()")) == 0, code
    with as_one(pages, town, "op"):
        assert pages.execute("SELECT count(*) FROM ledger_finding").fetchone() == (1,)
        for words in (
            ("now()", other),
            ("now() - interval '1 day'", "reader_id()"),
            ("NULL", "NULL"),
        ):
            assert done(pages, seen.format(*words)) == "refused", words
        mine = number(town, "op")
        assert ledger.see_finding(pages, finding, staff_id=mine) == "broken_chain"
    with as_one(pages, town, "op2"):  # the first one stays
        assert done(pages, seen.format("now()", "reader_id()")) == 0
    assert town.one("SELECT seen_by FROM ledger_finding") == mine


# prescriptions


def today():
    return datetime.now(UTC).date()


def terms(since: date, *phases: Phase) -> Prescription:
    return Prescription(
        effective_from=since,
        age_years=67.0,
        sex="F",
        beta_blocker=False,
        hr_max_bpm=160.0,
        hr_max_source="gellish",
        rest_hr_bpm=60.0,
        rest_hr_source="measured",
        frozen_on=since,
        zone_lo=40.0,
        zone_hi=59.0,
        session_min=30.0,
        sessions_per_week=3.0,
        weekly_min=90.0,
        phases=phases,
    )


def test_a_version_comes_with_its_phases_and_no_phase_comes_later(town, pages):
    since = today() + timedelta(days=2)
    phase = "INSERT INTO prescription_phase (prescription_id, from_week, phase, weekly_min)"
    with as_one(pages, town, "d1"):
        put_prescription(
            pages,
            enrolment_id=town.enrolment,
            version=2,
            prescription=terms(since, Phase(from_week=3, phase="reach", weekly_min=120.0)),
        )
        written = "SELECT id, 5, 'hold', 10 FROM prescription"
        assert done(pages, f"{phase} {written} WHERE version = 1") == "refused"
    with as_one(pages, town, "d1"):
        assert done(pages, f"{phase} {written} WHERE version = 2") == "refused"
    assert town.one("SELECT count(*) FROM prescription_phase") == 1
    assert (
        town.one(
            "SELECT upper(effective) FROM prescription WHERE version = 1 AND enrolment_id = %s",
            town.enrolment,
        )
        == since
    )


@pytest.mark.parametrize(
    "effective",
    [
        "'[2026-01-01,2026-02-01)'",
        "daterange(lower(effective) + 1, upper(effective))",
        "daterange(lower(effective) - 1, upper(effective))",
        "daterange(lower(effective), current_date - 3)",
        "daterange(NULL, upper(effective))",
    ],
)
def test_the_days_of_a_version_that_held_stay(town, pages, effective):
    with as_one(pages, town, "d1"):
        change = f"UPDATE prescription SET effective = {effective} WHERE enrolment_id = %s"
        assert done(pages, change, town.enrolment) == "refused"


def test_a_version_that_was_ended_does_not_begin_again_and_none_begins_in_the_past(town, pages):
    since = today() + timedelta(days=2)
    with as_one(pages, town, "d1"):
        new = terms(since)
        put_prescription(pages, enrolment_id=town.enrolment, version=2, prescription=new)
        longer = "UPDATE prescription SET effective = daterange(lower(effective), NULL)"
        assert done(pages, f"{longer} WHERE version = 1") == "refused"
        assert (
            done(
                pages,
                "INSERT INTO prescription (enrolment_id, version, effective, frozen_on,"
                " steps_per_day) VALUES (%s, 3, '[2020-01-01,2020-02-01)', '2020-01-01', 1000)",
                town.enrolment,
            )
            == "refused"
        )
        assert (
            done(
                pages,
                "INSERT INTO prescription (enrolment_id, version, effective, frozen_on,"
                " steps_per_day, written_at)"
                " VALUES (%s, 3, '[2030-01-01,)', '2020-01-01', 1000, '2026-01-01')",
                town.enrolment,
            )
            == "refused"
        )

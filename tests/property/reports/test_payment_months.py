"""Whatever the nights before, the lines of all months are those of one evaluation of everything."""

import os
import uuid
from datetime import date, timedelta
from decimal import Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from config.schemes import SCHEMES_DIR, load_scheme
from reports.payment.listing import lines
from reports.payment.store import evaluate_due
from storage.database import connect
from tests.district import District

EXAMPLES = int(os.environ.get("ADHERE_EXAMPLES", "25"))
FIRST = date(2026, 9, 28)
LAST_NIGHT = date(2027, 2, 7)
MONTHS = [date(2026, month, 1) for month in (9, 10, 11, 12)] + [
    date(2027, month, 1) for month in (1, 2)
]
FILE = SCHEMES_DIR / "base_performance_s1.toml"
# So low that most histories run into them.
LOW = {"base_most_services_a_year": 2, "performance_most_yuan_a_year": Decimal("60.00")}
SIGNED, UNSIGNED = (
    load_scheme(FILE, sign_off=word).model_copy(update=LOW) for word in ("DEMO", None)
)
STATES = (("met", None), ("not_met", None), ("cannot_judge", "paused"), ("cannot_judge", "no_band"))

weeks = st.tuples(
    st.just("week"),
    st.integers(0, 1),
    st.integers(0, 18),
    st.sampled_from(STATES[1:]),
    st.integers(0, 2),
)
runs = st.tuples(
    st.just("weeks in a row"),
    st.integers(0, 1),
    st.integers(0, 14),
    st.integers(2, 18),
    st.sampled_from(STATES),
)
events = st.one_of(
    runs,
    runs,
    weeks,
    weeks,
    st.tuples(st.just("no week"), st.integers(0, 1), st.integers(0, 18)),
    st.tuples(st.just("shake"), st.integers(0, 1), st.integers(0, 18), st.sampled_from([5, 25])),
    st.tuples(
        st.just("night"),
        st.sampled_from([30, 70, 100, 130]),
        st.sampled_from([SIGNED, SIGNED, UNSIGNED]),
    ),
)

FULL_YEAR = (
    ("weeks in a row", 0, 0, 18, STATES[0]),
    ("weeks in a row", 1, 0, 18, STATES[0]),
    ("night", 130, SIGNED),
)
"""Limits are used up early, so what changes early moves what comes late."""


@pytest.fixture(scope="module")
def conn(postgres, template):
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        with connect(postgres.dsn_of(name)) as conn:
            yield conn
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


class World:
    """Two enrolled patients, whose weeks come, change and go."""

    def __init__(self, conn):
        conn.execute(
            "TRUNCATE organisation, staff, patient, enrolment, prescription, gateway, day, week,"
            " payment_scheme, payment_period, payment_line RESTART IDENTITY CASCADE"
        )
        self.conn, self.through = conn, FIRST
        district = District(conn)
        self.enrolments = []
        for name in ("p1", "p2"):
            enrolment = district.enrol(district.add_patient(name), name, FIRST)
            self.enrolments.append((enrolment, district.prescribe(enrolment, FIRST)))

    def take(self, what, *rest):
        takers = {
            "week": self.week,
            "weeks in a row": self.weeks_in_a_row,
            "no week": self.no_week,
            "shake": self.shake,
            "night": self.night,
        }
        takers[what](*rest)

    def week(self, who, number, state, salt):
        enrolment, prescription = self.enrolments[who]
        self.no_week(who, number)
        self.conn.execute(
            "INSERT INTO week VALUES (%s, %s, %s, 0, 0, false, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,"
            " NULL, NULL, false, 0, %s, %s, 'c1', %s, %s)",
            (
                *(enrolment, FIRST + timedelta(days=7 * number), prescription),
                *(*state, bytes([salt]), LAST_NIGHT),
            ),
        )

    def weeks_in_a_row(self, who, first, count, state):
        for number in range(first, min(first + count, 19)):
            self.week(who, number, state, 0)

    def no_week(self, who, number):
        monday = (self.enrolments[who][0], FIRST + timedelta(days=7 * number))
        self.conn.execute("DELETE FROM week WHERE enrolment_id = %s AND week = %s", monday)
        self.conn.execute("DELETE FROM day WHERE enrolment_id = %s AND date = %s", monday)

    def shake(self, who, number, minutes):
        """The night that finds flags finds another week: its hash is over its days."""
        enrolment, prescription = self.enrolments[who]
        monday = FIRST + timedelta(days=7 * number)
        self.conn.execute(
            "INSERT INTO day VALUES (%s, %s, %s, false, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,"
            " %s, 0, 'c1', '') ON CONFLICT DO NOTHING",
            (enrolment, monday, prescription, minutes),
        )
        self.conn.execute(
            "UPDATE week SET input_sha256 = input_sha256 || 'shaken'"
            " WHERE enrolment_id = %s AND week = %s",
            (enrolment, monday),
        )

    def night(self, days, scheme):
        self.through = max(self.through, FIRST + timedelta(days=days))
        evaluate_due(self.conn, [scheme], self.through)

    def all_lines(self):
        return [(line, line.behind) for month in MONTHS for line in lines(self.conn, month)]


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    begun=st.sampled_from([True, True, True, False]),
    history=st.lists(events, min_size=4, max_size=12),
)
def test_nights_in_between_leave_the_lines_of_one_evaluation(conn, begun, history):
    world = World(conn)
    for event in [*(FULL_YEAR if begun else ()), *history]:
        world.take(*event)

    evaluate_due(conn, [SIGNED], LAST_NIGHT)

    found = world.all_lines()
    conn.execute("TRUNCATE payment_line CASCADE")
    evaluate_due(conn, [SIGNED], LAST_NIGHT)
    assert world.all_lines() == found
    assert sum(evaluated.changed for evaluated in evaluate_due(conn, [SIGNED], LAST_NIGHT)) == 0

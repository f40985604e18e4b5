"""A patient who moves to another centre: what was judged stays judged."""

from datetime import date, timedelta

import pytest

from config.schemes import SCHEMES_DIR, load_scheme
from reports.nightly.recompute import recompute
from reports.payment.store import evaluate_due
from storage.database import connect
from storage.people import move_patient
from tests.district import District, at, local_ms

MONDAYS = [date(2026, 11, 2) + timedelta(days=7 * week) for week in range(4)]
THROUGH = date(2026, 11, 29)
SCHEME = load_scheme(SCHEMES_DIR / "base_performance_s1.toml", sign_off="DEMO")


@pytest.fixture
def conn(database):
    with connect(database) as conn:
        yield conn


@pytest.fixture
def district(conn):
    """Centre one, whose box was off in the first week; centre two; a patient of the first."""
    district = District(conn)
    district.wear("p1", mode="site")
    conn.execute(
        "INSERT INTO gateway_outage (gateway_id, during, reason)"
        " VALUES (%s, tstzrange(%s, %s), 'power')",
        (
            district.gateway,
            at(local_ms("2026-11-02 00:00:00")),
            at(local_ms("2026-11-09 00:00:00")),
        ),
    )
    two = district.add_centre("c2", "Centre two")
    conn.execute("INSERT INTO gateway (centre_id, code) VALUES (%s, 'g1')", (two,))
    recompute(conn, through=THROUGH)
    return district


def reasons(conn):
    recompute(conn, through=THROUGH)
    return [
        reason or state
        for state, reason in conn.execute("SELECT state, reason FROM week ORDER BY week")
    ]


def move(conn, centre, since):
    return move_patient(
        conn, pseudonym="p1", centre=centre, since_utc=at(local_ms(f"{since} 00:00:00"))
    )


def test_a_move_now_changes_no_week_that_is_over(conn, district):
    before = reasons(conn)

    conn.execute("UPDATE patient SET centre_id = (SELECT id FROM organisation WHERE code = 'c2')")

    assert before == ["gateway_outage", "not_met", "not_met", "not_met"]
    assert reasons(conn) == before


def test_a_week_is_judged_by_the_centre_of_its_monday(conn, district):
    move(conn, "c2", "2026-11-03")
    assert reasons(conn)[0] == "gateway_outage"

    move(conn, "c2", "2026-11-02")
    assert reasons(conn)[0] == "not_met"


def test_an_outage_of_a_former_centre_is_none_of_a_later_week(conn, district):
    move(conn, "c2", "2026-11-09")
    conn.execute(
        "INSERT INTO gateway_outage (gateway_id, during, reason)"
        " VALUES (%s, tstzrange(%s, %s), 'power')",
        (
            district.gateway,
            at(local_ms("2026-11-16 00:00:00")),
            at(local_ms("2026-11-23 00:00:00")),
        ),
    )

    assert reasons(conn) == ["gateway_outage", "not_met", "not_met", "not_met"]


def test_a_mistaken_move_is_put_right_and_doing_it_again_is_nothing_new(conn, district):
    before = reasons(conn)
    assert move(conn, "c2", "2026-11-02")

    assert move_patient(conn, pseudonym="p1", centre="c1", since_utc=None)
    assert not move_patient(conn, pseudonym="p1", centre="c1", since_utc=None)
    assert not move(conn, "c1", "2026-11-16")

    assert reasons(conn) == before
    assert conn.execute("SELECT during::text FROM patient_centre").fetchall() == [("(,)",)]


def test_lines_of_a_month_stay_with_the_centre_of_its_last_monday(conn, district):
    def centres():
        (month,) = [
            one for one in evaluate_due(conn, [SCHEME], THROUGH) if one.month == date(2026, 11, 1)
        ]
        return {line.centre_id for line in month.lines}

    was = centres()
    move(conn, "c2", "2026-11-24")
    assert centres() == was == {district.centre}

    move(conn, "c2", "2026-11-23")
    assert centres() != was

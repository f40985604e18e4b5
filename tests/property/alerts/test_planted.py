"""Red by exactly the planted live events: late, shuffled, doubled and replayed data raise none."""

import os
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.paging import Channels
from alerts.watch import Counters, look
from config.alert_rules import load_alert_rules
from storage.database import connect
from tests.district import District, at, every
from tests.postgres import new_database

EXAMPLES = int(os.environ.get("ADHERE_EXAMPLES", "15"))
RULES = load_alert_rules()
MAIL = Channels(mail=True, file=False)
S = 1_000
HOUR = 3_600 * S
BANDS = ("red", "green", "blue")
CEILING = 140.0
TABLES = (
    "alert, alert_episode, alert_event, delivery, alert_week, edge_event, edge_queue, batch_queue,"
    " organisation, staff, patient, device, gateway, batch, batch_payload, heart_rate, touched,"
    " changed"
)

lengths = st.integers(31, 90)
events = st.lists(
    st.tuples(st.sampled_from(BANDS), st.integers(100, 280), lengths),
    max_size=3,
    unique_by=lambda e: e[0],
)
"""Live: band, how many seconds ago it began, and how long it lasted; ended before now."""
histories = st.lists(
    st.tuples(st.sampled_from(BANDS), st.integers(1, 20), st.integers(31, 600)), max_size=4
)
"""Back-fill: band, hours ago, how long it lasted."""


@pytest.fixture(scope="module")
def conn(postgres, template):
    with new_database(postgres.dsn, template=template) as dsn, connect(dsn) as conn:
        yield conn


@given(events=events, histories=histories, data=st.data())
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_red_is_raised_by_exactly_the_planted_live_events(conn, events, histories, data):
    conn.execute(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE")
    district = District(conn)
    conn.execute("UPDATE staff SET email = 'd@east.example'")
    now = int(district.one("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"))
    since = at(now).date() - timedelta(days=30)
    for band in BANDS:
        district.wear(band, starts_on=since, ceiling_bpm=CEILING, ceiling_source="prescribed")

    live = {band: every(now - 300 * S, now, 100.0, step_ms=S) for band in BANDS}
    planted = {}
    for band, ago, length in events:
        begins = now - ago * S
        ends = min(begins + length * S, now - 5 * S)
        planted[band] = at(begins + 30 * S)
        live[band] = [(ms, 150.0 if begins <= ms <= ends else bpm) for ms, bpm in live[band]]
    batches = [
        (band, readings[start : start + 60])
        for band, readings in live.items()
        for start in range(0, 300, 60)
    ]
    for band, hours, length in histories:
        begins = now - hours * HOUR
        old = [(ms, 170.0) for ms, _bpm in every(begins, begins + length * S, 0, step_ms=S)]
        batches += [(band, part) for part in (old[::2], old[1::2])]
    # Replayed: what was sent is sent again, as by another spool. All of it in any order.
    again = data.draw(st.lists(st.sampled_from(batches), max_size=3), label="again")
    order = data.draw(st.permutations([*batches, *again]), label="order")
    counters = Counters()
    for number, (band, readings) in enumerate(order):
        district.hear(band, heart_rate=readings[::-1])
        if number % 2:
            look(conn, RULES, MAIL, counters, most=2)
    while look(conn, RULES, MAIL, counters, most=3):
        pass

    raised = dict(
        conn.execute(
            "SELECT pseudonym, raised_at FROM alert JOIN patient ON patient.id = patient_id"
        ).fetchall()
    )
    assert raised == planted
    assert counters.pages == len(planted)
    assert conn.execute("SELECT count(*) FROM delivery").fetchone() == (len(planted),)
    assert conn.execute("SELECT count(*) FROM batch_queue").fetchone() == (0,)

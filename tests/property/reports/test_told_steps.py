"""Running totals, memory under clocks that jump, and readings of several boxes, in whatever order:
days and weeks are those of one computation over everything."""

import os
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.nightly.recompute import recompute
from storage.database import connect
from storage.ingest import store_batches
from tests.batches import a_batch, columns
from tests.district import District, from_scratch, local_ms, results
from tests.postgres import new_database

EXAMPLES = int(os.environ.get("ADHERE_EXAMPLES", "15"))
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
THROUGH = date(2026, 11, 22)
MIDNIGHT = local_ms("2026-11-16 00:00:00")
BANDS = ("red", "green")
TABLES = (
    "organisation, staff, patient, enrolment, prescription, device, device_assignment, gateway,"
    " batch, batch_payload, batch_queue, touched, changed, clock_heard, band_clock, said_again,"
    " day, bout, week, heart_rate, steps, steps_counter, quarantined_reading"
)
FORGOTTEN = (
    "TRUNCATE said_again",
    "INSERT INTO clock_heard SELECT * FROM band_clock",
    "TRUNCATE band_clock",
)

moments = st.builds(
    lambda day, anchor, off_s: MIDNIGHT + day * DAY + anchor + off_s * 1_000,
    st.integers(-1, 1),
    st.sampled_from([0, 9 * HOUR, DAY - 10 * MINUTE]),
    st.integers(-900, 900),
)


@st.composite
def totals(draw):
    """Running totals of one band, some seconds or minutes apart, with what may befall them."""
    since, band = draw(moments), draw(st.sampled_from(BANDS))
    apart_s = draw(st.sampled_from([5, 20, 60, 61, 900]))
    climbs = draw(st.lists(st.sampled_from([0, 0, 1, 9, 20, 400, -(10**6), 60_000]), max_size=40))
    value, rows = draw(st.sampled_from([0, 30, 4_000, 65_400])), []
    for number, climb in enumerate(climbs):
        value = max(0, value + climb)
        rows.append((since + number * apart_s * 1_000, value))
    return ("totals", band, rows)


@st.composite
def memories(draw):
    """Quarters of an hour, or pulses, by the band's stamps and one idea of its clock."""
    band, quantity = draw(st.sampled_from(BANDS)), draw(st.sampled_from(["steps", "heart_rate"]))
    first = draw(st.integers(0, 20))
    told = draw(st.lists(st.sampled_from([0, 50, 60, 110, 120]), min_size=1, max_size=20))
    stamps = [MIDNIGHT + 20 * HOUR + (first + n) * 15 * MINUTE for n in range(len(told))]
    off = draw(st.sampled_from([0, 0, 40_000, -200_000, HOUR, -DAY, -4 * HOUR]))
    seal = draw(st.integers(0, 3))
    return ("memory", band, quantity, off, seal, list(zip(stamps, told, strict=True)))


@st.composite
def histories(draw):
    batches = []
    for series in draw(st.lists(totals(), max_size=5)) + draw(st.lists(memories(), max_size=5)):
        rows = series[-1]
        parts = draw(st.integers(1, 3))
        cut = draw(st.lists(st.integers(0, parts - 1), min_size=len(rows), max_size=len(rows)))
        for part in range(parts):
            some = [row for row, where in zip(rows, cut, strict=True) if where == part]
            if some:
                batches.append((*series[:-1], some))
    events = draw(
        st.lists(
            st.tuples(st.just("hand over"), st.sampled_from(BANDS), moments)
            | st.just(("recompute",)),
            max_size=5,
        )
    )
    return draw(st.permutations(batches + events))


class World(District):
    """Two people, two bands, two boxes."""

    def __init__(self, conn):
        super().__init__(conn)
        self.sent = 0
        self.boxes = [
            self.gateway,
            self.one(
                "INSERT INTO gateway (centre_id, code) VALUES (%s, 'g2') RETURNING id", self.centre
            ),
        ]
        self.patients = []
        for name in ("p1", "p2"):
            patient = self.add_patient(name)
            self.prescribe(
                self.enrol(patient, name, date(2026, 11, 9)), date(2026, 11, 9), steps_per_day=900.0
            )
            self.patients.append(patient)
        self.devices = {band: self.add_device(band) for band in BANDS}
        for band, patient in zip(BANDS, self.patients, strict=True):
            self.assign(self.devices[band], patient)

    def take(self, kind, *event):
        if kind == "totals":
            band, rows = event
            self.send(band, columns(*zip(*rows, strict=True), quantity="steps_counter"))
        elif kind == "memory":
            band, quantity, off, seal, rows = event
            stamps, values = zip(*rows, strict=True)
            self.send(
                band,
                columns(
                    [stamp + off for stamp in stamps],
                    values,
                    quantity="steps_increment" if quantity == "steps" else "heart_rate_bpm",
                    span_ms=15 * MINUTE if quantity == "steps" else 0,
                    stamps=stamps,
                ),
                sealed_ms=MIDNIGHT + (3 + seal) * DAY,
            )
        elif kind == "hand over":
            band, when = event
            self.conn.execute(
                "DELETE FROM device_assignment WHERE device_id = %s", (self.devices[band],)
            )
            first, second = self.patients if band == "green" else self.patients[::-1]
            self.assign(self.devices[band], first, None, when)
            self.assign(self.devices[band], second, when, None)
        else:
            recompute(self.conn, through=THROUGH)

    def send(self, band, part, sealed_ms=MIDNIGHT + 3 * DAY):
        self.sent += 1
        batch = a_batch(
            self.boxes[self.sent % 2], self.sent, part, devices=(band,), sealed_utc_ms=sealed_ms
        )
        store_batches(self.conn, [batch])


@pytest.fixture(scope="module")
def conn(postgres, template):
    with new_database(postgres.dsn, template=template) as dsn, connect(dsn) as conn:
        yield conn


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)
@given(history=histories())
def test_told_bit_by_bit_equals_told_at_once(conn, history):
    conn.execute(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE")
    world = World(conn)

    for event in history:
        world.take(*event)
    recompute(conn, through=THROUGH)

    bit_by_bit = everything(conn)
    for statement in FORGOTTEN:
        conn.execute(statement)
    from_scratch(conn)
    recompute(conn, through=THROUGH)
    assert everything(conn) == bit_by_bit


def everything(conn):
    """Every result, and what was found to be said again."""
    again = "SELECT * FROM said_again ORDER BY device_id, reading_table, device_ts_ms, at, value"
    return results(conn) | {"said_again": conn.execute(again).fetchall()}

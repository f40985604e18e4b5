"""Whatever comes, in whatever order and batches, with recomputations anywhere between: the stored
days, bouts and weeks are those of one computation over everything."""

import os
import uuid
from datetime import date, timedelta

import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from adherence.method import bouts, chains, days, held, kept
from config.conventions import load_conventions
from reports.nightly import recompute as recomputation
from reports.nightly.recompute import recompute
from storage.database import connect
from tests.district import District, at, from_scratch, local_ms, results

EXAMPLES = int(os.environ.get("ADHERE_EXAMPLES", "25"))
MINUTE = 60_000
MIDNIGHTS = [local_ms(f"2026-11-{day} 00:00:00") for day in (14, 15, 16, 17)]
"""The third is the one between a Sunday and a Monday."""
THROUGH = date(2026, 11, 22)
BANDS = ("red", "green", "blue")
TABLES = (
    "organisation, staff, patient, enrolment, prescription, pause, device, device_assignment,"
    " gateway, batch, batch_payload, batch_queue, touched, changed, day, bout, week,"
    " heart_rate, steps, quarantined_reading"
)

moments = st.builds(
    lambda midnight, offset_s: midnight + offset_s * 1_000,
    st.sampled_from(MIDNIGHTS),
    # Mostly whole minutes near midnight: pieces meet there, and their readings are often twins.
    st.integers(-20, 10).map(lambda minutes: minutes * 60)
    | st.integers(-2_400, 2_400)
    | st.integers(-86_400, 86_400),
)
bpms = st.sampled_from([70, 103, 104, 105, 120, 152, 153, 154, 200, 25, 230])


@st.composite
def pieces(draw):
    """Heart rate of one band from some moment on: steady, but for some odd values."""
    since, band = draw(moments), draw(st.sampled_from(BANDS))
    step_s = draw(st.sampled_from([5, 10, 20, 30, 59, 60, 121]))
    count = draw(st.integers(1, 300))
    bpm, odd = draw(bpms), draw(bpms)
    odd_places = draw(st.sets(st.integers(0, 199), max_size=3))
    return band, [
        (since + place * step_s * 1_000, odd if place in odd_places else bpm)
        for place in range(count)
    ]


@st.composite
def sparks(draw):
    """A few readings within two minutes of midnight: spikes and holds that reach over it."""
    midnight, band = draw(st.sampled_from(MIDNIGHTS)), draw(st.sampled_from(BANDS))
    places = st.tuples(st.integers(-24, 24).map(lambda n: midnight + n * 5_000), bpms)
    return band, draw(st.lists(places, min_size=1, max_size=4, unique_by=lambda row: row[0]))


@st.composite
def long_pieces(draw):
    """One reading a minute in effort over a day and more: a chain over several midnights."""
    since, band = draw(moments), draw(st.sampled_from(BANDS))
    return band, [(since + n * MINUTE, 120) for n in range(draw(st.integers(1_000, 2_500)))]


@st.composite
def walks(draw):
    """Step counts of some minutes."""
    since, band = draw(moments), draw(st.sampled_from(BANDS))
    counts = draw(st.lists(st.sampled_from([0, 0, 0, 59, 60, 99, 100, 130, 221]), min_size=1))
    return band, [(since // MINUTE * MINUTE + n * MINUTE, count) for n, count in enumerate(counts)]


@st.composite
def histories(draw):
    """Batches in some order, each heart rate or steps of one band, and what happens between."""
    batches = []
    series = [
        *draw(st.lists(pieces(), min_size=1, max_size=5)),
        *draw(st.lists(sparks(), max_size=5)),
        *draw(st.lists(long_pieces(), max_size=1)),
    ]
    for band, rows in series:
        parts = draw(st.integers(1, 4))
        cut = draw(st.lists(st.integers(0, parts - 1), min_size=len(rows), max_size=len(rows)))
        for part in range(parts):
            some = [row for row, where in zip(rows, cut, strict=True) if where == part]
            if some:
                batches.append(("heart_rate", band, some))
    batches += [("steps", band, rows) for band, rows in draw(st.lists(walks(), max_size=3))]
    events = draw(
        st.lists(
            st.tuples(st.just("hand over"), st.sampled_from(BANDS), moments)
            | st.tuples(st.just("prescribe"), st.sampled_from([14, 15, 16, 17]), bpms)
            | st.tuples(st.just("raise the zone"), bpms)
            | st.just(("pause",))
            | st.just(("recompute",)),
            max_size=6,
        )
    )
    return draw(st.permutations(batches + events))


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
    """Two patients and three bands, and what was done to them."""

    def __init__(self, conn):
        conn.execute(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE")
        self.conn, self.district = conn, District(conn)
        self.heart_rate, self.steps = [], []
        self.patients = []
        self.enrolments = []
        for name in ("p1", "p2"):
            patient = self.district.add_patient(name)
            enrolment = self.district.enrol(patient, name, date(2026, 11, 12))
            self.district.prescribe(enrolment, date(2026, 11, 12))
            self.patients.append(patient)
            self.enrolments.append(enrolment)
        for number, band in enumerate(BANDS):
            self.district.assign(self.district.add_device(band), self.patients[number % 2])

    def take(self, what, *rest):
        if what in {"heart_rate", "steps"}:
            band, rows = rest
            self.district.hear(band, **{what: rows})
            getattr(self, what).extend((band, ms, value) for ms, value in rows)
        elif what == "hand over":
            self.hand_over(*rest)
        elif what == "prescribe":
            self.prescribe(*rest)
        elif what == "raise the zone":
            self.conn.execute(
                "UPDATE prescription SET zone_lo = %s WHERE version = 2",
                (30.0 + rest[0] % 40,),
            )
        elif what == "pause":
            self.conn.execute(
                "INSERT INTO pause (enrolment_id, during, reason)"
                " SELECT %s, daterange('2026-11-17', '2026-11-18'), 'away'"
                " WHERE NOT EXISTS (SELECT FROM pause)",
                (self.enrolments[0],),
            )
        else:
            recompute(self.conn, through=THROUGH)

    def hand_over(self, band, moment):
        """From that moment on the other patient wears the band."""
        row = self.conn.execute(
            "SELECT a.id, a.patient_id, a.device_id FROM device_assignment a"
            " JOIN device d ON d.id = a.device_id WHERE d.device_key = %s AND a.worn @> %s"
            " AND lower(a.worn) IS DISTINCT FROM %s",
            (band, at(moment), at(moment)),
        ).fetchone()
        if row is None:
            return
        assignment, patient, device = row
        (other,) = (candidate for candidate in self.patients if candidate != patient)
        (upper,) = self.conn.execute(
            "SELECT upper(worn) FROM device_assignment WHERE id = %s", (assignment,)
        ).fetchone()
        self.conn.execute(
            "UPDATE device_assignment SET worn = tstzrange(lower(worn), %s) WHERE id = %s",
            (at(moment), assignment),
        )
        self.conn.execute(
            "INSERT INTO device_assignment (device_id, patient_id, worn)"
            " VALUES (%s, %s, tstzrange(%s, %s))",
            (device, other, at(moment), upper),
        )

    def prescribe(self, day, bpm):
        """A second version with another zone from that day on, once."""
        enrolment = self.enrolments[0]
        since = date(2026, 11, day)
        found = self.conn.execute(
            "UPDATE prescription SET effective = daterange(lower(effective), %s)"
            " WHERE enrolment_id = %s AND version = 1 AND upper(effective) IS NULL RETURNING id",
            (since, enrolment),
        ).fetchone()
        if found:
            self.district.prescribe(
                enrolment, since, version=2, zone_lo=30.0 + bpm % 30, session_min=10.0
            )

    def worn(self, rows, value):
        """All readings with the patient who wore the band, as the core takes them."""
        assignments = self.conn.execute(
            "SELECT d.device_key, a.patient_id,"
            " (extract(epoch FROM coalesce(lower(a.worn), '1990-01-01')) * 1000)::bigint,"
            " (extract(epoch FROM coalesce(upper(a.worn), '2090-01-01')) * 1000)::bigint"
            " FROM device_assignment a JOIN device d ON d.id = a.device_id"
        ).fetchall()
        return pl.LazyFrame(
            [
                (patient, ms, float(number))
                for band, ms, number in rows
                for key, patient, since, until in assignments
                if key == band and since <= ms < until
            ],
            schema={"person": pl.Int64, "ts": pl.Int64, value: pl.Float64},
            orient="row",
        )

    def straight_from_the_core(self):
        """Days and bouts of one computation over everything: no windows, no database."""
        conventions = load_conventions()
        cases = pl.LazyFrame(
            self.conn.execute(
                "SELECT e.id, e.patient_id, p.id, lower(effective), upper(effective), hr_max_bpm,"
                " rest_hr_bpm, zone_lo, zone_hi, session_min, sessions_per_week, weekly_min"
                " FROM enrolment e JOIN prescription p ON p.enrolment_id = e.id"
            ).fetchall(),
            schema={
                "case": pl.Int64,
                "person": pl.Int64,
                "version": pl.Int64,
                "from_day": pl.Date,
                "until_day": pl.Date,
                **dict.fromkeys(
                    (
                        "hr_max",
                        "rest_hr",
                        "zone_lo",
                        "zone_hi",
                        "session_min",
                        "sessions_per_week",
                        "weekly_min",
                    ),
                    pl.Float64,
                ),
            },
            orient="row",
        )
        time = held(kept(self.worn(self.heart_rate, "hr"), conventions), conventions).collect()
        steps = self.worn(self.steps, "steps")
        day_rows = days(time.lazy(), steps, cases, conventions).drop("person", "version")
        bout_rows = bouts(chains(time.lazy(), cases, conventions), steps, conventions)
        return (
            day_rows.collect().rows(),
            bout_rows.drop("person", "version", "date").collect().rows(),
        )


def stored_days(conn):
    return conn.execute(
        "SELECT enrolment_id, date, valid_day, very_light_ms, light_ms, moderate_ms, vigorous_ms,"
        " near_max_ms, credit_ms, above_ms, wear_ms, steps, cad100_min, cad130_min,"
        " hrless_cad100_min, still_min, lock_min, shake_min, fast_min"
        " FROM day ORDER BY enrolment_id, date"
    ).fetchall()


def stored_bouts(conn):
    return conn.execute(
        "SELECT enrolment_id, (extract(epoch FROM start_at) * 1000)::bigint,"
        " (extract(epoch FROM end_at) * 1000)::bigint, span_ms, effort_ms, credit_ms, sparse,"
        " min_counted, min_zero, min_walk, complete FROM bout ORDER BY enrolment_id, start_at"
    ).fetchall()


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
@given(history=histories(), most_days=st.sampled_from([1, 2, 31]))
def test_recomputing_bit_by_bit_equals_one_computation_over_everything(
    conn, history, most_days, monkeypatch
):
    monkeypatch.setattr(recomputation, "MOST_DAYS", most_days)
    world = World(conn)

    for event in history:
        world.take(*event)
    recompute(conn, through=THROUGH)

    bit_by_bit = results(conn)
    expected_days, expected_bouts = world.straight_from_the_core()
    assert stored_days(conn) == expected_days
    assert stored_bouts(conn) == expected_bouts
    from_scratch(conn)
    recompute(conn, through=THROUGH)
    assert results(conn) == bit_by_bit
    assert {row[1] for row in bit_by_bit["week"]} == {
        date(2026, 11, 9) + timedelta(days=7 * n) for n in range(2)
    }

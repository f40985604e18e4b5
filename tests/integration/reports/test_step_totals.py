"""Steps of a day out of running totals and longer spans, from the reading tables to the week."""

import itertools
from datetime import date

import numpy as np
import pytest

from reports.nightly.recompute import recompute
from reports.why import minutes_of_week
from storage.database import connect
from storage.ingest import Outcome, store_batches
from tests.batches import a_batch, columns
from tests.district import District, every, from_scratch, local_ms, results

DAY = date(2026, 11, 10)
THROUGH = date(2026, 11, 15)
MINUTE, HOUR = 60_000, 3_600_000


@pytest.fixture
def conn(either_database):
    with connect(either_database) as conn:
        yield conn


@pytest.fixture
def district(conn):
    return Hall(conn)


class Hall(District):
    """A district that also hears running totals and memory."""

    def __init__(self, conn):
        super().__init__(conn)
        self.numbers = itertools.count(10_000)
        self.second = self.one(
            "INSERT INTO gateway (centre_id, code) VALUES (%s, 'g2') RETURNING id", self.centre
        )

    def put(self, key, *parts, gateway=None):
        sealed = max(int((part.at_utc_ms + part.span_ms).max()) for part in parts)
        self.store(
            a_batch(
                gateway or self.gateway,
                next(self.numbers),
                *parts,
                devices=(key,),
                sealed_utc_ms=sealed,
            )
        )

    def count(self, key, rows, *, gateway=None):
        """Running totals: pairs of (ms, value)."""
        at, value = zip(*rows, strict=True)
        self.put(key, columns(list(at), list(value), quantity="steps_counter"), gateway=gateway)

    def remember(self, key, rows, span_ms):
        """Increments of the band's memory: pairs of (ms, steps)."""
        at, value = zip(*rows, strict=True)
        self.put(
            key,
            columns(
                list(at), list(value), quantity="steps_increment", span_ms=span_ms, stamps=list(at)
            ),
        )

    def store(self, batch):
        assert store_batches(self.conn, [batch]) == [Outcome.STORED]


def steps(conn):
    """Steps of each day."""
    return dict(conn.execute("SELECT date, steps FROM day ORDER BY date").fetchall())


def ms(clock, day=10):
    return local_ms(f"2026-11-{day:02} {clock}")


def test_a_running_total_read_by_two_gateways_is_walked_once(conn, district):
    district.wear("p1")
    rows = [(ms("08:00:00") + n * MINUTE, 1_000 + 50 * n) for n in range(60)]
    district.count("p1", rows[::2])
    district.count("p1", [(at + 700, value) for at, value in rows], gateway=district.second)

    recompute(conn, through=THROUGH)

    assert steps(conn) == {DAY: 1_000 + 50 * 59}


def test_totals_every_few_seconds_feed_the_cadence_minutes(conn, district):
    district.wear("p1")
    walked = [(ms("08:00:00") + n * 5_000, 10 * n) for n in range(12 * 5 + 1)]
    district.count("p1", [(ms("00:00:30"), 0), *walked])

    recompute(conn, through=THROUGH)

    (cadence,) = conn.execute("SELECT cad100_min FROM day").fetchone()
    assert (steps(conn)[DAY], cadence) == (600, 5)


def test_memory_and_running_total_of_the_same_steps_are_not_added(conn, district):
    district.wear("p1")
    district.count("p1", [(ms("08:00:00"), 100), (ms("12:00:00"), 3_000)])
    quarters = [(ms("09:00:00") + n * 15 * MINUTE, 240) for n in range(12)]  # the same 2,880
    after = [(ms("14:00:00"), 500), (ms("14:15:00"), 400)]
    district.remember("p1", quarters + after, 15 * MINUTE)

    recompute(conn, through=THROUGH)

    assert steps(conn) == {DAY: 3_900}


def test_what_the_total_missed_is_taken_from_memory_alone(conn, district):
    district.wear("p1")
    district.count("p1", [(ms("08:00:00"), 100)])
    district.remember("p1", [(ms("06:00:00") + n * HOUR, 700) for n in range(8)], HOUR)

    recompute(conn, through=THROUGH)

    assert steps(conn) == {DAY: 8 * 700}


def test_a_band_handed_on_at_noon_gives_each_wearer_what_was_walked_in_their_time(conn, district):
    since = ms("12:00:00")
    device = district.add_device("band")
    for label, worn in (("p1", (None, since)), ("p2", (since, None))):
        patient = district.add_patient(label)
        enrolment = district.enrol(patient, label, date(2026, 11, 2))
        district.prescribe(enrolment, date(2026, 11, 2))
        district.assign(device, patient, *worn)
    district.count(
        "band",
        [
            (ms("11:00:00"), 4_000),
            (ms("11:59:00"), 4_100),
            (ms("12:05:00"), 4_200),
            (ms("13:00:00"), 5_000),
        ],
    )

    recompute(conn, through=THROUGH)

    found = conn.execute(
        "SELECT e.case_label, d.steps FROM day d"
        " JOIN enrolment e ON e.id = d.enrolment_id ORDER BY 1"
    ).fetchall()
    assert found == [("p1", 4_100), ("p2", 800)]


def test_a_late_total_of_a_second_gateway_changes_its_day_and_no_other(conn, district):
    district.wear("p1", steps_per_day=3_000.0)
    district.hear("p1", heart_rate=every(ms("08:00:00"), ms("08:30:00"), 70))
    district.count("p1", [(ms("23:50:00"), 2_000)])
    district.count("p1", [(ms("00:10:00", 11), 20), (ms("20:00:00", 11), 5_000)])
    recompute(conn, through=THROUGH)
    hashes = dict(conn.execute("SELECT date, input_sha256 FROM day").fetchall())
    assert steps(conn) == {DAY: 2_000, date(2026, 11, 11): 5_000}

    district.count("p1", [(ms("23:59:30"), 3_100)], gateway=district.second)
    recompute(conn, through=THROUGH)

    assert steps(conn) == {DAY: 3_100, date(2026, 11, 11): 5_000}
    changed = dict(conn.execute("SELECT date, input_sha256 FROM day").fetchall())
    assert {day for day in hashes if hashes[day] != changed[day]} == {DAY}
    (share,) = conn.execute("SELECT steps_pct FROM week WHERE week = '2026-11-09'").fetchone()
    assert share == pytest.approx(100 * 2 / 7)
    stored = results(conn)
    from_scratch(conn)
    recompute(conn, through=THROUGH)
    assert results(conn) == stored


def test_a_total_that_nobody_can_walk_is_not_counted(conn, district):
    district.wear("p1")
    district.count(
        "p1", [(ms("08:00:00"), 500), (ms("08:20:00"), 60_000), (ms("09:00:00"), 60_100)]
    )

    recompute(conn, through=THROUGH)

    assert steps(conn) == {DAY: 600}


@pytest.mark.parametrize("ahead_ms", [0, 40, 1_500])
def test_one_band_heard_by_two_gateways_gives_the_same_minutes_as_by_one(conn, district, ahead_ms):
    enrolments = [district.wear(label) for label in ("once", "twice")]
    pulse = np.random.default_rng(5).normal(118, 3, 2_400).round()
    rows = [(ms("08:00:00") + 1_000 * n, bpm) for n, bpm in enumerate(pulse)]
    for label in ("once", "twice"):
        district.hear(label, heart_rate=rows)
    seen = [(at + ahead_ms, bpm) for at, bpm in rows]  # the second box's clock is ahead
    district.put(
        "twice",
        columns([at for at, _ in seen], [bpm for _, bpm in seen]),
        gateway=district.second,
    )

    recompute(conn, through=THROUGH)

    once, twice = (
        conn.execute(
            "SELECT credit_ms, above_ms, wear_ms FROM day WHERE enrolment_id = %s", (enrolment,)
        ).fetchone()
        for enrolment in enrolments
    )
    assert once[0] > 0
    assert max(abs(a - b) for a, b in zip(once, twice, strict=True)) <= max(ahead_ms, 1)


def hour_wrong(district, key, rows, *, offset_ms, sealed_ms, gateway=None):
    """A read of quarters of an hour: pairs of (stamp, steps), placed by one idea of the clock."""
    stamps, value = zip(*rows, strict=True)
    district.store(
        a_batch(
            gateway or district.gateway,
            next(district.numbers),
            columns(
                [stamp + offset_ms for stamp in stamps],
                list(value),
                quantity="steps_increment",
                span_ms=15 * MINUTE,
                stamps=list(stamps),
            ),
            devices=(key,),
            sealed_utc_ms=sealed_ms,
        )
    )


@pytest.mark.parametrize("late_first", [False, True])
def test_memory_read_from_the_start_by_another_gateway_adds_nothing(conn, district, late_first):
    """The first read found the clock a day slow and set it right; of that the second knows
    nothing."""
    district.wear("p1")
    quarters = [(ms("09:00:00", 9) + n * 15 * MINUTE, 100 + n) for n in range(20)]
    reads = [
        {"offset_ms": 24 * HOUR, "sealed_ms": ms("23:00:00")},
        {"offset_ms": 0, "sealed_ms": ms("23:00:00", 12), "gateway": district.second},
    ]
    for read in reversed(reads) if late_first else reads:
        hour_wrong(district, "p1", quarters, **read)
        recompute(conn, through=THROUGH)

    assert steps(conn) == {DAY: sum(value for _, value in quarters)}
    stored = results(conn)
    from_scratch(conn)
    recompute(conn, through=THROUGH)
    assert results(conn) == stored


def test_a_band_whose_clock_began_anew_every_day_loses_nothing(conn, district):
    district.wear("p1")
    for day in (10, 11, 12):
        rows = [(n * 15 * MINUTE, 10 * day + n) for n in range(40)]
        offset_ms = ms("08:00:00", day)
        hour_wrong(district, "p1", rows, offset_ms=offset_ms, sealed_ms=ms("23:00:00", day))
        recompute(conn, through=THROUGH)

    assert steps(conn) == {
        date(2026, 11, day): sum(10 * day + n for n in range(40)) for day in (10, 11, 12)
    }


def test_why_tells_what_became_of_every_total_that_is_no_plain_difference(conn, district):
    enrolment = district.wear("p1")
    district.hear("p1", steps=[(ms("07:00:00"), 60), (ms("07:01:00"), 70)])
    district.count(
        "p1", [(ms("08:00:00"), 500), (ms("08:20:00"), 60_000), (ms("09:00:00"), 60_100)]
    )
    district.count("p1", [(ms("12:00:00", 11), 900), (ms("13:00:00", 11), 40)])
    recompute(conn, through=THROUGH)

    why = minutes_of_week(conn, enrolment, date(2026, 11, 9))

    assert [(day.steps, day.by_minute, day.by_totals) for day in why.steps] == [
        (600, 130, 600),
        (940, 0, 940),
    ]
    assert [(way.steps, way.verdict) for day in why.steps for way in day.ways] == [
        (None, "too_fast"),
        (40, "restarted"),
    ]
    assert why.counted_steps == why.stored_steps == 1_540
    assert all(day.agrees for day in why.days)
    assert sum(batch.step_counts for batch in why.batches) == 7

"""Named cases of what a late row changes; the property test covers what nobody thought of."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Event

import pytest

from reports.nightly.recompute import recompute
from storage.database import connect, snapshot
from storage.retention import drop_day
from tests.district import District, every, from_scratch, local_ms, results

MIDNIGHT = local_ms("2026-11-10 00:00:00")
MINUTE = 60_000


@pytest.fixture
def conn(database):
    with connect(database) as conn:
        yield conn


@pytest.fixture
def district(conn):
    return District(conn)


def bouts(conn):
    return [
        (row[0] - MIDNIGHT, row[1] - MIDNIGHT, row[2])
        for row in conn.execute(
            "SELECT (extract(epoch FROM start_at) * 1000)::bigint,"
            " (extract(epoch FROM end_at) * 1000)::bigint, date FROM bout ORDER BY 1"
        ).fetchall()
    ]


def assert_as_from_scratch(conn):
    stored = results(conn)
    (counted_to,) = conn.execute("SELECT max(counted_to) FROM week").fetchone()
    from_scratch(conn)
    recompute(conn, through=counted_to)
    fresh = results(conn)
    for table, rows in stored.items():
        for old, new in zip(rows, fresh[table], strict=True):
            assert old == new


def test_a_session_is_a_bout_and_counts_in_its_week(conn, district):
    district.wear("p1")
    start = local_ms("2026-11-10 09:00:00")
    district.hear("p1", heart_rate=every(start, start + 40 * MINUTE, 120))

    done = recompute(conn, through=date(2026, 11, 15))

    assert (done.days, done.bouts, done.weeks) == (1, 1, 2)
    assert conn.execute(
        "SELECT week, bouts, complete_sessions, bout_credit_min, state, reason"
        " FROM week ORDER BY week"
    ).fetchall() == [
        (date(2026, 11, 2), 0, 0, 0.0, "cannot_judge", "not_enough_wear"),
        (date(2026, 11, 9), 1, 1, 40 + 55 / 60, "cannot_judge", "not_enough_wear"),
    ]


def test_nothing_new_changes_nothing(conn, district):
    district.wear("p1")
    district.hear("p1", heart_rate=every(MIDNIGHT, MIDNIGHT + 40 * MINUTE, 120))
    recompute(conn)
    stored = results(conn)

    again = recompute(conn)

    assert (again.patient_days, again.days, again.bouts, again.weeks) == (0, 0, 0, 0)
    assert results(conn) == stored


def test_a_row_that_comes_twice_changes_nothing(conn, district):
    district.wear("p1")
    rows = every(MIDNIGHT, MIDNIGHT + 40 * MINUTE, 120)
    district.hear("p1", heart_rate=rows)
    recompute(conn)

    district.hear("p1", heart_rate=rows)
    again = recompute(conn)

    assert again.samples == 2 * len(rows)
    assert (again.days, again.bouts, again.weeks) == (0, 0, 0)


def test_a_late_row_just_after_midnight_changes_the_day_before(conn, district):
    district.wear("p1")
    district.hear("p1", heart_rate=[(MIDNIGHT - 20_000, 70)])
    recompute(conn)
    held = "SELECT wear_ms FROM day ORDER BY date"
    assert conn.execute(held).fetchall() == [(20_000,), (40_000,)]

    district.hear("p1", heart_rate=[(MIDNIGHT + 5_000, 70)])
    recompute(conn)
    assert conn.execute(held).fetchall() == [(20_000,), (65_000,)]

    district.hear("p1", heart_rate=[(MIDNIGHT - 10_000, 75)])
    recompute(conn)

    assert conn.execute("SELECT input_sha256 FROM day").fetchall() != []
    assert_as_from_scratch(conn)


@pytest.mark.parametrize(("side", "changed"), [(-1, 0), (1, -1)])
def test_a_late_row_beyond_midnight_turns_a_value_on_this_side_into_a_spike(
    conn, district, side, changed
):
    district.wear("p1")
    district.hear("p1", heart_rate=[(MIDNIGHT + side * 25_000, 70), (MIDNIGHT + side * 5_000, 110)])
    recompute(conn)
    moderate = "SELECT moderate_ms > 0 FROM day ORDER BY date"
    assert conn.execute(moderate).fetchall()[changed] == (True,)

    district.hear("p1", heart_rate=[(MIDNIGHT - side * 10_000, 70)])
    recompute(conn)

    assert conn.execute(moderate).fetchall() == [(False,), (False,)]
    assert_as_from_scratch(conn)


def test_a_late_step_count_before_midnight_flags_the_minutes_after_it(conn, district):
    district.wear("p1")
    minutes = [MIDNIGHT + n * MINUTE for n in range(-5, 2)]
    district.hear(
        "p1",
        heart_rate=every(MIDNIGHT, MIDNIGHT + 2 * MINUTE, 120),
        steps=[(ms, 0) for ms in minutes if ms != MIDNIGHT - 3 * MINUTE],
    )
    recompute(conn)
    still = "SELECT still_min FROM day WHERE date = '2026-11-10'"
    assert conn.execute(still).fetchall() == [(0,)]

    district.hear("p1", steps=[(MIDNIGHT - 3 * MINUTE, 0)])
    recompute(conn)

    assert conn.execute(still).fetchall() == [(2,)]
    assert_as_from_scratch(conn)


def test_a_late_piece_joins_two_bouts_across_sunday_midnight(conn, district):
    district.wear("p1")
    sunday_midnight = local_ms("2026-11-16 00:00:00")
    district.hear(
        "p1", heart_rate=every(sunday_midnight - 20 * MINUTE, sunday_midnight - 3 * MINUTE, 120)
    )
    district.hear(
        "p1", heart_rate=every(sunday_midnight + 3 * MINUTE, sunday_midnight + 20 * MINUTE, 120)
    )
    recompute(conn, through=date(2026, 11, 22))
    assert [day for _, _, day in bouts(conn)] == [date(2026, 11, 15), date(2026, 11, 16)]

    district.hear(
        "p1", heart_rate=every(sunday_midnight - 3 * MINUTE, sunday_midnight + 3 * MINUTE, 120)
    )
    recompute(conn, through=date(2026, 11, 22))

    assert [day for _, _, day in bouts(conn)] == [date(2026, 11, 15)]
    assert conn.execute("SELECT bouts FROM week ORDER BY week").fetchall() == [(0,), (1,), (0,)]
    assert_as_from_scratch(conn)


def test_late_rows_that_touch_one_day_only_make_a_bout_of_the_day_before(conn, district):
    """Nine minutes before midnight are no bout; nine more, 105 s later, make one of both."""
    district.wear("p1")
    district.hear(
        "p1", heart_rate=every(MIDNIGHT - 10 * MINUTE, MIDNIGHT - 70_000 + 1, 120, step_ms=10_000)
    )
    recompute(conn)
    assert bouts(conn) == []

    district.hear("p1", heart_rate=every(MIDNIGHT + 95_000, MIDNIGHT + 10 * MINUTE, 120))
    recompute(conn)

    assert bouts(conn) == [(-10 * MINUTE, 10 * MINUTE + 55_000, date(2026, 11, 9))]
    assert_as_from_scratch(conn)


def test_late_rows_that_break_a_bout_over_midnight_change_the_day_it_started(conn, district):
    """Readings of a second band, low, turn the twins' mean below the zone: the chain ends."""
    enrolment = district.wear("p1")
    (patient,) = conn.execute(
        "SELECT patient_id FROM enrolment WHERE id = %s", (enrolment,)
    ).fetchone()
    district.assign(district.add_device("second"), patient)
    district.hear("p1", heart_rate=every(MIDNIGHT - 20 * MINUTE, MIDNIGHT + 20 * MINUTE, 105))
    recompute(conn)
    assert [day for _, _, day in bouts(conn)] == [date(2026, 11, 9)]

    district.hear("second", heart_rate=every(MIDNIGHT, MIDNIGHT + 5 * MINUTE, 85))
    recompute(conn)

    assert bouts(conn) == [
        (-20 * MINUTE, 0, date(2026, 11, 9)),
        (5 * MINUTE, 20 * MINUTE + 55_000, date(2026, 11, 10)),
    ]
    assert_as_from_scratch(conn)


def test_a_chain_over_many_midnights_is_found_from_a_row_in_its_last_day(conn, district):
    district.wear("p1")
    since = MIDNIGHT - 3 * 1440 * MINUTE - 30 * MINUTE
    district.hear("p1", heart_rate=every(since, MIDNIGHT, 120, step_ms=60_000))
    recompute(conn)

    district.hear("p1", heart_rate=every(MIDNIGHT, MIDNIGHT + 30 * MINUTE, 120, step_ms=60_000))
    recompute(conn)

    assert [(end - start, day) for start, end, day in bouts(conn)] == [
        (3 * 1440 * MINUTE + 60 * MINUTE, date(2026, 11, 6))
    ]
    assert_as_from_scratch(conn)


def test_zones_change_at_local_midnight_and_a_bout_runs_on(conn, district):
    patient = district.add_patient("p1")
    enrolment = district.enrol(patient, "p1", date(2026, 11, 2))
    first = district.prescribe(enrolment, date(2026, 11, 2), date(2026, 11, 10), session_min=50.0)
    second = district.prescribe(
        enrolment, date(2026, 11, 10), version=2, zone_lo=30.0, zone_hi=50.0
    )
    district.assign(district.add_device("p1"), patient)
    district.hear("p1", heart_rate=every(MIDNIGHT - 30 * MINUTE, MIDNIGHT + 30 * MINUTE, 120))

    recompute(conn)

    assert conn.execute(
        "SELECT prescription_id, credit_ms, above_ms FROM day ORDER BY date"
    ).fetchall() == [(first, 30 * MINUTE, 0), (second, 0, 30 * MINUTE + 55_000)]
    assert conn.execute("SELECT prescription_id, credit_ms, complete FROM bout").fetchall() == [
        (first, 30 * MINUTE, False)
    ]
    assert conn.execute(
        "SELECT prescription_id FROM week WHERE week = '2026-11-09'"
    ).fetchall() == [(first,)]


def test_a_zone_raised_from_midnight_on_shortens_the_bout_that_ran_over_it(conn, district):
    """Only the days from midnight on are touched, but the bout belongs to the day before."""
    patient = district.add_patient("p1")
    enrolment = district.enrol(patient, "p1", date(2026, 11, 2))
    district.prescribe(enrolment, date(2026, 11, 2), date(2026, 11, 10))
    second = district.prescribe(enrolment, date(2026, 11, 10), version=2)
    district.assign(district.add_device("p1"), patient)
    district.hear("p1", heart_rate=every(MIDNIGHT - 30 * MINUTE, MIDNIGHT + 30 * MINUTE, 120))
    recompute(conn)
    assert [(end, day) for _, end, day in bouts(conn)] == [
        (30 * MINUTE + 55_000, date(2026, 11, 9))
    ]

    conn.execute("UPDATE prescription SET zone_lo = 70 WHERE id = %s", (second,))
    recompute(conn)

    assert [(end, day) for _, end, day in bouts(conn)] == [(0, date(2026, 11, 9))]
    assert_as_from_scratch(conn)


def test_a_band_that_changes_hands_mid_day_counts_for_each_in_turn(conn, district):
    first, second = district.add_patient("p1"), district.add_patient("p2")
    for patient, label in ((first, "p1"), (second, "p2")):
        district.prescribe(district.enrol(patient, label, date(2026, 11, 2)), date(2026, 11, 2))
    band = district.add_device("band")
    noon = local_ms("2026-11-10 12:00:00")
    assignment = district.assign(band, first)
    district.hear("band", heart_rate=every(noon - 30 * MINUTE, noon + 30 * MINUTE, 120))
    recompute(conn)
    held = (
        "SELECT e.case_label, d.wear_ms FROM day d JOIN enrolment e ON e.id = d.enrolment_id"
        " ORDER BY 1"
    )
    assert conn.execute(held).fetchall() == [("p1", 60 * MINUTE + 55_000)]

    conn.execute(
        "UPDATE device_assignment SET worn = tstzrange(NULL, to_timestamp(%s)) WHERE id = %s",
        (noon / 1000, assignment),
    )
    district.assign(band, second, noon)
    recompute(conn)

    assert conn.execute(held).fetchall() == [
        ("p1", 30 * MINUTE + 55_000),
        ("p2", 30 * MINUTE + 55_000),
    ]
    assert_as_from_scratch(conn)


@pytest.mark.parametrize("moved_ms", [-4 * MINUTE, 4 * MINUTE])
def test_band_memory_read_again_past_midnight_changes_both_days(conn, district, moved_ms):
    district.wear("p1")
    heard = every(MIDNIGHT - 2 * MINUTE, MIDNIGHT + 2 * MINUTE, 70)  # no effort over midnight
    stamps = list(range(len(heard)))
    district.hear("p1", heart_rate=heard, stamps=stamps)
    recompute(conn)

    district.hear("p1", heart_rate=[(ms + moved_ms, 72) for ms, _ in heard], stamps=stamps)
    recompute(conn, through=date(2026, 11, 15))

    assert conn.execute("SELECT sum(wear_ms) FROM day").fetchone() == (4 * MINUTE + 55_000,)
    assert_as_from_scratch(conn)


def test_a_stamp_used_again_days_later_moves_nothing(conn, district):
    """A band whose clock was set back gives the same stamps for other readings."""
    district.wear("p1")
    start = local_ms("2026-11-10 09:00:00")
    for days in range(2):
        moment = start + days * 1440 * MINUTE
        heard = every(moment, moment + 40 * MINUTE, 120 + days)
        district.hear("p1", heart_rate=heard, stamps=range(len(heard)))
    recompute(conn, through=date(2026, 11, 15))

    assert [date_ for *_, date_ in bouts(conn)] == [date(2026, 11, 10), date(2026, 11, 11)]
    assert_as_from_scratch(conn)


def test_a_changed_prescription_recomputes_its_days_without_any_reading(conn, district):
    enrolment = district.wear("p1")
    start = local_ms("2026-11-10 09:00:00")
    district.hear("p1", heart_rate=every(start, start + 40 * MINUTE, 120))
    recompute(conn)

    conn.execute("UPDATE prescription SET zone_lo = 70 WHERE enrolment_id = %s", (enrolment,))
    recompute(conn)

    assert bouts(conn) == []
    assert conn.execute("SELECT credit_ms FROM day").fetchall() == [(0,)]
    assert_as_from_scratch(conn)


def test_an_enrolment_that_ends_loses_later_days_and_weeks(conn, district):
    enrolment = district.wear("p1")
    start = local_ms("2026-11-17 09:00:00")
    district.hear("p1", heart_rate=every(start, start + 40 * MINUTE, 120))
    recompute(conn, through=date(2026, 11, 22))

    conn.execute("UPDATE enrolment SET ends_on = '2026-11-12' WHERE id = %s", (enrolment,))
    recompute(conn, through=date(2026, 11, 22))

    assert results(conn)["day"] == []
    assert results(conn)["bout"] == []
    assert conn.execute("SELECT week FROM week ORDER BY week").fetchall() == [
        (date(2026, 11, 2),),
        (date(2026, 11, 9),),
    ]


def test_readings_committed_while_recomputing_are_never_missed(conn, district, database):
    """A writer commits batch after batch, early and late ones, while recomputations run."""
    district.wear("p1")
    start = local_ms("2026-11-10 23:00:00")
    rows = every(start, start + 120 * MINUTE, 120)
    batches = [rows[number::40] for number in range(40)]
    recompute(conn)
    written = Event()

    def write():
        with connect(database) as other:
            district.conn = other
            for batch in batches:
                district.hear("p1", heart_rate=batch)
        written.set()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        seen = []
        while not written.is_set() and not writing.done():
            seen.append(recompute(conn).samples)
        writing.result()
    recompute(conn)

    assert len(seen) > 1
    assert conn.execute("SELECT sum(credit_ms)::bigint FROM bout").fetchall() == [
        (120 * MINUTE + 55_000,)
    ]
    assert conn.execute("SELECT count(*) FROM touched").fetchall() == [(0,)]
    assert_as_from_scratch(conn)


def test_what_commits_after_the_view_was_taken_waits_for_the_next_run(conn, district, database):
    """The view is taken by the first statement: here, in a transaction that the test opens."""
    district.wear("p1")
    recompute(conn)
    start = local_ms("2026-11-10 09:00:00")
    with connect(database) as other, snapshot(conn):
        conn.execute("SELECT 1 FROM touched")
        district.conn = other
        district.hear("p1", heart_rate=every(start, start + 40 * MINUTE, 120))
        claimed = conn.execute("DELETE FROM touched").rowcount

    assert claimed == 0
    assert recompute(conn).samples == 480


PAUSE = (
    "INSERT INTO pause (enrolment_id, during, reason)"
    " SELECT id, daterange('2026-11-11', '2026-11-13'), 'holiday' FROM enrolment"
)
ON_SITE = "UPDATE enrolment SET mode = 'site'"
OUTAGE = (
    "INSERT INTO gateway_outage (gateway_id, during, reason)"
    " SELECT id, tstzrange('2026-11-12 {since}+8', '2026-11-12 {until}+8'), 'power' FROM gateway"
)


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        ((), "not_enough_wear"),
        ((PAUSE,), "paused"),
        (("UPDATE enrolment SET starts_on = '2026-11-10'",), "first_partial_week"),
        (("UPDATE prescription SET effective = '[2026-11-12,)'",), "first_partial_week"),
        (("UPDATE prescription SET hr_max_bpm = NULL",), "no_figures"),
        (("DELETE FROM device_assignment",), "no_band"),
        ((ON_SITE, OUTAGE.format(since="10:00", until="11:00")), "gateway_outage"),
        ((ON_SITE, OUTAGE.format(since="21:00", until="23:00")), None),
        ((ON_SITE, "DELETE FROM gateway"), "gateway_outage"),
    ],
)
def test_a_week_that_cannot_be_judged_says_why(conn, district, statements, reason):
    district.wear("p1")
    recompute(conn, through=date(2026, 11, 15))

    for statement in statements:
        conn.execute(statement)
    recompute(conn, through=date(2026, 11, 15))

    state = "cannot_judge" if reason else "not_met"
    assert conn.execute("SELECT state, reason FROM week WHERE week = '2026-11-09'").fetchall() == [
        (state, reason)
    ]


def test_a_week_is_listed_as_soon_as_it_has_begun_and_judged_when_it_is_over(conn, district):
    district.wear("p1", starts_on=date(2026, 11, 9))
    district.hear(
        "p1",
        heart_rate=[
            (ms, bpm)
            for day in range(6)
            for ms, bpm in every(
                MIDNIGHT + (day * 1440 - 1440) * MINUTE,
                MIDNIGHT + (day * 1440 - 1440 + 700) * MINUTE,
                70,
                step_ms=60_000,
            )
        ],
    )
    state = "SELECT state, reason, counted_to FROM week"

    seen = []
    for night in (date(2026, 11, 9) + timedelta(days=n) for n in range(7)):
        recompute(conn, through=night)
        seen += conn.execute(state).fetchall()

    assert seen == [
        *[
            ("cannot_judge", "week_not_over", date(2026, 11, 9) + timedelta(days=n))
            for n in range(6)
        ],
        ("not_met", None, date(2026, 11, 15)),
    ]


def test_an_earlier_night_takes_no_days_from_a_stored_week(conn, district):
    district.wear("p1")
    start = local_ms("2026-11-10 09:00:00")
    district.hear("p1", heart_rate=every(start, start + 40 * MINUTE, 120))
    recompute(conn, through=date(2026, 11, 15))
    stored = results(conn)

    recompute(conn, through=date(2026, 11, 9))

    assert results(conn) == stored


def test_weeks_with_days_that_are_gone_stand_as_they_are(conn, district):
    enrolment = district.wear("p1", starts_on=date(2026, 10, 26))
    for week in range(4):
        start = local_ms("2026-10-27 09:00:00") + week * 7 * 1440 * MINUTE
        district.hear("p1", heart_rate=every(start, start + 40 * MINUTE, 120))
    through = date(2026, 11, 22)
    recompute(conn, through=through)
    before = results(conn)
    for day in range(20, 35):  # the readings of the first week, and of two days of the second
        drop_day(conn, date(2026, 10, 1) + timedelta(days=day), actor="nightly")

    # A wrong version is put right from the beginning.
    conn.execute("UPDATE prescription SET effective = '[2027-01-01,)'")
    district.prescribe(
        enrolment, date(2026, 10, 26), date(2027, 1, 1), version=2, zone_lo=75.0, weekly_min=30.0
    )
    recompute(conn, through=through)
    after = results(conn)

    for table in ("week", "side_week"):
        assert [row for row in after[table] if row[1] < date(2026, 11, 9)] == [
            row for row in before[table] if row[1] < date(2026, 11, 9)
        ]
        assert len(after[table]) == len(before[table])
    changed = [row for row in after["week"] if row[1] >= date(2026, 11, 9)]
    assert changed
    assert not set(changed) & set(before["week"])

    # The programme began later than was entered, and somebody is entered late.
    conn.execute("UPDATE enrolment SET starts_on = '2026-11-09'")
    recompute(conn, through=through)
    assert results(conn)["week"][:2] == before["week"][:2]

    other = district.enrol(district.add_patient("p2"), "p2", date(2026, 10, 26))
    district.prescribe(other, date(2026, 10, 26))
    recompute(conn, through=through)
    assert conn.execute(
        "SELECT min(week) FROM week WHERE enrolment_id = %s", (other,)
    ).fetchone() == (date(2026, 11, 9),)

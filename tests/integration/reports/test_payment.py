"""Lines in the database: stored once, replaced with a trace, limited over the year."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from psycopg import sql

from config.errors import Misconfigured
from config.schemes import SCHEMES_DIR, load_scheme
from reports.nightly.recompute import recompute
from reports.payment.listing import lines, periods
from reports.payment.store import evaluate_due
from storage.database import connect
from tests.district import District, every, local_ms

MINUTE = 60_000
DAY = 1440 * MINUTE
FIRST = local_ms("2026-11-02 09:00:00")
MONTH = date(2026, 11, 1)
THROUGH = date(2026, 11, 29)
SCHEME = load_scheme(SCHEMES_DIR / "base_performance_s1.toml", sign_off="DEMO")
TABLES = ("payment_scheme", "payment_period", "payment_line", "payment_line_week", "audit")


@pytest.fixture
def conn(database):
    with connect(database) as conn:
        yield conn


@pytest.fixture
def district(conn):
    return District(conn)


def train(district, key, *, weeks=4, sessions=3, first=FIRST, **more):
    """Bands worn in the centre: sessions of 31 minutes, three a week, from a Monday on."""
    rows = []
    for number in range(weeks):
        for day in range(sessions):
            at = first + (7 * number + 2 * day) * DAY
            rows += every(at, at + 31 * MINUTE, 120)
    district.hear(key, heart_rate=rows, **more)


def rows(conn, table):
    statement = sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))
    return sorted(conn.execute(statement).fetchall(), key=repr)


def stored(conn):
    return {table: rows(conn, table) for table in TABLES}


def evaluate_month(conn, scheme, through=THROUGH):
    """What a night makes of the month of the test."""
    (found,) = [one for one in evaluate_due(conn, [scheme], through) if one.month == MONTH]
    return found


def said(found):
    return [(x.pseudonym, x.item, x.numerator, x.denominator, x.amount, x.state) for x in found]


def test_a_month_is_one_line_per_patient_and_item_zeros_included(conn, district):
    district.wear("p1", mode="site")
    district.wear("p2", mode="site")
    district.wear("p3")
    unprescribed = district.add_patient("p4")
    district.enrol(unprescribed, "p4", date(2026, 11, 2))
    district.add_patient("p5")
    train(district, "p1")
    train(district, "p2", weeks=2)
    recompute(conn, through=THROUGH)

    found = evaluate_month(conn, SCHEME)

    assert said(found.lines) == [
        ("p1", "base", 4, 4, Decimal("120.00"), "payable"),
        ("p1", "performance", 4, 4, Decimal("41.67"), "payable"),
        ("p2", "base", 4, 4, Decimal("120.00"), "payable"),
        ("p2", "performance", 2, 4, Decimal("0.00"), "nothing"),
        ("p3", "base", 0, 4, Decimal("0.00"), "nothing"),
        ("p3", "performance", 0, 0, Decimal("0.00"), "nothing"),
        ("p4", "base", 0, 0, Decimal("0.00"), "nothing"),
        ("p4", "performance", 0, 0, Decimal("0.00"), "nothing"),
    ]
    assert found.payable == Decimal("281.67")
    assert found.lines[5].exclusions == {"not_enough_wear": 4}
    assert found.lines[7].reasons == ("no_prescription",)


def test_stored_lines_read_back_as_they_were_evaluated_with_the_weeks_behind(conn, district):
    district.wear("p1", mode="site")
    train(district, "p1")
    recompute(conn, through=THROUGH)
    found = evaluate_month(conn, SCHEME)

    listed = lines(conn, date(2026, 11, 20))

    assert listed == list(found.lines)
    assert [line.behind for line in listed] == [line.behind for line in found.lines]
    weeks = dict(conn.execute("SELECT week, input_sha256 FROM week").fetchall())
    assert {week.week: week.input_sha256 for week in listed[0].behind} == weeks
    assert periods(conn) == [(MONTH, "open", 2, Decimal("161.67"))]


def test_the_same_inputs_change_nothing_and_leave_no_trace(conn, district):
    district.wear("p1", mode="site")
    train(district, "p1")
    recompute(conn, through=THROUGH)
    evaluate_month(conn, SCHEME)
    before = stored(conn)

    again = evaluate_month(conn, SCHEME)
    due = evaluate_due(conn, [SCHEME], THROUGH)

    assert (again.changed, sum(x.changed for x in due if x.month == MONTH)) == (0, 0)
    assert stored(conn) == before


def test_late_readings_replace_a_line_and_say_what_it_was(conn, district):
    district.wear("p1", mode="site")
    train(district, "p1", weeks=3)
    recompute(conn, through=THROUGH)
    evaluate_due(conn, [SCHEME], THROUGH)
    train(district, "p1", weeks=1, first=FIRST + 21 * DAY)
    recompute(conn, through=THROUGH)

    found = evaluate_due(conn, [SCHEME], THROUGH)

    assert [x.changed for x in found if x.month == MONTH] == [2]
    assert said(lines(conn, MONTH))[1] == ("p1", "performance", 4, 4, Decimal("41.67"), "payable")
    details = conn.execute(
        "SELECT subject, detail #>> '{old,state}', detail #>> '{new,state}',"
        " detail #>> '{new,amount}' FROM audit WHERE action = 'payment_line_replaced' ORDER BY 1"
    ).fetchall()
    month = "base_performance_s1 v1 2026-11"
    assert details == [
        (f"{month} base p1", "payable", "payable", "120.00"),
        (f"{month} performance p1", "nothing", "payable", "41.67"),
    ]


def test_a_running_week_counts_for_nothing_until_it_is_over(conn, district):
    district.wear("p1", mode="site")
    train(district, "p1")
    recompute(conn, through=date(2026, 11, 26))

    performance = evaluate_month(conn, SCHEME, date(2026, 11, 26)).lines[1]

    assert (performance.numerator, performance.denominator) == (3, 3)
    assert performance.exclusions == {"week_not_over": 1}


def test_limits_run_over_the_months_of_a_year_and_follow_a_change_of_an_earlier_one(conn, district):
    later = date(2027, 1, 31)  # neither of the months is this one or the one before
    limited = SCHEME.model_copy(update={"base_most_services_a_year": 1})
    district.wear("p1", mode="site", starts_on=date(2026, 9, 28))
    recompute(conn, through=later)
    evaluate_due(conn, [limited], later)
    assert [x.amount for x in lines(conn, MONTH)] == [Decimal("0.00"), Decimal("0.00")]
    assert [x.state for x in lines(conn, date(2026, 10, 1))] == ["payable", "nothing"]
    october = "daterange('2026-09-28', '2026-10-26')"
    conn.execute(
        "INSERT INTO pause (enrolment_id, during, reason)"  # noqa: S608 - a fixed range
        f" SELECT id, {october}, 'illness' FROM enrolment"
    )
    recompute(conn, through=later)

    evaluate_due(conn, [limited], later)

    assert [x.amount for x in lines(conn, date(2026, 10, 1))] == [Decimal("0.00")] * 2
    assert lines(conn, MONTH)[0].amount == Decimal("120.00")


def test_what_is_shown_and_not_paid_uses_up_no_limit(conn, district):
    unsigned = load_scheme(SCHEMES_DIR / "base_performance_s1.toml")
    limited = unsigned.model_copy(update={"base_most_services_a_year": 1})
    district.wear("p1", mode="site", starts_on=date(2026, 9, 28))
    recompute(conn, through=THROUGH)

    evaluate_due(conn, [limited], THROUGH)

    assert [lines(conn, date(2026, month, 1))[0].amount for month in (10, 11)] == [
        Decimal("120.00")
    ] * 2


def test_signing_the_scheme_makes_every_open_month_payable(conn, district):
    unsigned = load_scheme(SCHEMES_DIR / "base_performance_s1.toml")
    district.wear("p1", mode="site", starts_on=date(2026, 7, 27))
    train(district, "p1", weeks=17, first=FIRST - 14 * 7 * DAY)
    recompute(conn, through=THROUGH)
    shown = evaluate_due(conn, [unsigned], THROUGH)
    assert {line.state for x in shown for line in x.lines} <= {"shown_not_paid", "nothing"}

    paid = evaluate_due(conn, [SCHEME], THROUGH)

    assert [x.month.month for x in paid] == [8, 9, 10, 11]
    assert {x.state for month in (8, 9, 10) for x in lines(conn, date(2026, month, 1))} == {
        "payable"
    }


def test_a_closed_month_is_left_alone(conn, district):
    district.wear("p1", mode="site")
    recompute(conn, through=THROUGH)
    evaluate_month(conn, SCHEME)
    conn.execute("UPDATE payment_period SET state = 'closed'")
    before = rows(conn, "payment_line")
    train(district, "p1")
    recompute(conn, through=THROUGH)

    evaluate_due(conn, [SCHEME], THROUGH)

    assert rows(conn, "payment_line") == before


def test_a_version_whose_figures_were_edited_after_use_is_refused(conn):
    evaluate_month(conn, SCHEME)
    edited = SCHEME.model_copy(update={"performance_pass_pct": 10})

    with pytest.raises(Misconfigured, match="give the changed figures a new version"):
        evaluate_month(conn, edited)


def test_a_new_version_takes_the_place_of_the_old_in_an_open_month(conn, district):
    district.wear("p1", mode="site")
    recompute(conn, through=THROUGH)
    evaluate_month(conn, SCHEME)

    evaluate_month(conn, SCHEME.model_copy(update={"version": 2}))

    assert {line.scheme_version for line in lines(conn, MONTH)} == {2}
    assert len(lines(conn, MONTH)) == 2


def ended(scheme, last_month):
    return scheme.model_copy(update={"last_month": last_month})


def following(scheme, first_month, **more):
    return scheme.model_copy(
        update={"version": scheme.version + 1, "first_month": first_month} | more
    )


def test_a_version_is_ended_and_another_follows_and_no_line_of_the_first_changes(conn, district):
    district.wear("p1", mode="site", starts_on=date(2026, 9, 28))
    recompute(conn, through=THROUGH)
    evaluate_due(conn, [SCHEME], THROUGH)
    october = lines(conn, date(2026, 10, 1))

    evaluate_due(conn, [following(SCHEME, "2026-11"), ended(SCHEME, "2026-10")], THROUGH)

    assert lines(conn, date(2026, 10, 1)) == october
    assert {line.scheme_version for line in lines(conn, MONTH)} == {2}


def test_a_month_no_version_covers_any_more_loses_its_lines_and_says_so(conn, district):
    district.wear("p1", mode="site", starts_on=date(2026, 9, 28))
    recompute(conn, through=THROUGH)
    evaluate_due(conn, [SCHEME], THROUGH)

    evaluate_due(conn, [ended(SCHEME, "2026-10")], THROUGH)

    assert len(lines(conn, date(2026, 10, 1))) == 2
    assert lines(conn, MONTH) == []
    removed = "SELECT count(*) FROM audit WHERE action = 'payment_line_removed'"
    assert conn.execute(removed).fetchone() == (2,)


def test_a_version_that_is_no_longer_named_keeps_its_lines(conn, district):
    district.wear("p1", mode="site", starts_on=date(2026, 9, 28))
    recompute(conn, through=THROUGH)
    evaluate_due(conn, [SCHEME], THROUGH)
    october = lines(conn, date(2026, 10, 1))

    evaluate_due(conn, [following(SCHEME, "2026-11")], THROUGH)

    assert lines(conn, date(2026, 10, 1)) == october


def test_a_limit_runs_over_two_versions_of_a_year(conn, district):
    later = date(2027, 1, 31)
    first = ended(SCHEME.model_copy(update={"base_most_services_a_year": 1}), "2026-10")
    both = [following(first, "2026-11", last_month=""), first]
    district.wear("p1", mode="site", starts_on=date(2026, 9, 28))
    recompute(conn, through=later)
    evaluate_due(conn, both, later)
    assert lines(conn, MONTH)[0].reasons == ("limit_reached",)
    conn.execute(
        "INSERT INTO pause (enrolment_id, during, reason)"
        " SELECT id, '[2026-09-28,2026-10-26)', 'illness' FROM enrolment"
    )
    recompute(conn, through=later)

    evaluate_due(conn, both, later)

    assert lines(conn, date(2026, 10, 1))[0].amount == Decimal("0.00")
    assert lines(conn, MONTH)[0].amount == Decimal("120.00")


def test_a_shaken_band_holds_the_months_lines(conn, district):
    district.wear("p1", mode="site")
    train(district, "p1")
    shaken = FIRST + DAY
    district.hear(
        "p1",
        heart_rate=every(shaken, shaken + 40 * MINUTE, 62),
        steps=[(shaken + n * MINUTE, 130) for n in range(40)],
    )
    recompute(conn, through=THROUGH)

    found = evaluate_month(conn, SCHEME).lines

    assert [(x.state, x.reasons, x.amount) for x in found] == [
        ("on_hold", ("shake",), Decimal("120.00")),
        ("on_hold", ("shake",), Decimal("41.67")),
    ]
    assert found[0].flags == {"shake": 40}


def test_a_zone_by_formula_under_a_beta_blocker_is_shown_and_not_paid(conn, district):
    district.wear("p1", mode="site", beta_blocker=True, hr_max_source="brawner")
    district.wear("p2", mode="site", beta_blocker=True, hr_max_source="measured")
    train(district, "p1")
    train(district, "p2")
    recompute(conn, through=THROUGH)

    found = evaluate_month(conn, SCHEME).lines

    assert [x.state for x in found] == ["payable", "shown_not_paid", "payable", "payable"]


def test_a_patient_who_leaves_the_month_takes_the_lines_along(conn, district):
    enrolment = district.wear("p1", mode="site")
    recompute(conn, through=THROUGH)
    evaluate_due(conn, [SCHEME], THROUGH)

    conn.execute(
        "UPDATE enrolment SET starts_on = %s WHERE id = %s",
        (THROUGH + timedelta(days=9), enrolment),
    )
    recompute(conn, through=THROUGH)
    evaluate_due(conn, [SCHEME], THROUGH)

    assert lines(conn, MONTH) == []
    assert conn.execute(
        "SELECT count(*) FROM audit WHERE action = 'payment_line_removed'"
    ).fetchone() == (2,)


def test_readings_of_a_running_week_replace_no_line(conn, district):
    district.wear("p1", mode="site")
    train(district, "p1", weeks=3)
    recompute(conn, through=date(2026, 11, 25))
    evaluate_due(conn, [SCHEME], date(2026, 11, 25))
    before = stored(conn)["payment_line"]
    train(district, "p1", weeks=1, first=FIRST + 21 * DAY)
    recompute(conn, through=date(2026, 11, 26))

    evaluate_due(conn, [SCHEME], date(2026, 11, 26))

    assert rows(conn, "payment_line") == before
    assert [week.input_sha256 is None for week in lines(conn, MONTH)[0].behind] == [
        False,
        False,
        False,
        True,
    ]

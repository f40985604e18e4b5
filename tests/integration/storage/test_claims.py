"""From a claim on the on-site page to an assignment, in whatever order its parts come."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest

from config.errors import Rejected
from storage.audit import entries
from storage.claims import store_edge_event
from storage.edge import EdgeOffer, EventOutcome
from tests.claims import ADDRESS, MINUTE, NINE, NOW, claim
from tests.district import EPOCH, District
from tests.patience import PATIENCE_S


@pytest.fixture
def district(conn):
    district = District(conn)
    for name in ("p1", "p2"):
        district.enrol(district.add_patient(name), name, date(2020, 1, 6), mode="site")
    return district


def minutes(at):
    return None if at is None else round((at - EPOCH) / timedelta(milliseconds=1) - NINE) // MINUTE


def worn(conn):
    """Who wears what from when to when, in minutes after the first claim."""
    rows = conn.execute(
        "SELECT pseudonym, lower(worn), upper(worn) FROM device_assignment"
        " JOIN patient ON patient.id = patient_id ORDER BY lower(worn), pseudonym"
    ).fetchall()
    return [(name, minutes(since), minutes(until)) for name, since, until in rows]


def claims(conn):
    rows = conn.execute(
        "SELECT pseudonym, ended_at, why_ended FROM band_claim"
        " JOIN patient ON patient.id = patient_id ORDER BY began_at, pseudonym"
    ).fetchall()
    return [(name, minutes(ended), why) for name, ended, why in rows]


def test_a_claim_is_an_assignment_until_midnight_at_the_latest(conn, district):
    assert store_edge_event(conn, claim(district)) is EventOutcome.STORED

    assert worn(conn) == [("p1", 0, 14 * 60)]
    assert claims(conn) == [("p1", None, None)]
    assert conn.execute("SELECT family FROM device").fetchone() == ("hrs",)


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1,), (0, 1, 0, 1), (1, 0, 1)])
def test_beginning_and_end_say_the_same_in_whatever_order_they_come(conn, district, order):
    said = [claim(district), claim(district, ended=NINE + 40 * MINUTE)]

    for which in order:
        store_edge_event(conn, said[which])

    assert worn(conn) == [("p1", 0, 40)]
    assert claims(conn) == [("p1", 40, "finished")]


def test_the_same_again_changes_nothing_and_another_one_of_its_number_is_a_fork(conn, district):
    said = claim(district, number=7, boot=b"b" * 16)
    store_edge_event(conn, said)

    again = claim(district, number=7, boot=b"b" * 16, age_ms=90_000)
    other = claim(district, subject="p2", number=7, boot=b"b" * 16)

    assert store_edge_event(conn, again) is EventOutcome.DUPLICATE
    assert store_edge_event(conn, other) is EventOutcome.FORKED
    assert worn(conn) == [("p1", 0, 14 * 60)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_somebody_elses_claim_ends_the_one_before_in_whatever_order_they_come(
    conn, district, order
):
    said = [
        claim(district, "p1", b"a"),
        claim(district, "p1", b"a", ended=NINE + 30 * MINUTE, why="another_wearer"),
        claim(district, "p2", b"b", began=NINE + 30 * MINUTE),
    ]

    for which in order:
        store_edge_event(conn, said[which])

    assert worn(conn) == [("p1", 0, 30), ("p2", 30, 14 * 60)]
    assert claims(conn) == [("p1", 30, "another_wearer"), ("p2", None, None)]


def test_a_claim_at_another_gateway_ends_the_one_before(conn, district):
    other = district.one(
        "INSERT INTO gateway (centre_id, code) VALUES (%s, 'g2') RETURNING id", district.centre
    )
    store_edge_event(conn, claim(district))
    store_edge_event(conn, claim(district, "p2", gateway_id=other, began=NINE + 10 * MINUTE))

    assert worn(conn) == [("p1", 0, 10), ("p2", 10, 14 * 60)]


def test_a_claim_that_ends_in_the_moment_it_began_covers_nothing(conn, district):
    store_edge_event(conn, claim(district))
    store_edge_event(conn, claim(district, ended=NINE))

    assert worn(conn) == []
    assert claims(conn) == [("p1", 0, "finished")]


def test_a_band_that_the_staff_gave_to_somebody_else_is_not_claimed(conn, district):
    p2 = conn.execute("SELECT id FROM patient WHERE pseudonym = 'p2'").fetchone()[0]
    district.assign(district.add_device(ADDRESS.lower()), p2)

    with pytest.raises(Rejected, match="claim_of_registered_band"):
        store_edge_event(conn, claim(district))

    assert [name for name, _, _ in worn(conn)] == ["p2"]
    assert claims(conn) == []
    assert conn.execute("SELECT count(*) FROM claim_said").fetchone() == (0,)


def test_a_band_that_the_staff_gave_to_the_claimer_needs_no_second_assignment(conn, district):
    p1 = conn.execute("SELECT id FROM patient WHERE pseudonym = 'p1'").fetchone()[0]
    district.assign(district.add_device(ADDRESS), p1, NINE - MINUTE)

    store_edge_event(conn, claim(district))
    store_edge_event(conn, claim(district, ended=NINE + MINUTE))

    assert worn(conn) == [("p1", -1, None)]
    assert claims(conn) == [("p1", 1, "finished")]


@pytest.mark.parametrize("who", ["of another centre", "unknown", "no longer enrolled"])
def test_who_is_in_no_programme_of_the_centre_is_refused(conn, district, who):
    if who == "of another centre":
        stranger = district.add_patient("p9", centre=district.add_centre("c9", "Centre nine"))
        district.enrol(stranger, "p9", date(2020, 1, 6))
    elif who == "no longer enrolled":
        district.enrol(district.add_patient("p9"), "p9", date(2020, 1, 6), ends_on=date(2020, 3, 2))

    with pytest.raises(Rejected, match="claim_of_stranger"):
        store_edge_event(conn, claim(district, "p9"))

    assert worn(conn) == []


def test_a_claim_that_names_another_band_at_its_end_is_refused(conn, district):
    store_edge_event(conn, claim(district))

    with pytest.raises(Rejected, match="claim_contradicts_itself"):
        store_edge_event(conn, claim(district, ended=NINE + MINUTE, device_key="5A:99:99:99:99:99"))


@pytest.mark.parametrize(
    ("is_sure", "age_min", "expected"), [(False, 30, 90), (True, 30, 0), (False, 119, 0)]
)
def test_a_box_that_does_not_know_the_time_is_believed_in_how_long_ago_it_was(
    conn, district, is_sure, age_min, expected
):
    """Claimed at nine by its clock, which is two hours before now; half an hour ago by its age."""
    now = round((datetime.now(UTC) - EPOCH) / timedelta(milliseconds=1))
    began = now - 120 * MINUTE
    said = claim(district, began=began, is_sure=is_sure, age_ms=age_min * MINUTE)

    store_edge_event(conn, said)

    since_ms = conn.execute(
        "SELECT extract(epoch FROM lower(worn)) * 1000 FROM device_assignment"
    ).fetchone()[0]
    # The test may be slow, and what is not sure is as old as it says when it is stored.
    assert 0 <= float(since_ms) - began - expected * MINUTE < PATIENCE_S * 1000


def test_claims_are_in_the_audit_trail_under_the_gateway_they_came_from(conn, district):
    store_edge_event(conn, claim(district))
    store_edge_event(conn, claim(district, ended=NINE + MINUTE, why="silent"))

    ended, began = entries(conn, subject="p1")
    assert (began.actor, began.action, began.detail["band"]) == ("c1/g1", "band_claimed", ADDRESS)
    assert (ended.action, ended.detail["why"]) == ("band_claim_ended", "silent")


def test_an_offer_is_kept_once_for_each_gateway_and_a_month(conn, district):
    def offer(number, key=ADDRESS):
        return EdgeOffer(
            gateway_id=district.gateway, boot=bytes(16), number=number, age_ms=1, device_key=key,
            families=("hrs",), offered_utc_ms=NOW,
        )  # fmt: skip

    outcomes = [store_edge_event(conn, offer(number)) for number in (1, 1, 2)]
    conn.execute("UPDATE band_offer SET came_at = now() - interval '31 days'")
    store_edge_event(conn, offer(3, "AA:AA:AA:AA:AA:01"))

    assert outcomes == [EventOutcome.STORED, EventOutcome.DUPLICATE, EventOutcome.STORED]
    assert conn.execute("SELECT device_key FROM band_offer").fetchall() == [("AA:AA:AA:AA:AA:01",)]


def test_a_change_of_a_claim_lets_the_night_compute_anew(conn, district):
    conn.execute("TRUNCATE changed")
    store_edge_event(conn, claim(district))

    assert conn.execute("SELECT count(*) > 0 FROM changed").fetchone() == (True,)

"""Bands from hand to hand in the middle of a day: every reading is one person's, or nobody's."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from config.errors import Rejected
from reports.nightly.recompute import recompute
from storage.audit import entries
from storage.bands import hand_out, lend, swap, take_back
from storage.claims import store_edge_event
from storage.people import assign_device
from storage.readings import SPANS, heart_rate_of
from tests.claims import claim
from tests.district import District, at, from_scratch, local_ms, results
from tests.postgres import new_database

MINUTE = 60_000
NINE = local_ms("2026-11-10 09:00:00")
TEN, ELEVEN, NOON = (NINE + hours * 60 * MINUTE for hours in (1, 2, 3))
MOMENTS = [moment + step for moment in (NINE, TEN, ELEVEN, NOON) for step in (-1, 0, 1)]
"""A reading when a band changes hands, and a millisecond before and after."""
BPM_OF = {"AA": 60, "BB": 100}
ALWAYS = (0, NOON + MINUTE)


@pytest.fixture
def database(postgres, template):
    """Plain PostgreSQL alone: what is assigned is the same on both."""
    with new_database(postgres.dsn, template=template) as dsn:
        yield dsn


@pytest.fixture
def district(conn):
    district = District(conn)
    for name in ("p1", "p2"):
        enrolment = district.enrol(district.add_patient(name), name, date(2026, 11, 2), mode="site")
        district.prescribe(enrolment, date(2026, 11, 2))
    for band, bpm in BPM_OF.items():
        district.hear(band, heart_rate=[(ms, bpm + n) for n, ms in enumerate(MOMENTS)])
    recompute(conn)
    assert conn.execute("SELECT count(*) FROM day").fetchone() == (0,)
    return district


def heard(band, since, until):
    """What somebody has who wears a band in that time."""
    return [(band, ms) for ms in MOMENTS if since <= ms < until]


def whose(conn):
    """Return what each person has, by what is read for them."""
    people = conn.execute("SELECT pseudonym, id FROM patient ORDER BY 1").fetchall()
    spans = [(patient, patient, NINE - MINUTE, NOON + MINUTE) for _name, patient in people]
    read = heart_rate_of(conn, pl.DataFrame(spans, schema=SPANS, orient="row"))
    return {
        name: sorted(
            ("AA" if bpm < BPM_OF["BB"] else "BB", ms)
            for _window, ms, bpm in read.filter(pl.col("window") == patient).iter_rows()
        )
        for name, patient in people
    }


def assert_figures_follow(conn):
    """The next night knows of each change: its results are those of a start from nothing."""
    recompute(conn, through=date(2026, 11, 15))
    stored = results(conn)
    from_scratch(conn)
    recompute(conn, through=date(2026, 11, 15))
    assert results(conn) == stored
    of_days = conn.execute("SELECT count(*) FROM day WHERE wear_ms > 0").fetchone()[0]
    assert of_days == sum(bool(rows) for rows in whose(conn).values())


def test_assigning_and_returning(conn, district):
    hand_out(conn, "AA", patient="p1", since=at(TEN))
    assert whose(conn) == {"p1": heard("AA", TEN, ALWAYS[1]), "p2": []}
    recompute(conn)

    assert take_back(conn, "AA", at=at(ELEVEN)) == ("p1", at(TEN), None, False)

    assert whose(conn) == {"p1": heard("AA", TEN, ELEVEN), "p2": []}
    assert take_back(conn, "AA", at=at(NOON)) is None
    assert take_back(conn, "AA", at=at(NINE)) is None  # what is over stays
    assert_figures_follow(conn)


@pytest.mark.parametrize("moment", [NINE, TEN - 1, TEN])
def test_what_was_handed_out_by_mistake_is_taken_back_as_a_whole(conn, district, moment):
    hand_out(conn, "AA", patient="p1", since=at(TEN))
    recompute(conn)

    assert take_back(conn, "AA", at=at(moment)) == ("p1", at(TEN), None, True)

    assert take_back(conn, "AA", at=at(moment)) is None
    hand_out(conn, "AA", patient="p2", since=at(TEN))
    assert whose(conn) == {"p1": [], "p2": heard("AA", TEN, ALWAYS[1])}
    assert_figures_follow(conn)


def test_what_is_still_to_be_handed_out_is_taken_back(conn, district):
    tomorrow = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    hand_out(conn, "AA", patient="p1", since=tomorrow, until=tomorrow + timedelta(hours=1))
    hand_out(conn, "AA", patient="p2", since=tomorrow + timedelta(hours=2))

    taken = [take_back(conn, "AA", at=datetime.now(UTC)) for _ in range(3)]

    assert [one and one.patient for one in taken] == ["p1", "p2", None]


def test_a_band_somebody_always_had_is_taken_back(conn, district):
    assign_device(conn, device_key="AA", patient="p1", worn_from=None)

    assert take_back(conn, "AA", at=at(TEN)) == ("p1", None, None, False)

    assert whose(conn) == {"p1": heard("AA", ALWAYS[0], TEN), "p2": []}


def test_a_claimed_band_is_taken_back_by_the_staffs_word(conn, district):
    said = {"device_key": "AA", "latest_utc_ms": NOON}
    store_edge_event(conn, claim(district, "p1", began=TEN, **said))

    assert take_back(conn, "AA", at=at(ELEVEN)).patient == "p1"

    ended = conn.execute("SELECT ended_at, why_ended FROM band_claim").fetchall()
    assert ended == [(at(ELEVEN), "roster")]


def test_one_after_the_other(conn, district):
    hand_out(conn, "AA", patient="p1", since=at(NINE), until=at(TEN))
    recompute(conn)
    hand_out(conn, "AA", patient="p2", since=at(TEN))
    for patient, since in (("p1", ELEVEN), ("p1", NINE), ("p2", ELEVEN)):
        with pytest.raises(Rejected, match=r"band_is_worn: .*adhere band end"):
            hand_out(conn, "AA", patient=patient, since=at(since))
    hand_out(conn, "AA", patient="p2", since=at(TEN))  # said again

    assert whose(conn) == {"p1": heard("AA", NINE, TEN), "p2": heard("AA", TEN, ALWAYS[1])}
    assert_figures_follow(conn)


@pytest.mark.parametrize(
    ("had", "back"),
    [
        ((NINE, None), (ELEVEN, ALWAYS[1])),
        ((NINE, NOON), (ELEVEN, NOON)),
        ((NINE, ELEVEN), (ELEVEN, ELEVEN)),
        ((TEN, NOON), (ELEVEN, NOON)),
        ((TEN + 1, NOON), (ELEVEN, NOON)),
    ],
)
def test_lending(conn, district, had, back):
    since, until = had
    hand_out(conn, "AA", patient="p1", since=at(since), until=None if until is None else at(until))
    recompute(conn)

    assert lend(conn, "AA", patient="p2", since=at(TEN), until=at(ELEVEN)) == "p1"

    assert whose(conn) == {
        "p1": heard("AA", since, min(TEN, max(since, TEN))) + heard("AA", *back),
        "p2": heard("AA", TEN, ELEVEN),
    }
    assert_figures_follow(conn)


def test_lending_what_nobody_has_ends_with_nobody(conn, district):
    assert lend(conn, "AA", patient="p2", since=at(TEN), until=at(ELEVEN)) is None

    assert whose(conn) == {"p1": [], "p2": heard("AA", TEN, ELEVEN)}
    with pytest.raises(Rejected, match="lent_to_its_wearer"):
        lend(conn, "AA", patient="p2", since=at(TEN), until=at(TEN + 1))
    hand_out(conn, "AA", patient="p1", since=at(ELEVEN))
    with pytest.raises(Rejected, match="band_changes_hands"):
        lend(conn, "AA", patient="p1", since=at(TEN), until=at(NOON))
    assert whose(conn) == {"p1": heard("AA", ELEVEN, ALWAYS[1]), "p2": heard("AA", TEN, ELEVEN)}


@pytest.mark.parametrize("named", [("AA", "BB"), ("BB", "AA")])
def test_swapping_keeps_each_ones_term(conn, district, named):
    hand_out(conn, "AA", patient="p1", since=at(NINE), until=at(NOON))
    hand_out(conn, "BB", patient="p2", since=at(TEN))
    recompute(conn)

    now = swap(conn, *named, at=at(ELEVEN))

    assert dict(zip(named, now, strict=True)) == {"AA": "p2", "BB": "p1"}
    assert whose(conn) == {
        "p1": heard("AA", NINE, ELEVEN) + heard("BB", ELEVEN, NOON),
        "p2": heard("AA", ELEVEN, ALWAYS[1]) + heard("BB", TEN, ELEVEN),
    }
    assert_figures_follow(conn)


def test_swapping_in_the_moment_both_began(conn, district):
    hand_out(conn, "AA", patient="p1", since=at(TEN))
    hand_out(conn, "BB", patient="p2", since=at(TEN))

    swap(conn, "AA", "BB", at=at(TEN))

    assert whose(conn) == {
        "p1": heard("BB", TEN, ALWAYS[1]),
        "p2": heard("AA", TEN, ALWAYS[1]),
    }


def test_what_cannot_be_swapped_stays(conn, district):
    hand_out(conn, "AA", patient="p1", since=at(NINE), until=at(TEN))
    hand_out(conn, "BB", patient="p1", since=at(NINE))

    with pytest.raises(Rejected, match="same_wearer"):
        swap(conn, "AA", "BB", at=at(NINE))
    with pytest.raises(Rejected, match="nobody_wears_it"):
        swap(conn, "AA", "BB", at=at(TEN))

    assert whose(conn)["p1"] == heard("AA", NINE, TEN) + heard("BB", NINE, ALWAYS[1])


def test_a_claim_holds_from_its_beginning_until_its_end(conn, district):
    said = {"device_key": "AA", "latest_utc_ms": NOON}
    store_edge_event(conn, claim(district, "p1", began=NINE, **said))
    assert whose(conn) == {"p1": heard("AA", NINE, NOON), "p2": []}
    recompute(conn)

    store_edge_event(conn, claim(district, "p1", began=NINE, ended=ELEVEN, **said))

    assert whose(conn) == {"p1": heard("AA", NINE, ELEVEN), "p2": []}
    assert_figures_follow(conn)


def test_a_claim_passes_to_the_next_wearer_whichever_comes_first(conn, district):
    said = {"device_key": "AA", "latest_utc_ms": NOON}
    store_edge_event(conn, claim(district, "p2", b"b", began=TEN, **said))
    recompute(conn)

    store_edge_event(conn, claim(district, "p1", b"a", began=NINE, **said))

    assert whose(conn) == {"p1": heard("AA", NINE, TEN), "p2": heard("AA", TEN, NOON)}
    assert_figures_follow(conn)


@pytest.mark.parametrize("how", ["assigned", "lent", "swapped"])
def test_the_staffs_word_ends_a_claim_where_it_begins(conn, district, how):
    said = {"device_key": "AA", "latest_utc_ms": NOON}
    store_edge_event(conn, claim(district, "p1", began=NINE, **said))
    hand_out(conn, "BB", patient="p2", since=at(NINE))
    recompute(conn)

    if how == "assigned":
        hand_out(conn, "AA", patient="p2", since=at(TEN))
    elif how == "lent":
        assert lend(conn, "AA", patient="p2", since=at(TEN), until=at(ELEVEN)) is None
    else:
        swap(conn, "AA", "BB", at=at(TEN))

    assert conn.execute("SELECT why_ended, ended_at FROM band_claim").fetchone() == (
        "roster",
        at(TEN),
    )
    until = {"assigned": ALWAYS[1], "lent": ELEVEN, "swapped": ALWAYS[1]}[how]
    other = heard("BB", NINE, TEN if how == "swapped" else ALWAYS[1])
    assert whose(conn) == {
        "p1": heard("AA", NINE, TEN) + (heard("BB", TEN, NOON) if how == "swapped" else []),
        "p2": heard("AA", TEN, until) + other,
    }
    assert_figures_follow(conn)
    assert [entry.action for entry in entries(conn, subject="p1")] == ["band_claimed"]

"""Claims of boxes that did not know what time it was: no session of theirs is lost."""

from datetime import UTC, date, datetime, timedelta

import pytest

from storage import bands
from storage.claims import store_edge_event
from tests.claims import ADDRESS, MINUTE, NINE, NOW, claim
from tests.district import District
from tests.integration.storage.test_claims import claims, worn
from tests.patience import PATIENCE_S

HOUR = 60 * MINUTE
BEHIND = 13 * HOUR
"""Of the box's clock: it woke with the evening on which it was shut down."""
GUESS = NINE - BEHIND


@pytest.fixture
def district(conn):
    district = District(conn)
    for name in ("p1", "p2"):
        district.enrol(district.add_patient(name), name, date(2020, 1, 6), mode="site")
    return district


def unsure(district, *, age_ms, **changed):
    """What a box says that has its time from its own clock alone."""
    given = {"began": GUESS, "latest_utc_ms": GUESS + 24 * HOUR, "said_utc_ms": GUESS}
    return claim(district, is_sure=False, age_ms=age_ms, **given | changed)


def within(given, expected):
    """Whether a time in minutes is the expected one, on a machine that may be slow."""
    return expected <= given <= expected + PATIENCE_S / 60 + 1


def now_ms():
    return round(datetime.now(UTC).timestamp() * 1000)


@pytest.mark.parametrize("why", ["midnight", "finished", "silent"])
def test_an_end_by_another_count_than_the_beginning_takes_no_session_away(conn, district, why):
    """As boxes of before said it: the times of their guess, the moment of saying corrected."""
    latest = GUESS + 4 * HOUR
    store_edge_event(conn, unsure(district, age_ms=now_ms() - NINE, latest_utc_ms=latest))

    over = unsure(
        district,
        age_ms=300,
        latest_utc_ms=latest,
        ended=latest if why == "midnight" else GUESS,
        why=why,
        said_utc_ms=NOW,
    )
    at = (now_ms() - NINE) // MINUTE
    store_edge_event(conn, over)

    [(who, since, until)] = worn(conn)
    assert who == "p1"
    assert within(since, 0)
    assert within(until, at)
    [(_, ended, said)] = claims(conn)
    assert within(ended, at)
    assert said == why


def test_an_unsure_end_counts_from_the_beginning_that_is_known(conn, district):
    """Begun and ended by one guess; the age of the end was lost with the box's power."""
    store_edge_event(conn, unsure(district, age_ms=now_ms() - NINE))
    store_edge_event(conn, unsure(district, age_ms=None, ended=GUESS + 40 * MINUTE))

    [(_, since, until)] = worn(conn)
    assert until - since == 40


def test_an_unsure_claim_of_no_time_at_all_lets_its_assignment_be(conn, district):
    store_edge_event(conn, unsure(district, age_ms=now_ms() - NINE))
    store_edge_event(conn, unsure(district, age_ms=None, ended=GUESS))

    [(_, since, until)] = worn(conn)
    assert until - since == 24 * 60
    assert [why for _, _, why in claims(conn)] == ["finished"]


@pytest.mark.parametrize("has_ended", [False, True])
def test_once_the_box_is_sure_the_whole_claim_moves_to_where_it_was(conn, district, has_ended):
    store_edge_event(conn, unsure(district, age_ms=None))
    assert worn(conn) == [("p1", -13 * 60, 11 * 60)]

    ended = NINE + 90 * MINUTE if has_ended else None
    store_edge_event(conn, claim(district, ended=ended))
    store_edge_event(conn, unsure(district, age_ms=None))

    assert worn(conn) == [("p1", 0, 90 if has_ended else 14 * 60)]


def test_a_claim_moves_only_to_where_the_band_is_free(conn, district):
    p2 = conn.execute("SELECT id FROM patient WHERE pseudonym = 'p2'").fetchone()[0]
    for since, until in ((NINE - HOUR, NINE + 10 * MINUTE), (NINE + 60 * MINUTE, None)):
        district.assign(district.add_device(ADDRESS), p2, since, until)
    store_edge_event(conn, unsure(district, age_ms=None, latest_utc_ms=GUESS + 4 * HOUR))

    store_edge_event(conn, claim(district, ended=NINE + 90 * MINUTE))

    assert worn(conn) == [("p2", -60, 10), ("p1", 10, 60), ("p2", 60, None)]


def test_a_claim_that_belongs_wholly_to_somebody_elses_time_covers_nothing(conn, district):
    p2 = conn.execute("SELECT id FROM patient WHERE pseudonym = 'p2'").fetchone()[0]
    district.assign(district.add_device(ADDRESS), p2, NINE - HOUR)
    store_edge_event(conn, unsure(district, age_ms=None, latest_utc_ms=GUESS + 4 * HOUR))

    store_edge_event(conn, claim(district, ended=NINE + 90 * MINUTE))

    assert [who for who, _, _ in worn(conn)] == ["p2"]
    assert claims(conn) == [("p1", 90, "finished")]


def test_what_the_staff_took_back_meanwhile_does_not_come_again(conn, district):
    store_edge_event(conn, claim(district))
    conn.execute(
        "UPDATE device_assignment SET worn = tstzrange(lower(worn), lower(worn) + '30 min')"
    )

    store_edge_event(conn, claim(district))
    store_edge_event(conn, claim(district, ended=NINE + 90 * MINUTE))

    assert worn(conn) == [("p1", 0, 30)]


def test_a_midnight_that_is_earlier_than_the_day_of_a_guess_holds(conn, district):
    store_edge_event(
        conn,
        unsure(
            district,
            age_ms=now_ms() - NINE,
            began=NINE,
            latest_utc_ms=NINE + 24 * HOUR,
            said_utc_ms=NINE,
        ),
    )
    assert within(worn(conn)[0][2], 24 * 60)

    store_edge_event(conn, claim(district))

    [(_, _, until)] = worn(conn)
    assert until == 14 * 60


@pytest.mark.parametrize("is_moved", [True, False])
def test_a_later_claim_of_the_band_ends_the_one_before_also_where_it_moves(
    conn, district, is_moved
):
    store_edge_event(conn, claim(district, "p1", b"a"))
    if is_moved:
        latest = GUESS + 2 * HOUR
        store_edge_event(
            conn, unsure(district, subject="p2", name=b"b", age_ms=None, latest_utc_ms=latest)
        )
    later = NINE + 30 * MINUTE
    store_edge_event(conn, claim(district, "p2", b"b", began=later))
    store_edge_event(conn, claim(district, "p1", b"a", ended=later + 16 * MINUTE, why="silent"))
    store_edge_event(conn, claim(district, "p2", b"b", began=later, ended=NINE + 90 * MINUTE))

    assert worn(conn) == [("p1", 0, 30), ("p2", 30, 90)]
    ends = {who: why for who, _, why in claims(conn)}
    assert ends == {"p1": "another_wearer", "p2": "finished"}


@pytest.mark.parametrize("off_days", [-400, 400])
def test_the_list_of_claims_says_when_it_was_and_not_what_the_box_guessed(conn, district, off_days):
    guess = NINE + off_days * 24 * HOUR
    given = {"began": guess, "latest_utc_ms": guess + 24 * HOUR, "said_utc_ms": guess}
    store_edge_event(conn, unsure(district, age_ms=None, **given))
    store_edge_event(conn, claim(district, ended=NINE + 90 * MINUTE))

    began = datetime.fromtimestamp(NINE / 1000, UTC)
    [listed] = bands.claims(conn, since=began, until=began + timedelta(minutes=1))

    assert (listed.began_at, listed.ended_at) == (began, began + timedelta(minutes=90))
    assert (listed.counts_from, listed.counts_until) == (listed.began_at, listed.ended_at)

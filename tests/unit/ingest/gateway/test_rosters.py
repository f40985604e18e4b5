"""The roster book: what it takes, what it refuses and counts, what it still knows after a start."""

import pytest

from ingest.batch.keys import make_keys
from ingest.gateway.rosters import RosterBook
from tests.edges import BAND, DAY_MS, NOON_UTC_MS, Clocks, roster, sealed, worn

HUB, BOX = make_keys(), make_keys()


@pytest.fixture
def clocks():
    return Clocks()


@pytest.fixture
def opened(tmp_path, clocks):
    """Open the book of `hall-1`, as after a start."""

    def open_book(keys=BOX):
        return RosterBook(
            tmp_path / "roster.cose",
            HUB.signing.public_key(),
            keys,
            centre="centre",
            gateway="hall-1",
            time=clocks.edge_time(),
        )

    return open_book


@pytest.fixture
def book(opened):
    return opened()


def test_a_roster_says_who_wears_a_band_at_which_time(book):
    first, second = worn(worn_until_ms=1_000), worn(subject="p-2", worn_from_ms=1_000)
    third = worn("strap", "p-3", worn_from_ms=5_000, worn_until_ms=6_000, family=None)

    assert book.take(sealed(roster(second, third, first), HUB, BOX))

    assert [book.band(BAND, at) for at in (0, 999, 1_000)] == [first, first, second]
    assert book.band("strap", 4_999) is book.band("strap", 6_000) is None
    assert book.band("unknown", 0) is None
    assert book.registered() == {BAND: "hrs", "strap": None}


def test_it_cannot_be_earlier_than_the_newest_roster(book, clocks):
    clocks.wall_utc_ms = 1_000

    for version, issued_ms in ((1, NOON_UTC_MS), (2, NOON_UTC_MS - DAY_MS)):
        book.take(sealed(roster(version=version, issued_utc_ms=issued_ms), HUB, BOX))

        assert book._time.utc_ms() == NOON_UTC_MS  # noqa: SLF001 - the clock it was given


def test_a_newer_roster_replaces_the_one_before_whole(book):
    book.take(sealed(roster(worn(), worn("strap", "p-3"), version=1), HUB, BOX))

    assert book.take(sealed(roster(worn(subject="p-9"), version=2), HUB, BOX))

    assert book.registered().keys() == {BAND}
    assert book.band(BAND, 0).subject == "p-9"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (sealed(roster(version=9), make_keys(), BOX), "bad_signature"),
        (sealed(roster(version=9), HUB, make_keys()), "another_key"),
        (sealed(roster(version=9, gateway="hall-2"), HUB, BOX), "wrong_gateway"),
        (sealed(roster(version=9, centre="west"), HUB, BOX), "wrong_gateway"),
        (sealed(roster(version=4), HUB, BOX), "old_version"),
        (sealed(roster(version=5), HUB, BOX), "old_version"),
        (b"", "not_cose"),
        (b"no roster at all", "not_cose"),
        (bytes(70_000), "oversize"),
        (sealed(roster(worn(device_key="a b"), version=9), HUB, BOX), "malformed"),
    ],
)
def test_what_is_no_newer_roster_of_ours_is_counted_and_changes_nothing(book, message, reason):
    book.take(sealed(roster(version=5), HUB, BOX))

    assert not book.take(message)

    assert book.refused == {reason: 1}
    assert book.roster.version == 5
    assert book.band(BAND, 0).subject == "p-1"


def test_the_same_roster_again_is_no_fault(book):
    message = sealed(roster(), HUB, BOX)

    assert [book.take(message) for _ in range(3)] == [True, False, False]
    assert not book.refused


def test_after_a_start_the_book_knows_whom_to_protect_and_takes_no_older_roster(book, opened):
    book.take(sealed(roster(version=5), HUB, BOX))
    book.save()

    again = opened()

    assert again.is_saved
    assert again.band(BAND, 0).subject == "p-1"
    assert not again.take(sealed(roster(version=4), HUB, BOX))


@pytest.mark.parametrize("damage", [b"", b"\0" * 500, None])
def test_a_damaged_file_is_no_roster_and_the_next_one_heals_it(book, opened, tmp_path, damage):
    message = sealed(roster(), HUB, BOX)
    book.take(message)
    book.save()
    path = tmp_path / "roster.cose"
    path.write_bytes(path.read_bytes()[:-1] if damage is None else damage)

    again = opened()
    assert again.roster is None
    assert again.take(message)
    again.save()

    assert opened().roster is not None


def test_what_is_on_disk_opens_with_this_boxs_key_alone(book, opened, tmp_path):
    book.take(sealed(roster(), HUB, BOX))
    book.save()

    assert opened(keys=make_keys()).roster is None
    assert b"p-1" not in (tmp_path / "roster.cose").read_bytes()
    assert (tmp_path / "roster.cose").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["roster.cose"]


def test_a_disk_that_cannot_save_costs_nothing_but_the_copy(book, tmp_path):
    book.take(sealed(roster(), HUB, BOX))
    tmp_path.rename(tmp_path.with_name("gone"))

    with pytest.raises(OSError, match="No such file"):
        book.save()

    assert not book.is_saved
    assert book.band(BAND, 0) is not None
    tmp_path.with_name("gone").rename(tmp_path)
    book.save()
    assert book.is_saved


def test_an_expired_roster_is_said_to_be_old_and_goes_on_protecting(book, clocks):
    book.take(sealed(roster(), HUB, BOX))
    assert not book.is_expired

    clocks.pass_ms(13 * DAY_MS)

    assert book.is_expired
    assert book.band(BAND, NOON_UTC_MS + 30 * DAY_MS) is not None


def test_a_roster_that_had_expired_when_it_came_is_taken(book):
    """A box that was off for a month, or whose clock is wrong: better old limits than none."""
    assert book.take(sealed(roster(issued_utc_ms=NOON_UTC_MS - 40 * DAY_MS), HUB, BOX))

    assert book.is_expired


def test_it_cannot_be_earlier_than_the_roster_was_issued(book, clocks):
    clocks.wall_utc_ms = 0
    book.take(sealed(roster(issued_utc_ms=NOON_UTC_MS), HUB, BOX))

    book.take(sealed(roster(issued_utc_ms=NOON_UTC_MS - DAY_MS, version=2), HUB, BOX))

    assert book.roster.version == 2
    assert not book.is_expired

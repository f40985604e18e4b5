"""What BlueZ showed last: known of the addresses of now, and of no more than those."""

from ingest.gateway.radio.hearing import ADDRESSES_HELD, LastShown

NOTHING = (None, None, None)


def test_what_was_shown_is_known_until_many_others_were_heard():
    shown = LastShown()
    first, second = (object(), None, -50), (object(), None, -51)

    assert shown.before("own", first) == NOTHING
    assert shown.before("own", second) is first
    for number in range(ADDRESSES_HELD - 1):
        shown.before(f"private {number}", NOTHING)
    assert shown.before("own", second) is second, "as long as it is heard"


def test_a_week_of_private_addresses_takes_no_more_room_than_an_hour():
    shown = LastShown()
    for number in range(53_760):
        shown.before(f"private {number}", (object(), object(), number))

    assert len(shown) == ADDRESSES_HELD
    assert shown.before("private 0", NOTHING) == NOTHING

"""What a roster says of a wearer, day by day: versions, programmes, figures that are missing."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from ingest.batch.keys import make_keys
from ingest.batch.roster import MAX_CLAIMERS, IdentityKey, Limits, open_roster
from ingest.hub.roster_bands import RosterMaker, roster_bands
from storage.rosters import ClaimerRow, GatewayRoster, Known, WornRow
from tests.edges import BAND

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
MONDAY, TUESDAY = date(2026, 3, 30), date(2026, 3, 31)
DAY_MS = 86_400_000
MONDAY_MS = 1_774_800_000_000
"""2026-03-30T00:00 in Shanghai."""


def row(**changed):
    """A band worn for ever, with one version that holds for ever."""
    return WornRow(
        centre_id=1, device_key=BAND, family="hrs", subject="p-1", worn_from_ms=None,
        worn_until_ms=None, from_day=None, until_day=None, ceiling_bpm=150.0, rest_hr_bpm=70.0,
        hr_max_bpm=170.0, intensity_kind="hrr", zone_lo=40.0, zone_hi=60.0,
    )._replace(**changed)  # fmt: skip


def bands(*rows, zone=SHANGHAI):
    return list(roster_bands(rows, zone))


def spans(found):
    return [(one.worn_from_ms, one.worn_until_ms, one.ceiling_bpm) for one in found]


def test_limits_are_those_of_the_frozen_figures():
    [one] = bands(row())

    assert (one.worn_from_ms, one.worn_until_ms) == (0, None)
    assert (one.ceiling_bpm, one.zone_lo_bpm, one.zone_hi_bpm) == (150, 110, 130)
    assert (one.device_key, one.family, one.subject) == (BAND, "hrs", "p-1")


@pytest.mark.parametrize(
    "changed",
    [{"rest_hr_bpm": None}, {"hr_max_bpm": None}, {"rest_hr_bpm": 170.0}, {"rest_hr_bpm": 180.0}],
)
def test_without_both_figures_there_is_no_zone_and_the_ceiling_still_stands(changed):
    [one] = bands(row(**changed))

    assert (one.ceiling_bpm, one.zone_lo_bpm, one.zone_hi_bpm) == (150, None, None)


def test_limits_given_the_wrong_way_round_are_the_same_zone():
    [one] = bands(row(zone_lo=60.0, zone_hi=40.0))

    assert (one.zone_lo_bpm, one.zone_hi_bpm) == (110, 130)


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ({"intensity_kind": "hr_max"}, (68, 102)),
        ({"intensity_kind": "hr_max", "rest_hr_bpm": None}, (68, 102)),
        ({"intensity_kind": "bpm", "zone_lo": 95.0, "zone_hi": 115.0}, (95, 115)),
        ({"intensity_kind": "rpe", "zone_lo": 11.0, "zone_hi": 14.0}, (None, None)),
        ({"zone_lo": None, "zone_hi": None}, (None, None)),
    ],
)
def test_a_zone_is_in_bpm_whatever_it_is_written_in(written, zone):
    [one] = bands(row(**written))

    assert (one.ceiling_bpm, one.zone_lo_bpm, one.zone_hi_bpm) == (150, *zone)


def test_a_programme_without_an_aerobic_part_hides_no_zone():
    [one] = bands(row(), row(zone_lo=None, zone_hi=None, ceiling_bpm=None))

    assert (one.ceiling_bpm, one.zone_lo_bpm, one.zone_hi_bpm) == (150, 110, 130)


def test_a_new_version_holds_from_its_local_midnight_on():
    found = bands(row(until_day=MONDAY), row(from_day=MONDAY, ceiling_bpm=140.0), zone=SHANGHAI)

    assert spans(found) == [(0, MONDAY_MS, 150), (MONDAY_MS, None, 140)]


def test_local_midnight_is_that_of_the_zone_also_where_clocks_change():
    """Berlin goes to summer time on Sunday, 2026-03-29."""
    sunday, monday = date(2026, 3, 29), MONDAY
    found = bands(
        row(until_day=sunday),
        row(from_day=sunday, until_day=monday, ceiling_bpm=145.0),
        row(from_day=monday, ceiling_bpm=140.0),
        zone=BERLIN,
    )

    _, (since, until, _), _ = spans(found)
    assert until - since == 23 * 3_600_000


def test_a_version_that_changes_no_limit_makes_no_new_entry():
    found = bands(row(until_day=MONDAY), row(from_day=MONDAY))

    assert spans(found) == [(0, None, 150)]


def test_an_assignment_is_never_widened_by_a_prescription():
    found = bands(
        row(worn_from_ms=MONDAY_MS - 5, worn_until_ms=MONDAY_MS + 5, until_day=MONDAY),
        row(
            worn_from_ms=MONDAY_MS - 5, worn_until_ms=MONDAY_MS + 5,
            from_day=MONDAY, until_day=TUESDAY, ceiling_bpm=140.0,
        ),
    )  # fmt: skip

    assert spans(found) == [
        (MONDAY_MS - 5, MONDAY_MS, 150),
        (MONDAY_MS, MONDAY_MS + 5, 140),
    ]


def test_before_and_after_a_programme_a_band_is_registered_and_nothing_is_watched():
    found = bands(row(from_day=MONDAY, until_day=TUESDAY))

    assert spans(found) == [
        (0, MONDAY_MS, None),
        (MONDAY_MS, MONDAY_MS + DAY_MS, 150),
        (MONDAY_MS + DAY_MS, None, None),
    ]
    assert found[0].zone_lo_bpm is found[2].zone_lo_bpm is None


def test_without_a_prescription_a_band_is_registered():
    [one] = bands(
        row(ceiling_bpm=None, rest_hr_bpm=None, hr_max_bpm=None, intensity_kind=None, zone_hi=None)
    )

    assert (one.subject, one.ceiling_bpm, one.zone_lo_bpm) == ("p-1", None, None)


def test_of_two_programmes_the_lower_ceiling_holds_and_the_zone_of_the_later():
    [one] = bands(row(ceiling_bpm=140.0), row(ceiling_bpm=150.0, zone_lo=50.0))
    [other] = bands(row(ceiling_bpm=140.0), row(ceiling_bpm=None))

    assert (one.ceiling_bpm, one.zone_lo_bpm) == (140, 120)
    assert other.ceiling_bpm == 140


def test_a_band_that_changes_hands_has_an_entry_for_each():
    found = bands(
        row(worn_until_ms=MONDAY_MS), row(subject="p-2", worn_from_ms=MONDAY_MS, ceiling_bpm=120.0)
    )

    assert [(one.subject, one.ceiling_bpm) for one in found] == [("p-1", 150), ("p-2", 120)]


@pytest.mark.parametrize("changed", [{"device_key": "a b"}, {"subject": "a\nb"}, {"subject": ""}])
def test_a_name_that_cannot_be_sent_leaves_out_that_band_alone(changed):
    found = bands(row(**changed), row(device_key="other"))

    assert [one.device_key for one in found] == ["other"]


def test_a_family_that_cannot_be_sent_is_not_said():
    assert bands(row(family="No Family"))[0].family is None


def test_a_ceiling_that_no_heart_can_reach_is_none():
    assert bands(row(ceiling_bpm=1e9))[0].ceiling_bpm is None


# --- what else a roster says ------------------------------------------------------------------

HUB, BOX = make_keys(), make_keys()
TO = GatewayRoster(
    7, 1, "centre", "hall-1", [BOX.encryption.public_key().public_bytes_raw()], *[None] * 4
)


def claimer(subject="p-9", **changed):
    """Somebody who may claim a band, with one version that holds for ever."""
    return ClaimerRow(
        centre_id=1, subject=subject, code_salt=bytes(16), code_hash=bytes(16), from_day=None,
        until_day=None, ceiling_bpm=150.0, rest_hr_bpm=70.0, hr_max_bpm=170.0,
        intensity_kind="hrr", zone_lo=40.0, zone_hi=60.0,
    )._replace(**changed)  # fmt: skip


def opened(worn=(), claimers=()):
    """The roster as its gateway opens it."""
    content = RosterMaker(HUB.signing, SHANGHAI).content(TO, Known(list(worn), list(claimers)))
    return open_roster(content.seal(1, 5, 6), HUB.signing.public_key(), BOX)


def test_who_may_claim_goes_with_the_limits_of_every_version():
    rows = [
        claimer(until_day=MONDAY),
        claimer(from_day=MONDAY, ceiling_bpm=140.0),
        claimer("p-8", intensity_kind=None, ceiling_bpm=None, zone_lo=None),
    ]

    one, other = opened(claimers=rows).claimers

    assert one.limits == (Limits(0, 150, 110, 130), Limits(MONDAY_MS, 140, 110, 130))
    assert (other.subject, other.limits) == ("p-8", (Limits(0, None, None, None),))


def test_a_name_that_cannot_be_sent_leaves_out_that_person_alone():
    assert [p.subject for p in opened(claimers=[claimer("a\nb"), claimer()]).claimers] == ["p-9"]


def test_an_identity_key_goes_once_and_only_with_its_band():
    key = bytes(range(16))
    rows = [
        row(irk=key, until_day=MONDAY),
        row(irk=key, from_day=MONDAY),
        row(device_key="a b", irk=key),
        row(device_key="other"),
    ]

    assert opened(rows).identity_keys == (IdentityKey(BAND, key),)


def test_what_was_claimed_at_a_gateway_goes_to_the_others_alone():
    rows = [
        row(device_key="here", claimed_at_gateway_id=7),
        row(device_key="there", claimed_at_gateway_id=8),
    ]

    assert [band.device_key for band in opened(rows).bands] == ["there"]


def test_more_people_than_fit_cost_no_band_its_protection():
    people = [claimer(f"p-{number}") for number in range(MAX_CLAIMERS + 1)]

    made = opened([row()], people)

    assert (len(made.bands), made.claimers) == (1, ())
    assert len(opened([row()], people[1:]).claimers) == MAX_CLAIMERS


@pytest.mark.parametrize(
    "changed",
    [
        {"worn": [row(irk=bytes(15) + b"x")]},
        {"claimers": [claimer(code_hash=b"x" * 16)]},
        {"claimers": [claimer(ceiling_bpm=149.0)]},
    ],
)
def test_a_changed_secret_or_limit_is_another_roster(changed):
    maker = RosterMaker(HUB.signing, SHANGHAI)
    before = Known([row(irk=bytes(16))], [claimer()])

    assert maker.content(TO, before._replace(**changed)).sha256 != maker.content(TO, before).sha256

"""A claim goes on while its box learns what time it is, and every message has one count of time."""

import json
from dataclasses import asdict
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.batch.claim import MAX_CLAIM_MS
from ingest.batch.claim_code import code_hash
from ingest.batch.keys import make_keys
from ingest.batch.roster import Claimer, Limits, Roster, seal_roster
from ingest.gateway.claims import Claims, claimed_in
from ingest.gateway.neighbour import Neighbour
from ingest.gateway.rosters import RosterBook
from tests.edges import DAY_MS, NOON_UTC_MS, Clocks, live

HUB, BOX = make_keys(), make_keys()
WATCH = Neighbour("5A:01:02:03:04:05", ("hrs",), "Watch 7", -50)
SHANGHAI = ZoneInfo("Asia/Shanghai")
CODE = code_hash("1234", bytes(16))
PERSON = Claimer("p-1", bytes(16), CODE, (Limits(0, 150.0, 100.0, 130.0),))
MINUTE, HOUR = 60_000, 3_600_000
MIDNIGHT = NOON_UTC_MS + 4 * HOUR
"""In Shanghai, after noon UTC."""
ISSUED = NOON_UTC_MS - DAY_MS


class Box:
    """A box whose wall clock is off; `true_ms` is what it really is."""

    def __init__(self, folder, off_ms=0):
        self.folder, self.said = folder, []
        self.clocks = Clocks(wall_utc_ms=NOON_UTC_MS + off_ms)
        self.true_ms = NOON_UTC_MS
        self.claims = self.start("first")

    def start(self, machine, *, hub_told=False):
        """Start the gateway, in this start of the machine."""
        self.time = self.clocks.edge_time()
        if hub_told:
            self.hub_answers()
        book = RosterBook(
            self.folder / "roster", HUB.signing.public_key(), BOX, centre="c", gateway="g",
            time=self.time,
        )  # fmt: skip
        roster = Roster("c", "g", 1, ISSUED, ISSUED + 14 * DAY_MS, (), claimers=(PERSON,))
        book.take(seal_roster(roster, HUB.signing, [BOX.encryption.public_key()]))
        self.claims = Claims(
            self.folder / "claims.json", book, self.said.append, self.time,
            zone=SHANGHAI, silent_after_s=900, machine=machine,
        )  # fmt: skip
        return self.claims

    def power_cut(self, off_for_ms, *, wall_utc_ms, machine="second"):
        """Lose the power for a while; wake with another wall clock."""
        self.claims.save()
        self.true_ms += off_for_ms
        self.clocks.mono_ms, self.clocks.wall_utc_ms = 10_000, wall_utc_ms
        self.start(machine)

    def passes(self, ms, *, is_worn=True):
        """Time in which the band is heard each ten seconds."""
        for _ in range(ms // 10_000):
            self.clocks.pass_ms(10_000)
            self.true_ms += 10_000
            if is_worn:
                self.claims.heard(live(self.clocks, 120, WATCH.address))
            self.claims.look()

    def hub_answers(self):
        self.time.hub_answered(self.true_ms, self.clocks.mono_ms)

    def finish(self):
        [one] = self.claims.standing.values()
        assert self.claims.finish(one.claim)
        return self.said[-1]


@pytest.fixture
def box_that_is_off(tmp_path):
    return lambda off_ms=0: Box(tmp_path, off_ms)


def by_the_truth(told, off_ms=0):
    """Beginning, end and latest, in minutes after noon."""
    times = (told.began_utc_ms, told.ended_utc_ms, told.latest_utc_ms)
    return tuple(
        None if at is None else round((at - NOON_UTC_MS - off_ms) / MINUTE) for at in times
    )


OFFS = [-13 * HOUR, -20 * 365 * DAY_MS, 13 * HOUR, 2 * DAY_MS, -5 * MINUTE, -MINUTE, 0, MINUTE]


@pytest.mark.parametrize("off_ms", OFFS)
@pytest.mark.parametrize("how", ["hub", "time service"])
def test_that_the_box_learns_the_time_ends_no_claim(box_that_is_off, off_ms, how):
    box = box_that_is_off(off_ms)
    box.claims.begin(WATCH, PERSON)
    box.passes(40 * MINUTE)

    if how == "hub":
        box.hub_answers()
    else:
        box.clocks.wall_utc_ms = box.true_ms
    box.passes(20 * MINUTE)

    assert box.claims.band(WATCH.address, box.true_ms).subject == "p-1"
    told = box.finish()
    began, ended, _ = by_the_truth(told)
    assert (began in {-1, 0, 1}, ended in {60, 61}) == (True, True)
    assert told.is_sure == (how == "hub")
    assert abs(told.said_utc_ms - box.true_ms) <= MINUTE


def test_once_the_time_is_known_the_district_hears_the_claim_anew_and_midnight_holds(
    box_that_is_off,
):
    box = box_that_is_off(-13 * HOUR)
    box.claims.begin(WATCH, PERSON)
    box.passes(10 * MINUTE)
    [guessed] = box.said
    assert guessed.latest_utc_ms - guessed.began_utc_ms == DAY_MS
    assert not guessed.is_sure

    box.hub_answers()
    box.passes(MINUTE)

    [_, known] = box.said
    assert (known.claim, known.is_sure, known.why_ended) == (guessed.claim, True, None)
    assert by_the_truth(known) == (0, None, 240)
    box.passes(4 * HOUR)
    assert (box.said[-1].why_ended, box.said[-1].ended_utc_ms) == ("midnight", MIDNIGHT)


def test_a_refusal_of_the_guessed_time_does_not_end_what_was_said_anew(box_that_is_off):
    box = box_that_is_off(-20 * 365 * DAY_MS)
    box.claims.begin(WATCH, PERSON)
    box.hub_answers()
    box.passes(MINUTE)
    guessed, known = box.said

    box.claims.is_refused(guessed)
    assert box.claims.band(WATCH.address, box.true_ms).subject == "p-1"
    assert not box.claims.refused

    box.claims.is_refused(known)
    assert box.claims.band(WATCH.address, box.true_ms) is None
    assert known.claim in box.claims.refused


def test_a_midnight_that_the_box_only_guesses_ends_nothing_and_a_day_does(box_that_is_off):
    box = box_that_is_off(4 * HOUR - 10 * MINUTE)  # ten to midnight, says its clock
    box.claims.begin(WATCH, PERSON)

    box.passes(DAY_MS - MINUTE)
    assert box.claims.standing

    box.passes(2 * MINUTE)
    assert [told.why_ended for told in box.said] == [None, "midnight"]


def test_a_hub_that_corrects_itself_moves_the_claim_back(box_that_is_off):
    box = box_that_is_off()
    box.true_ms += 3 * HOUR  # as a hub whose clock is ahead says
    box.hub_answers()
    box.claims.begin(WATCH, PERSON)
    box.passes(30 * MINUTE)
    box.true_ms -= 3 * HOUR
    box.hub_answers()
    box.passes(30 * MINUTE)

    told = box.finish()

    assert by_the_truth(told) == (0, 60, 240)
    assert told.is_sure


def test_a_small_step_of_the_clock_moves_nothing(box_that_is_off):
    box = box_that_is_off(-MINUTE)
    box.claims.begin(WATCH, PERSON)
    box.passes(10 * MINUTE)
    box.clocks.wall_utc_ms += MINUTE
    box.passes(10 * MINUTE)

    assert by_the_truth(box.finish())[:2] == (-1, 20)
    assert len(box.said) == 2


def test_silence_ends_it_with_its_last_reading_by_the_count_of_now(box_that_is_off):
    box = box_that_is_off(-13 * HOUR)
    box.claims.begin(WATCH, PERSON)
    box.passes(20 * MINUTE)
    box.passes(5 * MINUTE, is_worn=False)
    box.hub_answers()
    box.passes(11 * MINUTE, is_worn=False)

    told = box.said[-1]
    assert (told.why_ended, by_the_truth(told)[:2]) == ("silent", (0, 20))


# --- over a start of the gateway or of the machine --------------------------------------------


def test_a_start_of_the_gateway_forgets_no_beginning(box_that_is_off):
    box = box_that_is_off(-13 * HOUR)
    box.claims.begin(WATCH, PERSON)
    box.passes(20 * MINUTE)
    box.claims.save()
    box.start("first")
    box.passes(20 * MINUTE)
    box.hub_answers()
    box.passes(20 * MINUTE)

    assert by_the_truth(box.finish())[:2] == (0, 60)


def test_a_start_without_the_hub_leaves_a_time_that_was_known(box_that_is_off):
    box = box_that_is_off(-13 * HOUR)
    box.hub_answers()
    box.claims.begin(WATCH, PERSON)
    box.passes(20 * MINUTE)
    box.claims.save()
    box.start("first")
    box.passes(20 * MINUTE)

    told = box.finish()

    assert by_the_truth(told) == (0, 40, 240)
    assert told.is_sure


@pytest.mark.parametrize(
    "wakes_ms", [0, NOON_UTC_MS - 13 * HOUR, NOON_UTC_MS + 400 * DAY_MS, NOON_UTC_MS + 45 * MINUTE]
)
@pytest.mark.parametrize("knows_again", ["before the end", "after it", "never"])
def test_a_power_cut_leaves_a_time_that_was_known_whenever_the_box_wakes(
    box_that_is_off, wakes_ms, knows_again
):
    box = box_that_is_off()
    box.hub_answers()
    box.claims.begin(WATCH, PERSON)
    box.passes(40 * MINUTE)
    box.power_cut(5 * MINUTE, wall_utc_ms=wakes_ms)
    box.passes(10 * MINUTE)
    if knows_again == "before the end":
        box.hub_answers()
    box.passes(10 * MINUTE)

    box.finish()
    if knows_again == "after it":
        assert box.said[-1].ended_utc_ms is None, "nobody knows yet when that was"
        assert box.claims.band(WATCH.address, box.true_ms) is None, "and it guards no longer"
        box.passes(30 * MINUTE)
        box.claims.save()
        assert claimed_in(box.folder / "claims.json", 0) == frozenset()
        box.start("second")
        box.hub_answers()
        box.passes(MINUTE)
    if knows_again == "never":
        box.power_cut(HOUR, wall_utc_ms=0, machine="third")
        box.passes(MINUTE)

    told = box.said[-1]
    began, ended, latest = by_the_truth(told)
    assert (began, latest, told.is_sure, told.why_ended) == (0, 240, True, "finished")
    # Without the hub nobody knows how long it was off; nothing of what was heard before is lost.
    assert 60 <= ended <= 65 if knows_again == "never" else ended == 65
    assert len([one for one in box.said if one.why_ended]) == 1
    box.hub_answers()
    box.passes(MINUTE)
    assert box.said[-1] is told


@pytest.mark.parametrize("wakes_ms", [3_600_000, NOON_UTC_MS + 200 * MINUTE])
def test_who_took_the_band_off_in_a_power_cut_wore_it_until_the_last_reading(
    box_that_is_off, wakes_ms
):
    box = box_that_is_off()
    box.hub_answers()
    box.claims.begin(WATCH, PERSON)
    box.passes(20 * MINUTE)
    box.power_cut(3 * HOUR, wall_utc_ms=wakes_ms)
    box.passes(MINUTE, is_worn=False)
    box.hub_answers()
    box.passes(16 * MINUTE, is_worn=False)

    told = box.said[-1]
    _, ended, _ = by_the_truth(told)
    assert (told.why_ended, ended in {20, 21}) == ("silent", True)


def test_a_silence_that_begins_after_a_power_cut_waits_for_the_hub_too(box_that_is_off):
    box = box_that_is_off()
    box.hub_answers()
    box.claims.begin(WATCH, PERSON)
    box.passes(20 * MINUTE)
    box.power_cut(20 * MINUTE, wall_utc_ms=3_600_000)
    box.passes(30 * MINUTE)
    box.passes(16 * MINUTE, is_worn=False)
    assert not box.claims.standing
    box.hub_answers()
    box.passes(MINUTE, is_worn=False)

    told = box.said[-1]
    assert (told.why_ended, by_the_truth(told)[:2]) == ("silent", (0, 70))


@pytest.mark.parametrize("wakes_ms", [0, NOON_UTC_MS - 13 * HOUR + 41 * MINUTE])
def test_a_claim_at_a_guessed_time_lasts_over_a_power_cut_and_moves_as_a_whole(
    box_that_is_off, wakes_ms
):
    box = box_that_is_off(-13 * HOUR)
    box.claims.begin(WATCH, PERSON)
    box.passes(40 * MINUTE)
    box.power_cut(5 * MINUTE, wall_utc_ms=wakes_ms)
    box.passes(10 * MINUTE)
    box.hub_answers()
    box.passes(10 * MINUTE)

    told = box.finish()

    assert told.is_sure
    began, ended, _ = by_the_truth(told)
    assert 0 <= began <= 5, "less what it was off"
    assert ended == 65


def test_a_file_of_before_the_counts_is_read(box_that_is_off):
    box = box_that_is_off()
    box.claims.begin(WATCH, PERSON)
    [one] = box.claims.standing.values()
    known = {
        "ahead_ms", "machine", "is_fixed", "is_heard_fixed", "ended_utc_ms", "why_ended",
    }  # fmt: skip
    kept = {name: value for name, value in asdict(one).items() if name not in known}
    (box.folder / "claims.json").write_text(json.dumps([kept]))

    box.start("first")

    assert box.claims.registered() == {WATCH.address: "hrs"}


# --- whatever the clocks do -------------------------------------------------------------------

STEPS = st.one_of(
    st.tuples(st.just("passes"), st.integers(10_000, 20 * MINUTE)),
    st.tuples(st.just("wall"), st.integers(-30 * DAY_MS, 30 * DAY_MS)),
    st.tuples(st.just("hub"), st.just(0)),
    st.tuples(st.just("receipt"), st.integers(-2 * HOUR, 0)),
    st.tuples(st.just("restart"), st.just(0)),
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(off_ms=st.integers(-30 * DAY_MS, 30 * DAY_MS), steps=st.lists(STEPS, max_size=8))
def test_whatever_the_clocks_do_a_claim_that_is_heard_goes_on_and_lasts_as_long_as_it_did(
    box_that_is_off, tmp_path, off_ms, steps
):
    (tmp_path / "claims.json").unlink(missing_ok=True)
    box = box_that_is_off(off_ms)
    box.claims.begin(WATCH, PERSON)
    for what, ms in steps:
        match what:
            case "passes":
                box.passes(ms)
            case "wall":
                box.clocks.wall_utc_ms += ms
            case "hub":
                box.hub_answers()
            case "receipt":
                box.time.heard_hub(box.true_ms + ms)
            case "restart":
                box.claims.save()
                box.start("first")
        box.claims.look()
    lasted_ms = box.true_ms - NOON_UTC_MS

    told = box.finish()

    for one in box.said:
        assert 0 < one.latest_utc_ms - one.began_utc_ms <= MAX_CLAIM_MS
    assert 0 <= told.ended_utc_ms - told.began_utc_ms - lasted_ms <= 5 * MINUTE
    if told.is_sure:
        assert abs(told.began_utc_ms - NOON_UTC_MS) <= 2 * MINUTE

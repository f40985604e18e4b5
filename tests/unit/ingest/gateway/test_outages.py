"""Ears of the box that are away: noticed, measured by the steady clock, told once and again."""

import json
from dataclasses import replace

import pytest

from config.errors import Rejected
from ingest.batch.outage import MAX_EAR_CHARACTERS, open_outage
from ingest.batch.told import open_told, seal_told
from ingest.gateway.edge_time import EdgeTime
from ingest.gateway.outages import BOX, Outages
from ingest.gateway.radio.counters import RadioCounters
from ingest.gateway.status import STATUS_FILE, last_alive_utc_ms
from tests.edges import NOON_UTC_MS
from tests.unit.ingest.batch.test_edge_messages import BOX as KEYS
from tests.unit.ingest.batch.test_edge_messages import BOX_KEY, HUB

MINUTE, HOUR = 60_000, 3_600_000


class Box:
    def __init__(self):
        self.mono_ms, self.wall_off_ms, self.told = 0, 0, []
        self.time = EdgeTime(
            mono_ms=lambda: self.mono_ms,
            wall_ms=lambda: NOON_UTC_MS + self.mono_ms + self.wall_off_ms,
        )
        self.outages = Outages(self.told.append, self.time)

    def passes(self, ms, *away):
        """Time in which these ears are away, looked at every ten seconds."""
        for _ in range(ms // 10_000):
            self.outages.look(away)
            self.mono_ms += 10_000

    @property
    def said(self):
        return [
            (
                one.ear,
                (one.began_utc_ms - NOON_UTC_MS) // MINUTE,
                (one.until_utc_ms - NOON_UTC_MS) // MINUTE,
            )
            for one in self.told
        ]


@pytest.fixture
def box():
    return Box()


def test_an_ear_that_was_away_is_told_when_it_is_back(box):
    box.passes(5 * MINUTE)
    box.passes(10 * MINUTE, "scanner hall")
    box.passes(MINUTE)

    assert box.said == [("scanner hall", 5, 15)]


def test_what_lasted_less_than_two_minutes_is_not_told(box):
    box.passes(110_000, "adapters")
    box.passes(MINUTE)

    assert box.said == []
    assert box.outages.standing == 0


def test_what_goes_on_is_told_each_hour_from_its_beginning(box):
    box.passes(3 * HOUR - 10 * MINUTE, "adapters")
    box.passes(MINUTE)

    assert box.said == [("adapters", 0, 60), ("adapters", 0, 120), ("adapters", 0, 170)]


def test_an_ear_that_was_thrown_away_is_told_for_fourteen_days_and_no_longer(box):
    for _ in range(40 * 24):  # forty days, looked at each hour
        box.outages.look(["scanner corner"])
        box.mono_ms += HOUR
    told = len(box.told)
    box.outages.look([])

    assert box.said[-1] == ("scanner corner", 0, 14 * 24 * 60)
    assert len(box.told) == told == 14 * 24
    box.passes(5 * MINUTE, "scanner corner")
    box.passes(MINUTE)
    assert box.said[-1] == ("scanner corner", 40 * 24 * 60, 40 * 24 * 60 + 5)


def test_each_ear_has_its_own_time(box):
    box.passes(5 * MINUTE, "a")
    box.passes(5 * MINUTE, "a", "b")
    box.passes(5 * MINUTE, "b")
    box.passes(MINUTE)

    assert sorted(box.said) == [("a", 0, 10), ("b", 5, 15)]


def test_a_wall_clock_that_jumps_makes_no_outage_longer(box):
    box.passes(5 * MINUTE, "a")
    box.wall_off_ms = 24 * HOUR
    box.passes(5 * MINUTE, "a")
    box.passes(MINUTE)

    (told,) = box.told
    assert told.until_utc_ms - told.began_utc_ms == 10 * MINUTE
    assert not told.is_sure


@pytest.mark.parametrize(
    ("off_for", "said"),
    [
        (30 * MINUTE, [(BOX, -30, 0)]),
        (MINUTE, []),
        (-HOUR, []),
        (14 * 24 * HOUR, [(BOX, -14 * 24 * 60, 0)]),
        (14 * 24 * HOUR + 1, []),
    ],
)
def test_a_box_that_was_off_says_so_once_it_knows_the_time(box, off_for, said):
    box.wall_off_ms = 365 * 24 * HOUR  # it woke in another year
    box.outages.was_off(NOON_UTC_MS - off_for)
    box.passes(10 * MINUTE)
    assert box.said == []

    box.time.hub_answered(NOON_UTC_MS + box.mono_ms, box.mono_ms)
    box.passes(10 * MINUTE)

    assert box.said == said
    assert all(one.is_sure for one in box.told)


def test_only_a_status_under_a_right_clock_says_when_the_box_last_ran(tmp_path):
    assert last_alive_utc_ms(tmp_path) is None
    for known, alive in ((True, NOON_UTC_MS), (False, None), (None, None)):
        said = {"at_utc_ms": NOON_UTC_MS, "clock_known": known}
        (tmp_path / STATUS_FILE).write_text(json.dumps(said))
        assert last_alive_utc_ms(tmp_path) == alive


@pytest.mark.parametrize(
    ("adapters", "away"),
    [
        ({}, []),
        ({"a": "scanning", "b": "missing"}, []),
        ({"a": "quiet"}, []),
        ({"a": "off", "b": "missing"}, ["adapters"]),
        ({"a": "InProgress"}, ["adapters"]),
    ],
)
def test_adapters_are_away_when_none_can_hear(adapters, away):
    assert RadioCounters(adapters=adapters).away() == away


@pytest.fixture
def told(box):
    box.mono_ms = -HOUR
    box.passes(HOUR, "adapters")
    box.passes(MINUTE)
    return replace(box.told[0], centre="centre", gateway="hall-1", boot=bytes(16), number=7)


def test_an_outage_comes_out_as_it_went_in(told):
    assert open_told(seal_told(told, KEYS.signing), BOX_KEY) == told
    aged = replace(told, age_ms=5, is_sure=True, ear="scanner 大厅")
    assert open_told(seal_told(aged, KEYS.signing), BOX_KEY) == aged


def test_what_another_box_signed_is_refused(told):
    with pytest.raises(Rejected, match="bad_signature"):
        open_outage(seal_told(told, HUB.signing), BOX_KEY)


@pytest.mark.parametrize(
    "change",
    [
        {"ear": ""},
        {"ear": "x" * (MAX_EAR_CHARACTERS + 1)},
        {"ear": "a\nb"},
        {"until_utc_ms": NOON_UTC_MS - HOUR},
        {"until_utc_ms": -1},
        {"number": -1},
        {"boot": b"short"},
        {"age_ms": -1},
    ],
)
def test_an_outage_that_breaks_the_rules_is_refused(told, change):
    with pytest.raises(Rejected) as rejected:
        open_outage(seal_told(replace(told, **change), KEYS.signing), BOX_KEY)

    assert rejected.value.reason == "malformed"

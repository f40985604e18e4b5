"""The demo's five weeks: every mishap is in them, and the core finds each for what it is."""

import asyncio
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from devices.virtual.cast import CENTRES, Family
from devices.virtual.living import DAY_MS
from devices.virtual.mishaps import FLAT, LENT, OUTAGE, READ_TWICE, SHAKEN
from devices.virtual.telling import ms_of
from ingest.batch.columns import readings_of
from ingest.batch.reading import Flag, Quantity
from ingest.gateway.chunking import packed_chunks
from scripts.show.weeks import live_weeks

HOUR_MS = 3_600_000
ZONE_MS = 8 * HOUR_MS


def told_of(weeks, quantity, *, patient=None, address=None):
    return [
        part
        for part in weeks.told
        if part.quantity == quantity
        and patient in {None, part.patient}
        and address in {None, part.address}
    ]


def times(parts):
    return np.sort(np.concatenate([np.empty(0, np.int64), *(part.at_ms for part in parts)]))


def band_of(weeks, code):
    return next(patient.band for patient in weeks.patients if patient.code == code)


def heard_by(weeks, centre, cursor):
    async def collect():
        return [heard async for heard in weeks.source(centre)(cursor)]

    return asyncio.run(collect())


def in_days(frame, first, last, weeks):
    """Rows of local days counted from the first Monday."""
    monday = weeks.origin.monday.date()
    day = (pl.col("date") - monday).dt.total_days()
    return frame.filter(day.is_between(first, last))


def test_a_session_is_heard_every_second_and_home_is_remembered_by_the_minute(weeks):
    heard, remembered = [], []
    for part in told_of(weeks, "heart_rate_bpm", patient="p01"):
        (heard if part.stamp_ms is None else remembered).append(part)

    assert len(heard) == 15
    assert all((np.diff(part.at_ms) == 1000).all() for part in heard)
    gaps = np.diff(times(remembered))
    assert (gaps % 60_000 == 0).all()
    assert np.median(gaps) == 60_000


def test_the_stamp_of_memory_is_the_local_clock_of_a_band_that_may_be_wrong(weeks):
    band = band_of(weeks, "p01")

    (chunk, *_) = [heard.readings for heard in heard_by(weeks, "wenchang", {})]
    stamped = [
        reading
        for reading in readings_of(chunk)
        if reading.device_ts_ms is not None and reading.device_key == band.address
    ]

    assert band.clock_ahead_s == 7
    assert stamped
    assert {r.device_ts_ms - r.at_utc_ms for r in stamped} == {ZONE_MS + 7000}
    assert all(reading.device_ts_ms % 60_000 == 0 for reading in stamped)
    assert all(reading.flags == 0 for reading in stamped)


def test_what_is_heard_now_bears_the_time_of_hearing(weeks):
    readings = [r for heard in heard_by(weeks, "beiyuan", {}) for r in readings_of(heard.readings)]

    strap = band_of(weeks, "p17")
    pulses = [
        r
        for r in readings
        if r.device_key == strap.address and r.quantity == Quantity.HEART_RATE_BPM
    ]
    assert strap.family is Family.STRAP
    assert {r.flags for r in pulses} == {Flag.CLOCK_RECEIPT | Flag.CONTACT_KNOWN | Flag.CONTACT}
    assert {r.flags for r in readings if r.device_ts_ms is None} >= {int(Flag.CLOCK_RECEIPT)}


@pytest.mark.parametrize("centre", [centre.code for centre in CENTRES])
def test_every_reading_leaves_once_in_chunks_that_fit_a_row(weeks, centre):
    heard = heard_by(weeks, centre, {})

    sent = sum(part.at_ms.size for part in weeks.told if part.centre == centre)
    assert sum(len(one.readings) for one in heard) == sent
    assert all(len(list(packed_chunks(one.readings))) == 1 for one in heard)
    assert {one.lane for one in heard} == {"backlog"}


def test_a_box_goes_on_after_the_last_chunk_on_its_disk(weeks):
    whole = heard_by(weeks, "wenchang", {})

    rest = heard_by(weeks, "wenchang", whole[2].cursor)

    assert [one.readings for one in rest] == [one.readings for one in whole[3:]]


def test_the_same_seed_lives_the_same_weeks(weeks):
    again = live_weeks(weeks.origin.monday, seed=1)

    assert again.recording.identities == weeks.recording.identities
    assert live_weeks(weeks.origin.monday, seed=2).recording.identities != (
        weeks.recording.identities
    )


def test_only_the_shaken_evenings_are_flagged_as_shaken(weeks, scored):
    shaken = scored.days.filter(pl.col("shake_min") > 0)

    monday = weeks.origin.monday.date()
    assert {(row["case"], row["date"]) for row in shaken.to_dicts()} == {
        (SHAKEN.patient, monday + timedelta(days=day)) for day in SHAKEN.days
    }
    assert shaken["shake_min"].min() >= 25


def test_a_shaken_band_earns_no_minute(weeks, scored):
    quiet = in_days(scored.days.filter(pl.col("case") == SHAKEN.patient), 22, 22, weeks)

    assert quiet["credit_ms"].to_list() == [0]


def test_the_lent_band_is_credited_to_who_wears_it(weeks, scored):
    lent, own = band_of(weeks, LENT.owner).address, band_of(weeks, LENT.wearer).address
    start, end = ms_of(LENT.start), ms_of(LENT.end)

    worn = told_of(weeks, "heart_rate_bpm", patient=LENT.wearer, address=lent)
    kept = told_of(weeks, "heart_rate_bpm", patient=LENT.owner, address=lent)
    at_own = times(told_of(weeks, "heart_rate_bpm", address=own))

    assert ((times(worn) >= start - 60_000) & (times(worn) < end)).all()
    assert not ((times(kept) >= start) & (times(kept) < end - 60_000)).any()
    assert not ((at_own >= start) & (at_own < end)).any()
    borrower = in_days(scored.bouts.filter(pl.col("case") == LENT.wearer), 21, 27, weeks)
    owner = in_days(scored.days.filter(pl.col("case") == LENT.owner), 21, 27, weeks)
    assert borrower["complete"].sum() == 4
    assert owner.is_empty()


def test_a_battery_falls_to_nothing_and_then_nothing_is_heard_until_it_is_charged(weeks):
    flat, charged = ms_of(FLAT.start), ms_of(FLAT.end)
    levels = told_of(weeks, "battery_pct", patient=FLAT.patient)

    before = [part.value[0] for part in levels if flat - 5 * DAY_MS <= part.heard_ms <= flat]
    between = [part for part in levels if flat < part.heard_ms < charged]
    pulses = times(told_of(weeks, "heart_rate_bpm", patient=FLAT.patient))

    assert before == sorted(before, reverse=True)
    assert before[-1] == 0
    assert not between
    assert not ((pulses >= flat) & (pulses < charged)).any()
    assert all(0 <= part.value[0] <= 100 for part in told_of(weeks, "battery_pct"))


def test_a_box_that_is_out_hears_nobody_and_reads_memory_afterwards(weeks):
    start, end = ms_of(OUTAGE.start), ms_of(OUTAGE.end)
    out = [part for part in weeks.told if part.centre == OUTAGE.centre]

    assert not [part for part in out if start <= part.heard_ms < end]
    heard_only = times(told_of(weeks, "heart_rate_bpm", patient="p17"))
    assert not ((heard_only >= start) & (heard_only < end)).any()
    remembered = times(told_of(weeks, "heart_rate_bpm", patient="p20"))
    assert ((remembered >= start) & (remembered < end)).sum() > 2000


def test_memory_that_is_read_again_has_the_same_stamps_and_other_times(weeks):
    parts = told_of(weeks, "heart_rate_bpm", patient=READ_TWICE.patient)
    repeats = [part for part in parts if part.is_repeat]

    first = [
        part
        for part in parts
        if not part.is_repeat and any(np.array_equal(part.stamp_ms, r.stamp_ms) for r in repeats)
    ]
    assert len(first) == len(repeats) == 2
    assert {int(r.at_ms[0] - f.at_ms[0]) for r, f in zip(repeats, first, strict=True)} == {
        READ_TWICE.off_ms
    }
    assert weeks.readings > sum(map(len, weeks.recording.tracks))


def test_a_ring_that_remembers_five_minutes_builds_sessions_from_what_is_heard_alone(weeks, scored):
    ring = scored.weeks.filter(pl.col("case") == "p02")

    assert band_of(weeks, "p02").family is Family.RING
    assert ring["complete_sessions"].to_list() == [5] * 5
    assert ring["valid_days"].sum() == 0

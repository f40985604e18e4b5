"""Made-up people and their nights, put into a database by the hub's own way.

Everybody wears a band all day: one heart rate and one step count a minute. Every second person
exercises for 40 minutes a day, at one heart rate a second. Forty people share a gateway, and a
gateway sends a batch every quarter of an hour, its readings in the order of time: so the rows of
one person lie scattered over the day's table, as they do in a district.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from adherence.clock import DAY_MS, MINUTE_MS, SECOND_MS
from scripts.bench.made_patient import prescription_from, wear
from storage.database import Connection
from storage.gateways import enrol_gateway
from storage.ingest import IncomingBatch, ReadingColumns, store_batches
from storage.people import put_organisation, put_staff

PEOPLE_A_GATEWAY = 40
BATCH_MINUTES = 15
SESSION_MINUTES = 40
DAY_MINUTES = 1_440
BATCHES_AT_ONCE = 24
ENROLLED_ON = date(2026, 3, 2)
"""A Monday; the nights follow it."""
CENTRE, DOCTOR = "bench", "bench-doctor"


@dataclass(frozen=True)
class Group:
    """The people of one gateway, by their running numbers."""

    gateway_id: int
    first: int
    count: int

    @property
    def bands(self) -> tuple[str, ...]:
        """Their bands' keys."""
        return tuple(f"bench {number}" for number in range(self.first, self.first + self.count))


def enrol(conn: Connection, people: int) -> list[Group]:
    """Write gateways, people, prescriptions and bands; return the people gateway by gateway."""
    with conn.transaction():
        put_organisation(conn, kind="centre", code=CENTRE, name=CENTRE)
        put_staff(conn, organisation=CENTRE, code=DOCTOR, role="family_doctor", name=DOCTOR)
        groups = []
        for first in range(0, people, PEOPLE_A_GATEWAY):
            key = hashlib.sha256(b"bench %d" % first).digest()
            gateway_id = enrol_gateway(
                conn,
                centre=CENTRE,
                gateway=f"bench-{first}",
                signing_key=key,
                encryption_key=key,
            )
            group = Group(gateway_id, first, min(PEOPLE_A_GATEWAY, people - first))
            for band in group.bands:
                _enrol_one(conn, band)
            groups.append(group)
    return groups


def _enrol_one(conn: Connection, name: str) -> None:
    wear(conn, name, CENTRE, DOCTOR, prescription_from(ENROLLED_ON), mode="worn")


def some_of(groups: list[Group], people: int) -> list[Group]:
    """Return the first so many people of these gateways."""
    some = []
    for group in groups:
        count = min(group.count, people)
        if count:
            some.append(replace(group, count=count))
        people -= count
    return some


def night_of(number: int) -> date:
    """Return the local day of a night: the first is the day after the enrolment."""
    return ENROLLED_ON + timedelta(days=1 + number)


def store_night(
    conn: Connection, groups: list[Group], number: int, *, utc_offset_min: int
) -> Iterator[tuple[float, int]]:
    """Store one local day of these people, batches in the order of time.

    Yields how much of the day is stored (0 to 1) and how many readings that is.
    """
    start_ms = (night_of(number) - date(1970, 1, 1)).days * DAY_MS - utc_offset_min * MINUTE_MS
    made = [_batches(group, number, start_ms) for group in groups]
    stored = 0
    batches = DAY_MINUTES // BATCH_MINUTES
    for place, together in enumerate(zip(*made, strict=True), start=1):
        for at in range(0, len(together), BATCHES_AT_ONCE):
            some = together[at : at + BATCHES_AT_ONCE]
            store_batches(conn, some)
            stored += sum(batch.reading_count for batch in some)
        yield place / batches, stored


class _Column:
    """Readings of many bands: who, when and what, sorted by time."""

    def __init__(
        self, band: NDArray[np.int64], at_ms: NDArray[np.int64], value: NDArray[np.float64]
    ) -> None:
        order = np.argsort(at_ms, kind="stable")
        self.band = band[order].astype(np.uint16)
        self.at_ms, self.value = at_ms[order], value[order]

    def between(self, quantity: str, span_ms: int, from_ms: int, to_ms: int) -> ReadingColumns:
        part = slice(*np.searchsorted(self.at_ms, [from_ms, to_ms]))
        count = part.stop - part.start
        return ReadingColumns(
            quantity,
            self.band[part],
            self.at_ms[part],
            self.value[part],
            np.full(count, span_ms),
            np.zeros(count, np.uint8),
        )


def _batches(group: Group, night: int, start_ms: int) -> Iterator[IncomingBatch]:
    chance = np.random.default_rng([group.first, night])
    heart_rate, steps = _lives(group, chance, start_ms)
    boot = hashlib.sha256(b"bench boot %d" % night).digest()[:16]
    length_ms = BATCH_MINUTES * MINUTE_MS
    for seq in range(DAY_MINUTES // BATCH_MINUTES):
        from_ms = start_ms + seq * length_ms
        name = b"bench %d %d %d" % (group.first, night, seq)
        yield IncomingBatch(
            gateway_id=group.gateway_id,
            boot=boot,
            seq=seq,
            content_sha256=hashlib.sha256(name).digest(),
            previous_sha256=None,
            lane="live",
            schema_version=1,
            sealed_utc_ms=from_ms + length_ms,
            sealed_mono_ms=from_ms + length_ms - start_ms,
            devices=group.bands,
            columns=[
                heart_rate.between("heart_rate_bpm", 0, from_ms, from_ms + length_ms),
                steps.between("steps_increment", MINUTE_MS, from_ms, from_ms + length_ms),
            ],
            sealed=name,
        )


def _lives(group: Group, chance: np.random.Generator, start_ms: int) -> tuple[_Column, _Column]:
    """Return the heart rate and the steps of one day of a gateway's people."""
    bands = np.arange(group.count)
    minutes = np.arange(DAY_MINUTES)
    session_from = chance.integers(7 * 60, 19 * 60, group.count)
    exercises = (group.first + bands) % 2 == 1
    in_session = (
        exercises[:, None]
        & (minutes >= session_from[:, None])
        & (minutes < session_from[:, None] + SESSION_MINUTES)
    )
    awake = (minutes >= 7 * 60) & (minutes < 22 * 60)
    resting = chance.normal(64, 4, (group.count, 1)) + 10 * awake
    calm_bpm = (resting + chance.normal(0, 4, in_session.shape)).round()
    second_ms = chance.integers(0, 60, (group.count, 1)) * SECOND_MS
    calm_at = start_ms + minutes * MINUTE_MS + second_ms
    band_of = np.broadcast_to(bands[:, None], in_session.shape)

    seconds = np.arange(SESSION_MINUTES * 60)
    sportive = bands[exercises]
    session_at = start_ms + session_from[exercises][:, None] * MINUTE_MS + seconds * SECOND_MS
    effort_bpm = chance.normal(118, 6, (len(sportive), 1))
    rise = np.minimum(seconds / 180, 1)
    wave = 5 * np.sin(seconds / 45) + chance.normal(0, 1.5, session_at.shape)
    session_bpm = (80 + (effort_bpm - 80) * rise + wave).round()
    odd = chance.random(session_bpm.shape) < 0.0005  # noqa: PLR2004 - a wrist's artefacts: C2, C4
    session_bpm[odd] += chance.choice([45.0, 140.0], int(odd.sum()))

    strolls = awake & (chance.random(in_session.shape) < 0.15)  # noqa: PLR2004 - minutes with steps
    counts = np.where(strolls, chance.integers(5, 90, in_session.shape), 0)
    counts = np.where(in_session, chance.integers(95, 125, in_session.shape), counts)
    return (
        _Column(
            np.concatenate([band_of[~in_session], np.repeat(sportive, len(seconds))]),
            np.concatenate([calm_at[~in_session], session_at.ravel()]),
            np.concatenate([calm_bpm[~in_session], session_bpm.ravel()]),
        ),
        _Column(
            band_of.ravel(),
            np.broadcast_to(start_ms + minutes * MINUTE_MS, in_session.shape).ravel(),
            counts.ravel().astype(np.float64),
        ),
    )

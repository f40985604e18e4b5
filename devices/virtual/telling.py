"""What the boxes of two centres are told in five weeks: the cast's lives, band by band.

In a session a centre's box hears the pulse every second, without a stamp. A band with a memory is
read when its wearer comes to a session, and at the end of every day: minute by minute, each value
with the stamp of the band's own clock, which runs on local time and may be wrong by seconds; the
box corrects it. Steps come by the minute here. (Of the families that can be read today the Veepoo
record holds steps of five minutes: such a band gives day totals, and no flag could be raised.)

All times are milliseconds from the first local midnight. Nothing here knows of UTC or of a gateway.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from devices.virtual.cast import DOCTORS, MEMORY_MIN, Band, Family, Patient
from devices.virtual.living import DAY_MS, MINUTE_MS, Lived
from devices.virtual.mishaps import FLAT, LENT, OUTAGE, READ_TWICE, Instant

Times: TypeAlias = NDArray[np.int64]

HOUR_MS = 3_600_000
READ_AT_MS = 21 * HOUR_MS + 30 * MINUTE_MS
"""When a day's memory is read, at its end."""
SESSION_GAP_MS = 30 * MINUTE_MS
"""What is heard with a longer hole between is two sessions."""
COUNTER_EVERY_S = 10
CHARGE_LASTS_DAYS = 9.0
CHARGED_ON = 6
"""A band is charged on Sundays."""

_CENTRE_OF = {doctor.code: doctor.place for doctor in DOCTORS}


@dataclass(frozen=True)
class Told:
    """Readings of one band and quantity that a box gets together, in order of time."""

    heard_ms: int
    """When the box gets them."""
    centre: str
    address: str
    patient: str
    """Who wore the band; the box does not know it."""
    quantity: str
    at_ms: NDArray[np.int64]
    """When each was true, by the box: of memory, the stamp less the offset it found."""
    value: NDArray[np.float64]
    span_ms: int = 0
    stamp_ms: NDArray[np.int64] | None = None
    """The band's own stamp: its local wall clock."""
    is_repeat: bool = False
    """Memory that was read before."""


def tell(patients: tuple[Patient, ...], lives: Mapping[str, Lived]) -> tuple[Told, ...]:
    """Return everything in the order in which the boxes get it."""
    told = [
        part
        for patient in patients
        if patient.code in lives
        for part in _of_patient(patient, lives[patient.code], patients)
    ]
    return tuple(sorted(told, key=lambda part: (part.heard_ms, part.address, part.quantity)))


def ms_of(instant: Instant) -> int:
    """Return an instant in milliseconds from the first midnight."""
    day, hour = instant
    return day * DAY_MS + int(hour * HOUR_MS)


@dataclass(frozen=True)
class Wearing:
    """One band on one wearer for a stretch of time, open where there is no limit."""

    band: Band
    start_ms: int | None
    end_ms: int | None


def wearings(patient: Patient, patients: tuple[Patient, ...]) -> tuple[Wearing, ...]:
    """Return which bands the patient has had, when; the time between is without any."""
    if patient.code not in {LENT.owner, LENT.wearer}:
        return (Wearing(patient.band, None, None),)
    start_ms, end_ms = ms_of(LENT.start), ms_of(LENT.end)
    lent = next(one.band for one in patients if one.code == LENT.owner)
    between = (Wearing(lent, start_ms, end_ms),) if patient.code == LENT.wearer else ()
    return (
        Wearing(patient.band, None, start_ms),
        *between,
        Wearing(patient.band, end_ms, None),
    )


def _of_patient(patient: Patient, lived: Lived, patients: tuple[Patient, ...]) -> Iterator[Told]:
    centre = _CENTRE_OF[patient.doctor]
    for wearing in wearings(patient, patients):
        mine = lived
        if wearing.start_ms is not None:
            mine = _chosen(mine, partial(np.less_equal, wearing.start_ms))
        if wearing.end_ms is not None:
            mine = _chosen(mine, partial(np.greater, wearing.end_ms))
        if patient.code == FLAT.patient:
            mine = _chosen(mine, _is_charged)
        sessions = _sessions(mine)
        for session in sessions:
            if not _is_out(centre, int(session.hr_at_ms[0])):
                yield from _heard(patient.code, wearing.band, centre, session)
        reads = _read_times(patient, wearing.band, centre, mine, sessions)
        if wearing.band.family in MEMORY_MIN:
            yield from _remembered(patient.code, wearing.band, centre, mine, reads)
        yield from _battery(patient.code, wearing.band, centre, reads)


def _heard(patient: str, band: Band, centre: str, session: Lived) -> Iterator[Told]:
    """Yield one session second by second, and the running total of steps where a band sends it."""
    at = session.hr_at_ms
    head = (int(at[-1]), centre, band.address, patient)
    yield Told(*head, "heart_rate_bpm", at, session.hr_bpm.astype(np.float64))
    if band.family is Family.MI and session.steps_at_ms.size:
        every = at[::COUNTER_EVERY_S]
        ends = np.append(session.steps_at_ms, session.steps_at_ms[-1] + MINUTE_MS)
        total = np.append(0, np.cumsum(session.steps))
        yield Told(*head, "steps_counter", every, np.floor(np.interp(every, ends, total)))


def _remembered(
    patient: str, band: Band, centre: str, lived: Lived, reads: NDArray[np.int64]
) -> Iterator[Told]:
    """Yield the memory piece by piece as it was read; one piece comes twice."""
    every_min = MEMORY_MIN[band.family]
    minute, first = np.unique(lived.hr_at_ms // MINUTE_MS, return_index=True)
    mean = np.add.reduceat(lived.hr_bpm, first) / np.diff(np.append(first, lived.hr_bpm.size))
    kept = minute % every_min == 0
    series = [("heart_rate_bpm", minute[kept] * MINUTE_MS, np.rint(mean[kept]), 0)]
    if every_min == 1:
        steps = lived.steps.astype(np.float64)
        series.append(("steps_increment", lived.steps_at_ms, steps, MINUTE_MS))
    ahead_ms = 1000 * band.clock_ahead_s
    for quantity, at_ms, value, span_ms in series:
        # The band's minutes are those of its own clock.
        piece_of = np.searchsorted(reads, at_ms, side="right")
        for piece in np.unique(piece_of[piece_of < reads.size]):
            mine = piece_of == piece
            stamp, values = at_ms[mine], value[mine]
            head = (int(reads[piece]), centre, band.address, patient, quantity)
            yield Told(*head, stamp - ahead_ms, values, span_ms, stamp)
            if patient == READ_TWICE.patient and int(reads[piece]) // DAY_MS == READ_TWICE.day - 1:
                again = (int(reads[piece]) + DAY_MS, *head[1:])
                moved = stamp - ahead_ms + READ_TWICE.off_ms
                yield Told(*again, moved, values, span_ms, stamp, is_repeat=True)


def _battery(patient: str, band: Band, centre: str, reads: NDArray[np.int64]) -> Iterator[Told]:
    """Yield the charge at each reading: falling from one charging to the next, or to nothing."""
    days = reads / DAY_MS
    since = np.floor((days - CHARGED_ON) / 7) * 7 + CHARGED_ON
    level = 100 - 100 * (days - since) / CHARGE_LASTS_DAYS
    if patient == FLAT.patient:  # one Sunday it was not charged
        empty = ms_of(FLAT.start) / DAY_MS
        share = (empty - days) / (empty - (CHARGED_ON - 7))
        level = np.where(days <= empty, 100 * share, level)
    for at, charge in zip(reads.tolist(), np.rint(level).tolist(), strict=True):
        when, value = np.array([at], np.int64), np.array([charge], np.float64)
        yield Told(at, centre, band.address, patient, "battery_pct", when, value)


def _read_times(
    patient: Patient, band: Band, centre: str, lived: Lived, sessions: list[Lived]
) -> NDArray[np.int64]:
    """Return when a box connects to the band and reads it; later where the box is out.

    Before each session, and a band with a memory also at the end of every day, once more in the
    morning after the last one, and just before it runs flat. An advert alone is never read.
    """
    if band.family not in {*MEMORY_MIN, Family.STRAP}:
        return np.empty(0, np.int64)
    times = {int(session.hr_at_ms[0]) for session in sessions}
    if band.family in MEMORY_MIN:
        days = set(np.unique(lived.hr_at_ms // DAY_MS).tolist())
        days |= {day + 1 for day in days}
        times |= {day * DAY_MS + READ_AT_MS for day in days}
        if patient.code == FLAT.patient:
            flat, charged = ms_of(FLAT.start), ms_of(FLAT.end)
            times = {time for time in times if not flat < time < charged} | {flat}
    return np.array(sorted(time for time in times if not _is_out(centre, time)), np.int64)


def _is_out(centre: str, at_ms: int) -> bool:
    return centre == OUTAGE.centre and ms_of(OUTAGE.start) <= at_ms < ms_of(OUTAGE.end)


def _sessions(lived: Lived) -> list[Lived]:
    """Cut out the sessions, each with the steps of its minutes."""
    at, bpm = lived.hr_at_ms[lived.in_session], lived.hr_bpm[lived.in_session]
    cuts = np.flatnonzero(np.diff(at) > SESSION_GAP_MS) + 1
    found = []
    for times, pulses in zip(np.split(at, cuts), np.split(bpm, cuts), strict=True):
        if times.size:
            first = times[0] // MINUTE_MS * MINUTE_MS
            walked = (lived.steps_at_ms >= first) & (lived.steps_at_ms <= times[-1])
            found.append(
                Lived(
                    times,
                    pulses,
                    np.ones(times.size, np.bool_),
                    lived.steps_at_ms[walked],
                    lived.steps[walked],
                )
            )
    return found


def _is_charged(at_ms: Times) -> NDArray[np.bool_]:
    return (at_ms < ms_of(FLAT.start)) | (at_ms >= ms_of(FLAT.end))


def _chosen(lived: Lived, is_chosen: Callable[[Times], NDArray[np.bool_]]) -> Lived:
    hr, steps = is_chosen(lived.hr_at_ms), is_chosen(lived.steps_at_ms)
    return Lived(
        lived.hr_at_ms[hr],
        lived.hr_bpm[hr],
        lived.in_session[hr],
        lived.steps_at_ms[steps],
        lived.steps[steps],
    )

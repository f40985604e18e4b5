"""A seeded model of heart rate and steps: rest, walking, sessions, and a band that is off.

All times are milliseconds from the recording's first local midnight; the caller adds the zone.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devices.virtual.wearer import Keeping, Wearer

DAY_MIN, MINUTE_MS, DAY_MS = 1440, 60_000, 86_400_000

RISE_S, FALL_S = 45.0, 75.0
"""Time constants of the pulse when load comes and goes: quicker up than down."""

POTTERING_SHARE = 0.25
"""Of the waking minutes outside walks, those with a few steps indoors."""

CADENCE_APART_SPM = 12.0
"""A session's cadence stays so far from the pulse: a real one need not, and is then looked at."""

ERRAND_MOST_SPM = 99
"""Below what counts as exercise by cadence: errands raise no flag."""

SETTING_OFF = (0.4, 0.75)
"""Share of the cadence in a session's first minutes, while the pulse is still low."""

SHAKEN_MIN = slice(20 * 60 + 15, 20 * 60 + 50)
"""When a band is shaken, in minutes of the day."""

OFFSET_PCT = {
    Keeping.KEPT: 0.0,
    Keeping.CUT_SHORT: 0.0,
    Keeping.TOO_EASY: -19.0,
    Keeping.TOO_HARD: 21.0,
}
"""How far from the zone's middle, in per cent of reserve."""


@dataclass(frozen=True)
class Lived:
    """What one wearer's band could measure, in order of time; nothing while it was off."""

    hr_at_ms: NDArray[np.int64]
    hr_bpm: NDArray[np.int64]
    in_session: NDArray[np.bool_]
    """Of each heart rate: whether it belongs to a session, with its finer sampling."""
    steps_at_ms: NDArray[np.int64]
    """The start of each minute in which the band was worn."""
    steps: NDArray[np.int64]


def live(wearer: Wearer, *, weeks: int, seed: int) -> Lived:
    """Return `weeks` whole weeks of one wearer; the same seed gives the same recording."""
    random = np.random.default_rng(seed)
    days = [_day(wearer, day, random) for day in range(7 * weeks)]
    # A session may run into the next day, whose own minutes begin at midnight.
    hr_at, first = np.unique(np.concatenate([day.hr_at_ms for day in days]), return_index=True)
    return Lived(
        hr_at,
        np.concatenate([day.hr_bpm for day in days])[first],
        np.concatenate([day.in_session for day in days])[first],
        np.concatenate([day.steps_at_ms for day in days]),
        np.concatenate([day.steps for day in days]),
    )


def _day(wearer: Wearer, day: int, random: np.random.Generator) -> Lived:
    """Return one day; a session in it may run over its end."""
    minute = np.arange(DAY_MIN)
    bpm = _circadian(wearer, minute, random)
    quiet = bpm.copy()
    steps = np.zeros(DAY_MIN, np.int64)
    _walk_about(wearer, bpm, steps, random)
    if day in wearer.shaken_days:
        bpm[SHAKEN_MIN] = quiet[SHAKEN_MIN]
        steps[SHAKEN_MIN] = random.integers(108, 124, SHAKEN_MIN.stop - SHAKEN_MIN.start)
    session = _session(wearer, day, bpm, steps, random)
    worn = _worn(wearer, day, session, random)

    hr_at = minute[worn] * MINUTE_MS
    hr = bpm[worn]
    in_session = np.zeros(hr.size, np.bool_)
    if session is not None and worn[session.first_min]:
        inside = (hr_at >= session.at_ms[0]) & (hr_at <= session.at_ms[-1])
        hr_at = np.concatenate([hr_at[~inside], session.at_ms])
        hr = np.concatenate([hr[~inside], session.bpm])
        in_session = np.arange(hr.size) >= hr.size - session.bpm.size
        order = np.argsort(hr_at, kind="stable")
        hr_at, hr, in_session = hr_at[order], hr[order], in_session[order]
    start = day * DAY_MS
    return Lived(
        hr_at.astype(np.int64) + start,
        np.rint(hr).astype(np.int64),
        in_session,
        minute[worn].astype(np.int64) * MINUTE_MS + start,
        steps[worn],
    )


def _circadian(
    wearer: Wearer, minute: NDArray[np.int64], random: np.random.Generator
) -> NDArray[np.float64]:
    """Return the pulse of a quiet day: lowest before dawn, with slow drift and noise."""
    asleep = (minute < 6 * 60) | (minute >= 22.5 * 60)
    quiet = wearer.rest_bpm + np.where(asleep, -5.0, 7.0)
    wave = 3.0 * np.sin(2 * np.pi * (minute - 10 * 60) / DAY_MIN)
    noise = random.normal(0.0, np.where(asleep, 1.5, 3.0))
    smooth = np.convolve(noise, np.full(5, 0.3), mode="same")
    return np.asarray(quiet + wave + smooth, np.float64)


def _walk_about(
    wearer: Wearer, bpm: NDArray[np.float64], steps: NDArray[np.int64], random: np.random.Generator
) -> None:
    """Add errands: a few walks of some minutes at an everyday cadence, and single steps indoors."""
    awake = slice(6 * 60 + 30, 22 * 60)
    pottering = random.random(awake.stop - awake.start) < POTTERING_SHARE
    steps[awake] += np.where(pottering, random.integers(5, 45, pottering.size), 0)
    reserve = wearer.hr_max_bpm - wearer.rest_bpm
    for _ in range(int(random.integers(2, 6))):
        first = int(random.integers(awake.start, awake.stop - 30))
        length = int(random.integers(4, 15))
        walk = slice(first, first + length)
        cadence = random.normal(88, 8)
        walked = random.normal(cadence, 5, length)
        steps[walk] = np.clip(walked, 0, ERRAND_MOST_SPM).astype(np.int64)
        bpm[walk] = (
            wearer.rest_bpm + reserve * random.normal(0.25, 0.02) + random.normal(0, 2, length)
        )


@dataclass(frozen=True)
class _Session:
    first_min: int
    at_ms: NDArray[np.int64]
    bpm: NDArray[np.float64]


def _session(
    wearer: Wearer,
    day: int,
    bpm: NDArray[np.float64],
    steps: NDArray[np.int64],
    random: np.random.Generator,
) -> _Session | None:
    """Return this day's session as the band samples it, or None; the steps go into `steps`."""
    weekday = day % 7
    if weekday not in wearer.session_weekdays:
        return None
    keeping = wearer.kept(day // 7, wearer.session_weekdays.index(weekday))
    if keeping is Keeping.MISSED:
        return None
    share = 0.35 if keeping is Keeping.CUT_SHORT else 1.05 + 0.1 * random.random()
    load_s = int(60 * wearer.session_min * share) + 150  # the pulse needs minutes to arrive
    first_min = min(int(60 * wearer.session_hour + random.integers(-20, 21)), DAY_MIN - 1)

    reserve = wearer.hr_max_bpm - wearer.rest_bpm
    pct = wearer.zone_mid_pct + OFFSET_PCT[keeping] + random.normal(0, 1.5)
    target, before = wearer.rest_bpm + reserve * pct / 100, float(bpm[first_min])
    second = np.arange(0, load_s + 300, wearer.session_every_s)
    rising = target + (before - target) * np.exp(-second / RISE_S)
    top = target + (before - target) * np.exp(-load_s / RISE_S)
    falling = before + (top - before) * np.exp(-(second - load_s) / FALL_S)
    sway = 1.5 * np.sin(2 * np.pi * second / 240)
    pulse = np.where(second < load_s, rising + sway, falling) + random.normal(0, 1.2, second.size)

    length = min(load_s // 60, DAY_MIN - first_min)
    cadence = 12.0 if wearer.few_steps else 102 + (pct - 40) * 0.7
    if abs(cadence - target) < CADENCE_APART_SPM:
        cadence = target + math.copysign(CADENCE_APART_SPM, cadence - target)
    walked = random.normal(cadence, 3, length)
    walked[: len(SETTING_OFF)] *= SETTING_OFF[:length]
    steps[first_min : first_min + length] = np.maximum(0, walked).astype(np.int64)
    return _Session(first_min, first_min * MINUTE_MS + second * 1000, pulse)


def _worn(
    wearer: Wearer, day: int, session: _Session | None, random: np.random.Generator
) -> NDArray[np.bool_]:
    """Return which minutes the band is on: a night off for some, the charger once a day for all."""
    if day in wearer.off_days:
        return np.zeros(DAY_MIN, np.bool_)
    worn = np.ones(DAY_MIN, np.bool_)
    if wearer.night_off:
        worn[: 6 * 60 + int(random.integers(0, 60))] = False
        worn[22 * 60 + int(random.integers(0, 60)) :] = False
    charging = int(random.integers(12 * 60, 14 * 60))
    worn[charging : charging + int(random.integers(25, 60))] = False
    if session is not None:
        worn[session.first_min : int(session.at_ms[-1] // MINUTE_MS) + 1] = True
    return worn

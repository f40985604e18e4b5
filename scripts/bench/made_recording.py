"""A made-up recording in files: people with a pulse every 5 s or every minute, and their steps.

In the style of the recorded people: worn day and night but for the charger, errands, sessions, and
in every second person what a band does wrong (a time twice, a spike, a zero). Written some people
at a time, so that a recording may be larger than memory. Plausible, not clinical.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Chance = np.random.Generator

DAY_MIN = 1440
MINUTE_MS = 60_000
MONDAY_MS = 1_777_248_000_000
"""2026-04-27 00:00 on the site's wall clock."""

FIRST_NAME = 2_000_000_000
SLOT_MIN = 10
WALKING = 0.06
"""Of the slots of a day awake, those with an errand."""
POTTERING = 0.25
"""Of the other minutes awake, those with a few steps."""
KEPT = 0.8
"""Of the sessions on every second day, those that are held."""
DROPPED = 0.1
"""Of the samples every 5 s, those that a band leaves out: then 10 s or more lie between two."""

ARTEFACT_EVERY = 5_000
"""Samples, of each kind of artefact: recorded people have up to 100 in some ten thousand."""

BYTES_A_SAMPLE = 4
"""On disk, the steps beside it included: measured on what is written here, and some room."""


@dataclass(frozen=True)
class Kind:
    """How often bands measure, for how many days, and how many people are made at a time."""

    every_s: int
    days: int
    people: int

    @property
    def least_samples(self) -> int:
        """Of one person, whatever is left out."""
        return self.days * DAY_MIN * 60 // self.every_s // 2


KINDS = (Kind(every_s=5, days=7, people=48), Kind(every_s=60, days=28, people=144))
"""Each makes half of the samples."""


@dataclass(frozen=True)
class Made:
    """What was written."""

    folder: Path
    samples: int
    step_rows: int
    people: int

    @property
    def hr(self) -> Path:
        """The folder of heart rate."""
        return self.folder / "hr"

    @property
    def steps(self) -> Path:
        """The folder of steps by minute."""
        return self.folder / "steps"

    @property
    def cases(self) -> Path:
        """The prescriptions, one a person; figures are to be estimated."""
        return self.folder / "cases.parquet"


def make(
    folder: Path, samples: int, *, seed: int = 1, watch: Callable[[int], None] = lambda _done: None
) -> Made:
    """Write so many samples into `folder`, sorted by person and time; `watch` is told how many."""
    chance = np.random.default_rng(seed)
    for name in ("hr", "steps"):
        (folder / name).mkdir()
    done = step_rows = 0
    people: list[pl.Series] = []
    for beats, walked in _groups(samples, chance):
        number = len(people)
        people.append(beats["person"].unique(maintain_order=True))
        beats.write_parquet(folder / "hr" / f"{number:05}.parquet")
        walked.write_parquet(folder / "steps" / f"{number:05}.parquet")
        done, step_rows = done + beats.height, step_rows + walked.height
        watch(done)
    names = pl.concat(people)
    made = Made(folder, done, step_rows, len(names))
    _cases(names, chance).write_parquet(made.cases)
    return made


def _groups(samples: int, chance: Chance) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Return heart rate and steps of some people after the other, cut after the last sample."""
    first_name = FIRST_NAME
    for kind, wanted in zip(KINDS, (samples - samples // 2, samples // 2), strict=True):
        left = wanted
        while left > 0:
            people = min(kind.people, left // kind.least_samples + 1)
            beats, walked = _group(replace(kind, people=people), first_name, chance)
            first_name += people
            if beats.height > left:
                beats = beats.head(left)
                name, ts = beats.row(-1)[:2]
                before = (pl.col("person") < name) | (
                    (pl.col("person") == name) & (pl.col("ts") <= ts)
                )
                walked = walked.filter(before)
            left -= beats.height
            yield beats, walked


def _group(kind: Kind, first_name: int, chance: Chance) -> tuple[pl.DataFrame, pl.DataFrame]:
    bpm, steps, worn = _lived(kind, chance)
    minute_at = MONDAY_MS + np.arange(bpm.shape[1], dtype=np.int64) * MINUTE_MS
    person, minute = np.nonzero(worn)
    walked = _frame(first_name, person, minute_at[minute], steps=steps[person, minute])
    if kind.every_s * 1000 == MINUTE_MS:
        at, hr = minute_at[minute], bpm[person, minute]
    else:
        person, at, hr = _finer(kind, bpm, worn, chance)
    person, at, beats = _with_artefacts(person, at, np.rint(hr).astype(np.int16), chance)
    return _frame(first_name, person, at, hr=beats), walked


def _lived(kind: Kind, chance: Chance) -> tuple[Floats, NDArray[np.int16], NDArray[np.bool_]]:
    """Return bpm, steps and whether the band is worn, by person and minute."""
    shape = (kind.people, kind.days, DAY_MIN)
    clock = np.arange(DAY_MIN, dtype=np.float32)
    asleep = (clock < 6 * 60) | (clock >= 22.5 * 60)
    rest = chance.uniform(52, 70, (kind.people, 1, 1)).astype(np.float32)
    reserve = chance.uniform(95, 125, (kind.people, 1, 1)).astype(np.float32)

    noise = chance.standard_normal(shape, dtype=np.float32)
    noise[..., 1:] = 0.6 * noise[..., 1:] + 0.6 * noise[..., :-1]
    wave = np.where(asleep, -5, 7) + 3 * np.sin(2 * np.pi * (clock - 600) / DAY_MIN)
    bpm = (rest + wave + 2 * noise).astype(np.float32)
    idle = chance.random(shape, dtype=np.float32)
    steps = np.where(~asleep & (idle < POTTERING), 170 * idle, 0)

    slots = chance.random((kind.people, kind.days, DAY_MIN // SLOT_MIN), dtype=np.float32)
    walk = np.repeat(slots < WALKING, SLOT_MIN, axis=2) & ~asleep
    bpm = np.where(walk, rest + 0.25 * reserve + 2 * noise, bpm)
    steps = np.where(walk, 88 + 5 * noise, steps)

    by_day = (kind.people, kind.days, 1)
    target = rest + reserve * chance.normal(0.5, 0.08, (kind.people, 1, 1)).astype(np.float32)
    held = (np.arange(kind.days)[:, None] % 2 == 0) & (chance.random(by_day) < KEPT)
    since = clock - np.where(held, chance.integers(16 * 60, 20 * 60, by_day), 2 * DAY_MIN)
    over = since - chance.integers(25, 46, by_day)
    rising = 1 - np.exp(-(since.clip(0) + 0.5))
    load = np.where(since < 0, 0, np.where(over < 0, rising, np.exp(-over.clip(0) / 1.25)))
    bpm = bpm + load * (target - bpm)
    steps = np.where((since >= 0) & (over < 0), 110 + 3 * noise, steps)

    charging = clock - chance.integers(12 * 60, 14 * 60, by_day)
    worn = (charging < 0) | (charging >= chance.integers(25, 60, by_day))
    worn &= ~asleep | (np.arange(kind.people) % 4 != 0)[:, None, None]  # some sleep without it
    flat = (kind.people, -1)
    return (
        bpm.reshape(flat).astype(np.float32),
        steps.reshape(flat).clip(0).astype(np.int16),
        worn.reshape(flat),
    )


def _finer(
    kind: Kind, bpm: Floats, worn: NDArray[np.bool_], chance: Chance
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Return person, time and bpm between the minutes: a line from one to the next, and noise."""
    times = 60 // kind.every_s
    share = np.arange(times, dtype=np.float32) / times
    following = np.roll(bpm, -1, axis=1)
    drawn = bpm[..., None] + share * (following - bpm)[..., None]
    drawn += 1.2 * chance.standard_normal(drawn.shape, dtype=np.float32)
    heard = worn[..., None] & (chance.random(drawn.shape, dtype=np.float32) >= DROPPED)
    person, minute, within = np.nonzero(heard)
    return person, MONDAY_MS + minute * MINUTE_MS + within * kind.every_s * 1000, drawn[heard]


def _with_artefacts(
    person: NDArray[np.int64], at: NDArray[np.int64], hr: NDArray[np.int16], chance: Chance
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int16]]:
    """Return the samples with, in people of odd numbers, some zeros, spikes and times twice."""
    odd = np.flatnonzero(person % 2)
    zero, spike, twin = (chance.choice(odd, len(odd) // ARTEFACT_EVERY) for _ in range(3))
    hr[spike] += 60
    hr[zero] = 0
    rows = np.sort(np.append(np.arange(len(at)), np.unique(twin)))
    is_second = np.append(False, rows[1:] == rows[:-1])
    return person[rows], at[rows], hr[rows] + 4 * is_second.astype(np.int16)


def _frame(
    first_name: int, person: NDArray[np.int64], at_ms: NDArray[np.int64], **value: NDArray[np.int16]
) -> pl.DataFrame:
    name = pl.Series("person", person + first_name).cast(pl.String)
    return pl.DataFrame([name, pl.Series("ts", at_ms).cast(pl.Datetime("ms"))]).with_columns(
        **{key: pl.Series(column) for key, column in value.items()}
    )


def _cases(people: pl.Series, chance: Chance) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "case": "c" + people,
            "person": people,
            "age": chance.integers(45, 76, len(people)),
            "sex": ["F", "M"] * (len(people) // 2) + ["F"] * (len(people) % 2),
            "beta_blocker": False,
            "rest_hr": None,
            "hr_max": None,
            "zone_lo": 40,
            "zone_hi": 60,
            "session_min": 30,
            "sessions_per_week": 3,
            "weekly_min": 90,
        },
        schema_overrides={"rest_hr": pl.Float64, "hr_max": pl.Float64},
    )

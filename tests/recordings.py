"""Recordings for tests: the recorded data where it is, a generated look-alike where it is not."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from devices.virtual.living import live
from devices.virtual.wearer import Keeping, Wearer

RECORDED = Path(
    os.environ.get("ADHERE_TEST_DATA", Path(__file__).resolve().parents[1] / "../shared/data")
)
RECORDED_PEOPLE = ("2022484408", "2026352035", "4020332650", "6117666160")
MONDAY = "2016-04-04"

CASES = (
    "case,person,age,sex,beta_blocker,rest_hr,hr_max,"
    "zone_lo,zone_hi,session_min,sessions_per_week,weekly_min\n"
    "a,{0},45,M,false,,,40,60,20,3,60\n"
    "b,{1},62,F,false,,,40,60,30,5,150\n"
    "c,{2},50,M,,60,,40,90,20,3,60\n"
    "c-hard,{2},50,M,,60,185,60,90,20,2,40\n"
    "d,{3},58,F,true,,,40,60,20,3,60\n"
    "d-unblocked,{3},58.9,F,false,,,40,90,20,3,60\n"
    "nobody,0000000000,70,F,false,65,,40,60,20,3,60\n"
)
"""Ages are assigned, for the recording has none; `nobody` has no readings."""


@dataclass(frozen=True)
class Files:
    """What `adhere score` and `adhere replay` take."""

    hr: Path
    steps: Path
    cases: Path
    is_recorded: bool

    def options(self):
        return ["--hr", self.hr, "--steps", self.steps, "--cases", self.cases]


def four_people(folder):
    """The four recorded people with second-level heart rate, or a look-alike of the same shape."""
    cases = folder / "cases.csv"
    cases.write_text(CASES.format(*RECORDED_PEOPLE), "utf-8")
    hr, steps = RECORDED / "fitbit_hr.parquet", RECORDED / "fitbit_minutes.parquet"
    if hr.exists() and steps.exists():
        return Files(hr, steps, cases, is_recorded=True)
    return Files(*look_alike(folder, weeks=6), cases, is_recorded=False)


def look_alike(folder, *, weeks, people=RECORDED_PEOPLE, every_s=5, seed=11):
    """Naive local times, whole numbers, steps that begin later, a twin, a spike, holes, a shake."""
    start = np.datetime64(f"{MONDAY}T00:00", "ms").astype(np.int64)
    hr, steps = [], []
    for number, person in enumerate(people):
        wearer = Wearer(
            rest_bpm=58 + 2 * number,
            hr_max_bpm=172,
            session_min=25,
            session_weekdays=(0, 2, 4),
            session_hour=18.5 if number != 2 else 23.7,  # one across midnight
            zone_mid_pct=50,
            keeping=((Keeping.KEPT, Keeping.KEPT, Keeping.MISSED), (Keeping.TOO_HARD,)),
            night_off=number == 1,
            off_days=frozenset({8, 9, 10, 11}) if number == 3 else frozenset(),
            session_every_s=every_s,
        )
        lived = live(wearer, weeks=weeks, seed=seed + number)
        at, bpm = lived.hr_at_ms + start, lived.hr_bpm.copy()
        bpm[100] = 215
        late = lived.steps_at_ms >= 86_400_000
        brisk = lived.steps_at_ms[late & (lived.steps >= 100)][0]
        read = (at - start < brisk) | (at - start >= brisk + 600_000)  # a walk without a pulse
        at, bpm = at[read], bpm[read]
        at, bpm = np.append(at, at[500]), np.append(bpm, bpm[500] + 4)
        asleep = 3 * 86_400_000 + 3 * 3_600_000
        shaken = (lived.steps_at_ms >= asleep) & (lived.steps_at_ms < asleep + 300_000)
        lived.steps[shaken] = 120  # steps that the pulse knows nothing of
        hr.append(_rows(person, at, hr=bpm.astype(np.int16)))
        steps.append(
            _rows(person, lived.steps_at_ms[late] + start, steps=lived.steps[late].astype(np.int16))
        )
    paths = folder / "hr.parquet", folder / "steps.parquet"
    pl.concat(hr).write_parquet(paths[0])
    pl.concat(steps).write_parquet(paths[1])
    return paths


def _rows(person, at_ms, **values):
    return pl.DataFrame({"ts": at_ms} | values).select(
        pl.lit(person).alias("person"), pl.col("ts").cast(pl.Datetime("ms")), *values
    )


def say(config, text):
    """Show a line to whoever runs the tests, passed or failed, in whichever process."""
    with config.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{text}", file=sys.stderr, flush=True)  # noqa: T201 - for a person


def adhere(*arguments, dsn=None, expect=0, timeout_s=600, **environ):
    """Run the command as a person does; return what it printed, as JSON where it is."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts.main", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env=os.environ
        | {"ADHERE_LANGUAGE": "en"}
        | ({"ADHERE_DATABASE_DSN": dsn} if dsn else {})
        | environ,
        check=False,
    )
    assert done.returncode == expect, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    if expect:
        return done.stderr
    return json.loads(done.stdout) if "--json" in arguments else done.stdout

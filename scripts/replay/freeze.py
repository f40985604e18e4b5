"""What a prescription freezes, and the weeks a case is enrolled for: one pass of the core."""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple, TypeVar

import polars as pl

from adherence import method
from config.conventions import Conventions
from scripts.replay.recording import Recording
from storage.people import Phase, Prescription

MINUTE_MS = 60_000
EPOCH = date(1970, 1, 1)

_BEYOND = (
    "intensity_kind",
    "ceiling_bpm",
    "day_adds_up",
    "resistance_per_week",
    "resistance_min",
    "rest_days",
    "balance_per_week",
    "balance_min",
    "steps_per_day",
)

Estimate = TypeVar("Estimate", bound=str)

Days = tuple[date, date]
"""A Monday, and the first Monday after it that is not enrolled any more."""


class Pause(NamedTuple):
    """An excused time; `until` is the first day after it."""

    first_day: date
    until: date


@dataclass(frozen=True)
class Case:
    """One case as it enters the database."""

    case: str
    person: str
    starts_on: date
    ends_on: date
    """The first day after it."""
    mode: Literal["worn", "site"]
    pauses: tuple[Pause, ...]
    reason: str | None
    """Why there are no figures, or None."""
    prescription: Prescription


def frozen_cases(recording: Recording, conventions: Conventions) -> tuple[Case, ...]:
    """Return the cases, each with HRmax and rest as given or taken from the recording, if it can.

    A case is enrolled for whole weeks, from the one with the person's first held time to the one
    with the last: so the weeks are those of `score`. Who has none is enrolled for as long as all
    the others together. A recording that says who is enrolled when has its own way.
    """
    samples = recording.samples()
    kept = method.kept(samples, conventions).collect().lazy()
    offset_ms = conventions.utc_offset_min * MINUTE_MS
    figures = method.people(samples, kept, recording.cases.lazy(), conventions)
    held = (
        method.held(kept, conventions)
        .group_by("person")
        .agg(pl.col("start_ms").min(), pl.col("end_ms").max())
    )
    spans = {
        str(person): _weeks(start_ms, end_ms - 1, offset_ms)
        for person, start_ms, end_ms in held.collect().iter_rows()
    }
    if recording.enrolled is not None:
        spans = {}
    everybody = recording.enrolled or _everybody(spans, recording, offset_ms)
    given = recording.cases.rename({"hr_max": "given_hr_max", "rest_hr": "given_rest_hr"})
    rows = given.join(
        figures.select("case", "hr_max", "rest_hr", "reason").collect(),
        on="case",
        how="left",
        maintain_order="left",
    )
    return tuple(
        _case(row, *spans.get(row["person"], everybody)) for row in rows.iter_rows(named=True)
    )


def _case(row: dict[str, Any], starts_on: date, ends_on: date) -> Case:
    formula: Literal["brawner", "gellish"] = "brawner" if row["beta_blocker"] else "gellish"
    return Case(
        row["case"],
        row["person"],
        starts_on,
        ends_on,
        row.get("mode") or "worn",
        tuple(
            Pause(pause["first_day"], pause["last_day"] + timedelta(days=1))
            for pause in row.get("pauses") or ()
        ),
        row["reason"],
        Prescription(
            effective_from=max(starts_on, row.get("start_day") or starts_on),
            age_years=row["age"],
            sex=row["sex"],
            beta_blocker=row["beta_blocker"],
            hr_max_bpm=row["hr_max"],
            hr_max_source=_source(row["hr_max"], row["given_hr_max"], formula),
            rest_hr_bpm=row["rest_hr"],
            rest_hr_source=_source(row["rest_hr"], row["given_rest_hr"], "recorded"),
            frozen_on=starts_on,
            zone_lo=row["zone_lo"],
            zone_hi=row["zone_hi"],
            session_min=row["session_min"],
            sessions_per_week=row["sessions_per_week"],
            weekly_min=row["weekly_min"],
            **_beyond(row, starts_on),
        ),
    )


def _beyond(row: dict[str, Any], starts_on: date) -> dict[str, Any]:
    """Return what the case says beyond one zone; a phase counts from the enrolment's week on."""
    said = {name: row[name] for name in _BEYOND if row.get(name) is not None}
    if "ceiling_bpm" in said:
        said["ceiling_source"] = "prescribed"
    if row.get("phases"):
        later = (_monday(row["start_day"]) - _monday(starts_on)).days // 7
        # Of phases that began before the enrolment the last one holds from its first week on.
        by_week = {max(1, one["from_week"] + later): one for one in row["phases"]}
        said["phases"] = tuple(Phase(**one | {"from_week": at}) for at, one in by_week.items())
    return said


def _source(
    figure: float | None, given: float | None, estimated: Estimate
) -> Estimate | Literal["measured"] | None:
    if figure is None:
        return None
    return estimated if given is None or math.isnan(given) else "measured"


def _weeks(first_ms: int, last_ms: int, offset_ms: int) -> Days:
    first = EPOCH + timedelta(milliseconds=first_ms + offset_ms)
    last = EPOCH + timedelta(milliseconds=last_ms + offset_ms)
    return (
        _monday(first),
        _monday(last) + timedelta(days=7),
    )


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _everybody(spans: dict[str, Days], recording: Recording, offset_ms: int) -> Days:
    if spans:
        return min(first for first, _ in spans.values()), max(after for _, after in spans.values())
    bounds = [bounds for track in recording.tracks if (bounds := track.bounds_ms()) is not None]
    return _weeks(min(first for first, _ in bounds), max(last for _, last in bounds), offset_ms)

"""What is replayed: tracks of readings, their cases, and the people's places and names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import polars as pl

from scripts.replay.identity import Identities, recording_sha256
from scripts.replay.track import Track


@dataclass(frozen=True)
class Place:
    """A centre: a code fit for topics, and its name."""

    code: str
    name: str


@dataclass(frozen=True)
class Doctor:
    """A family doctor of one centre."""

    code: str
    name: str
    centre: str


@dataclass(frozen=True)
class Roster:
    """Who belongs where. A recording from files knows one centre and one doctor."""

    centres: tuple[Place, ...]
    doctors: tuple[Doctor, ...]
    doctor_of: Mapping[str, str]
    """Person to doctor's code."""
    name_of: Mapping[str, str] = field(default_factory=dict)

    def centre_of(self, person: str) -> str:
        """Return the code of the person's centre."""
        doctor = self.doctor_of[person]
        return next(one.centre for one in self.doctors if one.code == doctor)


@dataclass(frozen=True)
class Recording:
    """One input of a replay."""

    tracks: tuple[Track, ...]
    """One for each person of a case, also for those without a single reading."""
    cases: pl.DataFrame
    """One row a case, in the columns of `adhere score`."""
    roster: Roster
    enrolled: tuple[date, date] | None = None
    """A Monday and the first Monday after: for everybody, instead of each one's recorded weeks."""

    @cached_property
    def identities(self) -> Identities:
        """The names derived from this input."""
        lines = map(str, self.cases.select(sorted(self.cases.columns)).iter_rows())
        return Identities(recording_sha256(self.tracks, lines))

    @property
    def readings(self) -> int:
        """How many readings go in."""
        return sum(map(len, self.tracks))

    def samples(self) -> pl.LazyFrame:
        """Return the heart rates as the core takes them: person, ts (ms UTC), hr."""
        return pl.concat(
            [
                pl.LazyFrame(
                    {"ts": track.hr_at_ms, "hr": track.hr_bpm},
                    schema={"ts": pl.Int64, "hr": pl.Float64},
                ).select(pl.lit(track.person).alias("person"), "ts", "hr")
                for track in self.tracks
            ]
        )

    def step_rows(self) -> pl.LazyFrame:
        """Return the steps as the core takes them: person, ts (ms UTC), steps."""
        return pl.concat(
            [
                pl.LazyFrame(
                    {"ts": track.steps_at_ms, "steps": track.steps},
                    schema={"ts": pl.Int64, "steps": pl.Float64},
                ).select(pl.lit(track.person).alias("person"), "ts", "steps")
                for track in self.tracks
            ]
        )


def recording_of(
    samples: pl.DataFrame,
    step_rows: pl.DataFrame,
    cases: pl.DataFrame,
    roster: Roster,
    enrolled: tuple[date, date] | None = None,
) -> Recording:
    """Cut frames of readings into one track a person; null and NaN are no readings."""
    cases = cases.with_columns(pl.col("case", "person").cast(pl.String)).sort("case")
    people = cases["person"].unique(maintain_order=True).to_list()
    hr = _by_person(samples, "hr")
    steps = _by_person(step_rows, "steps")
    empty = {
        "hr": pl.DataFrame(schema={"ts": pl.Int64, "hr": pl.Float64}),
        "steps": pl.DataFrame(schema={"ts": pl.Int64, "steps": pl.Float64}),
    }
    tracks = tuple(
        Track(
            person,
            hr.get(person, empty["hr"])["ts"].to_numpy(),
            hr.get(person, empty["hr"])["hr"].to_numpy(),
            steps.get(person, empty["steps"])["ts"].to_numpy(),
            steps.get(person, empty["steps"])["steps"].to_numpy(),
        )
        for person in people
    )
    return Recording(tracks, cases, roster, enrolled)


def _by_person(frame: pl.DataFrame, value: str) -> dict[str, pl.DataFrame]:
    real = (
        frame.select(pl.col("person").cast(pl.String), "ts", pl.col(value).cast(pl.Float64))
        .filter(pl.col(value).is_finite())  # null is dropped too
        .sort("person", "ts", value)
    )
    return {
        str(person): rows.select("ts", value)
        for (person,), rows in real.group_by("person", maintain_order=True)
    }


def one_centre(people: list[str]) -> Roster:
    """Return the roster of a recording that says nothing of centres and doctors."""
    centre = Place("replay", "Replay")
    doctor = Doctor("replay", "Replay", centre.code)
    return Roster((centre,), (doctor,), dict.fromkeys(people, doctor.code))

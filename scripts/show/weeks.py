"""The demo's five weeks: what each centre's box hears of them, and the same by person."""

import asyncio
from array import array
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray

from devices.virtual.cast import CENTRES, DOCTORS, Family, Patient, cast
from devices.virtual.living import live
from devices.virtual.mishaps import WEEKS
from devices.virtual.telling import Told, tell
from ingest.batch.columns import Chunk, Columns
from ingest.batch.reading import Flag, Quantity
from ingest.gateway.heard import Heard, Source
from scripts.replay.recording import Doctor, Place, Recording, Roster, recording_of

CHUNK_READINGS = 4_500
"""Readings in a chunk, at most: as many as fit into one row of the spool with their stamps."""

CASE_SCHEMA = pl.Schema(
    {
        "case": pl.String,
        "person": pl.String,
        "age": pl.Float64,
        "sex": pl.String,
        "beta_blocker": pl.Boolean,
        "rest_hr": pl.Float64,
        "hr_max": pl.Float64,
        "zone_lo": pl.Float64,
        "zone_hi": pl.Float64,
        "session_min": pl.Float64,
        "sessions_per_week": pl.Float64,
        "weekly_min": pl.Float64,
        "mode": pl.String,
    }
)


@dataclass(frozen=True)
class Origin:
    """The first local midnight, as an instant and as what a clock on the wall says."""

    monday: datetime

    @property
    def utc_ms(self) -> int:
        """Milliseconds since 1970 in UTC."""
        return int(self.monday.astimezone(UTC).timestamp()) * 1000

    @property
    def wall_ms(self) -> int:
        """What a band's clock shows then, in milliseconds as if it were UTC."""
        return int(self.monday.replace(tzinfo=UTC).timestamp()) * 1000

    def at(self, ms: int) -> datetime:
        """Return an instant of the story in UTC."""
        return datetime.fromtimestamp((self.utc_ms + ms) / 1000, UTC)


@dataclass(frozen=True)
class Weeks:
    """The five weeks, ready to be sent."""

    origin: Origin
    patients: tuple[Patient, ...]
    told: tuple[Told, ...]
    recording: Recording
    """Who lived what: by person, whatever band it came from, each reading once."""

    @property
    def readings(self) -> int:
        """How many readings go in, those that come twice counted twice."""
        return sum(part.at_ms.size for part in self.told)

    @property
    def addresses(self) -> tuple[str, ...]:
        """All bands of the cast."""
        return tuple(patient.band.address for patient in self.patients)

    def source(self, centre: str) -> Source:
        """Return what the centre's box hears, as a source that goes on after the last on disk."""

        async def source(cursor: Mapping[str, str]) -> AsyncGenerator[Heard]:
            done = int(cursor.get("chunk", "0"))
            mine = [part for part in self.told if part.centre == centre]
            rest = islice(_chunks(mine, self._families(), self.origin), done, None)
            for number, chunk in enumerate(rest, start=done + 1):
                yield Heard(chunk, "backlog", {"chunk": str(number)})
                await asyncio.sleep(0)  # cutting is work of this thread: let the others in

        return source

    def _families(self) -> Mapping[str, Family]:
        return {patient.band.address: patient.band.family for patient in self.patients}


def first_monday(now: datetime, zone: str) -> datetime:
    """Return the local midnight at which the last `WEEKS` complete ISO weeks begin."""
    today = now.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=today.weekday() + 7 * WEEKS)


def live_weeks(monday: datetime, seed: int) -> Weeks:
    """Let everybody live; `monday` is a zoned local midnight. The same seed, the same weeks."""
    patients, origin = cast(), Origin(monday)
    lives = {
        patient.code: live(patient.wearer, weeks=WEEKS, seed=seed * 1000 + number)
        for number, patient in enumerate(patients)
        if patient.wearer is not None
    }
    told = tell(patients, lives)
    recording = recording_of(
        _by_person(told, "heart_rate_bpm", "hr", origin),
        _by_person(told, "steps_increment", "steps", origin),
        pl.DataFrame([_case(patient) for patient in patients], schema=CASE_SCHEMA, orient="row"),
        Roster(
            tuple(Place(centre.code, centre.name) for centre in CENTRES),
            tuple(Doctor(doctor.code, doctor.name, doctor.place) for doctor in DOCTORS),
            {patient.code: patient.doctor for patient in patients},
            {patient.code: patient.name for patient in patients},
        ),
        (monday.date(), monday.date() + timedelta(weeks=WEEKS)),
    )
    return Weeks(origin, patients, told, recording)


def _by_person(told: Sequence[Told], quantity: str, value: str, origin: Origin) -> pl.DataFrame:
    parts = [part for part in told if part.quantity == quantity and not part.is_repeat]
    return pl.DataFrame(
        {
            "person": np.repeat([part.patient for part in parts], [p.at_ms.size for p in parts]),
            "ts": np.concatenate([part.at_ms for part in parts]) + origin.utc_ms,
            value: np.concatenate([part.value for part in parts]),
        }
    )


def _case(patient: Patient) -> tuple[object, ...]:
    return (
        patient.code,
        patient.code,
        patient.age,
        patient.sex,
        patient.beta_blocker,
        patient.rest_hr,
        patient.hr_max,
        *patient.zone,
        patient.session_min,
        patient.sessions_per_week,
        patient.session_min * patient.sessions_per_week,
        patient.mode,
    )


def _chunks(
    told: Sequence[Told], families: Mapping[str, Family], origin: Origin
) -> Iterator[Chunk]:
    """Yield what is told in order, as full chunks; the cuts depend on the content alone."""
    together: list[Told] = []
    for part in told:
        if together and sum(one.at_ms.size for one in together) + part.at_ms.size > CHUNK_READINGS:
            yield _chunk(together, families, origin)
            together = []
        together.append(part)
    if together:
        yield _chunk(together, families, origin)


def _chunk(told: Sequence[Told], families: Mapping[str, Family], origin: Origin) -> Chunk:
    number_of = {
        address: number for number, address in enumerate(dict.fromkeys(p.address for p in told))
    }
    groups: dict[tuple[str, bool], list[Told]] = {}
    for part in told:
        groups.setdefault((part.quantity, part.stamp_ms is None), []).append(part)
    columns = []
    for (quantity, _), parts in groups.items():
        sizes = [part.at_ms.size for part in parts]
        stamps = [part.stamp_ms for part in parts if part.stamp_ms is not None]
        index = np.repeat(np.array([number_of[p.address] for p in parts], np.uint16), sizes)
        spans = np.repeat(np.array([part.span_ms for part in parts], np.uint32), sizes)
        flags = np.repeat(np.array([_flags(p, families) for p in parts], np.uint8), sizes)
        columns.append(
            Columns(
                quantity=Quantity(quantity),
                device_index=array("H", index.tobytes()),
                at_utc_ms=_times([part.at_ms for part in parts], origin.utc_ms),
                value=array("d", np.concatenate([part.value for part in parts]).tobytes()),
                span_ms=array("I", spans.tobytes()),
                flags=array("B", flags.tobytes()),
                device_ts_ms=_times(stamps, origin.wall_ms) if stamps else None,
            )
        )
    return Chunk(tuple(number_of), tuple(columns))


def _times(parts: list[NDArray[np.int64]], origin_ms: int) -> "array[int]":
    return array("q", (np.concatenate(parts) + origin_ms).tobytes())


def _flags(part: Told, families: Mapping[str, Family]) -> int:
    """Return what is known of the readings: memory has the band's own time, all else ours."""
    if part.stamp_ms is not None:
        return 0
    on_skin = families[part.address] is Family.STRAP and part.quantity == "heart_rate_bpm"
    return int(Flag.CLOCK_RECEIPT | ((Flag.CONTACT_KNOWN | Flag.CONTACT) if on_skin else 0))

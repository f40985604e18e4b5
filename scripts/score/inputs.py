"""The files of `adhere score`, looked through and checked, as the core takes them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from adherence.prescription import needs_figures
from adherence.schema import completed
from config.conventions import Conventions
from config.errors import Misconfigured
from scripts.score.cases import COLUMNS, SECTION_13, check_cases
from scripts.score.keys import alike, key_of, number_if_written_so
from scripts.score.log import log_failures
from scripts.score.looked import Looked, look
from scripts.score.people import Recorded, recorded
from scripts.score.rows import files_of
from scripts.score.rules import FAILURES, HEART_RATE, STEPS
from scripts.score.sessions import read_sessions
from scripts.score.table import Table, read_table


@dataclass(frozen=True)
class Files:
    """What there is to score; `hr` and `steps` may be folders of Parquet files."""

    hr: Path
    steps: Path | None
    cases: Path
    sessions: Path | None = None

    def sha256(self, zone: str, conventions: Conventions) -> str:
        """Hash the files' bytes, the zone and the method's version, so that results are traced."""
        logged = () if self.sessions is None else (self.sessions,)
        return _sha256((self.hr, self.steps, self.cases, *logged), zone, conventions)


@dataclass(frozen=True)
class Inputs:
    """What there is to score, all in memory."""

    samples: pl.DataFrame
    """person, ts (Int64 ms UTC), hr (Float64, null where missing)."""
    step_rows: pl.DataFrame
    """person, ts (Int64 ms UTC), steps (Float64, null where missing)."""
    cases: pl.DataFrame
    """The usable cases, sorted."""
    refused: pl.DataFrame
    """case, person, row, reason: the cases nothing is computed for."""
    sha256: str
    """Of the files' bytes and what else the results depend on."""


@dataclass(frozen=True)
class Found:
    """What there is to score, found by person and not yet read."""

    samples: Recorded
    step_rows: Recorded
    cases: pl.DataFrame
    """The usable cases, sorted."""
    refused: pl.DataFrame
    """case, person, row, reason: the cases that contradict themselves as they are written."""
    unknown: pl.DataFrame
    """case, person, row: the cases of people who have no row of heart rate and need one."""
    case_rows: pl.DataFrame
    """case, row: where in the file each case stands."""
    failures: pl.DataFrame
    """FAILURES: the rows that break a rule of their file, and are left out."""
    told: Sequence[str]
    """The failures in words."""
    log: pl.DataFrame | None
    """LOG of the core: the sessions of these cases; None without a session log."""


def read_inputs(
    hr: Path, steps: Path | None, cases: Path, *, zone: str, conventions: Conventions
) -> Inputs:
    """Read the files whole; raise Misconfigured naming file, column and row of every fault at once.

    `zone` is the site's, for times without one.
    """
    prescriptions = read_table(cases, COLUMNS, SECTION_13)
    with TemporaryDirectory(prefix="adhere-score-") as folder:
        beats, walked = _looked(hr, steps, zone, conventions, Path(folder))
        good, refused = check_cases(prescriptions)
        if told := [*beats.told, *walked.told]:
            raise Misconfigured("\n".join(told))
        frames = (good, beats.good(), walked.good())
    persons = _alike(good, beats, walked)
    good, samples, step_rows = (frame.cast({"person": persons[0].dtype}) for frame in frames)
    sha256 = Files(hr, steps, cases).sha256(zone, conventions)
    return Inputs(samples, step_rows, good, refused, sha256)


def find_inputs(
    files: Files, *, zone: str, conventions: Conventions, spool: Path, block_rows: int
) -> Found:
    """Look through the files; raise Misconfigured where one cannot be read or lacks a column.

    `spool` is a folder for what has to be written anew, `block_rows` how much of it at a time.
    """
    prescriptions = read_table(files.cases, COLUMNS, SECTION_13)
    good, refused = check_cases(prescriptions)
    log, failures, told = _logged(files.sessions, pl.concat([good["case"], refused["case"]]))
    beats, walked = _looked(files.hr, files.steps, zone, conventions, spool)
    persons, *places = _alike(good, beats, walked)
    good = good.with_columns(persons)
    samples, step_rows = (
        recorded(
            file.shape,
            file.parts,
            file.where.with_columns(place).join(good, on="person", how="semi"),
            spool,
            block_rows=block_rows,
        )
        for file, place in zip((beats, walked), places, strict=True)
    )
    in_need = completed(good.lazy()).filter(needs_figures()).select("case", "person").unique()
    unknown = in_need.collect().join(samples.where, on="person", how="anti")
    case_rows = _case_rows(prescriptions)
    return Found(
        samples=samples,
        step_rows=step_rows,
        cases=good,
        refused=refused,
        unknown=unknown.join(case_rows, on="case").sort("row"),
        case_rows=case_rows,
        failures=pl.concat([beats.failures, walked.failures, failures]),
        told=[*beats.told, *walked.told, *told],
        log=log,
    )


def _logged(
    path: Path | None, cases: pl.Series
) -> tuple[pl.DataFrame | None, pl.DataFrame, list[str]]:
    """Return the session log, FAILURES of it, and these in words."""
    if path is None:
        return None, pl.DataFrame(schema=FAILURES), []
    sessions = read_sessions(path, cases)
    return sessions.log, *log_failures(sessions)


def _looked(
    hr: Path, steps: Path | None, zone: str, conventions: Conventions, spool: Path
) -> tuple[Looked, Looked]:
    beats = look(hr, HEART_RATE, zone=zone, conventions=conventions, spool=spool)
    return beats, look(steps, STEPS, zone=zone, conventions=conventions, spool=spool)


def _alike(good: pl.DataFrame, beats: Looked, walked: Looked) -> list[pl.Series]:
    """Return the people of all three in one type."""
    return alike(good["person"], beats.where["person"], walked.where["person"])


def _case_rows(prescriptions: Table) -> pl.DataFrame:
    """Return case, row: where in the file each case stands."""
    case, _nameless = key_of(prescriptions.frame["case"])
    if prescriptions.is_csv:
        case = number_if_written_so(case)
    return pl.DataFrame({"case": case}).with_row_index("row", prescriptions.first_row)


def _sha256(files: tuple[Path | None, ...], zone: str, conventions: Conventions) -> str:
    parts = [conventions.version, zone]
    for path in files:
        if path is None:
            parts.append("-")
            continue
        for file in files_of(path):
            with file.open("rb") as opened:
                parts.append(hashlib.file_digest(opened, "sha256").hexdigest())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()

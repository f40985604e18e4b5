"""The three files of `adhere score`, read and checked, as the core takes them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from config.conventions import Conventions
from config.errors import Misconfigured
from config.language import _
from scripts.score.cases import COLUMNS, SECTION_13, check_cases
from scripts.score.keys import alike, key_of, number_if_written_so
from scripts.score.table import Table, numbers, read_table
from scripts.score.times import utc_ms


@dataclass(frozen=True)
class Inputs:
    """What there is to score."""

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


def read_inputs(
    hr: Path, steps: Path | None, cases: Path, *, zone: str, conventions: Conventions
) -> Inputs:
    """Read the files; raise Misconfigured naming file, column and row of every fault at once.

    `zone` is the site's, for times without one.
    """
    prescriptions = read_table(cases, COLUMNS, SECTION_13)
    tables = {"hr": read_table(hr, ("person", "ts", "hr"))}
    if steps is not None:
        tables["steps"] = read_table(steps, ("person", "ts", "steps"))
    faults: list[str] = []
    rows = {
        value: _rows(table, value, zone, conventions, faults) for value, table in tables.items()
    }
    good, refused = check_cases(prescriptions)
    if faults:
        raise Misconfigured("\n".join(faults))
    empty_steps = pl.DataFrame(
        schema={"person": rows["hr"]["person"].dtype, "ts": pl.Int64, "steps": pl.Float64}
    )
    step_rows = rows.get("steps", empty_steps)
    people = alike(good["person"], rows["hr"]["person"], step_rows["person"])
    frames = (good, rows["hr"], step_rows)
    good, samples, step_rows = (
        frame.with_columns(person.alias("person"))
        for frame, person in zip(frames, people, strict=True)
    )
    return Inputs(
        samples=samples,
        step_rows=step_rows,
        cases=good,
        refused=refused,
        sha256=_sha256((hr, steps, cases), zone, conventions),
    )


def _rows(
    table: Table, value: str, zone: str, conventions: Conventions, faults: list[str]
) -> pl.DataFrame:
    frame = table.frame
    person, nobody = key_of(frame["person"])
    if table.is_csv:
        person = number_if_written_so(person)
    ts = utc_ms(frame["ts"], zone=zone, conventions=conventions)
    number, no_number = numbers(frame[value])
    faults += table.fault("person", nobody, _("names nobody: give text or a whole number"))
    faults += table.fault(
        "ts", ts.is_null(), _("is not a time like 2026-05-01 07:30:00 or 2026-05-01T07:30:00+08:00")
    )
    faults += table.fault(value, no_number, _("is not a number: correct it or leave it empty"))
    return pl.DataFrame({"person": person, "ts": ts, value: number})


def _sha256(files: tuple[Path | None, ...], zone: str, conventions: Conventions) -> str:
    """Hash the files' bytes, the zone and the method's version, so that a result can be traced."""
    parts = [conventions.version, zone]
    for path in files:
        if path is None:
            parts.append("-")
            continue
        with path.open("rb") as file:
            parts.append(hashlib.file_digest(file, "sha256").hexdigest())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()

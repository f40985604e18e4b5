"""A recording out of the files of `adhere score`; refused whole where anything in it is wrong."""

from pathlib import Path

import polars as pl

from config.conventions import Conventions
from config.errors import Misconfigured
from config.language import _
from scripts.replay.recording import Recording, one_centre, recording_of
from scripts.score.inputs import Inputs, read_inputs

NOT_REPLAYED = ("day_adds_up",)
"""Columns of a case that the database cannot say yet."""


def read_recording(
    hr: Path, steps: Path | None, cases: Path, *, zone: str, conventions: Conventions
) -> Recording:
    """Read the files; raise Misconfigured naming file, column and row of every fault."""
    inputs = read_inputs(hr, steps, cases, zone=zone, conventions=conventions)
    faults = _refused(inputs, cases)
    if faults:
        raise Misconfigured("\n".join(faults))
    recording = recording_of(
        inputs.samples,
        inputs.step_rows,
        inputs.cases,
        one_centre(inputs.cases["person"].cast(pl.String).to_list()),
    )
    if not recording.readings:
        raise Misconfigured(
            _("%(path)s holds no reading of anybody in %(cases)s: are the names the same?")
            % {"path": hr, "cases": cases}
        )
    return recording


def _refused(inputs: Inputs, cases: Path) -> list[str]:
    """Return a sentence for each case that cannot be replayed."""
    faults = [
        _("%(path)s: case %(case)s (row %(row)d): %(reason)s") % {"path": cases, **refused}
        for refused in inputs.refused.iter_rows(named=True)
    ]
    faults += [
        _("%(path)s: column %(column)s cannot be replayed yet: leave it out")
        % {"path": cases, "column": name}
        for name in NOT_REPLAYED
        if name in inputs.cases.columns and inputs.cases[name].fill_null(value=False).any()
    ]
    if not inputs.cases.height and not faults:
        faults.append(_("%(path)s names no case") % {"path": cases})
    return faults

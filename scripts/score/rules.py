"""What a file of readings must hold, said once: its columns, and the rules of a row.

A row that breaks a rule is left out and counted, never silently. A heart rate that no wrist can
show breaks none: what becomes of it is the method's to say (C2).
"""

from typing import NamedTuple

import polars as pl

from config.language import later
from scripts.score.table import RAGGED, TOO_LONG

NO_PERSON, NO_TIME, FAR_TIME = "no_person", "no_time", "far_time"
NO_NUMBER = "no_number"

SENTENCES = {
    NO_PERSON: later("names nobody: give text or a whole number"),
    NO_TIME: later("is not a time like 2026-05-01 07:30:00 or 2026-05-01T07:30:00+08:00"),
    FAR_TIME: later("lies in a year that no recording is of: the clock or the unit is wrong"),
    NO_NUMBER: later("is not a number: correct it or leave it empty"),
    RAGGED: TOO_LONG,
}
"""Each rule in words, to stand after the name of the column, if it looks at one."""


class Shape(NamedTuple):
    """A file of readings: `person`, `ts` and a value."""

    table: str
    """What it is called in the results."""
    value: str
    """The column of the value."""

    @property
    def columns(self) -> tuple[str, ...]:
        """All its columns."""
        return ("person", "ts", self.value)

    @property
    def rules(self) -> dict[str, str]:
        """The rules of a row, each with the column it looks at; RAGGED looks at the whole line."""
        return {NO_PERSON: "person", NO_TIME: "ts", FAR_TIME: "ts", NO_NUMBER: self.value}


HEART_RATE = Shape("hr", value="hr")
STEPS = Shape("steps", value="steps")

FAILURES = pl.Schema(
    {
        "table": pl.String(),
        "file": pl.String(),  # its name, without folders
        "rule": pl.String(),
        "rows": pl.Int64(),  # that break the rule; a row may break several
        "first_rows": pl.List(pl.Int64),  # as a person finds them: the heading of a CSV is line 1
    }
)
"""The table of failures: one row for each rule that anything in a file broke."""

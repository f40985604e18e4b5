"""Side figures of a patient's weeks: beside adherence, never part of it; for its team."""

from datetime import date
from typing import NamedTuple

from config.conventions import load_conventions
from config.side_figures import load_side_figures
from portal.reading import Reader
from reports.workbook.side_definitions import explained
from storage.database import Connection, border
from storage.queries import query


class SideWeek(NamedTuple):
    """A week's stored side figures."""

    week: date
    counted_to: date
    very_light_min: float | None
    """None, like the others up to `mod_eq_min`, without maximum and resting heart rate."""
    light_min: float | None
    moderate_min: float | None
    vigorous_min: float | None
    near_max_min: float | None
    mod_eq_min: float | None
    trimp: float | None
    """None where sex or figures are not known."""
    over_ceiling_min: float | None
    """None without a ceiling."""
    rest_days: int
    rest_bpm: float | None
    rest_base_days: int
    rest_base_bpm: float | None
    """None with too few days in the weeks before."""
    rest_drift_bpm: float | None


class Explained(NamedTuple):
    """What a side figure is, with its source."""

    term: str
    meaning: str
    numbers: str
    """In force."""


def side_weeks(
    conn: Connection, enrolment_id: int, *, rows: int, week: date | None = None
) -> list[SideWeek]:
    """Return the newest stored side figures, or those of one week (its Monday), newest first."""
    given = {"enrolment_id": enrolment_id, "rows": rows, "week": week}
    with border():
        return [SideWeek(*row) for row in conn.execute(query("read_side_weeks_of"), given)]


def steps_of_days(conn: Connection, enrolment_id: int, week: date) -> dict[date, int]:
    """Return the steps of the stored days of a week."""
    given = {"enrolment_id": enrolment_id, "week": week}
    with border():
        rows = conn.execute(query("read_steps_of_days"), given).fetchall()
    return dict(rows)


def explanations(reader: Reader) -> list[Explained]:
    """Return what each side figure is and means, in the reader's language."""
    said = explained(
        load_conventions(), load_side_figures(), lambda text: str(reader.gettext(text))
    )
    return [Explained(*one) for one in said]

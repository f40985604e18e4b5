"""Why a week is what it is: down to its minutes, and to the batches they came in."""

from datetime import date, timedelta

import polars as pl
from fastapi import APIRouter, Response
from markupsafe import Markup, escape

from portal.patients import enrolment_of, patient_of
from portal.reading import Reader
from portal.readings import are_gone, local_day_ms, utc_ms
from portal.side_figures import explanations, side_weeks, steps_of_days
from portal.visit import CareTeamAtOneMoment
from reports.why import Day, Why, minutes_of_week
from reports.why.words import REASONS

router = APIRouter()

DAY_WIDTH, DAY_HEIGHT = 960, 16
MINUTES_A_DAY = 1440
BATCHES_SHOWN = 60


@router.get("/patients/{pseudonym}/weeks/{monday}")
def week_page(
    visit: CareTeamAtOneMoment,
    pseudonym: str,
    monday: date,
    case: str | None = None,
    day: date | None = None,
) -> Response:
    """Show a stored week of a patient; with `day` every minute of one of its days."""
    patient = patient_of(visit, pseudonym)
    _all, enrolment = enrolment_of(visit, patient, case)
    if enrolment is None:
        raise visit.refuse(pseudonym)
    why = minutes_of_week(visit.conn, enrolment.id, monday, page="week")
    if why is None:
        raise visit.refuse(pseudonym)
    visit.note("read_week", patient.pseudonym, week=monday.isoformat())
    return visit.page(
        "week.html",
        patient=patient,
        enrolment=enrolment,
        is_only=len(_all) == 1,
        why=why,
        gone=are_gone(
            visit.conn,
            local_day_ms(monday, visit.reader.zone)[0],
            local_day_ms(monday + timedelta(days=6), visit.reader.zone)[1],
        ),
        strips={one.date: strip(visit.reader, one) for one in why.days},
        hours=hours(),
        minute_words=REASONS,
        used=[reason for reason in REASONS if _is_used(why, reason)],
        chosen=day,
        minutes=[] if day is None else _minutes(why, day),
        steps=steps_of_days(visit.conn, enrolment.id, monday),
        side=side_weeks(visit.conn, enrolment.id, rows=1, week=monday),
        explanations=explanations(visit.reader),
        batches=why.batches[:BATCHES_SHOWN],
        more_batches=max(0, len(why.batches) - BATCHES_SHOWN),
    )


def strip(reader: Reader, day: Day) -> Markup:
    """Return a day as a band of 24 hours, coloured by what became of each minute."""
    scale = DAY_WIDTH / MINUTES_A_DAY
    start_ms = utc_ms(day.runs[0].start_at) if day.runs else 0
    drawn = [
        f'<svg class="trace" viewBox="0 0 {DAY_WIDTH} {DAY_HEIGHT}" role="img"',
        f' preserveAspectRatio="none"><title>{escape(_said(reader, day))}</title>',
    ]
    for run in day.runs:
        x = (utc_ms(run.start_at) - start_ms) / 60_000 * scale
        drawn.append(
            f'<rect class="m-{escape(run.reason)}" x="{x:.1f}" y="0" '
            f'width="{max(0.8, run.minutes * scale):.1f}" height="{DAY_HEIGHT}"><title>'
            f"{reader.minute(run.start_at)} {escape(reader.word(REASONS, run.reason))} "
            f"{run.minutes}</title></rect>"
        )
    drawn.append("</svg>")
    return Markup("".join(drawn))  # noqa: S704 - numbers and escaped words


def hours() -> Markup:
    """Return the hours of the day above the strips."""
    # In shares of its width, so that the letters keep their size where it is narrow; there the
    # hours between go.
    drawn = ['<svg width="100%" height="16" aria-hidden="true" font-size="11">']
    for hour in range(0, 25, 3):
        anchor = "start" if hour == 0 else "end" if hour == 24 else "middle"  # noqa: PLR2004 - hours of a day
        share = hour / 24 * 100
        rare = "" if hour % 6 == 0 else ' class="rare"'
        drawn.append(
            f'<text x="{share:.1f}%" y="12" text-anchor="{anchor}"{rare}>{hour:02d}:00</text>'
        )
    drawn.append("</svg>")
    return Markup("".join(drawn))  # noqa: S704 - numbers


def _said(reader: Reader, day: Day) -> str:
    return str(
        reader.gettext(
            "%(day)s: %(credited)s min credited, %(worn)s h worn",
            day=reader.day(day.date),
            credited=reader.number(day.spans_ms["credited"] / 60_000),
            worn=reader.number(day.wear_ms / 3_600_000, 1),
        )
    )


def _is_used(why: Why, reason: str) -> bool:
    return any(run.reason == reason for day in why.days for run in day.runs)


def _minutes(why: Why, day: date) -> list[dict[str, object]]:
    return why.minutes.filter(pl.col("date") == day).to_dicts()

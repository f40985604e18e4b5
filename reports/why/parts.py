"""The parts of a week's prescription, and what became of each entry of the session log."""

from collections.abc import Iterable
from datetime import date, timedelta

import polars as pl

from adherence.clock import MINUTE_MS
from adherence.components import (
    AEROBIC,
    RESISTANCE,
    is_aerobic_by_log,
    is_long_enough,
    is_within_rating,
)
from adherence.schema import LOGGED
from adherence.zones import in_force
from config.components import load_components
from reports.nightly.rounds import versions_of
from reports.why import words
from reports.why.content import LoggedSession, Part, StoredWeek
from storage.database import Connection
from storage.session_log import Entry, sessions_between

SUNDAY = timedelta(days=6)
ROUNDING_PCT = 1e-9
"""Above every rounding error of a percentage, below every real distance from the pass mark."""


def parts_of(week: StoredWeek, *, adherent_from_pct: int) -> tuple[Part, ...]:
    """Return every part prescribed in the week, in the order of a prescription."""
    said = (
        ("aerobic", week.sessions_per_week, week.session_min, week.aerobic_pct),
        ("resistance", week.resistance_per_week, week.resistance_min, week.resistance_pct),
        ("balance", week.balance_per_week, week.balance_min, week.balance_pct),
        ("steps", week.steps_per_day, None, week.steps_pct),
    )
    return tuple(
        Part(name, asked, asked_min, pct, pct < adherent_from_pct - ROUNDING_PCT)
        for name, asked, asked_min, pct in said
        if asked is not None and pct is not None
    )


def logged_in(conn: Connection, week: StoredWeek) -> tuple[LoggedSession, ...]:
    """Return the standing entries of the week in the order of their days, each with its verdict."""
    found = sessions_between(conn, week.enrolment_id, week.week, week.week + SUNDAY)
    entries = [entry for entry in reversed(found) if not entry.withdrawn]
    if not entries:
        return ()
    alone = _judged_alone(conn, week, entries)
    return tuple(
        LoggedSession(
            date=entry.session.date,
            component=entry.session.component,
            attended=entry.session.attended,
            minutes=entry.session.minutes,
            rpe=entry.session.rpe,
            supervisor=entry.supervisor,
            writer=entry.writer,
            noted_at=entry.noted_at,
            revision=entry.revision,
            verdict=verdict,
        )
        for entry, verdict in _judged_together(zip(entries, alone, strict=True), week)
    )


def _judged_alone(conn: Connection, week: StoredWeek, entries: list[Entry]) -> list[str]:
    """Judge each entry by the version in force on its day, without a look at the others."""
    logged_from_pct = load_components().logged_from_pct
    rows = pl.DataFrame(
        [
            (
                place,
                entry.session.date,
                entry.session.component,
                entry.session.attended,
                entry.session.minutes,
                entry.session.rpe,
            )
            for place, entry in enumerate(entries)
        ],
        schema={
            "place": pl.Int64,
            "date": pl.Date,
            "component": pl.String,
            "attended": pl.Boolean,
            "minutes": pl.Float64,
            "rpe": pl.Float64,
        },
        orient="row",
    )
    versions = versions_of(conn, [week.patient_id]).filter(enrolment_id=week.enrolment_id)
    in_its_time = rows.join(versions, how="cross").filter(in_force())
    component = pl.col("component")
    is_asked = (
        pl.when(component == AEROBIC)
        .then(is_aerobic_by_log())
        .when(component == RESISTANCE)
        .then(pl.col("resistance_per_week").is_not_null())
        .otherwise(pl.col("balance_per_week").is_not_null())
    )
    lengths = dict(zip(LOGGED, ("session_min", "resistance_min", "balance_min"), strict=True))
    is_long = pl.coalesce(
        pl.when(component == name).then(is_long_enough(asked, logged_from_pct=logged_from_pct))
        for name, asked in lengths.items()
    )
    verdict = (
        pl.when(pl.col("date") > week.counted_to)
        .then(pl.lit(words.NOT_YET))
        .when(~pl.col("attended"))
        .then(pl.lit(words.ABSENT))
        .when(pl.col("version").is_null() | ~is_asked)
        .then(pl.lit(words.NOT_ASKED))
        .when((component == AEROBIC) & ~is_within_rating())
        .then(pl.lit(words.OUTSIDE_RATING))
        .when(~is_long)
        .then(pl.lit(words.TOO_SHORT))
        .otherwise(pl.lit(words.COUNTS))
    )
    return (
        rows.join(in_its_time.drop(rows.columns[1:]), on="place", how="left")
        .with_columns(logged_ms=(pl.col("minutes") * MINUTE_MS).round().cast(pl.Int64))
        .sort("place")
        .select(verdict.alias("verdict"))["verdict"]
        .to_list()
    )


def _judged_together(
    entries: Iterable[tuple[Entry, str]], week: StoredWeek
) -> list[tuple[Entry, str]]:
    """Take out what the day, or the rest asked for, lets count only once; `entries` by their days.

    The first that can count does, as in the core. Of aerobic sessions every one counts.
    """
    counted: dict[str, date] = {}
    judged = []
    for entry, alone in entries:
        day, component = entry.session.date, entry.session.component
        verdict = alone
        if verdict == words.COUNTS and component != AEROBIC:
            before = counted.get(component)
            rest_days = week.rest_days if component == RESISTANCE else 0
            if before == day:
                verdict = words.SAME_DAY
            elif before is not None and (day - before).days <= rest_days:
                verdict = words.TOO_SOON
            else:
                counted[component] = day
        judged.append((entry, verdict))
    return judged

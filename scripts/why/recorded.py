"""A week out of files, through the core: for an analyst or an auditor without the database."""

from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import polars as pl

from adherence import method
from adherence.clock import DAY_MS, MINUTE_MS
from adherence.components import judged_log
from adherence.schema import STEP_ROWS, completed, figured, typed
from adherence.steps import step_minutes
from adherence.whole import Whole, whole
from config.components import load_components
from config.conventions import Conventions
from config.errors import Misconfigured, Rejected
from config.language import _
from reports.why import Session, ShortEffort
from reports.why.by_minute import instant
from scripts.score.blocks import BLOCK_ROWS
from scripts.score.inputs import Files, Found, find_inputs
from scripts.score.judging import judged
from scripts.score.phases import versions_of
from scripts.score.reasons import in_words, refusal, refused_late, without_weeks
from scripts.why.account import TARGETS, WEEK_DAYS, Account, Logged, days_without_limits

PERSON = pl.lit(0, pl.Int32)
"""The one person's number in the core."""


class _Recorded(NamedTuple):
    """One case of the files, computed."""

    results: Whole
    step_rows: pl.DataFrame
    weeks: pl.DataFrame
    """Those of `results`, with their state."""
    case: pl.DataFrame
    log: pl.DataFrame | None
    unknown: pl.DataFrame
    """case, person, row: the case, where nobody recorded its person."""
    case_rows: pl.DataFrame
    sha256: str


def recorded_week(
    files: Files, *, case: str, week: date, zone: str, conventions: Conventions
) -> Account:
    """Return the account of a week of a case out of files, as `adhere score` reads them.

    Of large files only the rows of the one person are read. Raises Misconfigured where the case or
    the week is not there, Rejected where the case was refused or has no figures.
    """
    recorded = _judged(files, case, zone, conventions)
    row = recorded.weeks.filter(pl.col("week") == week)
    if row.is_empty():
        listed = recorded.weeks["week"]
        if listed.is_empty():
            mine = recorded.case.join(recorded.case_rows, on="case").row(0, named=True)
            raise Misconfigured(without_weeks(files.cases, mine))
        raise Misconfigured(
            _("case %(case)s has no week %(week)s: its weeks go from %(first)s to %(last)s")
            % {"case": case, "week": week, "first": listed.min(), "last": listed.max()}
        )
    return _account(recorded, row.row(0, named=True), conventions)


def _judged(files: Files, case: str, zone: str, conventions: Conventions) -> _Recorded:
    """Return the case computed, with the state of its weeks; raise Rejected where there is none."""
    recorded = _compute(files, case, zone, conventions)
    silent = recorded.results.people.drop_nulls("reason")
    late = refused_late(silent, recorded.unknown, recorded.case_rows)
    if late.height:
        raise Rejected(refusal(files.cases, late.row(0, named=True)))
    if silent.height:
        raise Rejected(in_words(silent["reason"].item()))
    return recorded


def _compute(files: Files, case: str, zone: str, conventions: Conventions) -> _Recorded:
    with TemporaryDirectory(prefix="adhere-why-") as folder:
        found = find_inputs(
            files,
            zone=zone,
            conventions=conventions,
            spool=Path(folder),
            block_rows=BLOCK_ROWS,
        )
        mine = _one(found, case, files.cases)
        person = mine.select("person", code=PERSON)
        samples, step_rows = (rows.read(person) for rows in (found.samples, found.step_rows))
    log = None if found.log is None else found.log.join(mine, on="case", how="semi")
    versions = versions_of(mine.with_columns(person=PERSON))
    results = whole(samples, step_rows, versions, conventions, log)
    unknown = found.unknown.join(mine, on="case", how="semi")
    return _Recorded(
        results,
        step_rows,
        judged(results.weeks, mine, log),
        mine,
        log,
        unknown,
        found.case_rows,
        files.sha256(zone, conventions),
    )


def _one(found: Found, case: str, path: Path) -> pl.DataFrame:
    named = pl.col("case").cast(pl.String) == case
    mine = found.cases.filter(named)
    if mine.height:
        return mine
    refused = found.refused.filter(named)
    if refused.height:
        raise Rejected("\n".join(refusal(path, one) for one in refused.to_dicts()))
    raise Misconfigured(
        _("%(path)s has no case %(case)s: write it as in the file") % {"path": path, "case": case}
    )


def _account(recorded: _Recorded, row: dict[str, Any], conventions: Conventions) -> Account:
    week: date = row["week"]
    start_ms = (week - date(1970, 1, 1)).days * DAY_MS - conventions.utc_offset_min * MINUTE_MS
    end_ms = start_ms + WEEK_DAYS * DAY_MS
    starts_here = pl.col("start_ms").is_between(start_ms, end_ms, closed="left")
    bouts = recorded.results.bouts.filter(starts_here)
    short = recorded.results.chains.filter(starts_here & ~pl.col("qualifies"))
    versions = completed(recorded.results.usable.lazy()).collect()
    targets = _in_force(versions, week)
    return Account(
        case=str(row["case"]),
        person=str(recorded.case["person"].item()),
        week=week,
        counted_to=week + timedelta(days=WEEK_DAYS - 1),
        targets={name: targets[name] for name in TARGETS},
        figures={
            name: value
            for name, value in row.items()
            if name not in ("case", "version", "person", "week")
        },
        method_version=conventions.version,
        input_sha256=recorded.sha256,
        sessions=tuple(
            _session(bout, _in_force(versions, bout["date"])) for bout in bouts.to_dicts()
        ),
        short_efforts=tuple(
            ShortEffort(instant(start), instant(end), effort, credit)
            for start, end, effort, credit in short.select(
                "start_ms", "end_ms", "effort_ms", "credit_ms"
            ).iter_rows()
        ),
        minutes=_minutes(recorded, bouts, (start_ms, end_ms), conventions),
        logged=_logged(recorded, week),
        limitless=days_without_limits(versions, week),
        differing=(),
        batches=None,
    )


def _in_force(versions: pl.DataFrame, day: date) -> dict[str, Any]:
    """Return the version that holds on a day, or the first that begins after it."""
    rows = versions.sort("from_day", nulls_last=False).to_dicts()
    return next(row for row in rows if row["until_day"] is None or row["until_day"] > day)


def _session(bout: dict[str, Any], version: dict[str, Any]) -> Session:
    names = ("date", "span_ms", "effort_ms", "credit_ms", "complete", "sparse")
    steps = ("min_counted", "min_zero", "min_walk")
    return Session(
        start_at=instant(bout["start_ms"]),
        end_at=instant(bout["end_ms"]),
        **{name: bout[name] for name in (*names, *steps)},
        session_min=version["session_min"],
        counted=True,
        batches=(),
    )


def _logged(recorded: _Recorded, week: date) -> tuple[Logged, ...]:
    """Return the entries of the session log in the week, each as it counts by itself."""
    if recorded.log is None:
        return ()
    own = recorded.log.filter(pl.col("date").is_between(week, week + timedelta(WEEK_DAYS - 1)))
    cases = figured(recorded.results.usable.lazy())
    numbers = load_components()
    found = []
    for entry in own.unique().sort("date", "component", "minutes").iter_slices(1):
        alone = judged_log(entry.lazy(), cases, logged_from_pct=numbers.logged_from_pct).collect()
        day, component, minutes, rpe = entry.select("date", "component", "minutes", "rpe").row(0)
        found.append(
            Logged(
                day,
                component,
                minutes,
                rpe,
                credit_ms=int(alone["credit_ms"].sum()),
                complete=bool(alone["complete"].any()),
                verdict=None,
            )
        )
    return tuple(found)


def _minutes(
    recorded: _Recorded, bouts: pl.DataFrame, week_ms: tuple[int, int], conventions: Conventions
) -> pl.DataFrame:
    """Return MINUTE of the week, and behind it those of a bout that runs on over its end."""
    start_ms, end_ms = week_ms
    results = recorded.results
    last_ms = -(-max([end_ms, *bouts["end_ms"]]) // MINUTE_MS) * MINUTE_MS
    spans = results.usable.lazy().select(
        "case", "person", from_ms=pl.lit(start_ms, pl.Int64), to_ms=pl.lit(last_ms, pl.Int64)
    )
    seen = step_minutes(typed(recorded.step_rows.lazy(), STEP_ROWS)).with_columns(
        unseen=pl.lit(None, pl.String)
    )
    of_bouts = pl.col("bout_start_ms").is_in(bouts["start_ms"].implode())
    return (
        method.minutes(
            results.held.lazy(),
            results.chains.lazy(),
            results.usable.lazy(),
            spans.unique(),
            seen,
            conventions,
        )
        .filter((pl.col("minute") * MINUTE_MS < end_ms) | of_bouts)
        .collect()
    )

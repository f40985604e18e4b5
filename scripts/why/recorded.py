"""A week out of files, through the core: for an analyst or an auditor without the database."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from adherence import method
from adherence.clock import DAY_MS, MINUTE_MS
from adherence.schema import PRESCRIBED, STEP_ROWS, typed
from adherence.steps import step_minutes
from adherence.whole import Whole, whole
from config.conventions import Conventions
from config.errors import Misconfigured, Rejected
from config.language import _
from reports.why import Session, ShortEffort
from reports.why.by_minute import instant
from scripts.score.inputs import Inputs, read_inputs
from scripts.score.reasons import in_words
from scripts.why.account import WEEK_DAYS, Account


def recorded_week(
    hr: Path,
    steps: Path | None,
    cases: Path,
    *,
    case: str,
    week: date,
    zone: str,
    conventions: Conventions,
) -> Account:
    """Return the account of a week of a case out of files, as `adhere score` reads them.

    Raises Misconfigured where the case or the week is not there, Rejected where the case has no
    figures.
    """
    inputs = read_inputs(hr, steps, cases, zone=zone, conventions=conventions)
    mine = _one(inputs, case, cases)
    found = whole(inputs.samples, inputs.step_rows, mine, conventions)
    reason = found.people["reason"].item()
    if reason is not None:
        raise Rejected(in_words(reason))
    row = found.weeks.filter(pl.col("week") == week)
    if not row.height:
        listed = found.weeks["week"]
        raise Misconfigured(
            _("case %(case)s has no week %(week)s: its weeks go from %(first)s to %(last)s")
            % {"case": case, "week": week, "first": listed.min(), "last": listed.max()}
        )
    return _account(found, row.row(0, named=True), inputs, conventions)


def _one(inputs: Inputs, case: str, path: Path) -> pl.DataFrame:
    mine = inputs.cases.filter(pl.col("case").cast(pl.String) == case)
    if mine.height:
        return mine
    refused = inputs.refused.filter(pl.col("case").cast(pl.String) == case)
    if refused.height:
        raise Rejected("; ".join(refused["reason"].drop_nulls()))
    raise Misconfigured(
        _("%(path)s has no case %(case)s: write it as in the file") % {"path": path, "case": case}
    )


def _account(
    found: Whole, row: dict[str, Any], inputs: Inputs, conventions: Conventions
) -> Account:
    start_ms = (row["week"] - date(1970, 1, 1)).days * DAY_MS - (
        conventions.utc_offset_min * MINUTE_MS
    )
    end_ms = start_ms + WEEK_DAYS * DAY_MS
    starts_here = pl.col("start_ms").is_between(start_ms, end_ms, closed="left")
    bouts = found.bouts.filter(starts_here)
    short = found.chains.filter(starts_here & ~pl.col("qualifies"))
    version = _in_force(found.usable, row["version"])
    return Account(
        case=str(row["case"]),
        person=str(row["person"]),
        week=row["week"],
        counted_to=row["week"] + timedelta(days=WEEK_DAYS - 1),
        targets={name: version[name] for name in PRESCRIBED},
        figures={
            name: value
            for name, value in row.items()
            if name not in ("case", "version", "person", "week")
        },
        method_version=conventions.version,
        input_sha256=inputs.sha256,
        sessions=tuple(
            _session(bout, _in_force(found.usable, bout["version"])) for bout in bouts.to_dicts()
        ),
        short_efforts=tuple(
            ShortEffort(
                instant(one["start_ms"]),
                instant(one["end_ms"]),
                one["effort_ms"],
                one["credit_ms"],
            )
            for one in short.to_dicts()
        ),
        minutes=_minutes(found, inputs, bouts, (start_ms, end_ms), conventions),
        differing=(),
        batches=None,
    )


def _in_force(cases: pl.DataFrame, version: int | None) -> dict[str, Any]:
    """Return the row of a version; a case without versions has one."""
    rows = cases.to_dicts()
    return next((row for row in rows if row.get("version") == version), rows[0])


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


def _minutes(
    found: Whole,
    inputs: Inputs,
    bouts: pl.DataFrame,
    week_ms: tuple[int, int],
    conventions: Conventions,
) -> pl.DataFrame:
    """Return MINUTE of the week, and behind it those of a bout that runs on over its end."""
    start_ms, end_ms = week_ms
    last_ms = -(-max([end_ms, *bouts["end_ms"]]) // MINUTE_MS) * MINUTE_MS
    spans = found.usable.lazy().select(
        "case", "person", from_ms=pl.lit(start_ms, pl.Int64), to_ms=pl.lit(last_ms, pl.Int64)
    )
    seen = step_minutes(typed(inputs.step_rows.lazy(), STEP_ROWS)).with_columns(
        unseen=pl.lit(None, pl.String)
    )
    of_bouts = pl.col("bout_start_ms").is_in(bouts["start_ms"].implode())
    return (
        method.minutes(
            found.held.lazy(),
            found.chains.lazy(),
            found.usable.lazy(),
            spans.unique(),
            seen,
            conventions,
        )
        .filter((pl.col("minute") * MINUTE_MS < end_ms) | of_bouts)
        .collect()
    )

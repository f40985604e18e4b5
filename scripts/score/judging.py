"""The weeks of `adhere score`: their state and reason, and the columns they are published with."""

import polars as pl

from adherence import method
from adherence.clock import monday
from adherence.components import no_log
from adherence.schema import COMPONENTS
from scripts.score.phases import versions_of

COMPONENT_PCT = [f"{component}_pct" for component in COMPONENTS]


def judged(
    weeks: pl.DataFrame, cases: pl.DataFrame, log: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return `weeks` with state and reason, from what section 13 says in the cases' columns.

    `cases` has one row a case, `log` is LOG. The week in which a case starts later than on its
    Monday is excused, so is one with a paused day, and one under a rating of exertion without a
    log; of several the first is told. Whether gateways were up is known for mode `site` only where
    the cases say so.
    """
    facts = [name for name in ("mode", "site_observed") if name in cases.columns]
    sessions = no_log(cases.schema["case"]) if log is None else log.lazy()
    spans = weeks.lazy().select("case", first_day="week", last_day="week")
    by_log = method.log_facts(versions_of(cases).lazy(), spans, sessions)
    known = (
        weeks.lazy()
        .join(cases.lazy().select("case", *facts), on="case")
        .join(by_log, on=["case", "week"], how="left")
        .join(_begun(cases), on=["case", "week"], how="left")
        .join(_paused(weeks, cases), on=["case", "week"], how="left")
        .with_columns(excuse=pl.coalesce("begun", "paused", "log_excuse"))
    )
    return (
        method.states(known)
        .drop("begun", "paused", "log_excuse", "log_observed", "excuse", *facts)
        .sort("case", "week")
        .collect()
    )


def published_weeks(weeks: pl.DataFrame) -> pl.DataFrame:
    """Return the columns in the order of section 12, then those of section 13 with a state."""
    plain = weeks.drop("version", "state", "reason", *COMPONENT_PCT, strict=False)
    if "state" not in weeks.columns:
        return plain
    return plain.hstack(weeks.select("state", "reason", *COMPONENT_PCT))


def _begun(cases: pl.DataFrame) -> pl.LazyFrame:
    """Return the weeks in which a case starts, but not on their Monday."""
    given = "start_day" in cases.columns
    start = pl.col("start_day") if given else pl.lit(None, pl.Date)
    return (
        cases.lazy()
        .select("case", week=monday(start), start_day=start)
        .filter(pl.col("start_day") > pl.col("week"))
        .select("case", "week", begun=pl.lit("first_partial_week"))
    )


def _paused(weeks: pl.DataFrame, cases: pl.DataFrame) -> pl.LazyFrame:
    """Return the weeks with a paused day."""
    span = pl.Struct({"first_day": pl.Date, "last_day": pl.Date})
    given = "pauses" in cases.columns
    pauses = pl.col("pauses") if given else pl.lit(None, pl.List(span)).alias("pauses")
    sunday = pl.col("week").dt.offset_by("6d")
    return (
        weeks.lazy()
        .select("case", "week")
        .join(cases.lazy().select("case", pauses), on="case")
        .explode("pauses")
        .unnest("pauses")
        .filter((pl.col("first_day") <= sunday) & (pl.col("last_day") >= pl.col("week")))
        .select("case", "week", paused=pl.lit("paused"))
        .unique()
    )

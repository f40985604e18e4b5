"""The core over one input, stage by stage: what several results rest on is computed once."""

from dataclasses import dataclass

import polars as pl

from adherence import method
from adherence.weeks import recorded_spans
from config.conventions import Conventions


@dataclass(frozen=True)
class Scored:
    """The results of the core, with its own column names and integer milliseconds."""

    people: pl.DataFrame
    days: pl.DataFrame
    bouts: pl.DataFrame
    weeks: pl.DataFrame


def score(
    samples: pl.DataFrame,
    step_rows: pl.DataFrame,
    cases: pl.DataFrame,
    conventions: Conventions,
) -> Scored:
    """Return people, days, bouts and weeks of a whole recording (C1-C16).

    Figures that a case does not give are taken from the recording. Weeks go from the first to the
    last local day with held time.
    """
    ours = cases.lazy().select("person").unique()
    beats = samples.lazy().join(ours, on="person", how="semi")
    steps = step_rows.lazy().join(ours, on="person", how="semi").collect().lazy()
    kept = _now(method.kept(beats, conventions))
    held, people = (
        frame.lazy()
        for frame in pl.collect_all(
            [
                method.held(kept, conventions),
                method.people(beats, kept, cases.lazy(), conventions),
            ]
        )
    )
    usable = _now(method.usable(cases.lazy(), people))
    days, chains = (
        frame.lazy()
        for frame in pl.collect_all(
            [
                method.days(held, steps, usable, conventions),
                method.chains(held, usable, conventions),
            ]
        )
    )
    bouts = _now(method.bouts(chains, steps, conventions))
    weeks = method.weeks(days, bouts, usable, recorded_spans(days), conventions)
    return Scored(people.collect(), days.collect(), bouts.collect(), weeks.collect())


def _now(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame.collect(engine="streaming").lazy()


def judged(weeks: pl.DataFrame, cases: pl.DataFrame) -> pl.DataFrame:
    """Return `weeks` with state and reason, from what section 13 says in the cases' columns.

    A week with a paused day is excused. Whether gateways were up is known for mode `site` only
    where the cases say so.
    """
    facts = [name for name in ("mode", "site_observed") if name in cases.columns]
    known = weeks.lazy().join(cases.lazy().select("case", *facts), on="case")
    if "pauses" in cases.columns:
        known = known.join(_paused(weeks, cases), on=["case", "week"], how="left")
    return method.states(known).drop("excuse", *facts, strict=False).sort("case", "week").collect()


def _paused(weeks: pl.DataFrame, cases: pl.DataFrame) -> pl.LazyFrame:
    sunday = pl.col("week").dt.offset_by("6d")
    return (
        weeks.lazy()
        .select("case", "week")
        .join(cases.lazy().select("case", "pauses"), on="case")
        .explode("pauses")
        .unnest("pauses")
        .filter((pl.col("first_day") <= sunday) & (pl.col("last_day") >= pl.col("week")))
        .select("case", "week", excuse=pl.lit("paused"))
        .unique()
    )

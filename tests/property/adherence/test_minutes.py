"""The minutes of a person's time add up to the days, bouts and weeks, to the millisecond."""

import polars as pl
from hypothesis import given

from adherence import method
from adherence.minutes import HELD_REASONS
from config.conventions import load_conventions
from tests.property.adherence.examples import examples
from tests.property.adherence.prescriptions import judged
from tests.property.adherence.recordings import MINUTE, recordings, training_weeks
from tests.reference import core
from tests.reference.plain_prescription import needs_figures

C = load_conventions()
SEEN = {"person": None, "minute": pl.Int64, "steps": pl.Int64, "unseen": pl.String}


def told(hr, steps, cases):
    """Minutes of all recorded time, and the days and bouts they must add up to."""
    samples, step_rows, frame = core.frames(hr, steps, cases)
    kept = method.kept(samples, C).collect().lazy()
    held = method.held(kept, C).collect().lazy()
    people = method.people(samples, kept, frame, C)
    usable = method.usable(frame, people).collect().lazy()
    chains = method.chains(held, usable, C).collect().lazy()
    spans = (
        usable.select("case", "person")
        .unique()
        .join(
            held.group_by("person").agg(
                from_ms=pl.col("start_ms").min(), to_ms=pl.col("end_ms").max()
            ),
            on="person",
        )
    )
    spans = spans.with_columns(from_ms=pl.col("from_ms") // MINUTE * MINUTE)
    nothing = pl.LazyFrame(
        schema={name: dtype or samples.collect_schema()["person"] for name, dtype in SEEN.items()}
    )
    minutes = method.minutes(held, chains, usable, spans, nothing, C).collect()
    days = method.days(held, step_rows.clear(), usable, C).collect()
    return minutes, days, method.bouts(chains, step_rows, C).collect()


def assert_adds_up(minutes, days, bouts):
    """The minutes say of each case what its days and bouts say; of `days` those with a zone."""
    ms = pl.sum_horizontal(f"{reason}_ms" for reason in (*HELD_REASONS, "missing"))
    assert minutes.filter(ms != MINUTE).height == 0
    assert minutes.select("case", "minute").is_duplicated().sum() == 0
    by_day = (
        minutes.group_by("case", "date")
        .agg(
            credit_ms=(pl.col("credited_ms") + pl.col("short_ms")).sum(),
            above_ms=pl.col("above_ms").sum(),
            wear_ms=pl.sum_horizontal("credited_ms", "short_ms", "above_ms", "below_ms").sum(),
        )
        .filter(pl.col("wear_ms") > 0)
        .sort("case", "date")
    )
    assert by_day.rows() == days.select("case", "date", "credit_ms", "above_ms", "wear_ms").rows()
    by_bout = (
        minutes.drop_nulls("bout_start_ms")
        .group_by("case", "bout_start_ms")
        .agg(pl.col("credited_ms").sum())
        .sort("case", "bout_start_ms")
    )
    assert by_bout.rows() == bouts.select("case", "start_ms", "credit_ms").rows()


@examples(30)
@given(recording=recordings())
def test_minutes_add_up_whatever_was_recorded(recording):
    assert_adds_up(*told(*recording))


@examples(30)
@given(recording=training_weeks())
def test_minutes_add_up_over_weeks_of_training(recording):
    assert_adds_up(*told(*recording))


@examples(30)
@given(everything=judged())
def test_minutes_add_up_under_every_kind_and_version(everything):
    hr, steps, rows, _ = everything

    minutes, days, bouts = told(hr, steps, rows)

    zoned = {(row["case"], row.get("version")) for row in rows if needs_figures(row)}
    is_zoned = [key in zoned for key in days.select("case", "version").rows()]
    assert_adds_up(minutes, days.filter(pl.Series(is_zoned, dtype=pl.Boolean)), bouts)

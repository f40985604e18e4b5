"""Side figures worked by hand: rest 60, maximum 160, so 1 bpm is a hundredth of the reserve."""

import tomllib
from datetime import date, timedelta
from math import exp

import polars as pl
import pytest

from adherence import method
from adherence.side import SIDE
from adherence.weeks import recorded_spans
from config.conventions import load_conventions
from config.errors import Misconfigured
from config.side_figures import SIDE_FIGURES_FILE, SideFigures, load_side_figures
from tests.reference import core
from tests.unit.adherence.by_hand import CASE, blocks, only

WEEK = date(2026, 5, 4)


def sided(hr, *versions, steps=()):
    """SIDE of one case: all its versions hold in turn, each a dict of what it says."""
    c, side = load_conventions(), load_side_figures()
    samples, step_rows, _cases = core.frames(hr, steps, [CASE])
    said = ("sex", "ceiling_bpm", "version", "from_day", "until_day", "hr_max", "rest_hr")
    rows = [CASE | dict.fromkeys(said[:5]) | version for version in versions or ({},)]
    cases = pl.LazyFrame(
        rows,
        schema={
            "case": pl.String,
            "person": pl.String,
            **core.CASE_TYPES,
            "sex": pl.String,
            "ceiling_bpm": pl.Float64,
            "version": pl.Int64,
            "from_day": pl.Date,
            "until_day": pl.Date,
        },
    )
    kept = method.kept(samples, c).collect().lazy()
    held = method.held(kept, c).collect().lazy()
    days = method.days(held, step_rows, cases, c).collect().lazy()
    bouts = method.bouts(method.chains(held, cases, c), step_rows, c).collect().lazy()
    weeks = method.weeks(days, bouts, cases, recorded_spans(days), c).collect()
    rows = method.side_weeks(
        days,
        method.day_loads(method.held_bpm(held, c), cases, side),
        method.rest_days(kept, c),
        weeks.lazy(),
        cases,
        c,
        side,
    ).collect()
    assert rows.select("case", "week").equals(weeks.select("case", "week"))
    return rows


def test_a_weeks_time_in_the_zones_and_its_equivalent_of_moderate_minutes():
    week = only(sided(blocks((600, 95), (1200, 110), (300, 125), (1, 95))))

    assert tuple(week) == SIDE
    assert (week["light_min"], week["moderate_min"], week["vigorous_min"]) == (
        pytest.approx(10 + 1 / 60 + 1),
        20,
        5,
    )
    assert week["mod_eq_min"] == 20 + 2 * 5


@pytest.mark.parametrize(
    ("sex", "factor", "rate"), [("M", 0.64, 1.92), ("F", 0.86, 1.67)], ids=["men", "women"]
)
def test_the_training_impulse_is_banisters_by_sex(sex, factor, rate):
    week = only(sided([("a", 0, 110.0)], {"sex": sex}))

    assert week["trimp"] == pytest.approx(0.5 * factor * exp(rate * 0.5), abs=1e-8)


@pytest.mark.parametrize(("bpm", "x"), [(50.0, 0), (60.0, 0), (160.0, 1), (190.0, 1)])
def test_below_rest_there_is_no_impulse_and_above_the_maximum_no_more(bpm, x):
    week = only(sided([("a", 0, bpm)], {"sex": "M"}))

    assert week["trimp"] == pytest.approx(x * 0.64 * exp(1.92 * x), abs=1e-8)


def test_without_a_sex_there_is_no_impulse():
    assert only(sided([("a", 0, 110.0)]))["trimp"] is None


def test_time_at_the_ceiling_counts_from_the_ceiling_on():
    hr = blocks((300, 119), (120, 120), (60, 121))

    assert only(sided(hr, {"ceiling_bpm": 120.0}))["over_ceiling_min"] == 3
    assert only(sided(hr, {"ceiling_bpm": 120.5}))["over_ceiling_min"] == 1
    assert only(sided(hr))["over_ceiling_min"] is None


def test_each_day_is_judged_by_the_version_in_force_on_it():
    day = 86_400_000
    first = [("a", at, 110.0) for at in (0, 60_000)]  # 1970-01-01, 08:00 local, a Thursday
    week = only(
        sided(
            first + [("a", at + day, 110.0) for _, at, _ in first],
            {"version": 1, "sex": "M", "until_day": date(1970, 1, 2), "ceiling_bpm": 110.0},
            {"version": 2, "sex": "M", "from_day": date(1970, 1, 2), "rest_hr": 110.0},
        )
    )

    assert week["over_ceiling_min"] == 2
    assert week["trimp"] == pytest.approx(2 * 0.5 * 0.64 * exp(0.96), abs=1e-8)


def test_a_day_without_figures_leaves_the_week_without_a_load():
    day = 86_400_000

    week = only(
        sided(
            [("a", 0, 110.0), ("a", day, 110.0)],
            {"version": 1, "sex": "M", "until_day": date(1970, 1, 2)},
            {"version": 2, "sex": "M", "from_day": date(1970, 1, 2), "hr_max": None},
        )
    )

    assert week["trimp"] is None


def test_an_empty_week_has_no_minutes_no_load_and_no_resting_heart_rate():
    hr = [("a", 0, 110.0), ("a", 15 * 86_400_000, 110.0)]

    weeks = sided(hr, {"sex": "M", "ceiling_bpm": 100.0})

    empty = weeks.row(1, named=True)
    assert weeks.height == 3
    assert (empty["moderate_min"], empty["mod_eq_min"], empty["trimp"]) == (0, 0, 0)
    assert (empty["over_ceiling_min"], empty["rest_days"], empty["rest_bpm"]) == (0, 0, None)


@pytest.mark.parametrize(
    ("said", "moderate_min"),
    [
        ({"sex": None}, 0),
        ({"sex": "M", "hr_max": None}, None),
        ({"sex": "M", "hr_max": 60.0}, None),
        ({"sex": None, "hr_max": None}, None),
    ],
)
def test_an_empty_week_has_no_load_where_none_could_be_computed(said, moderate_min):
    hr = [("a", 0, 110.0), ("a", 15 * 86_400_000, 110.0)]

    empty = sided(hr, said).row(1, named=True)

    assert (empty["trimp"], empty["over_ceiling_min"]) == (None, None)
    assert empty["moderate_min"] == moderate_min


def drifts(days):
    """What the resting heart rate does in WEEK, given (days after its Monday, bpm) pairs."""
    rest_days = pl.LazyFrame(
        [("a", WEEK + timedelta(days=number), bpm) for number, bpm in days],
        schema={"person": pl.String, "date": pl.Date, "rest_bpm": pl.Float64},
        orient="row",
    )
    listed = pl.LazyFrame({"person": ["a"], "week": [WEEK]})
    return only(method.rest_drift(rest_days, listed, load_side_figures()).collect())


def test_the_drift_is_from_the_persons_own_median_of_the_four_weeks_before():
    seven = [(-number, 60.0 + number % 2) for number in range(1, 8)]

    week = drifts([*seven, (0, 70.0), (6, 71.0), (7, 99.0), (-29, 99.0)])

    assert (week["rest_days"], week["rest_bpm"]) == (2, 70.5)
    assert (week["rest_base_days"], week["rest_base_bpm"]) == (7, 61)
    assert week["rest_drift_bpm"] == 9.5


def test_the_28th_day_before_belongs_to_the_baseline_and_the_29th_does_not():
    six = [(-number, 60.0) for number in range(1, 7)]

    assert drifts([(0, 65.0), *six, (-28, 60.0)])["rest_drift_bpm"] == 5
    assert drifts([(0, 65.0), *six, (-29, 60.0)])["rest_drift_bpm"] is None


def test_six_days_before_are_no_baseline():
    week = drifts([(0, 65.0), *((-number, 60.0) for number in range(1, 7))])

    assert (week["rest_base_days"], week["rest_base_bpm"]) == (6, None)
    assert week["rest_drift_bpm"] is None


def test_every_number_of_the_side_figures_has_its_source():
    side = load_side_figures()

    assert set(side.sources) == set(SideFigures.model_fields) - {"version", "sources"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[baseline_weeks]", "[baseline]"),
        ("value = 0.64", "value = -0.64"),
        ("value = 4", 'value = "4"'),
        ("source = ", "from = "),
    ],
)
def test_a_file_of_side_figures_with_a_fault_is_refused(tmp_path, old, new):
    text = SIDE_FIGURES_FILE.read_text("utf-8")
    assert tomllib.loads(text)
    path = tmp_path / "side.toml"
    path.write_text(text.replace(old, new), "utf-8")

    with pytest.raises(Misconfigured, match=r"side\.toml"):
        load_side_figures(path)

"""The state of the weeks of `adhere score`, and the columns they are published with."""

from datetime import date

import polars as pl
import pytest

from adherence.schema import LOG, WEEK
from scripts.score.judging import judged, published_weeks

MONDAYS = [date(2026, 5, 4), date(2026, 5, 11)]
CASE = {
    "case": "c",
    "person": "a",
    "zone_lo": 12.0,
    "zone_hi": 14.0,
    "session_min": 30.0,
    "sessions_per_week": 3.0,
    "weekly_min": 90.0,
}
SPAN = pl.List(pl.Struct({"first_day": pl.Date, "last_day": pl.Date}))


def states(*, adherent=False, valid_week=True, log=None, types=None, **case):
    """State and reason of the two weeks of one case."""
    weeks = pl.DataFrame(
        {"case": "c", "week": MONDAYS, "adherent": adherent, "valid_week": valid_week}
    )
    cases = pl.DataFrame([CASE | case], schema_overrides=types)
    found = judged(weeks, cases, log)
    assert found.columns == [*weeks.columns, "state", "reason"]
    return found.select("state", "reason").rows()


NOT_MET = ("not_met", None)


@pytest.mark.parametrize(
    ("first", "last", "paused"),
    [
        (10, 10, (True, False)),
        (11, 11, (False, True)),
        (3, 3, (False, False)),
        (1, 31, (True,) * 2),
    ],
)
def test_weeks_with_a_paused_day_are_excused(first, last, paused):
    pauses = [{"first_day": date(2026, 5, first), "last_day": date(2026, 5, last)}]

    found = states(pauses=pauses, types={"pauses": SPAN})

    assert found == [("cannot_judge", "paused") if is_paused else NOT_MET for is_paused in paused]


@pytest.mark.parametrize(
    ("start_day", "first_week"),
    [
        (date(2026, 5, 4), NOT_MET),
        (date(2026, 5, 5), ("cannot_judge", "first_partial_week")),
        (date(2026, 5, 10), ("cannot_judge", "first_partial_week")),
        (None, NOT_MET),
    ],
)
def test_a_week_that_the_case_starts_in_is_excused(start_day, first_week):
    assert states(start_day=start_day, types={"start_day": pl.Date}) == [first_week, NOT_MET]


def test_of_several_excuses_the_first_is_told_and_a_met_week_needs_none():
    pauses = [{"first_day": date(2026, 5, 5), "last_day": date(2026, 5, 12)}]
    case = {"pauses": pauses, "start_day": date(2026, 5, 5), "intensity_kind": "rpe"}
    types = {"pauses": SPAN, "start_day": pl.Date}

    assert states(**case, types=types) == [
        ("cannot_judge", "first_partial_week"),
        ("cannot_judge", "paused"),
    ]
    assert states(**case, types=types, adherent=True) == [("met", None)] * 2


def test_a_week_under_a_rating_is_judged_by_its_log():
    log = pl.DataFrame(
        {"case": ["c"], "date": [date(2026, 5, 12)], "component": ["aerobic"]}
    ).with_columns(pl.lit(None, dtype).alias(name) for name, dtype in list(LOG.items())[3:])

    found = states(intensity_kind="rpe", valid_week=False, log=log)

    assert found == [("cannot_judge", "rpe_without_log"), NOT_MET]


def test_without_a_log_file_a_week_under_a_rating_cannot_be_judged():
    assert states(intensity_kind="rpe") == [("cannot_judge", "rpe_without_log")] * 2


@pytest.mark.parametrize(
    ("site_observed", "state"),
    [(True, NOT_MET), (None, ("cannot_judge", "gateway_outage"))],
)
def test_a_centre_is_observed_where_the_case_says_so(site_observed, state):
    found = states(mode="site", site_observed=site_observed, types={"site_observed": pl.Boolean})

    assert found == [state] * 2


def test_weeks_of_a_case_in_phases_are_judged_as_others():
    phase = pl.Struct({"phase": pl.String, "from_week": pl.Int64, "zone_lo": pl.Float64})
    case = {
        "intensity_kind": "rpe",
        "start_day": date(2026, 5, 4),
        "phases": [{"phase": "hold", "from_week": 2, "zone_lo": 11.0}],
    }

    found = states(**case, types={"start_day": pl.Date, "phases": pl.List(phase)})

    assert found == [("cannot_judge", "rpe_without_log")] * 2


def test_the_columns_of_section_13_stand_behind_those_of_section_12_with_a_state_only():
    weeks = pl.DataFrame({name: [0] for name in WEEK})

    plain = published_weeks(weeks).columns
    stated = published_weeks(weeks.with_columns(state=0, reason=0)).columns

    assert (plain[0], plain[-1], "version" in plain) == ("case", "adherence_pct", False)
    components = ["aerobic_pct", "resistance_pct", "balance_pct", "steps_pct"]
    assert stated == [*plain, "state", "reason", *components]

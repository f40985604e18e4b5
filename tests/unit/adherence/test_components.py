"""Logged sessions, resistance, balance and steps of a week, worked by hand (method, section 13)."""

from datetime import date

import polars as pl
import pytest

from adherence import method
from adherence.components import no_log
from adherence.weeks import recorded_spans
from config.components import COMPONENTS_FILE, Components, load_components
from config.conventions import load_conventions
from config.errors import Misconfigured
from tests.reference import core
from tests.unit.adherence.by_hand import CASE, at, blocks, minutes, only

MONDAY = date(2026, 5, 4)
RATING = {"intensity_kind": "rpe", "zone_lo": 12, "zone_hi": 14, "session_min": 30}
NO_AEROBIC = dict.fromkeys(
    ("zone_lo", "zone_hi", "session_min", "sessions_per_week", "weekly_min", "hr_max", "rest_hr")
)


def on(day, component="aerobic", length=30, rpe=13, **more):
    """A logged session on a day of May 2026; the 4th is a Monday."""
    said = {"component": component, "minutes": length, "rpe": rpe, "supervised_by": None}
    return {"case": "c", "date": date(2026, 5, day)} | said | more


def resistance(*days, length=None, **more):
    """Logged sessions of resistance, of no known length unless said."""
    return [on(day, "resistance", length, None, **more) for day in days]


def weeks(log, hr=(), steps=(), **case):
    """The weeks of one case with a session log."""
    samples, step_rows, cases = core.frames(hr, steps, [CASE | case])
    return core.score(samples, step_rows, cases, core.log_frame(log, cases))["weeks"]


def test_a_week_under_a_rating_by_hand():
    log = [
        on(4, length=30),
        on(5, length=24),  # 80 % of 30 are complete
        on(6, length=23),  # 77 % are not, but they are credit
        on(7, rpe=11.9),
        on(8, rpe=14),  # both ends of the range belong to it
        on(9, rpe=14.1),
        on(10, length=None),
        on(10, rpe=None),
    ]

    week = only(weeks(log, **RATING, sessions_per_week=5, weekly_min=150))

    expected = {
        "complete_sessions": 3,
        "session_days": 3,
        "bout_credit_min": 107.0,  # 30 + 24 + 23 + 30
        "attendance": 3 / 5,
        "rdi": 107 / 150,
        "volume": 107 / 150,
        "aerobic_pct": 60.0,
        "adherence_pct": 60.0,
        "adherent": False,
        "bouts": 0,
        "intensity": None,
        "duration": None,
        "wear_min": 0,
    }
    assert {name: week[name] for name in expected} == pytest.approx(expected)


def test_a_log_is_a_set_and_two_sessions_of_a_day_are_one_day_of_two_credits():
    log = [on(4), on(4), on(4, length=31)]

    week = only(weeks(log, **RATING, sessions_per_week=1, weekly_min=61))

    assert (week["complete_sessions"], week["session_days"]) == (2, 1)
    assert (week["bout_credit_min"], week["adherence_pct"]) == (61, 100)


@pytest.mark.parametrize(("adds_up", "session_days"), [(False, 0), (True, 1)])
def test_the_logged_sessions_of_a_day_may_add_up_to_one(adds_up, session_days):
    log = [on(4, length=12), on(4, length=12, rpe=12)]  # 24 of 30 min are 80 %

    week = only(weeks(log, **RATING, day_adds_up=adds_up))

    assert (week["session_days"], week["complete_sessions"]) == (session_days, 0)


def test_under_a_rating_heart_rate_credits_nothing_and_under_heart_rate_a_log_does_not():
    hr = blocks((900, 110))

    rated = only(weeks([], hr, **RATING))
    measured = only(weeks([on(4, rpe=50)], hr))

    assert (rated["bouts"], rated["bout_credit_min"], rated["wear_min"]) == (0, 0, 16)
    assert (measured["bouts"], measured["bout_credit_min"]) == (1, 15)


def test_a_session_is_judged_by_the_version_of_its_day_and_the_week_by_its_monday():
    # From Wednesday on 13 to 15 instead of 12 to 14, and 20 minutes a session.
    samples, steps, cases = core.frames([], [], [CASE | RATING] * 2)
    versions = cases.with_columns(
        zone_lo=pl.Series([12.0, 13.0]),
        zone_hi=pl.Series([14.0, 15.0]),
        session_min=pl.Series([30.0, 20.0]),
        sessions_per_week=pl.Series([4.0, 1.0]),
        weekly_min=pl.Series([100.0, 1.0]),
        from_day=pl.Series([None, date(2026, 5, 6)]),
        until_day=pl.Series([date(2026, 5, 6), date(2026, 5, 9)]),
    )
    log = [
        on(4, rpe=12, length=16),  # too short that day
        on(5, rpe=12),
        on(6, rpe=12),  # too light that day
        on(7, rpe=15, length=16),  # 80 % of 20 min
        on(9, rpe=14),  # under no version
    ]

    week = only(core.score(samples, steps, versions, core.log_frame(log, versions))["weeks"])

    assert (week["complete_sessions"], week["bout_credit_min"]) == (2, 16 + 30 + 16)
    assert (week["attendance"], week["volume"]) == (2 / 4, 62 / 100)


@pytest.mark.parametrize(
    ("rest_days", "days", "counted"),
    [
        (0, (4, 4, 5, 6), 3),  # one session a day
        (1, (4, 5, 6), 2),
        (1, (5, 6, 7, 8), 2),
        (2, (4, 6, 7, 10), 3),  # Monday, Thursday, Sunday
        (6, (4, 10), 1),
        (None, (4, 5), 2),
    ],
)
def test_sessions_of_resistance_count_with_the_rest_prescribed_between(rest_days, days, counted):
    asked = {"resistance_per_week": 4, "rest_days": rest_days}

    week = only(weeks(resistance(*days), **NO_AEROBIC, **asked))

    assert week["resistance_pct"] == 100 * counted / 4


def test_the_rest_between_is_asked_for_within_a_week():
    asked = {"resistance_per_week": 1, "rest_days": 1}

    listed = weeks(resistance(10, 11), **NO_AEROBIC, **asked)  # Sunday and the next Monday

    assert listed["resistance_pct"].to_list() == [100, 100]


@pytest.mark.parametrize(
    ("asked_min", "length", "counts"),
    [
        (None, None, True),
        (None, 1, True),
        (None, 0, False),
        (20, 16, True),
        (20, 15.9, False),
        (20, None, False),
        (16.1, 12.88, True),  # 80 % of a decimal, to the millisecond
        (float("nan"), float("nan"), True),
    ],
)
@pytest.mark.parametrize("component", ["resistance", "balance"])
def test_a_session_counts_from_80_percent_of_its_minutes(component, asked_min, length, counts):
    asked = {f"{component}_per_week": 1, f"{component}_min": asked_min}

    week = only(weeks([on(4, component, length, None)], **NO_AEROBIC, **asked))

    assert week[f"{component}_pct"] == 100 * counts


def test_rest_is_asked_for_between_sessions_of_resistance_alone():
    asked = {"resistance_per_week": 2, "balance_per_week": 2, "rest_days": 1}
    log = resistance(4, 5) + [on(day, "balance", None, None) for day in (5, 6)]

    week = only(weeks(log, **NO_AEROBIC, **asked))

    assert (week["resistance_pct"], week["balance_pct"]) == (50, 100)


@pytest.mark.parametrize(
    ("enough_days", "adherent"), [(0, False), (5, False), (6, True), (7, True)]
)
def test_steps_are_asked_for_every_day_of_a_week(enough_days, adherent):
    counts = [6000] * enough_days + [5999] * (7 - enough_days)
    steps = [
        row
        for day, count in enumerate(counts, start=4)
        for row in minutes(count, start=f"2026-05-{day:02} 09:00:00")
    ]

    week = only(weeks([], steps=steps, **NO_AEROBIC, steps_per_day=6000))

    assert week["steps_pct"] == pytest.approx(100 * enough_days / 7)
    assert week["adherent"] is adherent  # 6 of 7 days are 86 %, 5 are 71 %


def test_the_week_is_the_lowest_of_what_is_prescribed_and_all_are_shown():
    log = [on(4, "balance", None, None), *resistance(4, 6)]
    asked = {"resistance_per_week": 3, "balance_per_week": 2}

    week = only(weeks(log, blocks((900, 110)), **asked))

    pct = [week[f"{name}_pct"] for name in ("aerobic", "resistance", "balance", "steps")]
    assert pct == pytest.approx([100, 200 / 3, 50, None])
    assert (week["adherence_pct"], week["adherent"]) == (50, False)


@pytest.mark.parametrize(
    ("per_week", "adherent"), [(2.5, True), (2.51, False)]
)  # 2 of 2.5 are 80 %
def test_every_component_must_reach_80_percent(per_week, adherent):
    week = only(weeks(resistance(4, 6), blocks((900, 110)), resistance_per_week=per_week))

    assert (week["aerobic_pct"], week["adherent"]) == (100, adherent)


def test_more_than_asked_for_makes_no_more_than_100_percent():
    week = only(weeks(resistance(4, 6, 8), **NO_AEROBIC, resistance_per_week=2))

    assert (week["resistance_pct"], week["adherence_pct"]) == (100, 100)


def test_without_aerobic_work_it_has_no_figure_and_no_say():
    week = only(weeks(resistance(4), at((0, 110)), **NO_AEROBIC, resistance_per_week=1))

    aerobic = ("attendance", "rdi", "volume", "aerobic_pct", "intensity", "duration")
    assert [week[name] for name in aerobic] == [None] * len(aerobic)
    assert (week["adherence_pct"], week["adherent"]) == (100, True)


def test_a_version_that_prescribes_nothing_is_never_adherent():
    week = only(weeks([], at((0, 110)), **NO_AEROBIC))

    assert (week["adherent"], week["adherence_pct"]) == (False, None)


def test_weeks_are_listed_for_what_is_counted():
    days = pl.LazyFrame(
        {
            "case": ["hr", "steps", "hr"],
            "date": [date(2026, 5, 5), date(2026, 5, 6), date(2026, 5, 20)],
            "wear_ms": [1, 0, 0],
        }
    )
    cases = core.frames(
        [],
        [],
        [
            CASE | {"case": "hr"},
            CASE | {"case": "steps", "steps_per_day": 1},
            CASE | {"case": "log", "balance_per_week": 1},
        ],
    )[2]
    log = pl.concat(
        [core.log_frame([on(day, case=case)], cases) for case in ("hr", "log") for day in (6, 12)]
    )

    spans = recorded_spans(days, cases, log).sort("case").collect()
    held = recorded_spans(days).collect()

    assert spans.rows() == [
        ("hr", date(2026, 5, 5), date(2026, 5, 5)),
        ("log", date(2026, 5, 6), date(2026, 5, 12)),
        ("steps", date(2026, 5, 6), date(2026, 5, 6)),
    ]
    assert held.rows() == [("hr", date(2026, 5, 5), date(2026, 5, 5))]


BY_LOG = NO_AEROBIC | {"resistance_per_week": 1}


@pytest.mark.parametrize(
    ("case", "logged", "excuse", "observed"),
    [
        (RATING, False, "rpe_without_log", False),
        (RATING, True, None, True),
        (RATING | {"steps_per_day": 1}, True, None, False),  # steps are seen by the band
        (RATING | {"steps_per_day": 1}, False, "rpe_without_log", False),
        (BY_LOG, False, None, False),
        (BY_LOG, True, None, True),
        ({"resistance_per_week": 1}, True, None, False),  # so is heart rate
        ({}, True, None, False),
    ],
)
def test_what_the_log_says_of_the_state_of_a_week(case, logged, excuse, observed):
    cases = core.frames([], [], [CASE | case])[2]
    log = core.log_frame([on(10 if logged else 11, "balance")], cases)  # that week or the next
    spans = pl.LazyFrame({"case": ["c"], "first_day": [MONDAY], "last_day": [MONDAY]})

    facts = only(method.log_facts(cases, spans, log).collect())

    assert (facts["week"], facts["log_excuse"], facts["log_observed"]) == (MONDAY, excuse, observed)


def test_steps_asked_for_must_be_given_with_the_days():
    samples, steps, cases = core.frames(at((0, 95)), [], [CASE | {"steps_per_day": 1}])
    found = core.score(samples, steps, cases, no_log(pl.String()))
    spans = pl.LazyFrame({"case": ["c"], "first_day": [MONDAY], "last_day": [MONDAY]})
    c = load_conventions()

    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="steps"):
        method.weeks(
            found["days"].drop("steps").lazy(), found["bouts"].lazy(), cases, spans, c
        ).collect()


def test_every_number_of_the_components_has_its_source():
    numbers = set(Components.model_fields) - {"version", "sources"}

    assert set(load_components().sources) == numbers


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[logged_from_pct]", "[logged_from]"),
        ("value = 7\n", "value = 8\n"),
        ("value = 80", 'value = "80"'),
        ("source = ", "from = "),
        ("version", "= version"),
    ],
)
def test_a_components_file_with_a_fault_is_refused(tmp_path, old, new):
    path = tmp_path / "components.toml"
    path.write_text(COMPONENTS_FILE.read_text("utf-8").replace(old, new), "utf-8")

    with pytest.raises(Misconfigured, match=r"components\.toml"):
        load_components(path)


def test_the_numbers_of_the_components_decide():
    numbers = load_components().model_copy(update={"logged_from_pct": 50, "steps_days_per_week": 2})
    case = CASE | {"resistance_per_week": 1, "resistance_min": 20, "steps_per_day": 5}
    samples, steps, cases = core.frames(at((0, 95)), minutes(5), [case])
    found = core.score(samples, steps, cases)
    log = core.log_frame(resistance(4, length=10), cases)
    spans = recorded_spans(found["days"].lazy())
    args = (found["days"].lazy(), found["bouts"].lazy(), cases, spans, load_conventions(), log)

    ours, house = (only(method.weeks(*args, n).collect()) for n in (numbers, None))

    assert (ours["resistance_pct"], ours["steps_pct"]) == (100, 50)
    assert (house["resistance_pct"], house["steps_pct"]) == (0, pytest.approx(100 / 7))

"""Numbers on an edge of a rule, or a little beside it: the core against the plain method."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from adherence.whole import whole
from config.conventions import load_conventions
from tests.property.adherence.recordings import DAY, MINUTE, MONDAY
from tests.reference import core, plain_method, plain_prescription

BASE = {
    "case": "c",
    "person": "a",
    "age": 50,
    "rest_hr": 60,
    "hr_max": 160,
    "zone_lo": 40,
    "zone_hi": 60,
    "session_min": 20,
    "sessions_per_week": 1,
    "weekly_min": 20,
}
MORNING = MONDAY + 9 * 60 * MINUTE
FIRST_DAY = date(2026, 5, 4)
LOW = 85  # below the zone, and near enough to it that nothing is a spike


def blocks(*blocks_ms: tuple[int, float], at: int = MORNING, pace_ms: int = MINUTE) -> list[tuple]:
    """Heart rate that lasts exactly so many ms at each level; at level 0 nothing is heard."""
    rows = []
    for length_ms, bpm in blocks_ms:
        if bpm:
            rows += [("a", at + ms, bpm) for ms in range(0, length_ms, pace_ms)]
            rows.append(("a", at + length_ms - 1, bpm))
        at += length_ms
    return [*rows, ("a", at, LOW)]


def on_and_off(on_ms: int, off_ms: int, times: int) -> list[tuple[int, float]]:
    return [(on_ms, 110), (off_ms, LOW)] * (times - 1) + [(on_ms, 110)]


def twins(*bpms: tuple[float, ...]) -> list[tuple]:
    """Eighty minutes of these in turn, one a minute; several at one time are twins."""
    return [
        ("a", MORNING + minute * MINUTE, bpm)
        for minute in range(80)
        for bpm in bpms[minute % len(bpms)]
    ]


def paced(pace_ms: int, *bpms: float, at: int = MORNING) -> list[tuple]:
    return [("a", at + number * pace_ms, bpm) for number, bpm in enumerate(bpms)]


def every_day(days: int, *, length_ms: int, bpm: float = 110) -> list[tuple]:
    return [row for day in range(days) for row in blocks((length_ms, bpm), at=MORNING + day * DAY)]


SHAPES = {
    "effort of 80 % of the span": blocks(*on_and_off(320_000, 100_000, 5)),
    "effort of a little less": blocks(*on_and_off(319_000, 101_250, 5)),
    "effort of a little more": blocks(*on_and_off(321_000, 98_750, 5)),
    "480 s in the best ten minutes": blocks(*on_and_off(240_000, 120_000, 4)),
    "1 ms less in the best ten minutes": blocks(*on_and_off(239_999, 120_000, 4)),
    "ten minutes of effort": blocks((600_000, 110)),
    "1 ms less of effort": blocks((599_999, 110)),
    "80 % of a session": blocks((960_000, 110)),
    "1 ms less of a session": blocks((959_999, 110)),
    "79.2 % of a session": blocks((951_000, 110)),
    "80.7 % of a session": blocks((969_000, 110)),
    "two parts of a session": blocks((600_000, 110), (121_000, LOW), (620_000, 110)),
    "two parts of less than one": blocks((600_000, 110), (121_000, LOW), (359_000, 110)),
    "two parts that add up to 80 %": blocks((720_000, 110), (121_000, LOW), (720_000, 110)),
    "two parts that add up to less": blocks((720_000, 110), (121_000, LOW), (710_000, 110)),
    "two parts that add up to more": blocks((720_000, 110), (121_000, LOW), (730_000, 110)),
    "an end 1 ms into a minute": blocks((20 * MINUTE + 1, 110)),
    "an end on a minute": blocks((20 * MINUTE, 110)),
    "twice two minutes of a call": blocks(
        (600_000, 110), (120_000, LOW), (600_000, 110), (120_001, LOW), (600_000, 110)
    ),
    "effort over two midnights": blocks((30 * 60 * MINUTE, 110), at=MONDAY - MINUTE),
    "effort held over two midnights": blocks((30 * 60 * MINUTE, 110), at=MONDAY - 90_000),
    "twice two minutes of silence": blocks(
        (600_000, 110), (179_999, 0), (600_000, 110), (180_000, 0), (600_000, 110)
    ),
    "the whole of a day at one level": blocks((24 * 60 * MINUTE, 110), at=MONDAY),
    "220 and 30 without a twin": blocks((20 * MINUTE, 30), at=MORNING)[:-1]
    + blocks((20 * MINUTE, 220), at=MORNING + DAY)[:-1]
    + blocks((20 * MINUTE, 30), at=MORNING + 2 * DAY)[:-1],
    "a level of its own for each edge": blocks(
        *[(660_000, bpm) for bpm in (99, 100, 105, 119, 120, 130, 149, 150, 160)]
    ),
    "a pair of twins below the zone": twins((110,), (90, 91), (110,), (110,)),
    "twins alone, below the zone and in it": twins((110, 111), (98, 99), (110, 111), (98, 99)),
    "a hold to midnight": [("a", MONDAY - MINUTE, 110)],
    "a hold 1 ms over midnight": [("a", MONDAY - MINUTE + 1, 110)],
    "a leap among samples 30 s apart": paced(30_000, 60, 60, 120, 60, 60),
    "a leap among samples 30.001 s apart": paced(30_001, 60, 60, 120, 60, 60),
    "30 above the others": paced(10_000, 60, 60, 90, 60, 60),
    "30.5 above the others": paced(10_000, 60, 60, 90.5, 60, 60),
    "two leaps within four samples": paced(10_000, 60, 60, 121, 121),
    "30 s of a minute": paced(5 * MINUTE, 110, 110, at=MORNING + 30_000),
    "1 ms less of a minute": paced(5 * MINUTE, 110, 110, at=MORNING + 30_001),
    "four valid days": every_day(4, length_ms=600 * MINUTE),
    "three, and a day 1 ms short": every_day(3, length_ms=600 * MINUTE)
    + blocks((600 * MINUTE - 60_001, 70), at=MORNING + 3 * DAY)[:-1],
    "four sessions of five": every_day(4, length_ms=960_000),
    "three sessions of five": every_day(3, length_ms=960_000),
}
CASES = {
    "one zone": BASE,
    "above is the lower part": BASE | {"zone_hi": 45},
    "added up": BASE | {"day_adds_up": True, "session_min": 25},
    "added up to 30 min": BASE | {"day_adds_up": True, "session_min": 30},
    "ten minutes are a session": BASE | {"session_min": 10},
    "so many steps": BASE | {"steps_per_day": 360},
    "1 step more": BASE | {"steps_per_day": 361},
    "five a week": BASE | {"sessions_per_week": 5, "weekly_min": 80},
    "75 min a week": BASE | {"sessions_per_week": 4, "weekly_min": 80, "session_min": 16.1},
    "of the maximum": BASE | {"intensity_kind": "hr_max", "zone_lo": 68.75, "zone_hi": 75},
    "ceiling on the edge": BASE | {"ceiling_bpm": 100},
    "ceiling below the edge": BASE | {"ceiling_bpm": 99.5},
    "ceiling above the edge": BASE | {"ceiling_bpm": 100.1},
    "ceiling above the edge of the maximum": BASE
    | {"intensity_kind": "hr_max", "zone_lo": 62.5, "zone_hi": 75, "ceiling_bpm": 100.1},
    "no ages, a rating": BASE
    | {"intensity_kind": "rpe", "zone_lo": 11, "zone_hi": 14, "age": None, "hr_max": None},
    "a rating, no more than at rest": BASE
    | {"intensity_kind": "rpe", "zone_lo": 11, "zone_hi": 14, "hr_max": 60},
    "rest without a maximum": BASE
    | {"zone_lo": None, "zone_hi": None, "session_min": None, "sessions_per_week": None}
    | {"weekly_min": None, "balance_per_week": 2, "age": None, "hr_max": None},
}


def everybody() -> tuple[list[tuple], list[tuple], list[dict[str, Any]]]:
    """Each shape as a person of its own, with every case, and steps in each of its minutes."""
    hr, steps, cases = [], [], []
    for number, rows in enumerate(SHAPES.values()):
        person = f"p{number:02}"
        hr += [(person, at, bpm) for _, at, bpm in rows]
        minutes = sorted({at // MINUTE for _, at, _ in rows})
        steps += [
            (person, minute * MINUTE, (0, 60, 59, 110, 0, 0, 0, 0, 0)[minute % 9])
            for minute in minutes
        ]
        cases += [
            case | {"case": f"{person}-{name}", "person": person} for name, case in CASES.items()
        ]
    return hr, steps, cases


def assert_agree(hr: list[tuple], steps: list[tuple], cases: list[dict], log: list[dict]) -> None:
    samples, step_rows, frame = core.frames(hr, steps, cases)
    ours = core.score(samples, step_rows, frame, core.log_frame(log, frame))
    for name, theirs in zip(core.RESULTS, plain_method.score(hr, steps, cases, log), strict=True):
        assert core.differences(ours[name], theirs) == []


def test_every_shape_under_every_case_is_as_in_the_plain_method():
    assert_agree(*everybody(), [])


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_alone_is_as_in_the_plain_method(shape):
    rows = SHAPES[shape]
    first, last = rows[0][1] // MINUTE, rows[-1][1] // MINUTE
    steps = [("a", minute * MINUTE, 110) for minute in range(first, min(last, first + 90) + 2)]

    assert_agree(rows, steps, [BASE, CASES["five a week"] | {"case": "five"}], [])


ON_THE_EDGE = [
    ({"zone_lo": 30, "rest_hr": 53.2, "hr_max": 189.2}, 94),
    ({"zone_lo": 85, "rest_hr": 54.3, "hr_max": 156.3}, 141),
    ({"zone_lo": 30.6, "rest_hr": 65.4, "hr_max": 165.4}, 96),
    ({"zone_lo": 34.1, "rest_hr": 68.9, "hr_max": 168.9}, 103),
    ({"intensity_kind": "hr_max", "zone_lo": 57.6, "hr_max": 187.5}, 108),
    ({"intensity_kind": "hr_max", "zone_lo": 78.4, "hr_max": 187.5}, 147),
    ({"intensity_kind": "bpm", "zone_lo": 107}, 107),
    ({"intensity_kind": "bpm", "zone_lo": 128.2}, 128.2),
    ({"zone_lo": 60, "rest_hr": 72, "hr_max": 184}, 139.2),
    ({"zone_lo": 62.5, "rest_hr": 53.2, "hr_max": 189.2}, 138.2),
]
"""Figures with decimals, and the heart rate that they put on the zone's lower edge."""


@pytest.mark.parametrize(("figures", "bpm"), ON_THE_EDGE)
def test_on_the_edge_of_a_zone_with_decimals_a_heart_rate_is_in_it(figures, bpm):
    case = BASE | {"zone_hi": 200 if figures.get("intensity_kind") == "bpm" else 99} | figures
    rows = blocks((20 * MINUTE, bpm), (20 * MINUTE, bpm - 0.5))[:-1]
    steps = [("a", MORNING + minute * MINUTE, 0) for minute in range(40)]

    assert_agree(rows, steps, [case], [])
    (day,) = plain_method.score(rows, steps, [case])[1]
    assert (day["credit_ms"], day["still_min"]) == (20 * MINUTE, 16)


CEILINGS = [
    ({"ceiling_bpm": 110}, 110),
    ({"ceiling_bpm": 110.5}, 110.5),
    ({"ceiling_bpm": 128.2, "zone_hi": 85}, 128.2),
    ({"ceiling_bpm": 120.5}, 120),
    ({"ceiling_bpm": 120}, 120),
    ({"intensity_kind": "hr_max", "zone_lo": 50, "zone_hi": 90, "ceiling_bpm": 118.3}, 118.3),
    ({"intensity_kind": "bpm", "zone_lo": 90, "zone_hi": 150, "ceiling_bpm": 139.2}, 139.2),
]
"""A ceiling, and where credit ends: at it or at the zone's upper end, whichever is lower."""


@pytest.mark.parametrize(("asked", "ends_bpm"), CEILINGS)
def test_credit_ends_at_the_ceiling_or_at_the_zone_whichever_is_lower(asked, ends_bpm):
    case = BASE | asked
    rows = blocks((20 * MINUTE, ends_bpm - 0.1), (20 * MINUTE, ends_bpm))[:-1]

    assert_agree(rows, [], [case], [])
    ours = core.score(*core.frames(rows, [], [case]))
    (day,) = ours["days"].select("credit_ms", "above_ms").rows()
    assert day[0] == 20 * MINUTE
    assert day[1] >= 20 * MINUTE
    (bout,) = ours["bouts"].select("credit_ms", "effort_ms").rows()
    assert bout[0] == day[0]
    assert bout[1] == sum(day)


def test_nothing_is_credited_at_the_ceiling_though_it_lies_in_the_zone():
    case = BASE | {"zone_hi": 85, "ceiling_bpm": 120}
    rows = blocks((20 * MINUTE, 135))

    assert_agree(rows, [], [case], [])
    weeks = core.score(*core.frames(rows, [], [case]))["weeks"]
    assert weeks.select("bout_credit_min", "complete_sessions", "adherence_pct").rows() == [
        (0.0, 0, 0.0)
    ]


def test_a_ceiling_says_nothing_to_a_rating_of_exertion():
    case = CASES["no ages, a rating"] | {"ceiling_bpm": 100}

    assert_agree(SHAPES["a level of its own for each edge"], [], [case], [])


@pytest.mark.parametrize(("median", "leap"), [(98.3, 128.3), (100.3, 130.3), (102.8, 132.8)])
def test_a_leap_of_30_with_decimals_is_no_spike(median, leap):
    rows = paced(10_000, median, median, leap, median, median)

    assert_agree(rows, [], [BASE], [])
    assert core.kept(rows).height == len(rows)


FIRST_MS, BEHIND_MS = -62_134_992_000_000, 253_401_696_000_000
"""0001-01-08 and 9999-12-25, both 00:00 UTC: a week within the calendar."""
NO_TIMES = (2**63 - 1, BEHIND_MS, -(2**63), FIRST_MS - 1)


@pytest.mark.parametrize("at", NO_TIMES)
def test_a_time_that_no_calendar_has_is_no_sample_and_no_step(at):
    rows, steps = SHAPES["ten minutes of effort"], [("a", MORNING, 110)]

    found = core.score(*core.frames([*rows, ("a", at, 110)], [*steps, ("a", at, 110)], [BASE]))

    alone = core.score(*core.frames(rows, steps, [BASE]))
    for name in core.RESULTS[1:]:
        assert found[name].equals(alone[name]), name
    (counts,) = found["people"].select("n_in", "n_kept").rows()
    assert counts == (len(rows) + 1, len(rows))


@pytest.mark.parametrize("at", [FIRST_MS, BEHIND_MS - 1])
def test_the_first_and_the_last_time_of_the_calendar_are_scored(at):
    assert_agree([("a", at, 110)], [("a", at, 110)], [BASE], [])


@pytest.mark.parametrize("minutes", [4, 5, 6])
def test_minutes_of_effort_without_a_step_are_still_from_the_fifth_on(minutes):
    rows = blocks((10 * MINUTE, 110))
    steps = [("a", MORNING + minute * MINUTE, 0) for minute in range(minutes)]

    assert_agree(rows, steps, [BASE], [])
    days = plain_method.score(rows, steps, [BASE])[1]
    assert days[0]["still_min"] == max(minutes - 4, 0)


QUIET = {
    "600 minutes, the 30th lowest 60.25": [60.25] * 30 + [60.75] * 570,
    "600 minutes, the 30th lowest 60.75": [60.25] * 29 + [60.75] * 571,
    "599 minutes": [60.25] * 599,
    "601 minutes, the 31st lowest 60.75": [60.25] * 30 + [60.75] * 571,
    "a pair of twins in each minute": [(60, 62.5)] * 600,
    "one pair of twins": [(60, 62)] + [60.5] * 29 + [62] * 570,
    "twins alone among lower ones": [60.25] * 28 + [(60, 63), (60, 63)] + [62] * 570,
}


@pytest.mark.parametrize("minutes", QUIET)
def test_rest_from_a_day_of_minutes_is_the_plain_methods(minutes):
    rows = [
        ("a", MONDAY + minute * MINUTE + 999, bpm)
        for minute, values in enumerate(QUIET[minutes])
        for bpm in (values if isinstance(values, tuple) else (values,))
    ]

    assert_agree(rows, [], [BASE | {"rest_hr": None}], [])


@pytest.mark.parametrize("bpms", [(60, 61, 75), (75, 60), (60, 61), (60, 61, 61, 75)])
def test_rest_is_the_middle_of_the_days_half_up(bpms):
    rows = [
        ("a", MONDAY + day * DAY + minute * MINUTE, bpm)
        for day, bpm in enumerate(bpms)
        for minute in range(600)
    ]

    assert_agree(rows, [], [BASE | {"rest_hr": None}], [])


def test_what_is_not_a_number_is_not_given():
    nan = float("nan")
    cases = [
        RATED,
        RATED | {"case": "d", "resistance_min": nan, "steps_per_day": nan, "rest_hr": nan},
        BASE | {"case": "e", "hr_max": nan, "ceiling_bpm": nan},
        BASE | {"case": "f", "hr_max": nan, "age": nan},
        BASE | {"case": "g", "rest_hr": nan},
    ]
    log = [
        logged(day, part, minutes, rpe) | {"case": case}
        for case in ("c", "d")
        for day, minutes, rpe in ((0, nan, 12), (1, 30, nan), (2, 30, 12))
        for part in ("aerobic", "resistance", "balance")
    ]

    assert_agree(SHAPES["ten minutes of effort"], [], cases, log)


DISTANCES_MS = [0, 1, 30_000, DAY // 2, DAY, 2 * DAY]


@pytest.mark.parametrize("apart_ms", [sign * way for way in DISTANCES_MS for sign in (1, -1)])
def test_no_window_reaches_from_one_person_to_the_next(apart_ms):
    one = [("a", MORNING + ms, 60) for ms in (0, 10_000, 20_000, 20_000 + DAY)]
    other = [("b", MORNING + 20_000 + apart_ms + ms, 150) for ms in (0, 10_000)]
    third = [("c", MORNING + 30_000 + 2 * apart_ms, 60)]

    kept = core.kept([*one, *other, *third])

    assert kept.height == 7


def test_people_with_holes_of_days_do_not_reach_into_each_other():
    hr, steps, cases = [], [], []
    for number, person in enumerate(("a", "b", "c", "d")):
        for day in (0, 1, 2 + 3 * number, 12):
            at = MORNING + (day + number) * DAY
            hr += [(person, *row[1:]) for row in blocks((900_000, 110), at=at)]
            steps += [(person, at + minute * MINUTE, 60 + day + number) for minute in range(-1, 17)]
        hr.append((person, MORNING + 20 * DAY, 110))
        steps.append((person, MORNING + 23 * DAY, 110))
        cases.append(BASE | {"case": person, "person": person})

    assert_agree(hr, steps, cases, [])


def test_an_empty_version_does_not_judge_a_week():
    days = [FIRST_DAY + timedelta(days=number) for number in range(4)]
    rows = [
        BASE | {"version": 1, "from_day": days[2], "until_day": days[2], "weekly_min": 99},
        BASE | {"version": 2, "from_day": days[3]},
    ]

    assert_agree(every_day(9, length_ms=960_000), [], rows, [])


@pytest.mark.parametrize("days_later", [-1, 0, 1, 2])
@pytest.mark.parametrize("held", ["effort over two midnights", "effort held over two midnights"])
def test_a_version_that_ends_within_long_effort_ends_its_effort_there(held, days_later):
    change = FIRST_DAY + timedelta(days=days_later)
    rows = [
        BASE | {"version": 1, "until_day": change},
        BASE | {"version": 2, "from_day": change, "zone_lo": 45, "session_min": 30},
        BASE | {"case": "d", "version": 1, "from_day": change},
        BASE | {"case": "e", "version": 1, "until_day": change, "from_day": FIRST_DAY},
    ]

    assert_agree(SHAPES[held], [], rows, [])


def test_a_week_is_judged_by_what_holds_on_its_monday_or_begins_first_in_it():
    monday = FIRST_DAY
    spans = {
        "ends on the monday": (None, monday),
        "ends the day after": (None, monday + timedelta(days=1)),
        "begins on the monday": (monday, None),
        "begins on the sunday": (monday + timedelta(days=6), None),
        "begins on the next monday": (monday + timedelta(days=7), None),
        "no day": (monday + timedelta(days=2), monday + timedelta(days=2)),
        "one day": (monday + timedelta(days=2), monday + timedelta(days=3)),
    }
    rows = [
        BASE | {"case": name, "version": 1, "from_day": first, "until_day": behind}
        for name, (first, behind) in spans.items()
    ]

    assert_agree(every_day(9, length_ms=960_000), [], rows, [])


def test_a_week_that_asks_for_balance_alone_has_no_session_days_by_adding_up():
    wednesday = FIRST_DAY + timedelta(days=2)
    balance = CASES["rest without a maximum"] | {"age": 50, "day_adds_up": True}
    rows = [balance | {"until_day": wednesday}, BASE | {"from_day": wednesday}]
    log = [logged(0, "balance", None)]

    assert_agree(blocks((700_000, 110), at=MORNING + 3 * DAY), [], rows, log)


@pytest.mark.parametrize("figures", [{"hr_max": None}, {"rest_hr": None}, {}])
def test_without_a_maximum_or_a_resting_heart_rate_no_time_is_in_a_zone(figures):
    case = RATED | {"hr_max": 160} | figures
    rows, steps = SHAPES["a level of its own for each edge"], [("a", MORNING, 110)]

    found = core.score_frozen(*core.frames(rows, steps, [case]))

    kept = plain_method.without_spikes(plain_method.samples_of([row[1:] for row in rows]))
    version = plain_prescription.Version(case, case["rest_hr"], case["hr_max"])
    plain = plain_method.results_of([version], kept, [row[1:] for row in steps], [])
    for name, theirs in zip(core.RESULTS[1:], plain, strict=True):
        assert core.differences(found[name], theirs) == []


def logged(day: int, component: str, minutes: float | None, rpe: float | None = None) -> dict:
    return {
        "case": "c",
        "date": FIRST_DAY + timedelta(days=day),
        "component": component,
        "minutes": minutes,
        "rpe": rpe,
        "supervised_by": None,
    }


RATED = CASES["no ages, a rating"] | {
    "resistance_per_week": 4,
    "resistance_min": 20,
    "balance_per_week": 4,
    "balance_min": 20,
}


@pytest.mark.parametrize("rest_days", [None, 0, 1, 2, 6])
@pytest.mark.parametrize(
    "days", [(0, 1), (0, 1, 2), (0, 2, 4, 6), (1, 3, 6), (0, 1, 3, 5, 6), (6, 7)]
)
def test_days_of_resistance_count_so_far_apart_and_days_of_balance_any(days, rest_days):
    case = RATED | {"rest_days": rest_days, "day_adds_up": None}
    log = [logged(day, part, 16) for day in days for part in ("resistance", "balance")]

    assert_agree(SHAPES["ten minutes of effort"], [], [case], log)


@pytest.mark.parametrize("minutes", [None, -1, 0, 0.001, 15.84, 15.99, 16, 16.16, 20])
@pytest.mark.parametrize("rpe", [None, 10.9, 11, 14, 14.1])
def test_a_logged_session_counts_from_80_percent_and_within_the_rating(minutes, rpe):
    cases = [RATED, RATED | {"case": "d", "day_adds_up": True, "session_min": 10}]
    log = [logged(0, part, minutes, rpe) for part in ("aerobic", "resistance", "balance")]
    log += [one | {"case": "d"} for one in log] + [logged(1, "aerobic", 8, 12) | {"case": "d"}]

    assert_agree(SHAPES["ten minutes of effort"], [], cases, log)


def test_of_people_without_a_case_nothing_is_held():
    samples, steps, cases = (
        frame.collect() for frame in core.frames(SHAPES["ten minutes of effort"], [], [BASE])
    )
    stranger = samples.with_columns(person=pl.lit("stranger"))

    done = whole(pl.concat([samples, stranger]), steps, cases, load_conventions())

    assert done.held["person"].unique().to_list() == ["a"]


def plain_bouts(shape: str) -> list[tuple[bool, bool]]:
    """Each bout of a shape: sparse, complete."""
    bouts = plain_method.score(SHAPES[shape], [], [BASE])[2]
    return [(bout["sparse"], bout["complete"]) for bout in bouts]


@pytest.mark.parametrize(
    ("shape", "bouts"),
    [
        ("effort of 80 % of the span", [(False, True)]),
        ("effort of a little less", [(True, True)]),
        ("480 s in the best ten minutes", [(True, True)]),
        ("1 ms less in the best ten minutes", []),
        ("ten minutes of effort", [(False, False)]),
        ("1 ms less of effort", []),
        ("80 % of a session", [(False, True)]),
        ("1 ms less of a session", [(False, False)]),
        ("two parts that add up to 80 %", [(False, False), (False, False)]),
        ("two parts of a session", [(False, False), (False, False)]),
        ("twice two minutes of a call", [(False, True), (False, False)]),
        ("twice two minutes of silence", [(False, True), (False, False)]),
        ("effort over two midnights", [(False, True)]),
    ],
)
def test_the_shapes_lie_where_their_names_say(shape, bouts):
    assert plain_bouts(shape) == bouts

"""Made-up prescriptions beyond one zone: kinds, versions, phases, components, logged sessions."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from tests.property.adherence.recordings import MONDAY as MONDAY_MS
from tests.property.adherence.recordings import cases, exercise_weeks, one_person

MONDAY = date(2026, 5, 4)
"""The local day that MONDAY_MS begins."""
assert (MONDAY - date(1970, 1, 1)).days * 86_400_000 == MONDAY_MS + 8 * 3_600_000

# Edges about the heart rates of the recordings, in each kind's own unit; decimals as on a form.
EDGES = {
    "hrr": (30, 40, 45.5, 50, 57.6, 62.5, 90),
    "hr_max": (50, 57.5, 62.5, 64, 68.4, 75, 96),
    "bpm": (80, 89.5, 97.2, 100, 109.6, 120, 128.2, 138.2, 150),
    "rpe": (6, 11, 12, 12.5, 14, 17, 19),
}
AEROBIC = ("zone_lo", "zone_hi", "session_min", "sessions_per_week", "weekly_min")
KINDS = (*EDGES, None)
PER_WEEK = (None, None, 1, 2, 2.5, 3, 7)


@st.composite
def aerobic(draw: st.DrawFn, kind: str | None) -> dict[str, Any]:
    """The five numbers of a zone in that kind."""
    edges = EDGES[kind or "hrr"]
    lo = draw(st.sampled_from(edges[:-1]))
    hi = draw(st.sampled_from([edge for edge in edges if edge > lo] + [lo + 0.5]))
    numbers = {
        "session_min": draw(st.sampled_from((1, 12, 12.5, 16.1, 30))),
        "sessions_per_week": draw(st.sampled_from((1, 2, 2.5, 5))),
        "weekly_min": draw(st.sampled_from((10, 25, 33.2, 150))),
    }
    return {"intensity_kind": kind, "zone_lo": lo, "zone_hi": hi} | numbers


@st.composite
def components(draw: st.DrawFn) -> dict[str, Any]:
    """What is asked for beside the aerobic part; often nothing."""
    return {
        "day_adds_up": draw(st.sampled_from((None, False, True))),
        "ceiling_bpm": draw(st.sampled_from((*[None] * 5, 97.2, 109.6, 120, 128.2, 185))),
        "resistance_per_week": draw(st.sampled_from(PER_WEEK)),
        "resistance_min": draw(st.sampled_from((None, 20, 16.1))),
        "rest_days": draw(st.sampled_from((None, None, 0, 1, 2, 6))),
        "balance_per_week": draw(st.sampled_from(PER_WEEK)),
        "balance_min": draw(st.sampled_from((None, 10))),
        "steps_per_day": draw(st.sampled_from((None, None, 1, 250, 6000.5))),
    }


@st.composite
def prescriptions(draw: st.DrawFn, case: Any, person: Any) -> dict[str, Any]:
    """One row of a case: any kind, any components, with an aerobic part or without."""
    asked = draw(aerobic(draw(st.sampled_from(KINDS))))
    if draw(st.integers(0, 5)) == 0:
        asked = dict.fromkeys(AEROBIC) | {"intensity_kind": draw(st.sampled_from(KINDS))}
    figures = {
        "rest_hr": draw(st.sampled_from((None, 60, 60, 60, 53.2, 72))),
        "hr_max": draw(st.sampled_from((None, 160, 160, 160, 184, 189.2, 171.5, 60))),
    }
    return draw(cases(case, person)) | asked | draw(components()) | figures


days_about = st.integers(-9, 30).map(lambda days: MONDAY + timedelta(days=days))
"""A few weeks about the recordings' own, from before them on."""


days_close = st.integers(0, 9).map(lambda days: MONDAY + timedelta(days=days))
"""So few that sessions often lie on days next to each other."""


@st.composite
def versions(draw: st.DrawFn, row: dict[str, Any], *, own_figures: bool) -> list[dict[str, Any]]:
    """Rows of one case, one after another, with holes between or without; open at an end or not."""
    bounds = sorted(draw(st.sets(days_about, min_size=1, max_size=5)))
    spans = [(None, bounds[0]), *pairwise(bounds), (bounds[-1], None)]
    kept = draw(st.sets(st.sampled_from(range(len(spans))), min_size=1))
    rows = []
    for number in sorted(kept):
        asked = draw(prescriptions(row["case"], row["person"]))
        figures = {name: row[name] for name in ("age", "beta_blocker", "rest_hr", "hr_max")}
        if own_figures:
            figures = {"rest_hr": draw(rest_hrs), "hr_max": draw(hr_maxes)}
        first, behind = spans[number]
        rows.append(asked | figures | {"version": number, "from_day": first, "until_day": behind})
    return rows


rest_hrs = st.sampled_from((53.2, 60, 60.5, 72))
hr_maxes = st.sampled_from((160, 171.5, 189.2))


@st.composite
def logs(draw: st.DrawFn, case: Any) -> list[dict[str, Any]]:
    """Logged sessions: of each component, of unknown and of no length, some rows twice."""
    rows = st.fixed_dictionaries(
        {
            "case": st.just(case),
            "date": st.one_of(days_close, days_about),
            "component": st.sampled_from(
                ("aerobic", "aerobic", "resistance", "resistance", "balance")
            ),
            "minutes": st.sampled_from((None, -5, 0, 5, 8, 9.6, 12.88, 16, 24, 30)),
            "rpe": st.sampled_from((None, 6, 11, 12, 12.5, 13, 14, 17, 19)),
            "supervised_by": st.sampled_from((None, "t1")),
        }
    )
    drawn = draw(st.lists(rows, max_size=24))
    return drawn + drawn[::4]


@st.composite
def phases(draw: st.DrawFn, case: dict[str, Any]) -> list[dict[str, Any]]:
    """Phases of a case, each from its own week on; some of their numbers are left empty."""
    weeks = sorted(draw(st.sets(st.integers(1, 5), max_size=4)))
    names = ("session_min", "sessions_per_week", "weekly_min")
    found = []
    for week in weeks:
        told: dict[str, Any] = dict.fromkeys(AEROBIC)
        if case["zone_lo"] is not None:
            drawn = draw(aerobic(case["intensity_kind"]))
            zone = ("zone_lo", "zone_hi") if draw(st.booleans()) else ()
            said = {*zone, *draw(st.sets(st.sampled_from(names)))}
            told |= {name: drawn[name] for name in said}
        found.append({"case": case["case"], "from_week": week} | told)
    return found


@st.composite
def judged(draw: st.DrawFn) -> tuple:
    """A recording of one person, with two cases of several versions each, and a log."""
    hr, steps, _ = draw(st.one_of(exercise_weeks(), one_person()))
    rows, log = [], []
    for case in ("c", "d"):
        row = draw(prescriptions(case, "a"))
        rows += draw(st.one_of(st.just([row]), versions(row, own_figures=False)))
        log += draw(logs(case))
    return hr, steps, rows, log
